package image

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/xen/lab/lock"
)

func options(t *testing.T) Options {
	dir := t.TempDir()
	program := filepath.Join(dir, "init")
	require.NoError(t, os.WriteFile(program, []byte("program"), 0o755))
	return Options{Cache: filepath.Join(dir, "cache"), Program: program, Mirror: mirror, Say: t.Logf}
}

// put puts an image for the options into the cache, as a build that ended well leaves it.
func put(t *testing.T, o Options) string {
	packages := []Package{{Name: "a", Version: "1", File: "a_1_all.deb", Size: 7, SHA256: sum}}
	require.NoError(t, os.MkdirAll(o.Cache, 0o755))
	text, err := json.Marshal(resolution{digest(dom0.Packages, dom0.Skip, o.Mirror), packages})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(o.Cache, "lock.json"), text, 0o644))
	key, err := (&builder{o: o}).key(packages)
	require.NoError(t, err)
	image := &Image{Key: key, Sizes: map[string]int64{}}
	dir := filepath.Join(o.Cache, "images", key)
	require.NoError(t, os.MkdirAll(dir, 0o755))
	for _, name := range fileNames() {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(name), 0o644))
		image.Sizes[name] = int64(len(name))
	}
	text, err = json.Marshal(image)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, manifestFile), text, 0o644))
	return dir
}

func TestBuildTakesWhatTheCacheHas(t *testing.T) {
	inPath(t, nil) // nothing can be made
	o := options(t)
	dir := put(t, o)
	image, err := Build(t.Context(), o)
	require.NoError(t, err)
	require.Equal(t, dir, image.Dir)
	require.Equal(t, filepath.Join(dir, "dom0.cpio"), image.Dom0())
}

func TestKeyFollowsTheProgram(t *testing.T) {
	o := options(t)
	before, err := (&builder{o: o}).key(nil)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(o.Program, []byte("another"), 0o755))
	after, err := (&builder{o: o}).key(nil)
	require.NoError(t, err)
	require.NotEqual(t, before, after)
}

func TestDamagedImageIsMadeAgain(t *testing.T) {
	for name, damage := range map[string]func(dir string) error{
		"short file":  func(dir string) error { return os.Truncate(filepath.Join(dir, dom0File), 3) },
		"no file":     func(dir string) error { return os.Remove(filepath.Join(dir, kernelFile)) },
		"no manifest": func(dir string) error { return os.Remove(filepath.Join(dir, manifestFile)) },
	} {
		t.Run(name, func(t *testing.T) {
			inPath(t, nil)
			o := options(t)
			dir := put(t, o)
			require.NoError(t, damage(dir))
			_, err := open(dir)
			require.ErrorIs(t, err, ErrDamaged)
			_, err = Build(t.Context(), o)
			require.ErrorIs(t, err, ErrTool, "it goes on to make it, and finds no apt-get here")
		})
	}
}

func TestHalfBuiltImagesAreRemoved(t *testing.T) {
	inPath(t, nil)
	o := options(t)
	put(t, o)
	half := filepath.Join(o.Cache, "images", "building-0123")
	require.NoError(t, os.MkdirAll(filepath.Join(half, "image"), 0o755))
	_, err := Build(t.Context(), o)
	require.NoError(t, err)
	require.NoDirExists(t, half)
}

func TestFailedBuildLeavesNothing(t *testing.T) {
	o := options(t)
	put(t, o)
	require.NoError(t, os.WriteFile(o.Program, []byte("another"), 0o755))
	// apt-get brings nothing although it says that all is well.
	inPath(t, map[string]string{"apt-get": "exit 0"})
	_, err := Build(t.Context(), o)
	require.ErrorIs(t, err, ErrPackage)
	left, err := filepath.Glob(filepath.Join(o.Cache, "images", "building-*"))
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestErrorsThatPeopleMeet(t *testing.T) {
	o := options(t)
	put(t, o)
	held, err := lock.Take(filepath.Join(o.Cache, "lock"), "the lab's cache")
	require.NoError(t, err)
	_, err = Build(t.Context(), o)
	require.ErrorIs(t, err, lock.ErrHeld)
	require.NoError(t, held.Release())

	o.Program = filepath.Join(t.TempDir(), "none")
	_, err = Build(t.Context(), o)
	require.ErrorIs(t, err, ErrTool)
	require.ErrorContains(t, err, "make build")
}
