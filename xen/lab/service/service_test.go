package service

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestRequestsPrintAndParse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := Request{ID: rapid.Uint64().Draw(t, "id"), Op: rapid.SampledFrom([]Op{Read, Write, CAS, Info}).Draw(t, "op")}
		if r.Op != Info {
			r.Key = rapid.IntRange(0, Keys-1).Draw(t, "key")
		}
		if r.Op == CAS {
			r.Old = rapid.Int64().Draw(t, "old")
		}
		if r.Op == CAS || r.Op == Write {
			r.New = rapid.Int64().Draw(t, "new")
		}
		got, err := ParseRequest(r.String())
		if err != nil || got != r {
			t.Fatalf("%q becomes %+v, %v", r.String(), got, err)
		}
	})
}

func TestBadRequests(t *testing.T) {
	for line, id := range map[string]uint64{
		"": 0, "read 3": 0, "7": 7, "7 erase 3": 7, "7 read": 7, "7 read 1 2": 7, "7 read 4096": 7, "7 read -1": 7, "7 write 1 x": 7,
		"7 cas 1 2": 7, "7  read 1": 7, "7 write 1 9223372036854775808": 7,
	} {
		r, err := ParseRequest(line)
		require.ErrorIs(t, err, ErrRequest, line)
		require.Equal(t, id, r.ID, line)
	}
}

func FuzzParseRequest(f *testing.F) {
	f.Add("17 cas 3 43 44")
	f.Fuzz(func(t *testing.T, line string) {
		r, err := ParseRequest(line)
		if err == nil {
			again, err := ParseRequest(r.String())
			require.NoError(t, err)
			require.Equal(t, r, again)
		}
	})
}

// serve starts a service and returns a function that connects with it.
func serve(t *testing.T, c Config) func() net.Conn {
	s, err := New(c)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	go s.Serve(listener)
	return func() net.Conn {
		conn, err := net.Dial("tcp", listener.Addr().String())
		require.NoError(t, err)
		t.Cleanup(func() { conn.Close() })
		require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
		return conn
	}
}

func disk(t *testing.T) string {
	name := filepath.Join(t.TempDir(), "disk")
	require.NoError(t, os.WriteFile(name, nil, 0o600))
	require.NoError(t, os.Truncate(name, MinDisk))
	return name
}

func TestOperations(t *testing.T) {
	for name, c := range map[string]Config{"memory": {Boot: "b"}, "disk": {Boot: "b", Disk: disk(t)}} {
		t.Run(name, func(t *testing.T) {
			conn := serve(t, c)()
			var got bytes.Buffer
			_, err := io.WriteString(conn, "1 read 3\n2 write 3 42\n3 read 3\n4 cas 3 1 2\n5 cas 3 42 -7\n6 read 3\n7 fly\n8 info\n")
			require.NoError(t, err)
			require.NoError(t, conn.(*net.TCPConn).CloseWrite())
			_, err = io.Copy(&got, conn)
			require.NoError(t, err)
			require.Equal(t, "1 ok 0\n2 ok\n3 ok 42\n4 refused\n5 ok\n6 ok -7\n7 error bad request: unknown operation \"fly\"\n"+
				fmt.Sprintf("8 ok boot=b durable=%t applied=6 backwards=0\n", c.Disk != ""), got.String())
		})
	}
}

func TestLineThatNeverEnds(t *testing.T) {
	conn := serve(t, Config{})()
	_, err := conn.Write(bytes.Repeat([]byte("x"), 4*maxLine))
	require.NoError(t, err)
	_, err = conn.Read(make([]byte, 1))
	require.Error(t, err, "the service ends the connection")
}

func TestClient(t *testing.T) {
	open := serve(t, Config{Boot: "b", Disk: disk(t)})
	load, err := NewClient(open()).Load(20, 1000)
	require.NoError(t, err)
	require.Equal(t, 40, load.Operations)
	require.Equal(t, "b", load.Boot)
	c := NewClient(open())
	got, err := c.Do(Request{Op: Read, Key: 19})
	require.NoError(t, err)
	require.Equal(t, int64(1019), got.Value)
	got, err = c.Do(Request{Op: CAS, Key: 19, Old: 1, New: 2})
	require.NoError(t, err)
	require.True(t, got.Refused)
	_, err = c.Do(Request{Op: Read, Key: -1})
	require.ErrorIs(t, err, ErrRequest)
}

func TestClientFindsWrongAnswers(t *testing.T) {
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	go func() {
		b := make([]byte, 100)
		for _, reply := range []string{"1 ok boot=x\n", "2 ok\n", "3 ok 5\n"} { // it forgot what was written
			if _, err := far.Read(b); err != nil {
				return
			}
			_, _ = io.WriteString(far, reply)
		}
	}()
	_, err := NewClient(near).Load(1, 7)
	require.ErrorContains(t, err, "reads 5 after a write of 7")
}

