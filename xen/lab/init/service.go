package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/xen/lab/cluster"
)

// serviceRoot is where a service's file system is mounted, and dataDir where, inside of it, the guest's own disk is.
const (
	serviceRoot = "/service"
	dataDir     = "/data"
)

// program is a service that is not this program.
type program struct {
	port int
	// prepare makes what the program needs on an empty disk, and does nothing when it is there.
	prepare func() error
	args    []string
}

// programs are the services by name. All of them answer a client only when what he changed is on the disk.
var programs = map[string]program{
	"redis": {6379, func() error { return nil }, []string{
		"/usr/bin/redis-server", "--dir", dataDir, "--bind", "0.0.0.0", "--port", "6379", "--protected-mode", "no",
		"--save", "", "--appendonly", "yes", "--appendfsync", "always", "--no-appendfsync-on-rewrite", "no",
	}},
	"postgres": {5432, preparePostgres, []string{
		cluster.Programs + "/postgres", "-D", clusterDir, "-c", "listen_addresses=*", "-c", "unix_socket_directories=/run",
		"-c", "fsync=on", "-c", "synchronous_commit=on", "-c", "full_page_writes=on",
		"-c", "shared_buffers=16MB", "-c", "max_connections=40", "-c", "jit=off",
	}},
}

// runProgram makes the guest's disk ready and runs a service until it ends, which is an error. root and disk are the
// devices of the service's programs and of its data.
func runProgram(name, root, disk string) error {
	p, ok := programs[name]
	if !ok {
		return fmt.Errorf("this guest knows no service %q", name)
	}
	runtime.LockOSThread() // the service ends with the thread that starts it
	if err := loadModules("/etc/holdfast/modules-later"); err != nil {
		return err
	}
	for _, device := range []string{root, disk} {
		if err := waitFile(device, deviceWait); err != nil {
			return err
		}
	}
	if err := mountService(root, disk); err != nil {
		return err
	}
	if err := p.prepare(); err != nil {
		return fmt.Errorf("preparing %s: %w", name, err)
	}
	cmd := inService(p.args...)
	if err := cmd.Start(); err != nil {
		return err
	}
	go tellServing(p.port)
	return fmt.Errorf("%s ended: %v", name, cmd.Wait())
}

// mountService mounts the file systems of a service. What was mounted when this process ran before stays.
func mountService(root, disk string) error {
	data := serviceRoot + dataDir
	list := []struct {
		from, to, kind string
		flags          uintptr
	}{
		{root, serviceRoot, "ext4", unix.MS_RDONLY},
		{"/dev", serviceRoot + "/dev", "", unix.MS_BIND | unix.MS_REC},
		{"/proc", serviceRoot + "/proc", "", unix.MS_BIND},
		{"/sys", serviceRoot + "/sys", "", unix.MS_BIND},
		{"tmpfs", serviceRoot + "/run", "tmpfs", 0},
		{"tmpfs", serviceRoot + "/tmp", "tmpfs", 0},
		{disk, data, "ext4", 0},
	}
	for _, m := range list {
		if mounted(m.to) {
			continue
		}
		if m.from == disk {
			if err := makeFileSystem(disk); err != nil {
				return err
			}
		}
		if err := os.MkdirAll(m.to, 0o755); err != nil && !errors.Is(err, unix.EROFS) {
			return err
		}
		if err := unix.Mount(m.from, m.to, m.kind, m.flags, ""); err != nil {
			return fmt.Errorf("mounting %s: %w", m.to, err)
		}
		if m.kind == "tmpfs" || m.to == data {
			if err := os.Chown(m.to, cluster.User, cluster.User); err != nil {
				return err
			}
		}
	}
	return nil
}

// mounted reports whether something is mounted at a place.
func mounted(place string) bool {
	text, err := os.ReadFile("/proc/mounts")
	return err == nil && bytes.Contains(text, []byte(" "+place+" "))
}

