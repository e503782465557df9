package cpio

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func sample(t testing.TB) *Tree {
	tree := &Tree{}
	require.NoError(t, tree.File("init", 0o755, FromBytes([]byte("#!/bin/sh\n"))))
	require.NoError(t, tree.Link("bin", "usr/bin"))
	require.NoError(t, tree.Dir("run", 0o755))
	require.NoError(t, tree.File("usr/bin/tool", 0o755, FromBytes([]byte("tool"))))
	return tree
}

func bytesOf(t testing.TB, tree *Tree) []byte {
	var b bytes.Buffer
	require.NoError(t, tree.Write(&b))
	return b.Bytes()
}

func TestHeaderIsThatOfNewc(t *testing.T) {
	tree := &Tree{}
	require.NoError(t, tree.File("ab", 0o644, FromBytes([]byte("xyz"))))
	want := "070701" + "00000001" + "000081a4" + "00000000" + "00000000" + "00000001" + "00000000" + "00000003" +
		"00000000" + "00000000" + "00000000" + "00000000" + "00000003" + "00000000" + "ab\x00" + "\x00\x00\x00" + "xyz\x00" +
		"070701" + "00000000" + "00000000" + "00000000" + "00000000" + "00000001" + "00000000" + "00000000" +
		"00000000" + "00000000" + "00000000" + "00000000" + "0000000b" + "00000000" + "TRAILER!!!\x00" + "\x00\x00\x00"
	require.Equal(t, want, string(bytesOf(t, tree)))
}

func TestEqualTreesGiveEqualBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z]{1,3}(/[a-z]{1,3}){0,2}`), 1, 12, rapid.ID[string]).Draw(t, "names")
		forward, backward := &Tree{}, &Tree{}
		for _, name := range names {
			_ = forward.Dir(name, 0o755)
		}
		for i := len(names) - 1; i >= 0; i-- {
			_ = backward.Dir(names[i], 0o755)
		}
		var a, b bytes.Buffer
		if forward.Write(&a) != nil || backward.Write(&b) != nil || !bytes.Equal(a.Bytes(), b.Bytes()) {
			t.Fatal("the order of adding shows in the archive")
		}
	})
}

func TestCpioUnpacksIt(t *testing.T) {
	tool, err := exec.LookPath("cpio")
	if err != nil {
		t.Skip("no cpio on this machine: the archive is compared with the format's text only")
	}
	dir := t.TempDir()
	cmd := exec.Command(tool, "-idm", "--quiet")
	cmd.Dir, cmd.Stdin = dir, bytes.NewReader(bytesOf(t, sample(t)))
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	tool2, err := os.ReadFile(filepath.Join(dir, "bin", "tool"))
	require.NoError(t, err)
	require.Equal(t, "tool", string(tool2))
}

func TestBadNamesAreRefused(t *testing.T) {
	for _, name := range []string{"", ".", "/etc", "..", "../x", "a//b", "a/", "a/../b", "TRAILER!!!"} {
		require.ErrorIs(t, (&Tree{}).Dir(name, 0o755), ErrName, name)
	}
	tree := sample(t)
	require.ErrorIs(t, tree.Dir("init/below", 0o755), ErrName)
	require.ErrorIs(t, tree.Dir("bin/below", 0o755), ErrName, "a symbolic link is no directory")
}

func TestContentOfAnotherSizeIsRefused(t *testing.T) {
	for _, data := range []string{"ab", "abcd"} {
		tree := &Tree{}
		open := func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(data)), nil }
		require.NoError(t, tree.File("f", 0o644, Source{3, open}))
		require.ErrorIs(t, tree.Write(io.Discard), ErrSize, data)
	}
	require.ErrorIs(t, (&Tree{}).File("f", 0o644, Source{Size: 1 << 32}), ErrSize)
}

func TestErrorOfASourceEndsTheArchive(t *testing.T) {
	broken := errors.New("broken")
	tree := &Tree{}
	require.NoError(t, tree.File("f", 0o644, Source{3, func() (io.ReadCloser, error) { return nil, broken }}))
	require.ErrorIs(t, tree.Write(io.Discard), broken)
}
