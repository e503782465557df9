package image

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/xen/lab/image/cpio"
)

func TestServiceThatIsNotKnown(t *testing.T) {
	_, err := BuildService(t.Context(), options(t), "mysql")
	require.ErrorIs(t, err, ErrService)
	require.ErrorContains(t, err, `"mysql"; there are ["postgres" "redis"]`)
}

func TestServicePackageThatIsNotToBeHad(t *testing.T) {
	inPath(t, map[string]string{"apt-get": "#!/bin/sh\necho 'E: Unable to locate package redis-server' >&2; exit 100\n"})
	_, err := BuildService(t.Context(), options(t), "redis")
	require.ErrorIs(t, err, ErrPackage)
	require.ErrorContains(t, err, "Unable to locate package redis-server")
}

// TestEqualFoldersGiveEqualFileSystems needs mke2fs, which every Debian system has.
func TestEqualFoldersGiveEqualFileSystems(t *testing.T) {
	if _, err := systemTool("mke2fs"); err != nil {
		t.Skip(err)
	}
	make := func() []byte {
		dir := t.TempDir()
		root, name := filepath.Join(dir, "root"), filepath.Join(dir, "fs")
		require.NoError(t, os.Mkdir(root, 0o755))
		tree := &cpio.Tree{}
		require.NoError(t, tree.File("usr/bin/x", 0o755, cpio.FromBytes([]byte("program"))))
		require.NoError(t, tree.Link("bin", "usr/bin"))
		require.NoError(t, tree.Unpack(root))
		require.NoError(t, makeExt4(t.Context(), root, name, 8<<20))
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		return text
	}
	first, second := make(), make()
	require.Len(t, first, 8<<20)
	require.True(t, string(first) == string(second))
	require.Equal(t, []byte{0x53, 0xef}, first[0x438:0x43a], "the mark of ext4")
}
