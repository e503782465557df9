package image

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/xen/lab/image/cpio"
)

func TestMerged(t *testing.T) {
	for place, want := range map[string]string{
		"bin/sh": "usr/bin/sh", "lib64/ld.so": "usr/lib64/ld.so", "etc/passwd": "etc/passwd", "library": "library", "usr/lib/x": "usr/lib/x",
	} {
		require.Equal(t, want, merged(place))
	}
}

// tree makes files and links below a folder: a text beginning with "→ " is the target of a link.
func tree(t *testing.T, entries map[string]string) files {
	root := t.TempDir()
	for place, text := range entries {
		name := filepath.Join(root, place)
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
		if target, ok := bytes.CutPrefix([]byte(text), []byte("→ ")); ok {
			require.NoError(t, os.Symlink(string(target), name))
		} else {
			require.NoError(t, os.WriteFile(name, []byte(text), 0o644))
		}
	}
	all := files{}
	require.NoError(t, all.index(root))
	return all
}

func TestMatchFindsFilesAndFolders(t *testing.T) {
	all := tree(t, map[string]string{"etc/xen/scripts/block": "x", "etc/xen/xl.conf": "x", "bin/xl": "x"})
	for pattern, want := range map[string][]string{
		"etc/xen": {"etc/xen/scripts/block", "etc/xen/xl.conf"}, "etc/xen/*.conf": {"etc/xen/xl.conf"}, "usr/bin/x?": {"usr/bin/xl"},
	} {
		got, err := all.match(pattern)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	_, err := all.match("usr/sbin/none")
	require.ErrorIs(t, err, errNoFile)
	_, err = all.match("[")
	require.Error(t, err)
}

func TestLinksBringWhatTheyLeadTo(t *testing.T) {
	all := tree(t, map[string]string{
		"usr/lib/liba.so": "→ liba.so.1", "usr/lib/liba.so.1": "→ /lib/real/liba.so.1.2", "lib/real/liba.so.1.2": "x",
		"etc/alternative": "→ /etc/made-at-boot", "loop": "→ loop",
	})
	into := &cpio.Tree{}
	c := &collector{from: all, into: into}
	require.NoError(t, c.add("usr/lib/liba.so"))
	require.True(t, into.Has("usr/lib/real/liba.so.1.2"))
	require.NoError(t, c.add("etc/alternative"), "what is made at boot need not be there")
	require.NoError(t, c.add("loop"))
	require.ErrorIs(t, c.add("none"), errNoFile)
}

func TestProgramBringsItsLibraries(t *testing.T) {
	// The test's own machine has a dynamic program: the shell.
	shell, err := filepath.EvalSymlinks("/bin/sh")
	require.NoError(t, err)
	need, err := dynamic(shell)
	require.NoError(t, err)
	if need.interpreter == "" {
		t.Skip("this machine's shell is a static program")
	}
	all := files{"usr/bin/tool": {source: shell, perm: 0o755}}
	c := &collector{from: all, into: &cpio.Tree{}}
	require.ErrorIs(t, c.add("usr/bin/tool"), errNoFile, "the dynamic linker is missing")

	all[merged(need.interpreter[1:])] = item{source: "/dev/null", perm: 0o755}
	c.into = &cpio.Tree{}
	err = c.add("usr/bin/tool")
	require.ErrorIs(t, err, ErrPackage)
	require.ErrorContains(t, err, need.libraries[0])

	for _, name := range need.libraries {
		all["usr/lib/x86_64-linux-gnu/"+name] = item{source: "/dev/null", perm: 0o644}
	}
	c.into = &cpio.Tree{}
	require.NoError(t, c.add("usr/bin/tool"))
	require.True(t, c.into.Has("usr/lib/x86_64-linux-gnu/"+need.libraries[0]))
}

func TestModinfo(t *testing.T) {
	data := []byte("license=GPL\x00depends=mii,ptp\x00alias=pci:v1\x00alias=pci:v2\x00depends\x00dependsx=no\x00")
	require.Equal(t, []string{"mii,ptp"}, modinfo(data, "depends"))
	require.Equal(t, []string{"pci:v1", "pci:v2"}, modinfo(data, "alias"))
	require.Empty(t, modinfo(data, "softdep"))
}

// bzImage returns the parts of one that are looked at, with data as payload.
func bzImage(data []byte) []byte {
	bz := make([]byte, 0x400)
	copy(bz[bootMagic:], "HdrS")
	binary.LittleEndian.PutUint16(bz[bootVersion:], 0x20f)
	bz[setupSectors] = 1
	binary.LittleEndian.PutUint32(bz[payloadOffset:], 16)
	binary.LittleEndian.PutUint32(bz[payloadLength:], uint32(len(data)+4))
	bz = append(bz, make([]byte, 16)...)
	return append(append(bz, data...), 1, 2, 3, 4)
}

func TestPayloadOfAKernel(t *testing.T) {
	got, err := payload(bzImage([]byte("packed")))
	require.NoError(t, err)
	require.Equal(t, "packed", string(got))
	for name, bad := range map[string][]byte{
		"empty":    nil,
		"an ELF":   append([]byte("\x7fELF"), make([]byte, 1024)...),
		"cut off":  bzImage([]byte("packed"))[:0x414],
		"no bytes": bzImage(nil)[:0x410],
	} {
		_, err := payload(bad)
		require.ErrorIs(t, err, errKernel, name)
	}
	old := bzImage([]byte("packed"))
	old[bootVersion] = 7
	old[bootVersion+1] = 2
	_, err = payload(old)
	require.ErrorIs(t, err, errKernel)
}

func FuzzPayload(f *testing.F) {
	f.Add(bzImage([]byte("packed")))
	f.Fuzz(func(t *testing.T, data []byte) { _, _ = payload(data) })
}
