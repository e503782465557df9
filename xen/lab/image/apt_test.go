package image

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const sum = "d50716d5824083d667427817d506b45d3f59dc77e1ca52de000f3f62d4918afa"

func TestParseURIs(t *testing.T) {
	got, err := parseURIs(strings.NewReader(
		"'http://deb.debian.org/debian/pool/main/b/busybox/busybox-static_1.35.0-4%2bb1_amd64.deb' busybox-static_1%3a1.35.0-4+b1_amd64.deb 928188 SHA256:" + sum + "\n\n" +
			"'http://deb.debian.org/debian/pool/main/z/z/z_1_all.deb' z_1_all.deb 7 SHA256:" + sum + "\n"))
	require.NoError(t, err)
	require.Equal(t, []Package{
		{Name: "busybox-static", Version: "1:1.35.0-4+b1", File: "busybox-static_1%3a1.35.0-4+b1_amd64.deb", Size: 928188, SHA256: sum},
		{Name: "z", Version: "1", File: "z_1_all.deb", Size: 7, SHA256: sum},
	}, got)
}

func TestLinesThatAreNoURIs(t *testing.T) {
	for _, line := range []string{
		"Reading package lists...",
		"'http://x/a_1_all.deb' a_1_all.deb 7 MD5Sum:99464838ea11e1526f490ba03c6ed906",
		"'http://x/a_1_all.deb' a_1_all.deb 0 SHA256:" + sum,
		"'http://x/a_1_all.deb' ../a_1_all.deb 7 SHA256:" + sum,
		"'http://x/a_1_all.deb' a.deb 7 SHA256:" + sum,
		"'http://x/a_%zz_all.deb' a_%zz_all.deb 7 SHA256:" + sum,
		"'http://x/a_1_all.deb' a_1_all.deb seven SHA256:" + sum,
	} {
		_, err := parseURIs(strings.NewReader(line))
		require.ErrorIs(t, err, ErrPackage, line)
	}
}

func FuzzParseURIs(f *testing.F) {
	f.Add("'u' n_v_a.deb 1 SHA256:" + sum)
	f.Fuzz(func(t *testing.T, text string) {
		packages, err := parseURIs(strings.NewReader(text))
		if err != nil {
			return
		}
		for _, p := range packages {
			require.Equal(t, p.File, filepath.Base(p.File), "a package must not leave its folder")
		}
	})
}

func TestMatchAny(t *testing.T) {
	list := []string{"perl*", "tar"}
	for name, want := range map[string]bool{"perl": true, "perl-base": true, "tar": true, "tart": false, "star": false} {
		require.Equal(t, want, matchAny(list, name), name)
	}
}

func TestReasonOfAptGet(t *testing.T) {
	text := "W: something\nE: Unable to locate package nonsense\nE: No packages found\n"
	require.Equal(t, "Unable to locate package nonsense; No packages found", reason(text, nil))
	require.Equal(t, "killed", reason("", errorString("killed")))
}

type errorString string

func (e errorString) Error() string { return string(e) }

// inPath makes programs out of shell scripts and puts them, and nothing else but the shell's own, into the path.
func inPath(t *testing.T, scripts map[string]string) {
	dir := t.TempDir()
	for name, script := range scripts {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script), 0o755))
	}
	t.Setenv("PATH", dir)
}

func testApt(t *testing.T) *apt {
	return &apt{dir: t.TempDir(), mirror: mirror, say: t.Logf}
}

func TestResolveSkipsAndSorts(t *testing.T) {
	inPath(t, map[string]string{"apt-get": `
for last; do :; done
[ "$last" = update ] && exit 0
echo "'u' zebra_1_all.deb 7 SHA256:` + sum + `"
echo "'u' perl-base_1_all.deb 7 SHA256:` + sum + `"
echo "'u' ape_1_all.deb 7 SHA256:` + sum + `"
`})
	got, err := testApt(t).resolve(t.Context(), recipe{Packages: []string{"zebra"}, Skip: []string{"perl*"}})
	require.NoError(t, err)
	require.Len(t, got, 2)
	require.Equal(t, "ape", got[0].Name)
	require.Equal(t, "zebra", got[1].Name)
}

func TestPackageThatIsMissing(t *testing.T) {
	inPath(t, map[string]string{"apt-get": "for last; do :; done\n[ $last = update ] && exit 0\necho 'E: Unable to locate package nonsense' >&2; exit 100"})
	_, err := testApt(t).resolve(t.Context(), recipe{Packages: []string{"nonsense"}})
	require.ErrorIs(t, err, ErrPackage)
	require.ErrorContains(t, err, "Unable to locate package nonsense")
}

func TestAptGetOnAFullDisk(t *testing.T) {
	inPath(t, map[string]string{"apt-get": "echo 'E: Write error - write (28: No space left on device)' >&2; exit 100"})
	_, err := testApt(t).resolve(t.Context(), recipe{Packages: []string{"zebra"}})
	require.ErrorIs(t, err, ErrSpace)
	require.ErrorContains(t, err, "XDG_CACHE_HOME")
}

func TestWithoutAptGet(t *testing.T) {
	inPath(t, nil)
	_, err := testApt(t).resolve(t.Context(), dom0)
	require.ErrorIs(t, err, ErrTool)
	require.ErrorContains(t, err, "apt-get")
}

func TestFetchBringsWhatIsMissing(t *testing.T) {
	// sha256 of "content"
	const content = "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"
	inPath(t, map[string]string{"apt-get": `for last; do :; done; [ "$last" = "a=1:2" ] || exit 9; printf content > a_1%3a2_all.deb`})
	a, archives := testApt(t), filepath.Join(t.TempDir(), "archives")
	p := Package{Name: "a", Version: "1:2", File: "a_1%3a2_all.deb", Size: 7, SHA256: content}
	require.NoError(t, a.fetch(t.Context(), archives, []Package{p}))
	require.FileExists(t, filepath.Join(archives, p.File))
	inPath(t, nil)
	require.NoError(t, a.fetch(t.Context(), archives, []Package{p}), "nothing is missing any more")

	p.Size, p.SHA256 = 8, sum
	inPath(t, map[string]string{"apt-get": `printf content > a_1%3a2_all.deb`})
	require.ErrorIs(t, a.fetch(t.Context(), archives, []Package{p}), ErrPackage, "another digest")
	left, err := filepath.Glob(filepath.Join(a.dir, "fetching-*"))
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestEndOfContextEndsAptGet(t *testing.T) {
	inPath(t, map[string]string{"apt-get": "exec sleep 100"})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := testApt(t).resolve(ctx, dom0)
	require.ErrorIs(t, err, context.Canceled)
}
