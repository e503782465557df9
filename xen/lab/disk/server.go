package disk

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"holdfast/faults"
)

// Server serves one disk at a unix socket, to one client at a time: a machine that comes takes the place of the one that
// was there.
type Server struct {
	disk     *Disk
	listener net.Listener

	mu      sync.Mutex
	conn    net.Conn // nil for none
	closed  bool
	serving sync.WaitGroup
}

// Serve serves a disk at a path until Close.
func Serve(path string, d *Disk) (*Server, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("disk: %w", err)
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("disk: %w", err)
	}
	s := &Server{disk: d, listener: listener}
	s.serving.Go(s.accept)
	return s, nil
}

// Close ends the connection and the socket; the disk stays open.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	err := s.listener.Close()
	if s.conn != nil {
		s.conn.Close()
	}
	s.mu.Unlock()
	s.serving.Wait()
	return err
}

// Unplug ends the connection that there is, and returns when none of its operations can happen any more.
func (s *Server) Unplug() {
	s.mu.Lock()
	conn := s.conn
	s.mu.Unlock()
	if c, ok := conn.(*client); ok {
		c.Close()
		<-c.ended
	}
}

// client is a connection, and a channel that is closed when it is not served any more.
type client struct {
	net.Conn
	ended chan struct{}
}

func (s *Server) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.Unplug()
		c := &client{conn, make(chan struct{})}
		s.mu.Lock()
		if s.closed {
			conn.Close()
		}
		s.conn = c
		s.serving.Go(func() {
			defer close(c.ended)
			defer conn.Close()
			_ = s.disk.serve(conn) // how a machine goes away does not matter
		})
		s.mu.Unlock()
	}
}

// serve answers a client until it goes. When it returns, none of the client's operations can happen any more.
func (d *Disk) serve(conn net.Conn) error {
	if err := greet(conn, d.size); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	var waiting sync.WaitGroup
	defer func() { cancel(); waiting.Wait() }()
	out := &replies{w: conn}
	r := bufio.NewReaderSize(conn, 256<<10)
	header := make([]byte, requestSize)
	for {
		if _, err := io.ReadFull(r, header); err != nil {
			return err
		}
		req, err := parseRequest(header)
		if err != nil || req.Kind == cmdDisconnect {
			return err
		}
		var data []byte
		if req.Kind == cmdWrite {
			data = make([]byte, req.Length)
			if _, err := io.ReadFull(r, data); err != nil {
				return err
			}
		}
		if !d.waits() {
			if err := out.send(req.Cookie, d.do(req, &data), data, req.Kind); err != nil {
				return err
			}
			continue
		}
		waiting.Go(func() {
			if d.wait(ctx) != nil {
				return
			}
			if out.send(req.Cookie, d.do(req, &data), data, req.Kind) != nil {
				conn.Close() // the reader finds out
			}
		})
	}
}

// do executes a request; data is what it writes, or becomes what it reads.
func (d *Disk) do(r request, data *[]byte) error {
	at, length := int64(r.Offset), int64(r.Length)
	if r.Kind != cmdFlush && (at < 0 || at+length > d.size || at+length < at) {
		return unix.EINVAL
	}
	direction := faults.IOWrite
	if r.Kind == cmdRead {
		direction = faults.IORead
	}
	if r.Kind == cmdFlush {
		d.flush()
		return nil
	}
	if err := d.verdict(direction); err != nil {
		return err
	}
	switch r.Kind {
	case cmdRead:
		*data = make([]byte, length)
		return d.read(*data, at)
	case cmdWrite:
		return d.write(*data, at, r.Flags&commandFUA != 0)
	case cmdTrim, cmdZeroes:
		if length == 0 {
			return nil
		}
		return d.zero(at, length)
	}
	return unix.EINVAL
}

// replies writes replies, one at a time.
type replies struct {
	mu sync.Mutex
	w  io.Writer
}

func (o *replies) send(cookie uint64, result error, data []byte, kind uint16) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := put(o.w, uint32(replyMagic), number(result), cookie); err != nil {
		return err
	}
	if kind != cmdRead || result != nil {
		return nil
	}
	_, err := o.w.Write(data)
	return err
}

// number returns the protocol's number of an error.
func number(err error) uint32 {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, unix.ENOSPC):
		return nbdENOSPC
	case errors.Is(err, unix.EINVAL):
		return nbdEINVAL
	}
	return nbdEIO
}
