package image

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"holdfast/xen/lab/image/cpio"
	"holdfast/xen/lab/lock"
)

// ErrSpace is returned when the disk that holds the cache is too full for a build.
var ErrSpace = errors.New("not enough disk space")

// ErrDamaged is returned for an image whose files are not those that its manifest names.
var ErrDamaged = errors.New("image is damaged or half-built")

// buildSpace is what a build needs on disk at its peak: the kernel's package unpacked, the archives, and the image.
const buildSpace = 2 << 30

// Options are what a build needs to know.
type Options struct {
	// Cache is the folder that keeps packages and images; it is made when missing.
	Cache string
	// Program is the static program that is the first process of dom0 and of guests (xen/lab/init).
	Program string
	// Mirror of Debian's archive, such as http://deb.debian.org, without a path; empty for that one.
	Mirror string
	// Refresh reads the index of packages anew, for security updates. Otherwise what was resolved once is used.
	Refresh bool
	// Say is told each step; required.
	Say func(format string, args ...any)
}

// Image is what machines boot.
type Image struct {
	// Key names the image by what went into it.
	Key string
	// Dir is the folder with its files.
	Dir string
	// Packages that it was made from.
	Packages []Package
	// Sizes of its files in bytes, by name.
	Sizes map[string]int64
}

// The files of an image.
const (
	xenFile      = "xen"        // the hypervisor, ELF
	kernelFile   = "vmlinux"    // the kernel of dom0 and guests, ELF
	packedFile   = "vmlinuz"    // the same, as boot loaders want it
	dom0File     = "dom0.cpio"  // dom0's initial RAM file system
	guestFile    = "guest.cpio" // that of the guests
	manifestFile = "manifest.json"
)

// fileNames returns the files that every image has, besides its manifest.
func fileNames() []string { return []string{xenFile, kernelFile, packedFile, dom0File, guestFile} }

// Xen returns the path of the hypervisor; Kernel, Dom0 and Guest those of the other files.
func (i *Image) Xen() string { return filepath.Join(i.Dir, xenFile) }

// Kernel returns the path of the Linux kernel.
func (i *Image) Kernel() string { return filepath.Join(i.Dir, kernelFile) }

// Packed returns the path of the kernel as boot loaders want it.
func (i *Image) Packed() string { return filepath.Join(i.Dir, packedFile) }

// Dom0 returns the path of dom0's initial RAM file system.
func (i *Image) Dom0() string { return filepath.Join(i.Dir, dom0File) }

// Guest returns the path of the guests' initial RAM file system.
func (i *Image) Guest() string { return filepath.Join(i.Dir, guestFile) }

// Build returns the image for the options, making it if the cache does not have it.
func Build(ctx context.Context, o Options) (*Image, error) {
	if _, err := os.Stat(o.Program); err != nil {
		return nil, fmt.Errorf("%w: the program that runs inside: %v; \"make build\" makes it", ErrTool, err)
	}
	held, err := o.take()
	if err != nil {
		return nil, err
	}
	defer held.Release()
	b := newBuilder(o)
	packages, err := b.packages(ctx, "lock.json", dom0)
	if err != nil {
		return nil, err
	}
	key, err := b.key(packages)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(o.Cache, "images", key)
	image, err := open(dir)
	switch {
	case err == nil:
		Touch(dir)
		return image, nil
	case errors.Is(err, ErrDamaged):
		o.Say("%v; making it again", err)
	case !errors.Is(err, os.ErrNotExist):
		return nil, err
	}
	image, err = b.build(ctx, key, dir, packages)
	if err != nil {
		return nil, err
	}
	return image, Prune(filepath.Dir(dir), keepImages)
}

// take takes the lock of the cache, which is made when missing, and removes what builds that were interrupted left.
func (o *Options) take() (*lock.Lock, error) {
	if o.Mirror == "" {
		o.Mirror = mirror
	}
	if err := os.MkdirAll(o.Cache, 0o755); err != nil {
		return nil, fmt.Errorf("making the lab's cache: %w", err)
	}
	held, err := lock.Take(filepath.Join(o.Cache, "lock"), "the lab's cache")
	if err != nil {
		return nil, err
	}
	if err := removeHalfBuilt(o.Cache); err != nil {
		held.Release()
		return nil, err
	}
	return held, nil
}

// keepImages is the number of images that are kept, unless more were used lately.
const keepImages = 2

