package wire

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"holdfast/xen/lab/wire/frame"
)

// maxSocketPath is the longest address of a unix socket on Linux (sun_path without its terminating zero).
const maxSocketPath = 107

// maxBatch is how many waiting frames are written to a machine at a time, and then counted.
const maxBatch = 64

// SocketPath returns where the NIC of a host on a segment is plugged in.
func SocketPath(dir, host string, on Segment) string {
	return filepath.Join(dir, host+"-"+string(on)+".sock")
}

// Socket is a Port into which a QEMU machine is plugged.
type Socket struct {
	*Port
	network  *Network
	path     string
	listener net.Listener
	log      func(msg string, args ...any)
	ended    chan struct{}

	mu      sync.Mutex
	session *session
	closed  bool
}

// Plug adds a port for the NIC of a machine and listens at its socket. Whoever connects is plugged in until the connection
// ends, as a machine does that is stopped or killed; whoever connects next takes the place of the one before, whose
// waiting frames are dropped. The host becomes a member: a fault that names it finds it.
//
// Connect QEMU with Netdev. Version 7.2 does not connect again by itself: when the lab's process ends, machines lose
// their network until they are started anew.
func (n *Network) Plug(host string, on Segment) (*Socket, error) {
	path := SocketPath(n.cfg.Dir, host, on)
	if len(path) > maxSocketPath {
		return nil, fmt.Errorf("plug %s into %s: the socket's path %s has %d bytes, at most %d are possible: choose a shorter folder",
			host, on, path, len(path), maxSocketPath)
	}
	if err := clearSocket(path); err != nil {
		return nil, fmt.Errorf("plug %s into %s: %w", host, on, err)
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("plug %s into %s: %w", host, on, err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		listener.Close()
		return nil, fmt.Errorf("plug %s into %s: %w", host, on, err)
	}
	p, err := n.attach(host, on)
	if err != nil {
		listener.Close()
		return nil, fmt.Errorf("plug %s into %s: %w", host, on, err)
	}
	s := &Socket{Port: p, network: n, path: path, listener: listener, log: n.cfg.Log.With("host", host, "network", string(on)).Info, ended: make(chan struct{})}
	if err := n.opened(s); err != nil {
		listener.Close()
		return nil, err
	}
	n.mu.Lock()
	if !slices.Contains(n.members, host) {
		n.members = append(n.members, host)
	}
	n.mu.Unlock()
	go s.accept()
	return s, nil
}

// clearSocket takes a socket away that an earlier process left behind, and nothing else.
func clearSocket(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != os.ModeSocket:
		return fmt.Errorf("%s exists and is no socket: choose another folder", path)
	}
	if conn, err := net.Dial("unix", path); err == nil {
		conn.Close()
		return fmt.Errorf("another process listens at %s: stop that lab first, or choose another folder", path)
	}
	return os.Remove(path)
}

// Path returns the path of the socket.
func (s *Socket) Path() string { return s.path }

// Netdev returns the value of QEMU's option -netdev for the port, under that id.
func (s *Socket) Netdev(id string) string {
	return fmt.Sprintf("stream,id=%s,server=off,addr.type=unix,addr.path=%s", id, s.path)
}

func (s *Socket) accept() {
	defer close(s.ended)
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				s.log("nothing can be plugged in any more", "because", err)
			}
			return
		}
		s.mu.Lock()
		old := s.session
		s.mu.Unlock()
		if old != nil {
			old.end()
		}
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			conn.Close()
			return
		}
		s.session = s.begin(conn)
		s.mu.Unlock()
	}
}

// Close unplugs the machine and takes the socket away. A second call does nothing.
func (s *Socket) Close() error {
	s.mu.Lock()
	was := s.closed
	s.closed = true
	session := s.session
	s.mu.Unlock()
	if was {
		return nil
	}
	s.network.done(s)
	err := s.listener.Close()
	if session != nil {
		session.end()
	}
	<-s.ended
	return errors.Join(err, s.Port.Close())
}

// session is one machine's connection, from its start to its end.
type session struct {
	conn  net.Conn
	stop  chan struct{} // closed when reading has ended
	ended chan struct{}
}

// end closes the connection and waits until nothing of the session is left.
func (c *session) end() {
	c.conn.Close()
	<-c.ended
}

func (s *Socket) begin(conn net.Conn) *session {
	c := &session{conn: conn, stop: make(chan struct{}), ended: make(chan struct{})}
	s.plug(true)
	s.log("plugged in")
	go func() {
		defer close(c.stop)
		defer conn.Close()
		s.read(conn)
	}()
	go func() {
		defer close(c.ended)
		s.write(c)
		conn.Close()
		<-c.stop
		s.plug(false)
		s.log("unplugged")
	}()
	return c
}

// read gives what the machine sends to the network, until the connection ends.
func (s *Socket) read(conn net.Conn) {
	in := frame.NewReader(conn)
	for {
		f, err := in.Next()
		if err != nil {
			s.readFailed(err)
			return
		}
		s.Send(f)
	}
}

// readFailed notes how a connection ended.
func (s *Socket) readFailed(err error) {
	tooLong := (*frame.TooLongError)(nil)
	s.Port.mu.Lock()
	switch {
	case errors.As(err, &tooLong):
		s.counters.BadStream++
	case err == io.ErrUnexpectedEOF:
		s.counters.Torn++
	}
	s.Port.mu.Unlock()
	if err != io.EOF && !errors.Is(err, net.ErrClosed) {
		s.log("connection ended", "because", err)
	}
}

// write gives what arrives at the port to the machine, until the connection ends. Frames that wait together are
// written together.
func (s *Socket) write(c *session) {
	out := bufio.NewWriterSize(c.conn, 64<<10)
	for {
		var f []byte
		select {
		case f = <-s.out:
		case <-c.stop:
			return
		}
		frames, bytes := 0, 0
		for more := true; more; {
			var length [4]byte
			binary.BigEndian.PutUint32(length[:], uint32(len(f)))
			out.Write(length[:]) // its error stays and is returned by Flush
			out.Write(f)
			frames, bytes = frames+1, bytes+len(f)
			if more = frames < maxBatch; more {
				select {
				case f = <-s.out:
				default:
					more = false
				}
			}
		}
		if err := out.Flush(); err != nil {
			s.flushed(frames)
			return
		}
		s.received(frames, bytes)
	}
}
