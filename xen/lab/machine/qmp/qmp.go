// Package qmp speaks QEMU's monitor protocol (docs/interop/qmp-spec.rst of QEMU): JSON objects over a unix socket,
// one command at a time, with events in between.
//
//	c, err := qmp.Dial(ctx, "/run/a-qmp.sock")
//	err = c.Do(ctx, "system_reset", nil, nil)
//	for e := range c.Events() { … }
package qmp

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// maxLine is the longest message that is accepted, in bytes.
const maxLine = 4 << 20

// eventRoom is the number of events that wait for whoever reads them; further ones are dropped, oldest first.
const eventRoom = 256

// ErrClosed is returned when the connection ended: QEMU is gone, or Close was called.
var ErrClosed = errors.New("qmp: connection closed")

// Error is a command that QEMU refused.
type Error struct {
	Command string // what was asked
	Class   string // as in QEMU's documentation, such as GenericError
	Text    string // for people
}

func (e *Error) Error() string { return fmt.Sprintf("QEMU refused %s: %s", e.Command, e.Text) }

// Event is something that happened in the machine.
type Event struct {
	// Name as in QEMU's documentation, such as SHUTDOWN.
	Name string
	// Data of the event, nil for none.
	Data json.RawMessage
	// Time by QEMU's clock.
	Time time.Time
}

// message is anything that QEMU sends.
type message struct {
	QMP       json.RawMessage `json:"QMP"`
	Return    json.RawMessage `json:"return"`
	Event     string          `json:"event"`
	Data      json.RawMessage `json:"data"`
	Timestamp struct {
		Seconds, Microseconds int64
	} `json:"timestamp"`
	Error *struct {
		Class string `json:"class"`
		Desc  string `json:"desc"`
	} `json:"error"`
	ID *uint64 `json:"id"`
}

type command struct {
	Execute   string `json:"execute"`
	Arguments any    `json:"arguments,omitempty"`
	ID        uint64 `json:"id"`
}

// Client is a connection with one QEMU. Its methods may be called from several goroutines.
type Client struct {
	conn   *net.UnixConn
	events chan Event

	sending sync.Mutex
	mu      sync.Mutex
	last    uint64
	waiting map[uint64]chan message
	closed  error // why there is no connection any more
}

// Dial connects with the QEMU that listens at the unix socket path, and agrees on the protocol.
func Dial(ctx context.Context, path string) (*Client, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("qmp: %w", err)
	}
	c := &Client{conn: conn.(*net.UnixConn), events: make(chan Event, eventRoom), waiting: map[uint64]chan message{}}
	lines := bufio.NewScanner(conn)
	lines.Buffer(nil, maxLine)
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	hello, err := c.next(lines)
	if !stop() {
		return nil, context.Cause(ctx)
	}
	if err == nil && hello.QMP == nil {
		err = errors.New("qmp: what listens there is no QEMU")
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	go c.receive(lines)
	if err := c.Do(ctx, "qmp_capabilities", nil, nil); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Events returns the channel of events; it is closed when the connection ends.
func (c *Client) Events() <-chan Event { return c.events }

// Close ends the connection; QEMU goes on.
func (c *Client) Close() error { return c.conn.Close() }

// Do executes a command and stores what it returns in result, if that is not nil. arguments is anything that makes a
// JSON object, or nil.
func (c *Client) Do(ctx context.Context, name string, arguments, result any) error {
	return c.do(ctx, name, arguments, result, nil)
}

// SendFile gives QEMU an open file under a name, for commands that take one as "fd:NAME".
func (c *Client) SendFile(ctx context.Context, name string, f *os.File) error {
	return c.do(ctx, "getfd", map[string]string{"fdname": name}, nil, unix.UnixRights(int(f.Fd())))
}

func (c *Client) do(ctx context.Context, name string, arguments, result any, rights []byte) error {
	id, reply, err := c.expect()
	if err != nil {
		return err
	}
	defer c.forget(id)
	text, err := json.Marshal(command{name, arguments, id})
	if err != nil {
		return fmt.Errorf("qmp: arguments of %s: %w", name, err)
	}
	c.sending.Lock()
	_, _, err = c.conn.WriteMsgUnix(append(text, '\n'), rights, nil)
	c.sending.Unlock()
	if err != nil {
		return fmt.Errorf("%w: sending %s: %v", ErrClosed, name, err)
	}
	select {
	case m, ok := <-reply:
		switch {
		case !ok:
			return fmt.Errorf("%w during %s: %v", ErrClosed, name, c.why())
		case m.Error != nil:
			return &Error{name, m.Error.Class, m.Error.Desc}
		case result != nil:
			if err := json.Unmarshal(m.Return, result); err != nil {
				return fmt.Errorf("qmp: result of %s: %w", name, err)
			}
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("qmp: %s: %w", name, context.Cause(ctx))
	}
}

// expect makes room for the reply of a new command.
func (c *Client) expect() (uint64, chan message, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed != nil {
		return 0, nil, fmt.Errorf("%w: %v", ErrClosed, c.closed)
	}
	c.last++
	reply := make(chan message, 1)
	c.waiting[c.last] = reply
	return c.last, reply, nil
}

func (c *Client) forget(id uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.waiting, id)
}

func (c *Client) why() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// next reads one message.
func (c *Client) next(lines *bufio.Scanner) (message, error) {
	if !lines.Scan() {
		err := lines.Err()
		if err == nil {
			err = errors.New("QEMU ended it")
		}
		return message{}, fmt.Errorf("%w: %v", ErrClosed, err)
	}
	return parse(lines.Bytes())
}

// parse decodes a message.
func parse(line []byte) (message, error) {
	var m message
	if err := json.Unmarshal(line, &m); err != nil {
		return m, fmt.Errorf("qmp: message %.80q: %w", line, err)
	}
	return m, nil
}

// receive distributes messages until the connection ends.
func (c *Client) receive(lines *bufio.Scanner) {
	for {
		m, err := c.next(lines)
		if err != nil {
			c.end(err)
			return
		}
		if m.Event != "" {
			c.event(Event{m.Event, m.Data, time.Unix(m.Timestamp.Seconds, m.Timestamp.Microseconds*1000)})
			continue
		}
		if m.ID == nil {
			continue // an error without number answers something that was no command
		}
		c.mu.Lock()
		reply := c.waiting[*m.ID]
		c.mu.Unlock()
		if reply != nil {
			reply <- m
		}
	}
}

// event keeps an event for whoever reads them, and drops the oldest when nobody does.
func (c *Client) event(e Event) {
	for {
		select {
		case c.events <- e:
			return
		default:
		}
		select {
		case <-c.events:
		default:
		}
	}
}

// end tells everybody who waits that nothing will come any more.
func (c *Client) end(why error) {
	c.conn.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = why
	for id, reply := range c.waiting {
		close(reply)
		delete(c.waiting, id)
	}
	close(c.events)
}