// removeHalfBuilt removes what builds that were interrupted left behind. Its caller holds the lock.
func removeHalfBuilt(cache string) error {
	for _, pattern := range []string{"images/building-*", "services/building-*", "packages/fetching-*"} {
		left, err := filepath.Glob(filepath.Join(cache, pattern))
		for _, dir := range left {
			err = errors.Join(err, os.RemoveAll(dir))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// open returns the image in a folder. It fails with os.ErrNotExist if there is none, and with ErrDamaged if a file is
// missing or has another size than the manifest says.
func open(dir string) (*Image, error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(dir, manifestFile))
	image := &Image{Dir: dir}
	if err == nil {
		err = json.Unmarshal(text, image)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrDamaged, err)
	}
	image.Dir = dir
	for _, name := range fileNames() {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Size() != image.Sizes[name] {
			return nil, fmt.Errorf("%w: %s in %s", ErrDamaged, name, dir)
		}
	}
	return image, nil
}

type builder struct {
	o   Options
	apt *apt
}

func newBuilder(o Options) *builder {
	return &builder{o: o, apt: &apt{dir: filepath.Join(o.Cache, "packages"), mirror: o.Mirror, say: o.Say}}
}

// resolution is the content of lock.json and its like: the packages that were found for a recipe.
type resolution struct {
	Recipe   string
	Packages []Package
}

// packages returns the packages that a recipe needs: those of an earlier resolution, which is kept in the cache under a
// name, or of a new one.
func (b *builder) packages(ctx context.Context, lockName string, r recipe) ([]Package, error) {
	name := filepath.Join(b.o.Cache, lockName)
	recipe := digest(r.Packages, r.Skip, b.o.Mirror)
	var known resolution
	if text, err := os.ReadFile(name); err == nil && !b.o.Refresh {
		if json.Unmarshal(text, &known) == nil && known.Recipe == recipe {
			return known.Packages, nil
		}
	}
	packages, err := b.apt.resolve(ctx, r)
	if err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(resolution{recipe, packages}, "", "  ")
	if err != nil {
		return nil, err
	}
	return packages, writeWhole(name, text)
}

// key returns the digest of all that goes into an image.
func (b *builder) key(packages []Package) (string, error) {
	f, err := os.Open(b.o.Program)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", err
	}
	return digest(format, packages, dom0, guest, hex.EncodeToString(sum.Sum(nil))), nil
}

// digest returns a short name for values.
func digest(values ...any) string {
	text, err := json.Marshal(values)
	if err != nil {
		panic("image: " + err.Error()) // only plain data is digested
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// writeWhole writes a file whole or not at all.
func writeWhole(name string, data []byte) error {
	part := name + ".part"
	if err := os.WriteFile(part, data, 0o644); err != nil {
		return err
	}
	return os.Rename(part, name)
}

// copyFile copies a file.
func copyFile(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o644)
}

// build makes an image in a folder of its own and moves it to dir when it is complete.
func (b *builder) build(ctx context.Context, key, dir string, packages []Package) (*Image, error) {
	if err := EnoughSpace(b.o.Cache, "a build", buildSpace); err != nil {
		return nil, err
	}
	archives := filepath.Join(b.o.Cache, "packages", "archives")
	if err := b.apt.fetch(ctx, archives, packages); err != nil {
		return nil, err
	}
	work := filepath.Join(filepath.Dir(dir), "building-"+key)
	defer os.RemoveAll(work)
	made := filepath.Join(work, "image")
	if err := os.MkdirAll(made, 0o755); err != nil {
		return nil, err
	}
	b.o.Say("unpacking %d packages", len(packages))
	all, err := unpack(ctx, archives, filepath.Join(work, "unpacked"), packages)
	if err != nil {
		return nil, err
	}
	image := &Image{Key: key, Dir: made, Packages: packages, Sizes: map[string]int64{}}
	if err := b.assemble(ctx, image, all); err != nil {
		return nil, err
	}
	if err := os.RemoveAll(dir); err != nil { // a damaged one
		return nil, err
	}
	if err := os.Rename(made, dir); err != nil {
		return nil, err
	}
	image.Dir = dir
	return image, nil
}

// makeRoom says what to do when a disk is full.
const makeRoom = "make room, or set XDG_CACHE_HOME to a folder on another disk"

// EnoughSpace fails with ErrSpace if there is less room for files below dir than so many bytes, which something needs.
func EnoughSpace(dir, what string, need uint64) error {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return err
	}
	if free := s.Bavail * uint64(s.Bsize); free < need {
		return fmt.Errorf("%w: %s needs %d MB below %s, there are %d MB; %s", ErrSpace, what, need>>20, dir, free>>20, makeRoom)
	}
	return nil
}

