package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// A stream joins two programs on two hosts by TCP, as administrators do with ssh, and ends on both sides when the other
// host was not heard for a time: what ServerAliveInterval and ClientAliveInterval of ssh do. Without that, a host
// whose peer lost its power waits for hours.
//
//	init stream serve PORT SECONDS COMMAND…        runs the command for each connection, with it as input and output
//	init stream connect ADDRESS:PORT SECONDS       joins its own input and output with a connection

// runStream is the command stream.
func runStream(args []string) error {
	if len(args) < 3 {
		return fmt.Errorf("usage: init stream serve PORT SECONDS COMMAND… | connect ADDRESS:PORT SECONDS")
	}
	seconds, err := strconv.Atoi(args[2])
	if err != nil || seconds < 1 {
		return fmt.Errorf("init stream: %q is no number of seconds", args[2])
	}
	silence := time.Duration(seconds) * time.Second
	switch {
	case args[0] == "serve" && len(args) > 3:
		return serveStream(":"+args[1], silence, args[3:])
	case args[0] == "connect" && len(args) == 3:
		return connectStream(args[1], silence)
	}
	return fmt.Errorf("usage: init stream serve PORT SECONDS COMMAND… | connect ADDRESS:PORT SECONDS")
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
func serveStream(address string, silence time.Duration, command []string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	for {
		c, err := listener.Accept()
		if err != nil {
			return err
		}
		if err := serveOne(c.(*net.TCPConn), silence, command); err != nil {
			fmt.Fprintln(os.Stderr, "holdfast: stream:", err)
		}
	}
}

// serveOne runs the command on a connection. The end of the connection, or its failure, is the end of the command's
// input; the command may go on afterwards.
func serveOne(conn *net.TCPConn, silence time.Duration, command []string) error {
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
		_, err := io.Copy(in, conn)
		fmt.Fprintln(os.Stderr, "holdfast: stream: the connection ended:", err)
		in.Close()
	}()
	return cmd.Wait()
}
