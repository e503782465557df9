package lab

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/xen/lab/agent"
	"holdfast/xen/lab/image"
	"holdfast/xen/lab/internal/fakeqemu"
	"holdfast/xen/lab/lock"
	"holdfast/xen/lab/machine"
)

func TestMain(m *testing.M) {
	fakeqemu.Main()
	os.Exit(m.Run())
}

// config returns a configuration whose hosts are run by the fake emulator.
func config(t *testing.T) Config {
	dir, err := os.MkdirTemp("", "hl")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	_, env, err := fakeqemu.Install(dir)
	require.NoError(t, err)
	t.Setenv(env[0], env[1])
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	c, err := Default("test")
	require.NoError(t, err)
	c.Cache, c.Run = filepath.Join(dir, "cache"), filepath.Join(dir, "run", "lab")
	return c
}

// prepared stands for Prepare: the hosts of the fake emulator need no image.
func prepared(_ context.Context, c Config, _ func(string, ...any)) (*Prepared, error) {
	im := &image.Image{Key: "k", Dir: filepath.Join(c.Cache, "image")}
	if err := os.MkdirAll(im.Dir, 0o755); err != nil {
		return nil, err
	}
	for _, file := range []string{im.Xen(), im.Kernel(), im.Dom0()} {
		if err := os.WriteFile(file, nil, 0o644); err != nil {
			return nil, err
		}
	}
	return &Prepared{Image: im}, nil
}

// up runs a lab until the test ends and returns a client of it, and a channel with how it ended.
func up(t *testing.T, c Config, prepare preparer) (*Client, <-chan error) {
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- supervise(ctx, c, prepare, t.Logf, func() { close(ready) }) }()
	select {
	case <-ready:
	case err := <-ended:
		t.Fatalf("the lab did not start: %v", err)
	}
	finished := make(chan error, 1)
	done := make(chan struct{})
	go func() { finished <- <-ended; close(done) }()
	t.Cleanup(func() { cancel(); <-done })
	return NewClient(c), finished
}

func TestLifeOfALab(t *testing.T) {
	c := config(t)
	client, ended := up(t, c, prepared)
	s, err := client.Status(t.Context())
	require.NoError(t, err)
	require.True(t, s.Ready)
	require.Len(t, s.Hosts, 2)
	require.Equal(t, "10.77.0.2/24", s.Hosts[1].Address)
	require.DirExists(t, s.Disks)

	_, err = superviseAgain(t, c)
	require.ErrorIs(t, err, lock.ErrHeld, "one lab of a name at a time")

	var out bytes.Buffer
	code, err := client.Agent(t.Context(), "b").Exec(t.Context(), agent.Command{Args: []string{"sh", "-c", "cat; exit 3"}, In: strings.NewReader("through the lab"), Out: &out})
	require.NoError(t, err)
	require.Equal(t, 3, code)
	require.Equal(t, "through the lab", out.String())
	status, err := client.Agent(t.Context(), "b").Status(t.Context())
	require.NoError(t, err)
	require.Equal(t, "b", status.Name, "the host has its identity")

	was, err := client.Down(t.Context())
	require.NoError(t, err)
	require.True(t, was)
	require.NoError(t, <-ended)
	for _, gone := range []string{c.Run, c.Run + ".lock", s.Disks} {
		require.NoFileExists(t, gone)
		require.NoDirExists(t, gone)
	}
	_, err = client.Status(t.Context())
	require.ErrorIs(t, err, ErrNotRunning)
	was, err = client.Down(t.Context())
	require.NoError(t, err)
	require.False(t, was)
}

// superviseAgain tries to start the lab once more.
func superviseAgain(t *testing.T, c Config) (bool, error) {
	ran := false
	err := supervise(t.Context(), c, prepared, t.Logf, func() { ran = true })
	return ran, err
}

func TestPower(t *testing.T) {
	c := config(t)
	client, _ := up(t, c, prepared)
	phase := func(want machine.Phase) {
		require.Eventually(t, func() bool {
			s, err := client.Status(t.Context())
			return err == nil && s.Hosts[0].Phase == want
		}, 20*time.Second, 5*time.Millisecond, want)
	}
	phase(machine.Up)
	require.ErrorContains(t, client.Act(t.Context(), "a", "on"), "on already")
	require.NoError(t, client.Act(t.Context(), "a", "freeze"))
	phase(machine.Frozen)
	require.NoError(t, client.Act(t.Context(), "a", "thaw"))
	phase(machine.Up)
	require.NoError(t, client.Act(t.Context(), "a", "off"))
	phase(machine.Off)
	require.ErrorContains(t, client.Act(t.Context(), "a", "reset"), "off")
	_, err := client.Agent(t.Context(), "a").Status(t.Context())
	require.ErrorContains(t, err, "off")
	require.NoError(t, os.RemoveAll(filepath.Join(c.Cache, "image")), "the cache may be emptied while a lab runs")
	require.NoError(t, client.Act(t.Context(), "a", "on"))
	phase(machine.Up)
	require.ErrorContains(t, client.Act(t.Context(), "z", "on"), `no host "z"`)
	require.ErrorContains(t, client.Act(t.Context(), "a", "explode"), "the actions are")
}

