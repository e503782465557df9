// Package cpio writes initial RAM file systems: archives in the "newc" format of cpio, as the Linux kernel reads
// them (Documentation/driver-api/early-userspace/buffer-format.rst).
//
// Equal trees give equal bytes, on every machine and at any time: entries are sorted by name, belong to root, have
// the modification time 0 and inode numbers in the order of the names.
//
//	tree := &cpio.Tree{}
//	tree.File("init", 0o755, cpio.FromPath("/path/of/program"))
//	tree.Link("bin", "usr/bin")
//	err := tree.Write(w)
package cpio

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// File types, as in the mode of an inode.
const (
	typeMask = 0o170000
	typeDir  = 0o040000
	typeFile = 0o100000
	typeLink = 0o120000
)

// maxSize is the largest file that the format can hold: its header has eight hexadecimal digits.
const maxSize = 1<<32 - 1

const trailer = "TRAILER!!!"

// ErrName is returned for a name that is absolute, empty, not clean, or the format's own end mark.
var ErrName = errors.New("cpio: bad name")

// ErrSize is returned for content of another length than its Source promised, or too long for the format.
var ErrSize = errors.New("cpio: bad size")

// Source is the content of a file.
type Source struct {
	// Size in bytes, below 4 GiB.
	Size int64
	// Open returns a reader of exactly Size bytes.
	Open func() (io.ReadCloser, error)
}

// FromBytes is content in memory.
func FromBytes(data []byte) Source {
	return Source{int64(len(data)), func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }}
}

// FromPath is the content of a file on disk, which must not change until the tree is written.
func FromPath(name string) (Source, error) {
	info, err := os.Stat(name)
	if err != nil {
		return Source{}, err
	}
	return Source{info.Size(), func() (io.ReadCloser, error) { return os.Open(name) }}, nil
}

type entry struct {
	mode    uint32
	content Source
}

// Tree is a file system to be written. The zero value is empty.
type Tree struct{ entries map[string]entry }

// Dir adds a directory. Those above it are added with mode 0755 when missing.
func (t *Tree) Dir(name string, perm uint32) error { return t.add(name, entry{mode: typeDir | perm}) }

// File adds a file, in place of one of the same name.
func (t *Tree) File(name string, perm uint32, content Source) error {
	if content.Size < 0 || content.Size > maxSize {
		return fmt.Errorf("%w: %s has %d bytes", ErrSize, name, content.Size)
	}
	return t.add(name, entry{typeFile | perm, content})
}

// Link adds a symbolic link.
func (t *Tree) Link(name, target string) error {
	return t.add(name, entry{typeLink | 0o777, FromBytes([]byte(target))})
}

// Has reports whether name was added, as what ever it is.
func (t *Tree) Has(name string) bool { _, ok := t.entries[name]; return ok }

func (t *Tree) add(name string, e entry) error {
	if name == "" || name == "." || name == trailer || path.IsAbs(name) || path.Clean(name) != name || strings.HasPrefix(name, "../") || name == ".." {
		return fmt.Errorf("%w: %q", ErrName, name)
	}
	if t.entries == nil {
		t.entries = map[string]entry{}
	}
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		above, ok := t.entries[dir]
		if ok && above.mode&typeMask != typeDir {
			return fmt.Errorf("%w: %q lies below %q, which is no directory", ErrName, name, dir)
		}
		if !ok {
			t.entries[dir] = entry{mode: typeDir | 0o755}
		}
	}
	t.entries[name] = e
	return nil
}

// Unpack makes the tree below a folder, with the modification time 0 on everything that has one of its own.
func (t *Tree) Unpack(dir string) error {
	names := t.names()
	for _, name := range names {
		if err := t.entries[name].make(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	for _, name := range slices.Backward(append([]string{"."}, names...)) { // a folder after what it holds
		times := []unix.Timespec{{}, {}}
		if err := unix.UtimesNanoAt(unix.AT_FDCWD, filepath.Join(dir, name), times, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return fmt.Errorf("cpio: time of %s: %w", name, err)
		}
	}
	return nil
}

// make makes an entry at a path.
func (e entry) make(name string) error {
	perm := os.FileMode(e.mode & 0o777)
	if e.mode&typeMask == typeDir {
		return errors.Join(os.Mkdir(name, perm), os.Chmod(name, perm))
	}
	r, err := e.content.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	if e.mode&typeMask == typeLink {
		target, err := io.ReadAll(r)
		return errors.Join(err, os.Symlink(string(target), name))
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, perm)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Chmod(perm), f.Close())
}

// names returns the names of all entries, each after the folder that holds it.
func (t *Tree) names() []string { return slices.Sorted(maps.Keys(t.entries)) }

// Write writes the archive.
func (t *Tree) Write(w io.Writer) error {
	names := t.names()
	out := &writer{w: bufio.NewWriterSize(w, 1<<20)}
	for i, name := range names {
		if err := out.entry(uint32(i+1), name, t.entries[name]); err != nil {
			return err
		}
	}
	if err := out.header(0, trailer, 0, 0); err != nil {
		return err
	}
	return out.w.Flush()
}

// writer counts what it writes, because names and content are filled up to a multiple of four bytes.
type writer struct {
	w  *bufio.Writer
	at int64
}

func (o *writer) Write(p []byte) (int, error) {
	n, err := o.w.Write(p)
	o.at += int64(n)
	return n, err
}

func (o *writer) pad() error {
	_, err := o.Write(make([]byte, -o.at&3))
	return err
}

func (o *writer) header(inode uint32, name string, mode uint32, size int64) error {
	links := 1
	if mode&typeMask == typeDir {
		links = 2
	}
	// magic, inode, mode, uid, gid, links, mtime, size, device (2), device of a node (2), length of the name, checksum
	_, err := fmt.Fprintf(o, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00",
		inode, mode, 0, 0, links, 0, size, 0, 0, 0, 0, len(name)+1, 0, name)
	if err != nil {
		return err
	}
	return o.pad()
}

func (o *writer) entry(inode uint32, name string, e entry) error {
	if err := o.header(inode, name, e.mode, e.content.Size); err != nil {
		return err
	}
	if e.content.Open == nil {
		return nil
	}
	r, err := e.content.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	n, err := io.Copy(o, io.LimitReader(r, e.content.Size+1))
	if err != nil {
		return fmt.Errorf("cpio: content of %s: %w", name, err)
	}
	if n != e.content.Size {
		return fmt.Errorf("%w: %s has not the %d bytes it had", ErrSize, name, e.content.Size)
	}
	return o.pad()
}
