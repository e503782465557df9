package machine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/xen/lab/internal/fakeqemu"
)

func TestMain(m *testing.M) {
	fakeqemu.Main()
	if dir := os.Getenv("HOLDFAST_TEST_START"); dir != "" {
		startAndWait(dir)
	}
	os.Exit(m.Run())
}

// config returns a configuration that starts the fake emulator, in a folder with a short path.
func config(t *testing.T) Config {
	dir, err := os.MkdirTemp("", "hm")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	program, env, err := fakeqemu.Install(dir)
	require.NoError(t, err)
	t.Setenv(env[0], env[1])
	return Config{Name: "a", Dir: dir, QEMU: program, Xen: "/i/xen", Kernel: "/i/vmlinux", Initrd: "/i/dom0.cpio", Memory: 2048, Dom0Memory: 1024}
}

func start(t *testing.T, c Config) *Machine {
	m, err := Start(t.Context(), c)
	require.NoError(t, err)
	t.Cleanup(m.PowerOff)
	return m
}

func ready(t *testing.T, m *Machine) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	require.NoError(t, m.WaitReady(ctx, func(string) {}))
}

func eventually(t *testing.T, what func() bool, text string) {
	require.Eventually(t, what, 20*time.Second, 5*time.Millisecond, text)
}

func TestCommandLine(t *testing.T) {
	c := Config{
		Name: "a", Dir: "/r", Xen: "/i/xen", Kernel: "/i/vmlinux", Initrd: "/i/dom0.cpio", Memory: 2048, Dom0Memory: 1024, Network: true,
		Disks: []Disk{{Name: "data", Path: "/d/a-data.img"}}, State: &State{Path: "/s"},
	}
	got := strings.Join(c.args(), "\n")
	for _, want := range []string{
		"-cpu\nqemu64,+svm,+npt,-rdtscp,+ssse3,+sse4.1,+sse4.2,+popcnt,+aes\n",
		"-kernel\n/i/xen\n-append\nconsole=com1 com1=115200,8n1 loglvl=warning guest_loglvl=warning dom0_max_vcpus=1 dom0_mem=1024M,max:1024M\n",
		"-initrd\n/i/vmlinux console=hvc0 loglevel=4 holdfast.role=host,/i/dom0.cpio\n",
		"-device\nvirtio-net-pci,netdev=alink1,mac=52:54:00:68:64:02,romfile=\n",
		"-netdev\nstream,server=off,addr.type=unix,addr.path=/r/a-alink1.sock,id=alink1\n",
		"-device\nvirtio-blk-pci,drive=data,serial=data,werror=report,rerror=report\n",
		"-device\ni6300esb\n-action\nwatchdog=reset\n",
		"-incoming\nfd:3",
	} {
		require.Contains(t, got, want)
	}
	c.Network, c.State = false, nil
	got = strings.Join(c.args(), "\n")
	require.NotContains(t, got, "stream")
	require.NotContains(t, got, "incoming")
}

func TestStateKeyFollowsTheHardware(t *testing.T) {
	c := config(t)
	key := func(c Config, image string) string {
		k, err := StateKey(t.Context(), c, image)
		require.NoError(t, err)
		return k
	}
	base := key(c, "image")
	require.NotEqual(t, base, key(c, "other"))
	other := c
	other.Name, other.Dir, other.Disks = "b", "/elsewhere", nil
	require.Equal(t, base, key(other, "image"), "a state is for all hosts")
	other.Memory++
	require.NotEqual(t, base, key(other, "image"))
	other = c
	other.Disks = []Disk{{Name: "data", Path: "/x"}}
	require.NotEqual(t, base, key(other, "image"))
}

func TestDisksOfOthers(t *testing.T) {
	c := Config{Name: "a", Dir: "/r", Disks: []Disk{{Name: "data", Path: "/d/x.img"}, {Name: "images", Path: "/d/i.img", ReadOnly: true}}}
	alone := c.hardware()
	c.Disks[0].Socket = "/r/a-data.sock"
	require.Equal(t, alone, c.hardware(), "a saved state fits to both ways of having a disk")
	got := strings.Join(c.args(), "\n")
	require.Contains(t, got, "-blockdev\ndriver=nbd,node-name=data,server.type=unix,server.path=/r/a-data.sock,discard=unmap\n")
	require.NotContains(t, got, "/d/x.img")
	require.Contains(t, got, "driver=raw,node-name=images,file=images-file,read-only=on")
}

