package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"

	"holdfast/xen/lab/image/cpio"
)

// BootDisk is the name of the disk from which HVM guests boot. Their firmware can start nothing else: a kernel that the
// toolstack gives to the device model goes through an emulated port byte by byte, which takes for ever.
const BootDisk = "hvm"

// bootFormat is part of the key of every boot disk.
const bootFormat = 1

// boot is GRUB for a BIOS, and the libraries that the tool needs that puts it together.
var boot = recipe{
	Packages: []string{"grub-pc-bin"},
	Files:    []string{"usr/bin/grub-mkimage", "usr/lib/grub/i386-pc"},
}

// bootOptions are the kernel's in an HVM guest: it uses no interface of Xen. All guests boot the same disk; a guest
// knows its address by its network card.
const bootOptions = "holdfast.role=guest holdfast.ip=mac holdfast.disk=spare nopv loglevel=4 panic=1 console=ttyS0"

// Where things are on the disk, in sectors. GRUB finds kernel and file system by their places, so that the disk needs no
// file system of its own.
const (
	bootSector  = 512
	coreStart   = 1
	kernelStart = 2048
	bootCode    = 440 // bytes of the first sector that are code
)

// BuildBootDisk returns the disk from which HVM guests boot the kernel and the guests' file system of an image, making
// it if the cache does not have it.
func BuildBootDisk(ctx context.Context, o Options, im *Image) (*Service, error) {
	held, err := o.take()
	if err != nil {
		return nil, err
	}
	defer held.Release()
	b := newBuilder(o)
	packages, err := b.packages(ctx, "lock-"+BootDisk+".json", boot)
	if err != nil {
		return nil, err
	}
	key := digest(bootFormat, packages, im.Key, bootOptions)
	return b.file(ctx, BootDisk, key, packages, func(all files, work, made string) error {
		return writeBootDisk(ctx, all, im, work, made)
	})
}

// writeBootDisk writes the disk: GRUB's first sector, GRUB, the kernel, the file system.
func writeBootDisk(ctx context.Context, all files, im *Image, work, made string) error {
	kernel, err := sectors(im.Packed())
	if err != nil {
		return err
	}
	guest, err := sectors(im.Guest())
	if err != nil {
		return err
	}
	const modules = "usr/lib/grub/i386-pc/"
	config := fmt.Sprintf("linux (hd0)%d+%d %s\ninitrd (hd0)%d+%d\nboot\n", kernelStart, kernel, bootOptions, kernelStart+kernel, guest)
	core := filepath.Join(work, "core.img")
	if err := makeCore(ctx, all, work, config, core); err != nil {
		return err
	}
	if n, err := sectors(core); err != nil || n > kernelStart-coreStart {
		return fmt.Errorf("GRUB has %d sectors, there is room for %d: %w", n, kernelStart-coreStart, errors.Join(err, ErrPackage))
	}
	first, err := os.ReadFile(all[modules+"boot.img"].source)
	if err != nil || len(first) < bootCode {
		return fmt.Errorf("%w: GRUB's first sector: %v", ErrPackage, err)
	}
	out, err := os.Create(made)
	if err != nil {
		return err
	}
	defer out.Close()
	sector := append(append([]byte{}, first[:bootCode]...), make([]byte, bootSector-bootCode)...)
	sector[510], sector[511] = 0x55, 0xaa
	if _, err := out.WriteAt(sector, 0); err != nil {
		return err
	}
	for _, part := range []struct {
		name string
		at   int64
	}{{core, coreStart}, {im.Packed(), kernelStart}, {im.Guest(), kernelStart + kernel}} {
		if err := place(out, part.name, part.at*bootSector); err != nil {
			return err
		}
	}
	return errors.Join(out.Truncate(ServiceSize), out.Close())
}

// sectors returns how many sectors a file takes.
func sectors(name string) (int64, error) {
	info, err := os.Stat(name)
	if err != nil {
		return 0, err
	}
	return (info.Size() + bootSector - 1) / bootSector, nil
}

// place writes a file to a place of another one.
func place(out *os.File, name string, at int64) error {
	in, err := os.Open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	_, err = io.Copy(io.NewOffsetWriter(out, at), in)
	return err
}

// makeCore has GRUB's own tool put GRUB together, with the packages' libraries: this computer needs no GRUB.
func makeCore(ctx context.Context, all files, work, config, core string) error {
	tree, root := &cpio.Tree{}, filepath.Join(work, "root")
	if err := fill(ctx, tree, boot, all); err != nil {
		return err
	}
	if err := errors.Join(os.Mkdir(root, 0o755), tree.Unpack(root)); err != nil {
		return err
	}
	file := filepath.Join(work, "grub.cfg")
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		return err
	}
	need, err := dynamic(filepath.Join(root, "usr/bin/grub-mkimage"))
	if err != nil {
		return err
	}
	var libraries []string
	for _, dir := range systemDirs {
		libraries = append(libraries, filepath.Join(root, dir))
	}
	loader := filepath.Join(root, merged(strings.TrimPrefix(path.Clean(need.interpreter), "/")))
	if target, err := os.Readlink(loader); err == nil && path.IsAbs(target) {
		loader = filepath.Join(root, merged(strings.TrimPrefix(target, "/")))
	}
	cmd := exec.CommandContext(ctx, loader, "--library-path", strings.Join(libraries, ":"), filepath.Join(root, "usr/bin/grub-mkimage"),
		"-d", filepath.Join(root, "usr/lib/grub/i386-pc"), "-O", "i386-pc", "-p", "(hd0)", "-c", file, "-o", core, "biosdisk", "linux", "boot")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("grub-mkimage: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}
