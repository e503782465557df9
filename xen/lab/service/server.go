package service

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

// Config says what a server keeps where.
type Config struct {
	// Disk is the path of the block device or file for the journal; empty for none.
	Disk string
	// Boot names the start of the guest.
	Boot string
}

// Server is the service. It ends only with an error.
type Server struct {
	config    Config
	store     store
	journal   *journal // nil without a disk
	requests  chan pending
	failed    chan error
	clock     time.Time // newest wall clock time seen
	backwards int
}

// pending is a request that waits for the loop, with where its reply goes.
type pending struct {
	Request
	reply chan<- string
}

// New returns a server with what its disk holds.
func New(c Config) (*Server, error) {
	s := &Server{config: c, requests: make(chan pending, 1024), failed: make(chan error, 1), clock: time.Now().Round(0)}
	if c.Disk == "" {
		return s, nil
	}
	f, err := os.OpenFile(c.Disk, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("service: %w", err)
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err == nil {
		s.journal, err = openJournal(f, size, &s.store)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("service: journal on %s: %w", c.Disk, err)
	}
	return s, nil
}

// Serve serves connections until the disk or the listener fails.
func (s *Server) Serve(listener net.Listener) error {
	go func() { s.failed <- s.loop() }()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				s.failed <- fmt.Errorf("service: %w", err)
				return
			}
			go s.serveConn(conn)
		}
	}()
	return <-s.failed
}

// loop executes requests, as many together as wait.
func (s *Server) loop() error {
	for first := range s.requests {
		group := []pending{first}
		for len(group) < maxBatch && len(s.requests) > 0 {
			group = append(group, <-s.requests)
		}
		if err := s.execute(group); err != nil {
			return fmt.Errorf("service: journal: %w", err)
		}
	}
	return nil
}

// execute applies a group of requests, makes their changes durable, and answers.
func (s *Server) execute(group []pending) error {
	s.lookAtClock()
	replies := make([]string, len(group))
	var changes []change
	for i, p := range group {
		if p.Op == Info {
			replies[i] = fmt.Sprintf("%d ok boot=%s durable=%t applied=%d backwards=%d\n", p.ID, s.config.Boot, s.journal != nil, s.store.applied, s.backwards)
			continue
		}
		out, c, changed := s.store.apply(p.Request)
		if changed {
			changes = append(changes, c)
		}
		replies[i] = format(p.Request, out)
	}
	if s.journal != nil && len(changes) > 0 {
		if err := s.journal.append(changes, &s.store); err != nil {
			return err
		}
	}
	for i, p := range group {
		p.reply <- replies[i]
	}
	return nil
}

func format(r Request, out outcome) string {
	switch {
	case out.refused:
		return fmt.Sprintf("%d refused\n", r.ID)
	case r.Op == Read:
		return fmt.Sprintf("%d ok %d\n", r.ID, out.value)
	}
	return fmt.Sprintf("%d ok\n", r.ID)
}

// lookAtClock counts when the guest's wall clock went back.
func (s *Server) lookAtClock() {
	now := time.Now().Round(0) // without the monotonic reading
	if now.Before(s.clock) {
		s.backwards++
	}
	s.clock = now
}

// outstanding is the number of requests of one connection that may wait for their replies.
const outstanding = 256

// serveConn reads requests and writes replies in their order. A client that sends no more still gets its replies.
func (s *Server) serveConn(conn net.Conn) {
	replies := make(chan chan string, outstanding)
	go func() {
		defer conn.Close() // after the last reply; after an error it ends the reading below
		for reply := range replies {
			if _, err := io.WriteString(conn, <-reply); err != nil {
				for range replies { // so that the reader never waits for room
				}
				return
			}
		}
	}()
	defer close(replies)
	lines := bufio.NewScanner(conn)
	lines.Buffer(make([]byte, 0, maxLine+1), maxLine+1)
	for lines.Scan() {
		reply := make(chan string, 1)
		replies <- reply
		r, err := ParseRequest(lines.Text())
		if err != nil {
			reply <- fmt.Sprintf("%d error %v\n", r.ID, err)
			continue
		}
		s.requests <- pending{r, reply}
	}
}
