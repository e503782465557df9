package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// serviceRoot is where a service's file system is mounted, and dataDir where, inside of it, the guest's own disk is.
const (
	serviceRoot = "/service"
	dataDir     = "/data"
)

// serviceUser is the user that services run as, in every service's image.
const serviceUser = 999

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
		postgresDir + "/postgres", "-D", cluster, "-c", "listen_addresses=*", "-c", "unix_socket_directories=/run",
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
			if err := os.Chown(m.to, serviceUser, serviceUser); err != nil {
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
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin", "HOME=" + dataDir, "LC_ALL=C", "TZ=GMT"}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Chroot: serviceRoot, Credential: &syscall.Credential{Uid: serviceUser, Gid: serviceUser}, Setsid: true, Pdeathsig: syscall.SIGKILL,
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

// Places of PostgreSQL, in its file system.
const (
	postgresDir = "/usr/lib/postgresql/15/bin"
	cluster     = dataDir + "/cluster"
)

// postgresTable is the table that clients use.
const postgresTable = "CREATE TABLE registers (key text PRIMARY KEY, value text NOT NULL)"

// preparePostgres makes a cluster on an empty disk, whole or not at all.
func preparePostgres() error {
	final, work := filepath.Join(serviceRoot, cluster), filepath.Join(serviceRoot, dataDir, "making")
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
	fmt.Println("holdfast: making a cluster of PostgreSQL")
	making := dataDir + "/making"
	if err := serviceCommand(serviceUser, postgresDir+"/initdb", "-D", making, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--data-checksums", "--no-sync", "--no-instructions"); err != nil {
		return err
	}
	access := "local all all trust\nhost all all 0.0.0.0/0 trust\n"
	if err := os.WriteFile(filepath.Join(work, "pg_hba.conf"), []byte(access), 0o600); err != nil {
		return err
	}
	single := inService(postgresDir+"/postgres", "--single", "-D", making, "postgres")
	single.Stdin = bytes.NewBufferString(postgresTable + "\n")
	if err := single.Run(); err != nil {
		return fmt.Errorf("making the table: %w", err)
	}
	unix.Sync()
	if err := os.Rename(work, final); err != nil {
		return err
	}
	unix.Sync()
	return nil
}
