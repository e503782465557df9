package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"holdfast/xen/lab/cluster"
)

// makeCluster puts the data of a new PostgreSQL server into the root folder of its image, so that guests need not make it.
// It needs a root folder of its own: as root, or in a name space of users. Where neither is to be had, it says so and
// leaves it to the guests.
func makeCluster(ctx context.Context, root string, say func(format string, args ...any)) error {
	// What the programs want to find; in a guest the real ones are mounted over it.
	null, shm := filepath.Join(root, "dev/null"), filepath.Join(root, "dev/shm")
	err := errors.Join(os.WriteFile(null, nil, 0o666), os.Chmod(null, 0o666), os.Mkdir(shm, 0o777), os.Chmod(shm, 0o777), os.Mkdir(filepath.Join(root, cluster.Template), 0o700))
	if err == nil && os.Getuid() == 0 {
		err = os.Chown(filepath.Join(root, cluster.Template), cluster.User, cluster.User)
	}
	if err != nil {
		return err
	}
	defer func() { _ = errors.Join(os.Remove(null), os.RemoveAll(shm)) }() // the folder is removed after it was written
	err = cluster.Make(root, cluster.Template, func(input string, args ...string) error {
		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		cmd.Dir, cmd.Env, cmd.Stdin = "/", cluster.Environment(), strings.NewReader(input)
		cmd.SysProcAttr = ownRoot(root)
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("%s: %w: %s", args[0], err, strings.TrimSpace(out.String()))
		}
		return nil
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		say("the data of PostgreSQL cannot be made here; each guest will make its own, which takes minutes: %v", err)
		return os.RemoveAll(filepath.Join(root, cluster.Template))
	}
	return nil
}

// ownRoot has a program run in a root folder as the server's user.
func ownRoot(root string) *syscall.SysProcAttr {
	if os.Getuid() == 0 {
		return &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: cluster.User, Gid: cluster.User}}
	}
	one := func(id int) []syscall.SysProcIDMap {
		return []syscall.SysProcIDMap{{ContainerID: cluster.User, HostID: id, Size: 1}}
	}
	return &syscall.SysProcAttr{Chroot: root, Cloneflags: syscall.CLONE_NEWUSER, UidMappings: one(os.Getuid()), GidMappings: one(os.Getgid())}
}
