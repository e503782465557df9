package image

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"holdfast/xen/lab/image/cpio"
)

// ErrService is returned for a service that there is no image of.
var ErrService = errors.New("no such service")

// ServiceSize is the size of a service's file system in bytes, most of it a hole.
const ServiceSize = 512 << 20

// serviceFormat is part of every service's key, as format is of an image's.
const serviceFormat = 2

// Service is what a guest needs for a service besides the guests' own file system: a read-only one, ext4 without a
// journal, in which the service's programs run as in a root folder.
type Service struct {
	Name, Key string
	// Path of the file.
	Path string
}

// needless are packages that only the set-up of packages wants, or a part of a service that guests do not have.
var needless = []string{
	"adduser", "debconf", "dpkg", "init-system-helpers", "libaudit-common", "libfile-find-rule-perl", "libgdbm*", "libjson-perl", "libllvm*",
	"libnumber-compare-perl", "libperl*", "libsemanage*", "libsepol*", "libtext-glob-perl", "libz3*", "locales", "libc-l10n", "logsave", "lsb-base", "openssl",
	"passwd", "perl*", "postgresql-common", "postgresql-client*", "readline-common", "sensible-utils", "ssl-cert", "sysvinit-utils", "tar", "ucf", "usrmerge",
}

// users of a service: its programs run as user 999 and not as root, which PostgreSQL refuses.
var users = [][2]string{
	{"etc/passwd", "root:x:0:0::/:/bin/sh\nservice:x:999:999::/data:/bin/sh\n"},
	{"etc/group", "root:x:0:\nservice:x:999:\n"},
	{"etc/hosts", "127.0.0.1 localhost\n"},
}

// services are what guests can serve besides the registers, each as a Debian package has it. mke2fs makes the file
// system of the data when the guest starts for the first time.
var services = map[string]recipe{
	"redis": {
		Packages: []string{"redis-server", "e2fsprogs"},
		Skip:     needless,
		Files:    []string{"usr/bin/redis-server", "usr/sbin/mke2fs", "etc/mke2fs.conf"},
		Links:    serviceLinks,
		Dirs:     serviceDirs,
		Texts:    users,
	},
	"postgres": {
		Packages: []string{"postgresql-15", "e2fsprogs", "busybox-static", "tzdata"},
		Skip:     needless,
		Files: []string{
			"usr/lib/postgresql/15/bin/postgres", "usr/lib/postgresql/15/bin/initdb", "usr/lib/postgresql/15/lib/plpgsql.so",
			"usr/lib/postgresql/15/lib/dict_snowball.so", "usr/share/postgresql/15", "usr/share/zoneinfo/Etc", "usr/share/zoneinfo/GMT",
			"usr/sbin/mke2fs", "etc/mke2fs.conf", "usr/bin/busybox",
		},
		Links: append([][2]string{{"usr/bin/sh", "busybox"}}, serviceLinks...),
		Dirs:  serviceDirs,
		Texts: users,
	},
}

var (
	serviceLinks = [][2]string{{"bin", "usr/bin"}, {"sbin", "usr/sbin"}, {"lib", "usr/lib"}, {"lib64", "usr/lib64"}, {"etc/mtab", "/proc/mounts"}}
	serviceDirs  = []string{"dev", "proc", "sys", "run", "tmp", "data"}
)