// assemble makes the files of an image, the manifest last.
func (b *builder) assemble(ctx context.Context, image *Image, all files) error {
	kernel, err := all.match("boot/vmlinuz-*")
	if err != nil {
		return fmt.Errorf("%w: the kernel: %w", ErrPackage, err)
	}
	xen, err := all.match("boot/xen-*.gz")
	if err != nil {
		return fmt.Errorf("%w: the hypervisor: %w", ErrPackage, err)
	}
	b.o.Say("unpacking kernel and hypervisor")
	if err := unpackKernel(ctx, all[kernel[0]].source, image.Kernel()); err != nil {
		return err
	}
	if err := copyFile(all[kernel[0]].source, image.Packed()); err != nil {
		return err
	}
	if err := unpackXen(all[xen[0]].source, image.Xen()); err != nil {
		return err
	}
	b.o.Say("writing the guests' file system")
	if err := b.write(ctx, image.Guest(), guest, all, nil); err != nil {
		return err
	}
	b.o.Say("writing dom0's file system")
	// Guests are started from dom0, so it has what they boot.
	more := map[string]string{"boot/vmlinux": image.Kernel(), "boot/vmlinuz": all[kernel[0]].source, "boot/guest.cpio": image.Guest()}
	if err := b.write(ctx, image.Dom0(), dom0, all, more); err != nil {
		return err
	}
	for _, name := range fileNames() {
		info, err := os.Stat(filepath.Join(image.Dir, name))
		if err != nil {
			return err
		}
		image.Sizes[name] = info.Size()
	}
	text, err := json.MarshalIndent(image, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(image.Dir, manifestFile), text, 0o644)
}

// write writes a file system. more are files from elsewhere, by place.
func (b *builder) write(ctx context.Context, name string, r recipe, all files, more map[string]string) error {
	tree := &cpio.Tree{}
	if err := fill(ctx, tree, r, all); err != nil {
		return err
	}
	if err := b.boots(tree, r, all); err != nil {
		return err
	}
	for place, source := range more {
		content, err := cpio.FromPath(source)
		if err != nil {
			return err
		}
		if err := tree.File(place, 0o644, content); err != nil {
			return err
		}
	}
	out, err := os.Create(name)
	if err != nil {
		return err
	}
	defer out.Close()
	if err := tree.Write(out); err != nil {
		return err
	}
	return out.Close()
}

// fill puts into a tree the files that a recipe wants.
func fill(ctx context.Context, tree *cpio.Tree, r recipe, all files) error {
	for _, l := range r.Links {
		if err := tree.Link(l[0], l[1]); err != nil {
			return err
		}
	}
	for _, d := range r.Dirs {
		if err := tree.Dir(d, 0o755); err != nil {
			return err
		}
	}
	c := &collector{from: all, into: tree}
	for _, p := range r.Files {
		if err := c.pattern(p); err != nil {
			return err
		}
	}
	for _, t := range r.Texts {
		if err := tree.File(t[0], 0o644, cpio.FromBytes([]byte(t[1]))); err != nil {
			return err
		}
	}
	if tree.Has("usr/bin/busybox") {
		return applets(ctx, tree, all["usr/bin/busybox"].source)
	}
	return nil
}

// boots puts into a tree what makes a machine out of it: the kernel's modules and the first process.
func (b *builder) boots(tree *cpio.Tree, r recipe, all files) error {
	kernel, err := findModules(all)
	if err != nil {
		return err
	}
	if err := kernel.install(tree, r); err != nil {
		return err
	}
	program, err := cpio.FromPath(b.o.Program)
	if err != nil {
		return err
	}
	return tree.File("init", 0o755, program)
}

// applets links the tools that busybox stands for to it, where no real one is.
func applets(ctx context.Context, tree *cpio.Tree, busybox string) error {
	out, err := exec.CommandContext(ctx, busybox, "--list-full").Output()
	if err != nil {
		return fmt.Errorf("asking busybox for its tools: %w", err)
	}
	for place := range strings.Lines(string(out)) {
		name := filepath.Base(strings.TrimSpace(place))
		if tree.Has("usr/bin/"+name) || tree.Has("usr/sbin/"+name) {
			continue
		}
		if err := tree.Link("usr/bin/"+name, "busybox"); err != nil {
			return err
		}
	}
	return nil
}
