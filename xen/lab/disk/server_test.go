package disk

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/faults"
)

// nbdClient is the other side of the protocol.
type nbdClient struct {
	t      *testing.T
	conn   net.Conn
	cookie uint64
}

func connect(t *testing.T, path string) *nbdClient {
	conn, err := net.Dial("unix", path)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	c := &nbdClient{t: t, conn: conn}
	c.expect(uint64(nbdMagic), uint64(optionMagic), uint16(flagFixed|flagNoZeroes))
	require.NoError(t, put(conn, uint32(flagFixed|flagNoZeroes)))
	require.NoError(t, put(conn, uint64(optionMagic), uint32(8), uint32(0))) // structured replies
	c.expect(uint64(optionReply), uint32(8), uint32(repErrUnsup), uint32(0))
	require.NoError(t, put(conn, uint64(optionMagic), uint32(optGo), uint32(6), uint32(0), uint16(0)))
	c.expect(uint64(optionReply), uint32(optGo), uint32(repInfo), uint32(12), uint16(infoExport), uint64(testSize), uint16(transmit))
	c.expect(uint64(optionReply), uint32(optGo), uint32(repAck), uint32(0))
	return c
}

// expect reads values and compares them.
func (c *nbdClient) expect(values ...any) {
	for _, want := range values {
		got := make([]byte, binary.Size(want))
		_, err := io.ReadFull(c.conn, got)
		require.NoError(c.t, err)
		text, err := binary.Append(nil, binary.BigEndian, want)
		require.NoError(c.t, err)
		require.Equal(c.t, text, got)
	}
}

// send makes a request without waiting for the reply, and returns its cookie.
func (c *nbdClient) send(kind, flags uint16, at int64, length int, data []byte) uint64 {
	c.cookie++
	require.NoError(c.t, put(c.conn, uint32(requestMagic), flags, kind, c.cookie, uint64(at), uint32(length), data))
	return c.cookie
}

// do makes a request and returns its error's number and what it read.
func (c *nbdClient) do(kind, flags uint16, at int64, length int, data []byte) (uint32, []byte) {
	cookie := c.send(kind, flags, at, length, data)
	var reply struct {
		Magic, Error uint32
		Cookie       uint64
	}
	require.NoError(c.t, binary.Read(c.conn, binary.BigEndian, &reply))
	require.Equal(c.t, uint32(replyMagic), reply.Magic)
	require.Equal(c.t, cookie, reply.Cookie)
	if kind != cmdRead || reply.Error != 0 {
		return reply.Error, nil
	}
	got := make([]byte, length)
	_, err := io.ReadFull(c.conn, got)
	require.NoError(c.t, err)
	return 0, got
}

func (c *nbdClient) write(text string) uint32 {
	n, _ := c.do(cmdWrite, 0, 0, sector, bytes.Repeat([]byte(text), sector))
	return n
}

func (c *nbdClient) read() (uint32, string) {
	n, got := c.do(cmdRead, 0, 0, sector, nil)
	return n, string(got[:min(1, len(got))])
}

func served(t *testing.T) (*Disk, *Server, *nbdClient) {
	dir := t.TempDir()
	d := open(t, dir, 1)
	s, err := Serve(filepath.Join(dir, "s"), d)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()); d.Close() })
	return d, s, connect(t, filepath.Join(dir, "s"))
}

// inject does a fault written as in a script.
func inject(t *testing.T, d *Disk, text string) {
	f, err := faults.Parse(text)
	require.NoError(t, err)
	require.NoError(t, d.Inject(f))
}

func TestOperations(t *testing.T) {
	d, _, c := served(t)
	require.Zero(t, c.write("a"))
	_, got := c.read()
	require.Equal(t, "a", got)
	require.Equal(t, int64(sector), d.Stats().Unsynced)
	n, _ := c.do(cmdFlush, 0, 0, 0, nil)
	require.Zero(t, n)
	require.Zero(t, d.Stats().Unsynced)
	n, _ = c.do(cmdTrim, 0, 0, testSize, nil)
	require.Zero(t, n)
	_, got = c.read()
	require.Equal(t, "\x00", got)
	for _, kind := range []uint16{cmdRead, cmdTrim, 77} {
		n, _ = c.do(kind, 0, testSize, sector, nil)
		require.Equal(t, uint32(nbdEINVAL), n, "outside of the disk")
	}
}

