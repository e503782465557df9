package lab_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestBootDisks: every fault of a disk is seen in dom0 to do what it says.
func TestBootDisks(t *testing.T) {
	needLab(t)
	run := tool(t)
	ok := func(args ...string) string {
		out, err := run(args...)
		require.NoError(t, err)
		return out
	}
	fails := func(want string, args ...string) {
		out, err := run(args...)
		require.Error(t, err)
		require.Contains(t, out, want)
	}
	ok("up", "--hosts", "1")
	const (
		write = "yes %s | tr -d '\\n' | dd of=/dev/lab/data bs=4096 count=1 iflag=fullblock oflag=direct%s"
		read  = "dd if=/dev/lab/data bs=4096 count=1 iflag=direct 2>/dev/null | head -c 1"
	)
	put := func(text, options string) string {
		return strings.Replace(strings.Replace(write, "%s", text, 1), "%s", options, 1)
	}
	has := func(want, why string) { require.Equal(t, want, ok("exec", "a", read), why) }
	fault := func(text string) { ok("fault", text) }

	ok("exec", "a", put("a", ""))
	has("a", "a healthy disk")

	fault("disk-error a db write count 1")
	fails("error", "exec", "a", put("b", ""))
	has("a", "a write that failed")
	ok("exec", "a", put("b", ""))
	has("b", "the next one succeeds")

	fault("disk-error a db read")
	fails("error", "exec", "a", "dd if=/dev/lab/data bs=4096 count=1 iflag=direct of=/dev/null")
	fault("disk-heal a db")
	has("b", "healed")

	fault("disk-full a db")
	fails("error", "exec", "a", put("c", ""))
	has("b", "reads work")
	fault("disk-heal a db")

	start := time.Now()
	fault("disk-slow a db by 2s")
	ok("exec", "a", read)
	require.Greater(t, time.Since(start), 2*time.Second)
	fault("disk-heal a db")
	start = time.Now()
	fault("disk-hang a db for 5s")
	has("b", "a disk that hung and goes on")
	require.Greater(t, time.Since(start), 5*time.Second)

	// What was flushed outlives the power; what was not does not, if the fault says so; and a disk that lies loses both.
	ok("exec", "a", put("d", " conv=fsync"))
	ok("exec", "a", put("e", ""))
	has("e", "written")
	fault("power-off a lose-unsynced")
	ok("power", "a", "on")
	has("d", "the last that was flushed")
	ok("exec", "a", put("e", ""))
	fault("power-off a keep-unsynced")
	ok("power", "a", "on")
	has("e", "kept although it was not flushed")
	fault("disk-lying-flush a db")
	ok("exec", "a", put("f", " conv=fsync"))
	fault("power-off a lose-unsynced")
	ok("power", "a", "on")
	has("e", "called durable and lost")
	fault("heal-all")

	sum := func() string {
		return ok("exec", "a", "dd if=/dev/lab/data bs=1M count=64 iflag=direct 2>/dev/null | md5sum")
	}
	before := sum()
	fault("disk-corrupt a db")
	require.NotEqual(t, before, sum(), "one byte is another one")
	require.Empty(t, status(t, run).Hosts[0].Disks["data"].Faults)
	fails("no shared storage", "fault", "storage-cut a")
	fails("does not know the I/O time-out", "fault", "io-delay a db read by 1T")
	ok("down")
}
