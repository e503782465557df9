package agent

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/yamux"
)

// Host is what the server needs from the machine it runs on.
type Host interface {
	Status() Status
	Identify(Identity) error
}

// Serve answers greetings and requests on the port until it fails for good; wait is called whenever nobody is connected, and
// returns when it is worth while to look again. It returns the error that ended it.
func Serve(port io.ReadWriteCloser, host Host, wait func()) error {
	for {
		err := answer(port)
		switch {
		case errors.Is(err, io.EOF) || errors.Is(err, ErrProtocol):
			wait() // nobody is connected at the other end
			continue
		case err != nil:
			return err
		}
		session, err := yamux.Server(&talk{ReadWriteCloser: port}, multiplex())
		if err != nil {
			return err
		}
		for {
			stream, err := session.Accept()
			if err != nil {
				break
			}
			go serveStream(stream, host)
		}
		session.Close()
	}
}

// talk is one session's use of the port: closing it ends the session's use and leaves the port open.
type talk struct {
	io.ReadWriteCloser
	mu     sync.Mutex
	closed bool
}

func (t *talk) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	return nil
}

func (t *talk) Write(p []byte) (int, error) {
	t.mu.Lock()
	closed := t.closed
	t.mu.Unlock()
	if closed {
		return 0, io.ErrClosedPipe
	}
	return t.ReadWriteCloser.Write(p)
}

// serveStream serves one request.
func serveStream(stream net.Conn, host Host) {
	defer stream.Close()
	r := bufio.NewReader(stream)
	var req Request
	if err := readLine(r, &req); err != nil {
		return
	}
	reply, err := serveRequest(stream, r, req, host)
	if err != nil {
		reply.Error = err.Error()
	}
	_ = writeLine(stream, reply) // nobody is there to be told
}

func serveRequest(stream net.Conn, r *bufio.Reader, req Request, host Host) (reply Reply, err error) {
	switch req.Op {
	case OpStatus:
		status := host.Status()
		reply.Status = &status
	case OpIdentity:
		if req.Identity == nil {
			return reply, fmt.Errorf("%w: no identity", ErrProtocol)
		}
		err = host.Identify(*req.Identity)
	case OpPush:
		err = receive(r, req)
	case OpExec:
		reply.Code, err = run(stream, r, req)
	case OpSelfTest:
		reply.Rounds, reply.Wrong = selfTest(time.Duration(req.Seconds) * time.Second)
	default:
		err = fmt.Errorf("%w: unknown operation %q", ErrProtocol, req.Op)
	}
	return reply, err
}

// receive writes what comes to a file, whole or not at all.
func receive(r io.Reader, req Request) error {
	if !filepath.IsAbs(req.Path) || req.Size < 0 {
		return fmt.Errorf("%w: push of %d bytes to %q", ErrProtocol, req.Size, req.Path)
	}
	if err := os.MkdirAll(filepath.Dir(req.Path), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(req.Path), ".push-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = io.CopyN(f, r, req.Size)
	if err = errors.Join(err, f.Chmod(os.FileMode(req.Mode)), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), req.Path)
}

// run runs a command, with its input and output in frames. The end of the stream kills it and what it started.
func run(stream net.Conn, r io.Reader, req Request) (code int, err error) {
	out := &frames{w: stream}
	defer func() { _ = out.send(frameEnd, nil) }()
	if len(req.Args) == 0 {
		return 0, fmt.Errorf("%w: no command", ErrProtocol)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	cmd := exec.CommandContext(ctx, req.Args[0], req.Args[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = req.Dir, part{out, frameStdout}, part{out, frameStderr}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	// What the command left running in the background must not hold the answer back.
	cmd.WaitDelay = 200 * time.Millisecond
	input, err := cmd.StdinPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	go feed(r, input, cancel)
	err = cmd.Wait()
	var ended *exec.ExitError
	if errors.As(err, &ended) || errors.Is(err, exec.ErrWaitDelay) {
		err = nil
	}
	status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if ok && status.Signaled() {
		return 128 + int(status.Signal()), err
	}
	return cmd.ProcessState.ExitCode(), err
}

// feed copies frames to a command's input, and kills the command when the stream ends.
func feed(r io.Reader, input io.WriteCloser, kill func()) {
	defer kill()
	defer input.Close()
	var buffer []byte
	for {
		kind, content, err := readFrame(r, &buffer)
		if err != nil || kind != frameStdin {
			return
		}
		if len(content) == 0 {
			input.Close()
		} else if _, err := input.Write(content); err != nil {
			continue // it reads no more, and goes on
		}
	}
}
