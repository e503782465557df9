package image

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// item is a file or symbolic link that a package brings.
type item struct {
	source string // where it was unpacked; empty for a link
	target string // of a symbolic link
	perm   fs.FileMode
}

// files are the contents of all packages, by their place below the root folder. Places are those of a system with
// merged /usr: what a package has below bin, sbin and lib is below usr here.
type files map[string]item

// unpack unpacks packages below dir, each into a folder of its own, and returns what they bring.
func unpack(ctx context.Context, archives, dir string, packages []Package) (files, error) {
	program, err := exec.LookPath("dpkg-deb")
	if err != nil {
		return nil, fmt.Errorf("%w: dpkg-deb; it belongs to Debian's package dpkg", ErrTool)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan Package, len(packages))
	for _, p := range packages {
		next <- p
	}
	close(next)
	var workers sync.WaitGroup
	for range runtime.NumCPU() {
		workers.Go(func() {
			for p := range next {
				if ctx.Err() != nil {
					return
				}
				out, err := exec.CommandContext(ctx, program, "-x", filepath.Join(archives, p.File), filepath.Join(dir, p.Name)).CombinedOutput()
				if err != nil {
					cancel(fmt.Errorf("unpacking %s: %w: %s", p.File, err, strings.TrimSpace(string(out))))
				}
			}
		})
	}
	workers.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	all := files{}
	for _, p := range packages {
		if err := all.index(filepath.Join(dir, p.Name)); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// index adds what was unpacked below root.
func (f files) index(root string) error {
	return filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		place, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		info, err := d.Info()
		switch {
		case err != nil:
			return err
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(name)
			f[merged(place)] = item{target: target}
			return err
		case info.Mode().IsRegular():
			f[merged(place)] = item{source: name, perm: info.Mode().Perm()}
		}
		return nil
	})
}

// merged returns the place of a file on a system with merged /usr.
func merged(place string) string {
	top, _, below := strings.Cut(place, "/")
	if below && (top == "bin" || top == "sbin" || strings.HasPrefix(top, "lib")) {
		return "usr/" + place
	}
	return place
}

// errNoFile is returned for a place where no package has a file.
var errNoFile = errors.New("in none of the packages")

// match returns the places that a pattern names, sorted. A pattern is one of path.Match; it also matches all that lies
// in a folder of that name.
func (f files) match(pattern string) ([]string, error) {
	var out []string
	for place := range f {
		for at := place; at != "."; at = path.Dir(at) {
			ok, err := path.Match(pattern, at)
			if err != nil {
				return nil, fmt.Errorf("pattern %q: %w", pattern, err)
			}
			if ok {
				out = append(out, place)
				break
			}
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s: %w", pattern, errNoFile)
	}
	slices.Sort(out)
	return out, nil
}

// next returns the place that a link at place with that target leads to.
func (f files) next(place, target string) string {
	if path.IsAbs(target) {
		return merged(strings.TrimPrefix(path.Clean(target), "/"))
	}
	return merged(path.Join(path.Dir(place), target))
}