// Power that goes while a host starts ends the start, and the host is off.
func TestPowerOffWhileStarting(t *testing.T) {
	c := config(t)
	client, _ := up(t, c, prepared)
	require.NoError(t, client.Act(t.Context(), "a", "off"))
	_, err := client.Fault(t.Context(), "power-off a")
	require.NoError(t, err, "it is off already")
	t.Setenv(fakeqemu.Slow, "1")
	started := make(chan error, 1)
	go func() { started <- client.Act(t.Context(), "a", "on") }()
	phase := func() machine.Phase {
		s, err := client.Status(t.Context())
		require.NoError(t, err)
		return s.Hosts[0].Phase
	}
	require.Eventually(t, func() bool { return phase() == machine.Booting }, 20*time.Second, time.Millisecond)
	_, err = client.Fault(t.Context(), "power-off a")
	require.NoError(t, err)
	require.Equal(t, machine.Off, phase())
	require.ErrorContains(t, <-started, "power was cut")
	require.Equal(t, machine.Off, phase())
}

func TestHostThatEndedIsNotStarted(t *testing.T) {
	h := &Host{config: machine.Config{Name: "a"}, say: t.Logf}
	h.End()
	require.ErrorIs(t, h.PowerOn(t.Context(), false), machine.ErrGone)
}

func TestResetGivesTheIdentityAgain(t *testing.T) {
	client, _ := up(t, config(t), prepared)
	require.NoError(t, client.Act(t.Context(), "a", "reset"))
	require.Eventually(t, func() bool {
		s, err := client.Status(t.Context())
		if err != nil || s.Hosts[0].Resets != 1 || s.Hosts[0].Phase != machine.Up {
			return false
		}
		status, err := client.Agent(t.Context(), "a").Status(t.Context())
		return err == nil && status.Name == "a"
	}, 20*time.Second, 10*time.Millisecond)
}

// leftNothing checks that nothing of a lab is there.
func leftNothing(t *testing.T, c Config) {
	for _, gone := range []string{c.Run, c.Run + ".lock", c.disks()} {
		_, err := os.Lstat(gone)
		require.ErrorIs(t, err, os.ErrNotExist, gone)
	}
}

func TestHostThatFailsEndsTheLab(t *testing.T) {
	c := config(t)
	t.Setenv(fakeqemu.Broken, "no xenstored")
	err := supervise(t.Context(), c, prepared, t.Logf, func() { t.Error("it is not ready") })
	require.ErrorContains(t, err, "no xenstored")
	leftNothing(t, c)
}

func TestInterruptedStartLeavesNothing(t *testing.T) {
	c := config(t)
	t.Setenv(fakeqemu.Slow, "1")
	ctx, cancel := context.WithCancel(t.Context())
	say := func(format string, args ...any) {
		t.Logf(format, args...)
		cancel() // the hosts have begun to boot
	}
	require.ErrorIs(t, supervise(ctx, c, prepared, say, func() { t.Error("it is not ready") }), context.Canceled)
	leftNothing(t, c)
}

func TestDownEndsALabThatIsBeingPrepared(t *testing.T) {
	c := config(t)
	preparing, ended := make(chan struct{}), make(chan error, 1)
	slow := func(ctx context.Context, _ Config, _ func(string, ...any)) (*Prepared, error) {
		close(preparing)
		<-ctx.Done()
		return nil, ctx.Err()
	}
	go func() { ended <- supervise(context.Background(), c, slow, t.Logf, func() {}) }()
	<-preparing
	_, err := NewClient(c).Down(t.Context())
	require.NoError(t, err)
	require.ErrorIs(t, <-ended, context.Canceled)
	leftNothing(t, c)
}

func TestWhatACrashLeftIsRemoved(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, c Config){
		"by down": func(t *testing.T, c Config) {
			was, err := NewClient(c).Down(t.Context())
			require.NoError(t, err)
			require.False(t, was)
			leftNothing(t, c)
		},
		"by up": func(t *testing.T, c Config) {
			client, _ := up(t, c, prepared)
			require.NoFileExists(t, filepath.Join(c.disks(), "old"))
			_, err := client.Down(t.Context())
			require.NoError(t, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := config(t)
			for _, file := range []string{filepath.Join(c.Run, "control.sock"), filepath.Join(c.disks(), "old")} {
				require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
				require.NoError(t, os.WriteFile(file, nil, 0o600))
			}
			require.NoError(t, os.WriteFile(c.Run+".lock", []byte("1 1"), 0o600))
			end(t, c)
		})
	}
}

func TestFolderThatOthersCanWriteTo(t *testing.T) {
	c := config(t)
	base := filepath.Dir(c.Run)
	require.NoError(t, os.MkdirAll(base, 0o700))
	require.NoError(t, os.Chmod(base, 0o777))
	require.ErrorIs(t, supervise(t.Context(), c, prepared, t.Logf, func() {}), ErrPrivate)
}

