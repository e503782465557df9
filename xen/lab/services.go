package lab

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"holdfast/xen/lab/agent"
	"holdfast/xen/lab/image"
	"holdfast/xen/lab/machine"
)

// The programs of services lie on a disk that all hosts of a lab share and only read: one partition for each service,
// always at the same place, empty until the service is asked for. Because neither partitions nor size depend on what
// is there, a saved state of a host fits to every content, and a service can be added while hosts run: dom0 reads
// nothing of the disk but its partition table.

// partitionStart is where the first partition begins, in bytes; each has image.ServiceSize.
const partitionStart = 1 << 20

// imagesPath is the file of the disk with the services' programs.
func imagesPath(disks string) string { return filepath.Join(disks, agent.ImagesDisk+".img") }

// imagesDisk returns that disk of a machine whose disks lie in a folder.
func imagesDisk(disks string) machine.Disk {
	return machine.Disk{Name: agent.ImagesDisk, Path: imagesPath(disks), ReadOnly: true}
}

// makeImages makes that disk with the given services.
func makeImages(path string, services []*image.Service) error {
	names := agent.Images()
	if err := machine.MakeDisk(path, partitionStart+int64(len(names))*image.ServiceSize); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.Write(partitions(len(names)))
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	for _, s := range services {
		if err := putService(path, s); err != nil {
			return err
		}
	}
	return nil
}

// partitions returns a master boot record with n partitions, at most four.
func partitions(n int) []byte {
	const sector, table, entry, linux = 512, 446, 16, 0x83
	mbr := make([]byte, sector)
	for i := range n {
		e := mbr[table+i*entry:]
		e[4] = linux
		binary.LittleEndian.PutUint32(e[8:], uint32(partitionStart+i*image.ServiceSize)/sector)
		binary.LittleEndian.PutUint32(e[12:], image.ServiceSize/sector)
	}
	mbr[510], mbr[511] = 0x55, 0xaa
	return mbr
}

// putService writes a service's file system into its partition, which is empty or holds the same.
func putService(path string, s *image.Service) error {
	n := slices.Index(agent.Images(), s.Name)
	if n < 0 {
		return fmt.Errorf("%w: no partition for %q", image.ErrService, s.Name)
	}
	out, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	err = copyData(io.NewOffsetWriter(out, partitionStart+int64(n)*image.ServiceSize), s.Path)
	return errors.Join(err, out.Close())
}

// copyData writes what a file holds to the same places of another one, and leaves out its holes.
func copyData(out io.WriterAt, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	for at := int64(0); ; {
		start, err := in.Seek(at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			return nil // nothing but a hole is left
		}
		if err != nil {
			return err
		}
		end, err := in.Seek(start, unix.SEEK_HOLE)
		if err != nil {
			return err
		}
		if _, err := io.Copy(io.NewOffsetWriter(out, start), io.NewSectionReader(in, start, end-start)); err != nil {
			return err
		}
		at = end
	}
}

// BuildServices makes what the cache lacks of what hosts share, by the names of agent.Images.
func BuildServices(ctx context.Context, c Config, names []string, say func(format string, args ...any)) ([]*image.Service, error) {
	o := image.Options{Cache: c.Cache, Program: c.Program, Mirror: c.Mirror, Refresh: c.Refresh, Say: say}
	var out []*image.Service
	for _, name := range names {
		var s *image.Service
		var err error
		if name == image.BootDisk {
			s, err = buildBootDisk(ctx, o)
		} else {
			s, err = image.BuildService(ctx, o, name)
		}
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// buildBootDisk makes the boot disk of HVM guests, for the image that belongs to the same options.
func buildBootDisk(ctx context.Context, o image.Options) (*image.Service, error) {
	o.Refresh = false // what was resolved last
	im, err := image.Build(ctx, o)
	if err != nil {
		return nil, err
	}
	return image.BuildBootDisk(ctx, o, im)
}

// provide makes sure that guests of this lab can have a service.
func (l *Lab) provide(ctx context.Context, name string) error {
	if len(l.all()) == 0 {
		return errNotYet
	}
	l.providing.Lock()
	defer l.providing.Unlock()
	if slices.Contains(l.provided, name) {
		return nil
	}
	c := l.config
	c.Refresh = false // it was done when the lab started
	built, err := BuildServices(ctx, c, []string{name}, l.say)
	if err != nil {
		return err
	}
	if err := putService(imagesPath(l.config.disks()), built[0]); err != nil {
		return err
	}
	l.provided = append(l.provided, name)
	return nil
}
