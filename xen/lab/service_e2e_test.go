package lab_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/xen/lab"
	"holdfast/xen/lab/workload"
)

// session opens a session with a guest's service as soon as it answers.
func session(t *testing.T, c *lab.Client, s workload.Service, g lab.Guest) workload.Session {
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	for {
		opened, err := s.Open(ctx, func(ctx context.Context) (net.Conn, error) { return c.Dial(ctx, g.Address()) })
		if err == nil {
			return opened
		}
		if ctx.Err() != nil {
			t.Fatalf("%s does not answer: %v", s.Name(), err)
		}
		time.Sleep(time.Second)
	}
}

// TestBootServices: real Redis and PostgreSQL serve from a guest, and what they answered is there after the host lost
// its power in the middle of it.
func TestBootServices(t *testing.T) {
	needLab(t)
	run := tool(t)
	ok := func(args ...string) {
		_, err := run(args...)
		require.NoError(t, err)
	}
	ok("up", "--hosts", "1", "--guests", "redis,postgres")
	c, err := lab.Default("e2e")
	require.NoError(t, err)
	client := lab.NewClient(c)
	for number, s := range []workload.Service{workload.Redis{}, workload.Postgres{}} {
		t.Run(s.Name(), func(t *testing.T) {
			g := lab.Guest{Number: number, Service: lab.Service(s.Name())}
			disk := []string{"/dev/lab/data", "/dev/lab/system"}[number] // each has one of its own
			create := func(kind string) {
				ok("guest", "a", s.Name(), "--service", s.Name(), "--number", string(rune('0'+number)), "--type", kind, "--on", disk)
			}
			create("pvh")
			first := session(t, client, s, g)
			for _, value := range []string{"1", "2", "3"} {
				require.NoError(t, first.Write(t.Context(), "7", value))
			}
			swapped, err := first.Cas(t.Context(), "7", "3", "4")
			require.NoError(t, err)
			require.True(t, swapped)
			ok("power", "a", "off")
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			err = first.Write(ctx, "8", "9")
			require.Error(t, err, "nobody is there")
			require.NotErrorIs(t, err, workload.ErrNotDone, "nobody knows")
			first.Close()

			ok("power", "a", "on")
			create("pv")
			second := session(t, client, s, g)
			defer second.Close()
			value, found, err := second.Read(t.Context(), "7")
			require.NoError(t, err)
			require.True(t, found)
			require.Equal(t, "4", value, "the last answered write")
			ok("exec", "a", "xl destroy "+s.Name())
		})
	}
}
