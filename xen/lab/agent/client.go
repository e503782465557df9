package agent

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/hashicorp/yamux"
)

// Client talks with one host's server. Its methods may be called from several goroutines.
type Client struct{ open func() (net.Conn, error) }

// Connect greets the server on conn, which it owns from then on, and returns a client. It waits for the server until
// ctx ends. closed is closed when the connection is lost.
func Connect(ctx context.Context, conn net.Conn) (c *Client, closed <-chan struct{}, err error) {
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	err = greet(conn)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	var session *yamux.Session
	if err == nil {
		session, err = yamux.Client(conn, multiplex())
	}
	if err != nil {
		conn.Close()
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, nil, fmt.Errorf("waiting for the host's agent: %w", err)
	}
	return &Client{func() (net.Conn, error) { return session.Open() }}, session.CloseChan(), nil
}

// Over returns a client that opens its streams with open, each of which leads to the same server.
func Over(open func() (net.Conn, error)) *Client { return &Client{open} }

// Open returns a stream to the server, on which one request can be made.
func (c *Client) Open() (net.Conn, error) { return c.open() }

// request opens a stream, sends req, lets exchange do what the operation says, and reads the reply.
func (c *Client) request(ctx context.Context, req Request, exchange func(net.Conn, *bufio.Reader) error) (Reply, error) {
	var reply Reply
	conn, err := c.open()
	if err != nil {
		return reply, fmt.Errorf("the host's agent: %w", err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	r := bufio.NewReader(conn)
	err = writeLine(conn, req)
	if err == nil && exchange != nil {
		err = exchange(conn, r)
	}
	if err == nil {
		err = readLine(r, &reply)
	}
	switch {
	case ctx.Err() != nil:
		return reply, context.Cause(ctx)
	case err != nil:
		return reply, fmt.Errorf("the host's agent, %s: %w", req.Op, err)
	case reply.Error != "":
		return reply, fmt.Errorf("the host refused %s: %s", req.Op, reply.Error)
	}
	return reply, nil
}

// Status asks how far the host is.
func (c *Client) Status(ctx context.Context) (Status, error) {
	reply, err := c.request(ctx, Request{Op: OpStatus}, nil)
	if err == nil && reply.Status == nil {
		err = fmt.Errorf("%w: no status", ErrProtocol)
	}
	if err != nil {
		return Status{}, err
	}
	return *reply.Status, nil
}

// Identify makes the host the one that id describes.
func (c *Client) Identify(ctx context.Context, id Identity) error {
	_, err := c.request(ctx, Request{Op: OpIdentity, Identity: &id}, nil)
	return err
}

// SelfTest computes for about so many seconds and returns how many results there were, and how many were wrong.
func (c *Client) SelfTest(ctx context.Context, seconds int) (rounds, wrong int, err error) {
	reply, err := c.request(ctx, Request{Op: OpSelfTest, Seconds: seconds}, nil)
	return reply.Rounds, reply.Wrong, err
}

// Push writes size bytes from r to a file on the host, whole or not at all.
func (c *Client) Push(ctx context.Context, path string, mode os.FileMode, size int64, r io.Reader) error {
	_, err := c.request(ctx, Request{Op: OpPush, Path: path, Mode: uint32(mode.Perm()), Size: size}, func(conn net.Conn, _ *bufio.Reader) error {
		n, err := io.CopyN(conn, r, size)
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("%s has only %d of %d bytes", path, n, size)
		}
		return err
	})
	return err
}

// Command is a program to be run on a host.
type Command struct {
	Args []string
	Dir  string // empty for the root folder
	// In is its input, nil for none; Out and Err take what it prints, nil throws it away.
	In       io.Reader
	Out, Err io.Writer
}

// Exec runs a command to its end and returns its exit code; the end of ctx kills it. An error means that it did not
// run, or that how it ended is not known.
func (c *Client) Exec(ctx context.Context, cmd Command) (code int, err error) {
	reply, err := c.request(ctx, Request{Op: OpExec, Args: cmd.Args, Dir: cmd.Dir}, func(conn net.Conn, r *bufio.Reader) error {
		to := &frames{w: conn}
		go func() { // ends with the stream, or with its input
			if cmd.In != nil {
				if _, err := io.Copy(part{to, frameStdin}, cmd.In); err != nil {
					return
				}
			}
			_ = to.send(frameStdin, nil)
		}()
		var buffer []byte
		for {
			kind, content, err := readFrame(r, &buffer)
			if err != nil {
				return err
			}
			switch {
			case kind == frameEnd:
				return nil
			case kind == frameStdout && cmd.Out != nil:
				_, err = cmd.Out.Write(content)
			case kind == frameStderr && cmd.Err != nil:
				_, err = cmd.Err.Write(content)
			}
			if err != nil {
				return err
			}
		}
	})
	return reply.Code, err
}
