package image

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// batch is the number of packages that apt-get fetches in one run: few enough for progress to be seen.
const batch = 32

// fetch brings every package into dir that is not there yet. apt-get verifies what it fetches; what is in dir already
// was verified when it came, and is compared by size.
func (a *apt) fetch(ctx context.Context, dir string, packages []Package) error {
	var missing []Package
	var total, done int64
	for _, p := range packages {
		if info, err := os.Stat(filepath.Join(dir, p.File)); err != nil || info.Size() != p.Size {
			missing = append(missing, p)
			total += p.Size
		}
	}
	for i := 0; i < len(missing); i += batch {
		a.say("fetching %d packages, %d of %d MB", len(missing), done>>20, total>>20)
		some := missing[i:min(i+batch, len(missing))]
		if err := a.fetchSome(ctx, dir, some); err != nil {
			return err
		}
		for _, p := range some {
			done += p.Size
		}
	}
	return nil
}

// fetchSome brings packages into a folder beside dir and moves them when they are whole.
func (a *apt) fetchSome(ctx context.Context, dir string, packages []Package) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	part, err := os.MkdirTemp(a.dir, "fetching-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(part)
	args := []string{"-qq", "download"}
	for _, p := range packages {
		args = append(args, p.Name+"="+p.Version)
	}
	if _, err := a.run(ctx, part, args...); err != nil {
		return err
	}
	for _, p := range packages {
		file := filepath.Join(part, p.File)
		if err := verify(file, p); err != nil {
			return err
		}
		if err := os.Rename(file, filepath.Join(dir, p.File)); err != nil {
			return err
		}
	}
	return nil
}

// verify compares a file with what the index said of it.
func verify(file string, p Package) error {
	f, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("%w: apt-get brought no %s", ErrPackage, p.File)
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != p.SHA256 {
		return fmt.Errorf("%w: %s has digest %s, the index says %s", ErrPackage, p.File, got, p.SHA256)
	}
	return nil
}
