package qmp

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

const hello = `{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": ""}, "capabilities": ["oob"]}}` + "\n"

// fake is a QEMU that greets and answers each command with what answer returns for it, one line or several.
func fake(t *testing.T, greeting string, answer func(c command) string) string {
	path := filepath.Join(t.TempDir(), "q")
	listener, err := net.Listen("unix", path)
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, greeting)
		lines := bufio.NewScanner(conn)
		for lines.Scan() {
			var c command
			if json.Unmarshal(lines.Bytes(), &c) != nil {
				return
			}
			text := fmt.Sprintf(`{"return": {}, "id": %d}`, c.ID)
			if c.Execute != "qmp_capabilities" {
				text = answer(c)
			}
			if text == "" {
				return
			}
			_, _ = io.WriteString(conn, text+"\n")
		}
	}()
	return path
}

func dial(t *testing.T, path string) *Client {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	c, err := Dial(ctx, path)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

func TestCommandAndResult(t *testing.T) {
	c := dial(t, fake(t, hello, func(c command) string {
		return fmt.Sprintf(`{"return": {"running": true, "status": %q}, "id": %d}`, c.Execute+fmt.Sprint(c.Arguments), c.ID)
	}))
	var got struct {
		Running bool
		Status  string
	}
	require.NoError(t, c.Do(t.Context(), "query-status", map[string]int{"a": 1}, &got))
	require.True(t, got.Running)
	require.Equal(t, "query-statusmap[a:1]", got.Status)
}

func TestRefusedCommand(t *testing.T) {
	c := dial(t, fake(t, hello, func(c command) string {
		return fmt.Sprintf(`{"id": %d, "error": {"class": "CommandNotFound", "desc": "no such command"}}`, c.ID)
	}))
	err := c.Do(t.Context(), "nonsense", nil, nil)
	var refused *Error
	require.ErrorAs(t, err, &refused)
	require.Equal(t, Error{"nonsense", "CommandNotFound", "no such command"}, *refused)
}

func TestEventsComeBetweenReplies(t *testing.T) {
	c := dial(t, fake(t, hello, func(c command) string {
		return `{"timestamp": {"seconds": 5, "microseconds": 7}, "event": "SHUTDOWN", "data": {"guest": true}}` + "\n" +
			fmt.Sprintf(`{"return": {}, "id": %d}`, c.ID)
	}))
	require.NoError(t, c.Do(t.Context(), "x", nil, nil))
	e := <-c.Events()
	require.Equal(t, "SHUTDOWN", e.Name)
	require.JSONEq(t, `{"guest": true}`, string(e.Data))
	require.Equal(t, time.Unix(5, 7000), e.Time)
}

func TestEventsThatNobodyReadsDoNotBlock(t *testing.T) {
	c := dial(t, fake(t, hello, func(c command) string {
		text := ""
		for i := range eventRoom + 10 {
			text += fmt.Sprintf(`{"event": "E%d"}`+"\n", i)
		}
		return text + fmt.Sprintf(`{"return": {}, "id": %d}`, c.ID)
	}))
	require.NoError(t, c.Do(t.Context(), "x", nil, nil))
	require.Equal(t, "E10", (<-c.Events()).Name, "the oldest are dropped")
}

func TestConnectionThatEnds(t *testing.T) {
	c := dial(t, fake(t, hello, func(command) string { return "" }))
	require.ErrorIs(t, c.Do(t.Context(), "quit", nil, nil), ErrClosed)
	_, open := <-c.Events()
	require.False(t, open)
	require.ErrorIs(t, c.Do(t.Context(), "stop", nil, nil), ErrClosed)
}

func TestContextEndsWaiting(t *testing.T) {
	c := dial(t, fake(t, hello, func(command) string { return `{"event": "NOTHING"}` }))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, c.Do(ctx, "stop", nil, nil), context.DeadlineExceeded)
}

func TestWhatIsNoQEMU(t *testing.T) {
	for _, greeting := range []string{"SSH-2.0\n", "{}\n", "[1]\n"} {
		_, err := Dial(t.Context(), fake(t, greeting, nil))
		require.Error(t, err, greeting)
	}
	_, err := Dial(t.Context(), filepath.Join(t.TempDir(), "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestSendFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "q")
	listener, err := net.Listen("unix", path)
	require.NoError(t, err)
	defer listener.Close()
	got := make(chan string, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, hello)
		for id := 1; id <= 2; id++ {
			data, rights := make([]byte, 512), make([]byte, 64)
			_, n, _, _, _ := conn.(*net.UnixConn).ReadMsgUnix(data, rights)
			if messages, _ := unix.ParseSocketControlMessage(rights[:n]); len(messages) == 1 {
				files, _ := unix.ParseUnixRights(&messages[0])
				text, _ := io.ReadAll(os.NewFile(uintptr(files[0]), "f"))
				got <- string(text)
			}
			fmt.Fprintf(conn, `{"return": {}, "id": %d}`+"\n", id)
		}
	}()
	c := dial(t, path)
	name := filepath.Join(t.TempDir(), "f")
	require.NoError(t, os.WriteFile(name, []byte("content"), 0o600))
	f, err := os.Open(name)
	require.NoError(t, err)
	defer f.Close()
	require.NoError(t, c.SendFile(t.Context(), "state", f))
	require.Equal(t, "content", <-got)
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(hello))
	f.Add([]byte(`{"return": {}, "id": 1}`))
	f.Add([]byte(`{"event": 3}`))
	f.Fuzz(func(t *testing.T, data []byte) { _, _ = parse(data) })
}