func TestBadConfigurations(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"name":   func(c *Config) { c.Name = "a/b" },
		"memory": func(c *Config) { c.Memory = 1100 },
		"dom0":   func(c *Config) { c.Dom0Memory = 100 },
		"long":   func(c *Config) { c.Dir = "/" + strings.Repeat("x", 100) },
		"comma":  func(c *Config) { c.Kernel = "/a,b" },
		"space":  func(c *Config) { c.Disks = []Disk{{Name: "data", Path: "/a b"}} },
	} {
		c := config(t)
		change(&c)
		_, err := Start(t.Context(), c)
		require.ErrorIs(t, err, ErrConfig, name)
	}
	c := config(t)
	c.QEMU = "no-such-emulator"
	_, err := Start(t.Context(), c)
	require.ErrorIs(t, err, ErrQEMU)
	require.ErrorContains(t, err, "make lab-deps")
}

func TestLife(t *testing.T) {
	m := start(t, config(t))
	require.Equal(t, Booting, m.Phase())
	ready(t, m)
	require.Equal(t, Up, m.Phase())
	require.NoError(t, m.Freeze(t.Context()))
	eventually(t, func() bool { return m.Phase() == Frozen }, "it freezes")
	require.NoError(t, m.Thaw(t.Context()))
	eventually(t, func() bool { return m.Phase() == Up }, "it thaws")
	require.NoError(t, m.Reset(t.Context()))
	eventually(t, func() bool { return m.Phase() == Booting }, "it boots again")
	require.Equal(t, 1, m.Resets())
	ready(t, m)
	require.Equal(t, Up, m.Phase())
	m.PowerOff()
	require.Equal(t, Off, m.Phase())
	_, err := m.Agent(t.Context())
	require.ErrorIs(t, err, ErrGone)
}

func TestSaveAndContinue(t *testing.T) {
	c := config(t)
	m := start(t, c)
	ready(t, m)
	path := filepath.Join(t.TempDir(), "state")
	require.NoError(t, m.Save(t.Context(), path))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, fakeqemu.State, string(text))
	m.PowerOff()

	c.State = &State{Path: path}
	ready(t, start(t, c))
}

func TestStateThatCannotBeContinued(t *testing.T) {
	c := config(t)
	c.State = &State{Path: filepath.Join(t.TempDir(), "none")}
	_, err := Start(t.Context(), c)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.WriteFile(c.State.Path, []byte("something else"), 0o600))
	_, err = Start(t.Context(), c)
	require.ErrorIs(t, err, ErrGone)
	require.ErrorContains(t, err, `no state but "something else"`, "what the emulator said is in the error")
}

func TestHostThatFails(t *testing.T) {
	t.Setenv(fakeqemu.Broken, "no xenstored")
	m := start(t, config(t))
	require.ErrorContains(t, m.WaitReady(t.Context(), func(string) {}), "no xenstored")
}

func TestHostThatNeverGetsReady(t *testing.T) {
	t.Setenv(fakeqemu.Slow, "1")
	m := start(t, config(t))
	late := errors.New("too late")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 300*time.Millisecond, late)
	defer cancel()
	require.ErrorIs(t, m.WaitReady(ctx, func(string) {}), late)
}

func TestEmulatorThatDies(t *testing.T) {
	m := start(t, config(t))
	ready(t, m)
	require.NoError(t, syscall.Kill(m.PID(), syscall.SIGKILL))
	<-m.Ended()
	require.Equal(t, Off, m.Phase())
	require.Error(t, m.Reset(t.Context()))
}

// startAndWait is the process that TestMachineEndsWithItsProcess kills.
func startAndWait(dir string) {
	c := Config{Name: "a", Dir: dir, QEMU: filepath.Join(dir, "qemu-system-x86_64"), Memory: 2048, Dom0Memory: 1024}
	m, err := Start(context.Background(), c)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(m.PID())
	select {}
}

func TestMachineEndsWithItsProcess(t *testing.T) {
	c := config(t)
	other := exec.Command(os.Args[0])
	other.Env = append(os.Environ(), "HOLDFAST_TEST_START="+c.Dir)
	out, err := other.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, other.Start())
	var pid int
	_, err = fmt.Fscan(out, &pid)
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(pid, 0), "the machine runs")
	require.NoError(t, other.Process.Kill())
	_ = other.Wait()
	eventually(t, func() bool { return dead(pid) }, "the kernel kills the machine with the process that started it")
}

// dead reports whether a process has ended; it may not have been waited for yet.
func dead(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(text), ") Z ")
}

func TestNames(t *testing.T) {
	for name, want := range map[string]bool{"a": true, "lab1": true, "": false, "A": false, "a/b": false, "..": false, "toolongname": false} {
		require.Equal(t, want, CleanName(name), name)
	}
}
