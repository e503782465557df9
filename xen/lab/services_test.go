package lab

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/xen/lab/agent"
	"holdfast/xen/lab/image"
)

func TestEveryServiceHasAPartition(t *testing.T) {
	require.Equal(t, append(image.Services(), image.BootDisk), agent.Images())
	require.LessOrEqual(t, len(agent.Images()), 4, "a master boot record has room for four")
}

func TestDiskWithServices(t *testing.T) {
	dir := t.TempDir()
	content := filepath.Join(dir, "redis")
	require.NoError(t, os.WriteFile(content, []byte("programs"), 0o600))
	disk := imagesPath(dir)
	require.NoError(t, makeImages(disk, nil))
	info, err := os.Stat(disk)
	require.NoError(t, err)
	require.Equal(t, int64(1<<20+3*512<<20), info.Size())
	require.NoError(t, putService(disk, &image.Service{Name: "redis", Path: content}))
	f, err := os.Open(disk)
	require.NoError(t, err)
	defer f.Close()
	start := make([]byte, 512)
	_, err = f.ReadAt(start, 0)
	require.NoError(t, err)
	require.Equal(t, []byte{0x55, 0xaa}, start[510:])
	require.Equal(t, []byte{0x00, 0x08, 0x10, 0x00, 0x00, 0x00, 0x10, 0x00}, start[446+16+8:446+16+16], "the second partition: from 513 MiB on, 512 MiB, in sectors")
	got := make([]byte, 8)
	_, err = f.ReadAt(got, 513<<20)
	require.NoError(t, err)
	require.Equal(t, "programs", string(got))
	require.ErrorIs(t, putService(disk, &image.Service{Name: "mysql"}), image.ErrService)
}