// Services returns the names of the services that there are images of, sorted.
func Services() []string {
	var names []string
	for name := range services {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// BuildService returns what guests need for a service, making it if the cache does not have it.
func BuildService(ctx context.Context, o Options, name string) (*Service, error) {
	r, ok := services[name]
	if !ok {
		return nil, fmt.Errorf("%w: %q; there are %q", ErrService, name, Services())
	}
	held, err := o.take()
	if err != nil {
		return nil, err
	}
	defer held.Release()
	b := newBuilder(o)
	packages, err := b.packages(ctx, "lock-"+name+".json", r)
	if err != nil {
		return nil, err
	}
	return b.file(ctx, name, digest(serviceFormat, packages, r), packages, func(all files, work, made string) error {
		tree, root := &cpio.Tree{}, filepath.Join(work, "root")
		if err := fill(ctx, tree, r, all); err != nil {
			return err
		}
		if err := errors.Join(os.Mkdir(root, 0o755), tree.Unpack(root)); err != nil {
			return err
		}
		if name == "postgres" {
			if err := makeCluster(ctx, root, o.Say); err != nil {
				return err
			}
		}
		return makeExt4(ctx, root, made, ServiceSize)
	})
}

// file returns the file of a name and key, which write makes from packages, in a folder to work in, if the cache lacks it.
func (b *builder) file(ctx context.Context, name, key string, packages []Package, write func(all files, work, made string) error) (*Service, error) {
	dir := filepath.Join(b.o.Cache, "services")
	s := &Service{Name: name, Key: key, Path: filepath.Join(dir, name+"-"+key+".img")}
	if info, err := os.Stat(s.Path); err == nil && info.Size() == ServiceSize {
		return s, nil
	}
	if err := b.makeFile(ctx, s, packages, write); err != nil {
		return nil, fmt.Errorf("image of %s: %w", name, err)
	}
	return s, removeOthers(dir, s)
}

// removeOthers removes the images of a service that newer packages have replaced.
func removeOthers(dir string, s *Service) error {
	all, err := filepath.Glob(filepath.Join(dir, s.Name+"-*.img"))
	for _, name := range all {
		if name != s.Path {
			err = errors.Join(err, os.Remove(name))
		}
	}
	return err
}

// makeFile makes a file under another name, and renames it when it is whole.
func (b *builder) makeFile(ctx context.Context, s *Service, packages []Package, write func(all files, work, made string) error) error {
	if err := EnoughSpace(b.o.Cache, "a build", buildSpace); err != nil {
		return err
	}
	archives := filepath.Join(b.o.Cache, "packages", "archives")
	if err := b.apt.fetch(ctx, archives, packages); err != nil {
		return err
	}
	work := filepath.Join(filepath.Dir(s.Path), "building-"+s.Key)
	defer os.RemoveAll(work)
	if err := os.MkdirAll(work, 0o755); err != nil {
		return err
	}
	b.o.Say("unpacking %d packages for %s", len(packages), s.Name)
	all, err := unpack(ctx, archives, filepath.Join(work, "unpacked"), packages)
	if err != nil {
		return err
	}
	b.o.Say("writing the image of %s", s.Name)
	made := filepath.Join(work, "made")
	if err := write(all, work, made); err != nil {
		return err
	}
	return os.Rename(made, s.Path)
}

// makeExt4 writes a file system of a size in bytes with what a folder holds. Equal folders give equal bytes. Files
// belong to whoever made them, which does not matter: nothing writes to them.
func makeExt4(ctx context.Context, folder, name string, size int64) error {
	program, err := systemTool("mke2fs")
	if err != nil {
		return err
	}
	const id = "68642d6c-6162-4d2d-8000-000000000000" // any that is always the same
	cmd := exec.CommandContext(ctx, program, "-q", "-F", "-t", "ext4", "-b", "4096", "-O", "^has_journal,^metadata_csum,^resize_inode", "-m", "0",
		"-U", id, "-E", "hash_seed="+id+",root_owner=0:0,lazy_itable_init=1,nodiscard", "-d", folder, name, fmt.Sprint(size>>10)+"k")
	cmd.Env = append(os.Environ(), "E2FSPROGS_FAKE_TIME=1", "LC_ALL=C")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("mke2fs: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}

// systemTool returns the path of a program that may lie where only root looks for programs.
func systemTool(name string) (string, error) {
	for _, place := range []string{name, "/usr/sbin/" + name, "/sbin/" + name} {
		if path, err := exec.LookPath(place); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%w: %s; \"make lab-deps\" installs it", ErrTool, name)
}
