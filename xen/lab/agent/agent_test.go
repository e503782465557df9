package agent

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// testHost is a Host that remembers who it is.
type testHost struct{ id Identity }

func (h *testHost) Status() Status { return Status{Ready: true, Step: "test", Name: h.id.Name} }
func (h *testHost) Identify(id Identity) error {
	if id.Name == "" {
		return errors.New("no name")
	}
	h.id = id
	return nil
}

// pair returns a client connected with a server of this process. before is what an earlier talk left in the channel.
func pair(t *testing.T, before string) *Client {
	listener, err := net.Listen("unix", filepath.Join(t.TempDir(), "port"))
	require.NoError(t, err)
	near, err := net.Dial("unix", listener.Addr().String())
	require.NoError(t, err)
	far, err := listener.Accept()
	require.NoError(t, err)
	listener.Close()
	_, err = io.WriteString(near, before)
	require.NoError(t, err)
	_, err = io.WriteString(far, before)
	require.NoError(t, err)
	t.Cleanup(func() { far.Close() })
	go Serve(far, &testHost{}, func() {})
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, _, err := Connect(ctx, near)
	require.NoError(t, err)
	t.Cleanup(func() { near.Close() })
	return c
}

func TestGreetingSkipsWhatWasLeft(t *testing.T) {
	for _, before := range []string{"garbage", greeting, greeting + "0123\n", "\n\x00HOLDFAST-AGENT 00", greeting + "HOLDFAST-"} {
		t.Run(before, func(t *testing.T) {
			status, err := pair(t, before).Status(t.Context())
			require.NoError(t, err)
			require.True(t, status.Ready)
		})
	}
}

// deaf is a connection whose first write gets lost.
type deaf struct {
	net.Conn
	lost bool
}

func (d *deaf) Write(p []byte) (int, error) {
	if !d.lost {
		d.lost = true
		return len(p), nil
	}
	return d.Conn.Write(p)
}

func TestGreetingThatIsLostIsSentAgain(t *testing.T) {
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	go Serve(far, &testHost{}, func() {})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c, _, err := Connect(ctx, &deaf{Conn: near})
	require.NoError(t, err)
	_, err = c.Status(ctx)
	require.NoError(t, err)
}

func TestIdentity(t *testing.T) {
	c := pair(t, "")
	require.ErrorContains(t, c.Identify(t.Context(), Identity{}), "no name")
	require.NoError(t, c.Identify(t.Context(), Identity{Name: "a"}))
	status, err := c.Status(t.Context())
	require.NoError(t, err)
	require.Equal(t, "a", status.Name)
}

func TestExec(t *testing.T) {
	c := pair(t, "")
	for _, test := range []struct {
		name     string
		script   string
		in       string
		code     int
		out, err string
	}{
		{"output", "echo out; echo err >&2", "", 0, "out\n", "err\n"},
		{"exit code", "exit 7", "", 7, "", ""},
		{"signal", "kill -9 $$", "", 137, "", ""},
		{"input", "cat; echo end", "some input", 0, "some inputend\n", ""},
		{"large input", "wc -c", strings.Repeat("x", 1<<20), 0, "1048576\n", ""},
		{"left in the background", "sleep 100 & echo started", "", 0, "started\n", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			code, err := c.Exec(t.Context(), Command{Args: []string{"sh", "-c", test.script}, In: strings.NewReader(test.in), Out: &out, Err: &errs})
			require.NoError(t, err)
			require.Equal(t, test.code, code)
			require.Equal(t, test.out, out.String())
			require.Equal(t, test.err, errs.String())
		})
	}
	_, err := c.Exec(t.Context(), Command{Args: []string{"/no/such/program"}})
	require.ErrorContains(t, err, "no such file")
	_, err = c.Exec(t.Context(), Command{})
	require.ErrorContains(t, err, "no command")
}

func TestExecEndsWithItsContext(t *testing.T) {
	c := pair(t, "")
	ctx, cancel := context.WithCancel(t.Context())
	read, write := io.Pipe()
	done := make(chan error, 1)
	go func() {
		_, err := c.Exec(ctx, Command{Args: []string{"sh", "-c", "echo $$; exec sleep 1000"}, Out: write})
		done <- err
	}()
	line := make([]byte, 16)
	n, err := read.Read(line)
	require.NoError(t, err)
	pid := strings.TrimSpace(string(line[:n]))
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
	require.Eventually(t, func() bool {
		_, err := os.Stat("/proc/" + pid)
		return err != nil
	}, 10*time.Second, 10*time.Millisecond, "the command goes on without its client")
}

func TestPush(t *testing.T) {
	c := pair(t, "")
	name := filepath.Join(t.TempDir(), "below", "file")
	data := bytes.Repeat([]byte("0123456789"), 100_000)
	require.NoError(t, c.Push(t.Context(), name, 0o751, int64(len(data)), bytes.NewReader(data)))
	got, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, data, got)
	info, err := os.Stat(name)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o751), info.Mode().Perm())

	require.ErrorContains(t, c.Push(t.Context(), name, 0o644, 10, strings.NewReader("short")), "only 5 of 10")
	got, err = os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, data, got, "half a file must not be seen")
	require.ErrorContains(t, c.Push(t.Context(), "relative", 0o644, 0, nil), "relative")
}

func TestSelfTest(t *testing.T) {
	require.Equal(t, testWant, testRound())
	rounds, wrong, err := pair(t, "").SelfTest(t.Context(), 0)
	require.NoError(t, err)
	require.Equal(t, 1, rounds)
	require.Zero(t, wrong)
}

func FuzzReadFrame(f *testing.F) {
	f.Add([]byte{1, 0, 0, 0, 2, 'a', 'b'})
	f.Add([]byte{9, 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, data []byte) {
		var buffer []byte
		r := bytes.NewReader(data)
		for {
			kind, content, err := readFrame(r, &buffer)
			if err != nil {
				return
			}
			require.LessOrEqual(t, len(content), maxFrame)
			require.LessOrEqual(t, kind, byte(frameEnd))
		}
	})
}