// blankPart is how much of a disk is looked at to tell whether it was ever written to.
const blankPart = 64 << 10

// makeFileSystem makes a file system on a disk that holds nothing. It never touches another one.
func makeFileSystem(disk string) error {
	f, err := os.Open(disk)
	if err != nil {
		return err
	}
	defer f.Close()
	start := make([]byte, blankPart)
	if _, err := io.ReadFull(f, start); err != nil {
		return fmt.Errorf("reading the disk %s: %w", disk, err)
	}
	if bytes.ContainsFunc(start, func(r rune) bool { return r != 0 }) {
		return nil // mounting it tells what it is
	}
	fmt.Println("holdfast: the disk is empty; making a file system")
	return serviceCommand(0, "/usr/sbin/mke2fs", "-q", "-F", "-t", "ext4", "-m", "0", "-E", "lazy_itable_init=1,lazy_journal_init=1,nodiscard", disk)
}

// inService returns a command that runs in the service's file system, as its user.
func inService(args ...string) *exec.Cmd {
	cmd := &exec.Cmd{Path: args[0], Args: args, Dir: "/", Stdout: os.Stdout, Stderr: os.Stderr}
	cmd.Env = cluster.Environment()
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Chroot: serviceRoot, Credential: &syscall.Credential{Uid: cluster.User, Gid: cluster.User}, Setsid: true, Pdeathsig: syscall.SIGKILL,
	}
	return cmd
}

// serviceCommand runs a command of the service's file system to its end, as a user.
func serviceCommand(user uint32, args ...string) error {
	cmd := inService(args...)
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: user, Gid: user}
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", args[0], err)
	}
	return nil
}

// servePoll is how often a service that starts is looked at.
const servePoll = 100 * time.Millisecond

// tellServing says on the console when somebody listens at a port.
func tellServing(port int) {
	for {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			conn.Close()
			fmt.Println("holdfast: guest serves")
			return
		}
		time.Sleep(servePoll)
	}
}

// clusterDir is where PostgreSQL's data is.
const clusterDir = dataDir + "/cluster"

// preparePostgres makes PostgreSQL's data on an empty disk, whole or not at all.
func preparePostgres() error {
	final, work := filepath.Join(serviceRoot, clusterDir), filepath.Join(serviceRoot, dataDir, "making")
	// The guest alone has the disk: who wrote this is gone, and his number may be somebody else's now.
	if err := os.Remove(filepath.Join(final, "postmaster.pid")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if _, err := os.Stat(final); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.RemoveAll(work); err != nil {
		return err
	}
	template := filepath.Join(serviceRoot, cluster.Template)
	var err error
	if _, missing := os.Stat(template); missing == nil {
		fmt.Println("holdfast: copying the data of a new PostgreSQL")
		err = copyTree(template, work)
	} else {
		fmt.Println("holdfast: making the data of a new PostgreSQL, which takes minutes")
		err = cluster.Make(serviceRoot, dataDir+"/making", func(input string, args ...string) error {
			cmd := inService(args...)
			cmd.Stdin = strings.NewReader(input)
			if err := cmd.Run(); err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			return nil
		})
	}
	if err != nil {
		return err
	}
	unix.Sync()
	if err := os.Rename(work, final); err != nil {
		return err
	}
	unix.Sync()
	return nil
}

// copyTree copies a folder with all that it holds; the copy belongs to the service's user alone.
func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		place := filepath.Join(to, strings.TrimPrefix(name, from))
		if d.IsDir() {
			return errors.Join(os.Mkdir(place, 0o700), os.Chown(place, cluster.User, cluster.User))
		}
		in, err := os.Open(name)
		if err != nil {
			return err
		}
		defer in.Close()
		out, err := os.OpenFile(place, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		_, err = io.Copy(out, in)
		return errors.Join(err, out.Chown(cluster.User, cluster.User), out.Close())
	})
}