func TestStatesAreMadeOnce(t *testing.T) {
	c := config(t)
	states := t.TempDir()
	p := &Prepared{Image: &image.Image{Key: "k", Dir: "/nowhere"}}
	s, err := c.state(t.Context(), p, states, nil, t.Logf)
	require.NoError(t, err)
	text, err := os.ReadFile(s.Path)
	require.NoError(t, err)
	require.Equal(t, fakeqemu.State, string(text))

	t.Setenv(fakeqemu.Broken, "it must not be started again")
	again, err := c.state(t.Context(), p, states, nil, t.Logf)
	require.NoError(t, err)
	require.Equal(t, s, again)

	c.Memory++
	_, err = c.state(t.Context(), p, states, nil, t.Logf)
	require.ErrorContains(t, err, "must not be started")
	left, err := filepath.Glob(filepath.Join(states, "making-*"))
	require.NoError(t, err)
	require.Empty(t, left, "what failed leaves nothing")
}

func TestConfigurationsThatCannotBe(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"name": func(c *Config) { c.Name = "A b" }, "no hosts": func(c *Config) { c.Hosts = 0 }, "hosts": func(c *Config) { c.Hosts = 4 },
		"memory": func(c *Config) { c.Memory = 1000 }, "service": func(c *Config) { c.Services = []string{"mysql"} }, "disk": func(c *Config) { c.Disk = 1 },
		"guest": func(c *Config) { c.Cold, c.Guest = true, &Guest{} },
	} {
		c := config(t)
		require.NoError(t, c.Validate())
		change(&c)
		require.ErrorIs(t, c.Validate(), ErrConfig, name)
		require.ErrorIs(t, Supervise(t.Context(), c, t.Logf, func() {}), ErrConfig, name)
	}
}

func TestCopySparse(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	require.NoError(t, machine.MakeDisk(from, 64<<20))
	f, err := os.OpenFile(from, os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte("first"), 0)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte("last"), 32<<20)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.NoError(t, copySparse(from, to))
	want, err := os.ReadFile(from)
	require.NoError(t, err)
	got, err := os.ReadFile(to)
	require.NoError(t, err)
	require.True(t, bytes.Equal(want, got))
	require.True(t, errors.Is(copySparse(filepath.Join(dir, "none"), to), os.ErrNotExist))
}

func TestGuestConfigurations(t *testing.T) {
	g := Guest{Name: "db", Kind: PVH, Number: 1, Memory: 128, Disk: "/dev/lab/data"}
	require.Equal(t, `name = "db"
type = "pvh"
memory = 128
vcpus = 1
ramdisk = "/boot/guest.cpio"
on_crash = "preserve"
kernel = "/boot/vmlinux"
disk = [ "format=raw,vdev=xvda,access=rw,script=block-lab,target=/dev/lab/data" ]
vif = [ "bridge=xenbr0,script=vif-lab,mac=00:16:3e:77:00:01" ]
cmdline = "holdfast.role=guest holdfast.ip=10.77.8.102/24 loglevel=4 panic=1 console=hvc0 holdfast.disk=/dev/xvda"
`, g.Config())
	require.Equal(t, "10.77.8.102:7000", g.Address())
	g.Kind, g.Disk = PV, ""
	require.Contains(t, g.Config(), "type = \"pv\"\n")
	require.NotContains(t, g.Config(), "xvda")
	require.ErrorContains(t, (&Guest{Name: "g", Kind: PVH, Memory: 128, Service: Redis}).Validate(), "needs a disk")
	for _, name := range []string{"", "a/b", "a b", "-a", "$(reboot)", strings.Repeat("a", 33)} {
		require.ErrorContains(t, (&Guest{Name: name, Kind: PVH, Memory: 128}).Validate(), "the guest's name")
	}
	g.Service, g.Disk = Redis, "/dev/drbd0"
	require.NoError(t, g.Validate())
	require.Equal(t, "10.77.8.102:6379", g.Address())
	require.Contains(t, g.Config(), `disk = [ "format=raw,vdev=xvda,access=rw,script=block-lab,target=/dev/drbd0", "format=raw,vdev=xvdb,access=ro,script=block-lab,target=/dev/lab/redis" ]`)
	require.Contains(t, g.Config(), "holdfast.service=redis holdfast.root=/dev/xvdb")

	g.Kind = HVM
	require.ErrorIs(t, g.Validate(), ErrConfig, "an HVM guest with Redis")
	g.Service, g.Disk = Registers, "/dev/lab/data"
	require.NoError(t, g.Validate())
	for _, want := range []string{
		"xen_platform_pci = 0\n", "model=e1000", `"file=/dev/lab/hvm,if=none,format=raw,id=boot,readonly=on"`, `"file=/dev/lab/data,if=none,format=raw,id=data,cache=writeback"`,
	} {
		require.Contains(t, g.Config(), want)
	}
	require.NotContains(t, g.Config(), "kernel")
}
