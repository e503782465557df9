package service

import (
	"bufio"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// Client makes one request at a time on a connection.
type Client struct {
	conn net.Conn
	r    *bufio.Reader
	id   uint64
}

// NewClient returns a client on a connection, which stays its caller's: deadlines and closing are his.
func NewClient(conn net.Conn) *Client { return &Client{conn: conn, r: bufio.NewReader(conn)} }

// Reply is what the service answered.
type Reply struct {
	// Value is what Read found.
	Value int64
	// Refused is true when CAS found another value than expected.
	Refused bool
	// Text is the rest of the line.
	Text string
}

// Do makes a request and waits for its reply; it chooses the ID. An ErrRequest means that nothing was done; after any
// other error nobody knows whether the request was executed, and the connection is of no more use.
func (c *Client) Do(r Request) (Reply, error) {
	c.id++
	r.ID = c.id
	if _, err := fmt.Fprintln(c.conn, r); err != nil {
		return Reply{}, err
	}
	line, err := c.r.ReadString('\n')
	if err != nil {
		return Reply{}, err
	}
	number, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
	word, text, _ := strings.Cut(rest, " ")
	reply := Reply{Text: text}
	switch {
	case number != strconv.FormatUint(r.ID, 10):
		return reply, fmt.Errorf("service: reply %q to request %d", line, r.ID)
	case word == "error":
		return reply, fmt.Errorf("%w: %s", ErrRequest, text)
	case word == "refused":
		reply.Refused = true
	case word != "ok":
		return reply, fmt.Errorf("service: reply %q to request %d", line, r.ID)
	case r.Op == Read:
		if reply.Value, err = strconv.ParseInt(text, 10, 64); err != nil {
			return reply, fmt.Errorf("service: reply %q to request %d", line, r.ID)
		}
	}
	return reply, nil
}

// Load is what Client.Load did and saw.
type Load struct {
	Operations int
	// LongestMS is half of the longest time that one pair took, MeanMS the mean of an operation, in milliseconds.
	LongestMS, MeanMS float64
	// Boot names the start of the guest that answered.
	Boot string
}

// Load makes n pairs of a write and a read that must find what was written, of values that begin at first. It fails
// at the first answer that is not right.
func (c *Client) Load(n int, first int64) (Load, error) {
	var l Load
	info, err := c.Do(Request{Op: Info})
	if err != nil {
		return l, err
	}
	for word := range strings.FieldsSeq(info.Text) {
		if boot, ok := strings.CutPrefix(word, "boot="); ok {
			l.Boot = boot
		}
	}
	start := time.Now()
	for i := range n {
		begin := time.Now()
		want := first + int64(i)
		if _, err := c.Do(Request{Op: Write, Key: i % Keys, New: want}); err != nil {
			return l, err
		}
		got, err := c.Do(Request{Op: Read, Key: i % Keys})
		if err != nil {
			return l, err
		}
		if got.Value != want {
			return l, fmt.Errorf("service: key %d reads %d after a write of %d", i%Keys, got.Value, want)
		}
		l.Operations += 2
		l.LongestMS = max(l.LongestMS, time.Since(begin).Seconds()*500)
	}
	l.MeanMS = time.Since(start).Seconds() * 1000 / float64(max(l.Operations, 1))
	return l, nil
}
