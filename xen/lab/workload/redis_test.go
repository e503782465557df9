package workload

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// redisServer speaks RESP and holds strings: as much of Redis as a session asks for.
type redisServer struct {
	mu       sync.Mutex
	values   map[string]string
	commands []string // what came, in its order
	// answer, if it returns true, takes the place of the server's own answer.
	answer func(command []string, conn net.Conn) bool
}

// answerBy has a function answer from now on, or the server itself.
func (s *redisServer) answerBy(answer func([]string, net.Conn) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

// came returns the commands that came.
func (s *redisServer) came() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.commands)
}

// dial returns a connection with the server.
func (s *redisServer) dial(context.Context) (net.Conn, error) {
	near, far := net.Pipe()
	go s.serve(far)
	return near, nil
}

func (s *redisServer) serve(conn net.Conn) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	for {
		command, err := readCommand(r)
		if err != nil {
			return
		}
		s.mu.Lock()
		s.commands = append(s.commands, strings.Join(command, " "))
		s.mu.Unlock()
		s.mu.Lock()
		answer := s.answer
		s.mu.Unlock()
		if answer != nil && answer(command, conn) {
			continue
		}
		if _, err := io.WriteString(conn, s.execute(command)); err != nil {
			return
		}
	}
}

// readCommand reads an array of bulk strings.
func readCommand(r *bufio.Reader) ([]string, error) {
	number := func(mark string) (int, error) {
		line, err := r.ReadString('\n')
		if err != nil {
			return 0, err
		}
		return strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(line, mark)))
	}
	n, err := number("*")
	var command []string
	for range n {
		length, err := number("$")
		if err != nil {
			return nil, err
		}
		text := make([]byte, length+2)
		if _, err := io.ReadFull(r, text); err != nil {
			return nil, err
		}
		command = append(command, string(text[:length]))
	}
	return command, err
}

func (s *redisServer) execute(c []string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch strings.ToUpper(c[0]) {
	case "PING":
		return "+PONG\r\n"
	case "INFO":
		const text = "# Server\r\nredis_version:7.0.15\r\nrun_id:abc\r\n"
		return fmt.Sprintf("$%d\r\n%s\r\n", len(text), text)
	case "GET":
		if v, ok := s.values[c[1]]; ok {
			return fmt.Sprintf("$%d\r\n%s\r\n", len(v), v)
		}
		return "$-1\r\n"
	case "SET":
		s.values[c[1]] = c[2]
		return "+OK\r\n"
	case "EVAL": // the script that there is
		if v, ok := s.values[c[3]]; ok && v == c[4] && c[1] == cas {
			s.values[c[3]] = c[5]
			return ":1\r\n"
		}
		return ":0\r\n"
	}
	return "-ERR unknown command\r\n"
}

func openRedis(t *testing.T, s *redisServer) Session {
	s.values = map[string]string{}
	session, err := Redis{}.Open(t.Context(), s.dial)
	require.NoError(t, err)
	t.Cleanup(func() { session.Close() })
	return session
}

// operations does what every service must do alike.
func operations(t *testing.T, s Session) {
	_, found, err := s.Read(t.Context(), "1")
	require.NoError(t, err)
	require.False(t, found)
	swapped, err := s.Cas(t.Context(), "1", "7", "8")
	require.NoError(t, err)
	require.False(t, swapped, "a key without a value")
	require.NoError(t, s.Write(t.Context(), "1", "7"))
	for _, want := range []bool{true, false} {
		swapped, err = s.Cas(t.Context(), "1", "7", "8")
		require.NoError(t, err)
		require.Equal(t, want, swapped)
	}
	value, found, err := s.Read(t.Context(), "1")
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, "8", value)
}

func TestRedis(t *testing.T) {
	s := &redisServer{}
	session := openRedis(t, s)
	require.Equal(t, "abc", session.(Booted).Boot())
	operations(t, session)
	require.Len(t, s.came(), 9, "one command for each operation and three to begin with: %q", s.came())
}

func TestRedisRefuses(t *testing.T) {
	s := &redisServer{}
	session := openRedis(t, s)
	s.answerBy(func(_ []string, conn net.Conn) bool {
		_, _ = io.WriteString(conn, "-MISCONF errors writing to the AOF file\r\n")
		return true
	})
	require.ErrorIs(t, session.Write(t.Context(), "1", "7"), ErrNotDone)
	s.answerBy(nil)
	require.NoError(t, session.Write(t.Context(), "1", "8"), "the session can be used on")
}

func TestRedisIsStillLoading(t *testing.T) {
	s := &redisServer{answer: func(_ []string, conn net.Conn) bool {
		_, _ = io.WriteString(conn, "-LOADING Redis is loading the dataset in memory\r\n")
		return true
	}}
	_, err := Redis{}.Open(t.Context(), s.dial)
	require.ErrorContains(t, err, "LOADING")
}

func TestRedisAnswerThatDoesNotCome(t *testing.T) {
	for name, answer := range map[string]func([]string, net.Conn) bool{
		"connection ends": func(_ []string, conn net.Conn) bool { conn.Close(); return true },
		"silence":         func([]string, net.Conn) bool { return true },
	} {
		t.Run(name, func(t *testing.T) {
			s := &redisServer{}
			session := openRedis(t, s)
			s.answerBy(answer)
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			err := session.Write(ctx, "1", "7")
			require.Error(t, err)
			require.NotErrorIs(t, err, ErrNotDone)
			require.Len(t, s.came(), 4, "it was not sent again: %q", s.came())
			require.Error(t, session.Write(t.Context(), "1", "8"), "nor does the session connect again")
			require.Len(t, s.came(), 4)
		})
	}
}