func TestErrorsAreCounted(t *testing.T) {
	d, _, c := served(t)
	inject(t, d, "disk-error a db write count 2")
	require.Equal(t, []string{"disk-error write count 2"}, d.Stats().Faults)
	require.Equal(t, uint32(nbdEIO), c.write("a"))
	n, _ := c.read()
	require.Zero(t, n, "reads are well")
	require.Equal(t, uint32(nbdEIO), c.write("a"))
	require.Zero(t, c.write("b"))
	inject(t, d, "disk-error a db read")
	for range 3 {
		n, _ = c.read()
		require.Equal(t, uint32(nbdEIO), n)
	}
	inject(t, d, "disk-heal a db")
	n, got := c.read()
	require.Zero(t, n)
	require.Equal(t, "b", got)
	require.Equal(t, int64(5), d.Stats().Failed)
}

func TestFullDisk(t *testing.T) {
	d, _, c := served(t)
	inject(t, d, "disk-full a db")
	require.Equal(t, uint32(nbdENOSPC), c.write("a"))
	n, _ := c.read()
	require.Zero(t, n)
}

func TestSlowDisk(t *testing.T) {
	d, _, c := served(t)
	inject(t, d, "disk-slow a db by 60ms")
	start := time.Now()
	require.Zero(t, c.write("a"))
	require.GreaterOrEqual(t, time.Since(start), 60*time.Millisecond)
	inject(t, d, "disk-heal a db")
	require.Zero(t, c.write("a"))
	require.Equal(t, int64(1), d.Stats().Delayed)
}

func TestFaultEndsByItself(t *testing.T) {
	d, _, c := served(t)
	inject(t, d, "disk-hang a db for 80ms")
	start := time.Now()
	require.Zero(t, c.write("a"), "it completes when the fault ends")
	require.GreaterOrEqual(t, time.Since(start), 80*time.Millisecond)
	require.Empty(t, d.Stats().Faults)
}

func TestHungOperationsDieWithThePower(t *testing.T) {
	d, s, c := served(t)
	inject(t, d, "disk-hang a db")
	c.send(cmdWrite, 0, 0, sector, bytes.Repeat([]byte("a"), sector))
	require.Eventually(t, func() bool { return d.Stats().Delayed == 1 }, 10*time.Second, time.Millisecond)
	s.Unplug()
	inject(t, d, "disk-heal a db")
	require.Equal(t, byte(0), content(t, d)[0], "it never happened")
	again := connect(t, s.listener.Addr().String())
	require.Zero(t, again.write("b"), "the next machine has the disk")
}

func TestLyingFlush(t *testing.T) {
	d, _, c := served(t)
	inject(t, d, "disk-lying-flush a db")
	require.Zero(t, c.write("a"))
	n, _ := c.do(cmdFlush, 0, 0, 0, nil)
	require.Zero(t, n)
	n, _ = c.do(cmdWrite, commandFUA, sector, sector, bytes.Repeat([]byte("f"), sector))
	require.Zero(t, n)
	_, _, err := d.PowerLoss(faults.UnsyncedLost)
	require.NoError(t, err)
	require.Equal(t, make([]byte, testSize), content(t, d), "everything since the lie is lost")
}

// FuzzServe: whatever a client sends, the server ends or answers, and nothing outside of the disk is touched.
func FuzzServe(f *testing.F) {
	hello := []byte{0, 0, 0, 1, 'I', 'H', 'A', 'V', 'E', 'O', 'P', 'T', 0, 0, 0, 1, 0, 0, 0, 0}
	f.Add(hello)
	f.Add(append(bytes.Clone(hello), 0x25, 0x60, 0x95, 0x13, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0))
	f.Fuzz(func(t *testing.T, data []byte) {
		d := open(t, t.TempDir(), 1)
		defer d.Close()
		near, far := net.Pipe()
		go func() { _, _ = io.Copy(io.Discard, near) }()
		go func() { _, _ = near.Write(data); near.Close() }()
		require.Error(t, func() error {
			err := d.serve(far)
			far.Close()
			if err == nil {
				err = io.EOF // a farewell
			}
			return err
		}())
		info, err := d.file.Stat()
		require.NoError(t, err)
		require.Equal(t, int64(testSize), info.Size())
	})
}