func TestDiskThatIsTooSmall(t *testing.T) {
	name := disk(t)
	require.NoError(t, os.Truncate(name, MinDisk-1))
	_, err := New(Config{Disk: name})
	require.ErrorIs(t, err, ErrDisk)
	_, err = New(Config{Disk: filepath.Join(t.TempDir(), "none")})
	require.ErrorIs(t, err, os.ErrNotExist)
}

// memory is a disk with a volatile cache: what was not synced may be lost in a crash, block by block.
type memory struct {
	durable []byte
	cached  map[int64][]byte // by block
	fail    error
}

func newMemory(size int) *memory {
	return &memory{durable: make([]byte, size), cached: map[int64][]byte{}}
}

func (m *memory) ReadAt(p []byte, at int64) (int, error) {
	for i := range p {
		b := (at + int64(i)) / block
		if data, ok := m.cached[b]; ok {
			p[i] = data[(at+int64(i))%block]
		} else {
			p[i] = m.durable[at+int64(i)]
		}
	}
	return len(p), m.fail
}

func (m *memory) WriteAt(p []byte, at int64) (int, error) {
	for i := 0; i < len(p); i += block {
		m.cached[(at+int64(i))/block] = bytes.Clone(p[i : i+block])
	}
	return len(p), m.fail
}

func (m *memory) Sync() error {
	for b, data := range m.cached {
		copy(m.durable[b*block:], data)
	}
	clear(m.cached)
	return m.fail
}

// crash loses each cached block that lost says, and tears those that torn says.
func (m *memory) crash(fate func() string) {
	for b := range int64(len(m.durable) / block) {
		data, ok := m.cached[b]
		if !ok {
			continue
		}
		switch fate() {
		case "kept":
			copy(m.durable[b*block:], data)
		case "torn":
			copy(m.durable[b*block:b*block+512], data)
		}
	}
	clear(m.cached)
}

// What was appended is there after any crash; what was being appended is there whole or not at all.
func TestJournalSurvivesCrashes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, s := newMemory(MinDisk), &store{}
		j, err := openJournal(m, MinDisk, s)
		if err != nil {
			t.Fatal(err)
		}
		fates := rapid.SampledFrom([]string{"kept", "lost", "torn"})
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			acknowledged := s.values
			changes := make([]change, rapid.IntRange(1, 300).Draw(t, "changes"))
			for i := range changes {
				changes[i] = change{rapid.IntRange(0, Keys-1).Draw(t, "key"), rapid.Int64().Draw(t, "value")}
				s.values[changes[i].key] = changes[i].value
			}
			if rapid.IntRange(0, 9).Draw(t, "crash") > 0 {
				if err := j.append(changes, s); err != nil {
					t.Fatal(err)
				}
				continue
			}
			// The power goes while the batch is written: nothing of it was acknowledged.
			broken := errors.New("power")
			m.fail = broken
			syncless := &unsynced{m}
			j.disk = syncless
			_ = j.append(changes, s)
			m.fail = nil
			m.crash(func() string { return fates.Draw(t, "fate") })
			after := &store{}
			if j, err = openJournal(m, MinDisk, after); err != nil {
				t.Fatal(err)
			}
			if after.values != acknowledged && after.values != s.values {
				t.Fatal("after a crash the registers are neither those before the batch nor those after it")
			}
			s = after
		}
		again := &store{}
		if _, err := openJournal(m, MinDisk, again); err != nil || again.values != s.values {
			t.Fatalf("a start reads something else than was written: %v", err)
		}
	})
}

// unsynced is a disk whose power goes before it can sync.
type unsynced struct{ m *memory }

func (u *unsynced) ReadAt(p []byte, at int64) (int, error) { return u.m.ReadAt(p, at) }
func (u *unsynced) WriteAt(p []byte, at int64) (int, error) {
	n, _ := u.m.WriteAt(p, at)
	return n, nil
}
func (u *unsynced) Sync() error { return u.m.fail }

func TestDiskErrorEndsTheService(t *testing.T) {
	m := newMemory(MinDisk)
	s := &Server{requests: make(chan pending, 1)}
	var err error
	s.journal, err = openJournal(m, MinDisk, &s.store)
	require.NoError(t, err)
	m.fail = errors.New("broken")
	reply := make(chan string, 1)
	s.requests <- pending{Request{ID: 1, Op: Write, New: 5}, reply}
	require.ErrorIs(t, s.loop(), m.fail)
	require.Empty(t, reply, "what may not be durable is not answered")
}
