package image

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"

	"holdfast/xen/lab/image/cpio"
)

// collector puts files of packages into a tree, together with all that they need to run.
type collector struct {
	from files
	into *cpio.Tree
}

// systemDirs is where the dynamic linker looks.
var systemDirs = []string{"usr/lib/x86_64-linux-gnu", "usr/lib"}

// pattern adds all that a pattern names.
func (c *collector) pattern(p string) error {
	places, err := c.from.match(p)
	for _, place := range places {
		err = errors.Join(err, c.add(place))
	}
	return err
}

// add adds one file or link, what a link leads to, and the libraries that a program needs.
func (c *collector) add(place string) error {
	if c.into.Has(place) {
		return nil
	}
	it, ok := c.from[place]
	if !ok {
		return fmt.Errorf("%s: %w", place, errNoFile)
	}
	if it.target != "" {
		if err := c.into.Link(place, it.target); err != nil {
			return err
		}
		if next := c.from.next(place, it.target); c.from[next] != (item{}) {
			return c.add(next)
		}
		return nil // leads to something that the recipe left out, or that is made at boot
	}
	content, err := cpio.FromPath(it.source)
	if err != nil {
		return err
	}
	if err := c.into.File(place, uint32(it.perm), content); err != nil {
		return err
	}
	return c.libraries(place, it.source)
}

// libraries adds what the dynamic linker will look for when it loads the file.
func (c *collector) libraries(place, source string) error {
	need, err := dynamic(source)
	if err != nil {
		return fmt.Errorf("%s: %w", place, err)
	}
	if need.interpreter != "" {
		if err := c.add(merged(strings.TrimPrefix(need.interpreter, "/"))); err != nil {
			return fmt.Errorf("%s needs %w", place, err)
		}
	}
	for _, name := range need.libraries {
		found := ""
		for _, dir := range append(need.runpath, systemDirs...) {
			if at := path.Join(dir, name); c.from[at] != (item{}) {
				found = at
				break
			}
		}
		if found == "" {
			return fmt.Errorf("%w: %s needs the library %s, which none of the packages has", ErrPackage, place, name)
		}
		if err := c.add(found); err != nil {
			return err
		}
	}
	return nil
}

// needs is what a program wants from the dynamic linker.
type needs struct {
	interpreter string
	libraries   []string
	runpath     []string // folders, as places
}

// dynamic reads the needs of a file; one that is no ELF file has none.
func dynamic(source string) (needs, error) {
	var n needs
	f, err := os.Open(source)
	if err != nil {
		return n, err
	}
	defer f.Close()
	var magic [4]byte
	if _, err := f.ReadAt(magic[:], 0); err != nil || string(magic[:]) != elf.ELFMAG {
		return n, nil
	}
	program, err := elf.NewFile(f)
	if err != nil {
		return n, err
	}
	if program.Type == elf.ET_REL {
		return n, nil // a kernel module
	}
	for _, segment := range program.Progs {
		if segment.Type == elf.PT_INTERP {
			text := make([]byte, segment.Filesz)
			if _, err := segment.ReadAt(text, 0); err != nil {
				return n, err
			}
			n.interpreter = string(bytes.TrimRight(text, "\x00"))
		}
	}
	if program.Section(".dynamic") == nil {
		return n, nil // static
	}
	if n.libraries, err = program.ImportedLibraries(); err != nil {
		return n, err
	}
	for _, tag := range []elf.DynTag{elf.DT_RPATH, elf.DT_RUNPATH} {
		paths, err := program.DynString(tag)
		if err != nil {
			return n, err
		}
		for _, p := range paths {
			for _, dir := range strings.Split(p, ":") {
				n.runpath = append(n.runpath, merged(strings.TrimPrefix(path.Clean(dir), "/")))
			}
		}
	}
	return n, nil
}
