package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A stream joins two programs on two hosts by TCP, as administrators do with ssh, and ends on both sides when the other
// host was not heard for a time: what ServerAliveInterval and ClientAliveInterval of ssh do. Without that, a host
// whose peer lost its power waits for hours.
//
//	init stream serve PORT SECONDS COMMAND…        runs the command for each connection, with it as input and output
//	init stream cut N PORT SECONDS COMMAND…        the same, but a connection ends in the midst of the end of a Remus stream's Nth checkpoint
//	init stream connect ADDRESS:PORT SECONDS       joins its own input and output with a connection

const streamUsage = "usage: init stream serve PORT SECONDS COMMAND… | cut N PORT SECONDS COMMAND… | connect ADDRESS:PORT SECONDS"

// runStream is the command stream.
func runStream(args []string) error {
	feed := io.Copy
	if len(args) > 1 && args[0] == "cut" {
		n, err := strconv.Atoi(args[1])
		if err != nil || n < 1 {
			return fmt.Errorf("init stream: %q is no number of checkpoints", args[1])
		}
		feed = untilCheckpoint(n)
		args = append([]string{"serve"}, args[2:]...)
	}
	if len(args) < 3 {
		return errors.New(streamUsage)
	}
	seconds, err := strconv.Atoi(args[2])
	if err != nil || seconds < 1 {
		return fmt.Errorf("init stream: %q is no number of seconds", args[2])
	}
	silence := time.Duration(seconds) * time.Second
	switch {
	case args[0] == "serve" && len(args) > 3:
		return serveStream(":"+args[1], silence, feed, args[3:])
	case args[0] == "connect" && len(args) == 3:
		return connectStream(args[1], silence)
	}
	return errors.New(streamUsage)
}

// checkpointRecord is the record with which libxc announces, in a Remus stream, that all of a checkpoint was sent: its type and its length,
// 0. libxl adds a record of its own, without which the checkpoint does not count.
const checkpointRecord = "\x0e\x00\x00\x00\x00\x00\x00\x00"

// untilCheckpoint copies a Remus stream until libxc's record of the Nth checkpoint has passed and what follows has not. Between the two
// the guest goes on, so that the first record is the last thing that comes for a while.
func untilCheckpoint(n int) func(io.Writer, io.Reader) (int64, error) {
	return func(to io.Writer, from io.Reader) (copied int64, err error) {
		buffer := make([]byte, 1<<16)
		for {
			k, err := from.Read(buffer)
			if k > 0 {
				if _, err := to.Write(buffer[:k]); err != nil {
					return copied, err
				}
				copied += int64(k)
				if strings.HasSuffix(string(buffer[:k]), checkpointRecord) {
					n--
				}
			}
			switch {
			case n == 0:
				return copied, nil
			case errors.Is(err, io.EOF):
				return copied, nil
			case err != nil:
				return copied, err
			}
		}
	}
}

// alive makes a connection fail when the other side was not heard for so long, whether something was sent or not.
func alive(conn *net.TCPConn, silence time.Duration) error {
	every := max(silence/4, time.Second)
	err := conn.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: every, Interval: every, Count: 3})
	if err != nil {
		return err
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(silence.Milliseconds()))
	})
	if err != nil {
		return err
	}
	return failed
}

// connectStream ends when either direction has ended, so that the program at its other side learns of it.
func connectStream(address string, silence time.Duration) error {
	c, err := net.DialTimeout("tcp", address, silence)
	if err != nil {
		return err
	}
	conn := c.(*net.TCPConn)
	defer conn.Close()
	if err := alive(conn, silence); err != nil {
		return err
	}
	ended := make(chan error, 2)
	go func() { _, err := io.Copy(conn, os.Stdin); ended <- err }()
	go func() { _, err := io.Copy(os.Stdout, conn); ended <- err }()
	return <-ended
}

// serveStream serves one connection after the other, for ever.
func serveStream(address string, silence time.Duration, feed func(io.Writer, io.Reader) (int64, error), command []string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	for {
		c, err := listener.Accept()
		if err != nil {
			return err
		}
		if err := serveOne(c.(*net.TCPConn), silence, feed, command); err != nil {
			fmt.Fprintln(os.Stderr, "holdfast: stream:", err)
		}
	}
}

// serveOne runs the command on a connection. The end of the connection, or its failure, is the end of the command's
// input; the command may go on afterwards.
func serveOne(conn *net.TCPConn, silence time.Duration, feed func(io.Writer, io.Reader) (int64, error), command []string) error {
	defer conn.Close()
	if err := alive(conn, silence); err != nil {
		return err
	}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = conn, os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() {
		_, err := feed(in, conn)
		fmt.Fprintln(os.Stderr, "holdfast: stream: the connection ended:", err)
		in.Close()
	}()
	return cmd.Wait()
}
