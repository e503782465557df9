package wire

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
)

// MaxForwarded is how many connections one Forward carries at a time; further ones wait to be accepted.
const MaxForwarded = 256

// Forward carries TCP connections from this machine's loopback to a guest, for people with an ordinary client.
type Forward struct {
	stack    *Stack
	to       string
	listener net.Listener
	ctx      context.Context
	stop     context.CancelFunc
	slots    chan struct{}
	running  sync.WaitGroup
}

// Forward listens at a loopback address such as 127.0.0.1:2222, port 0 for any, and connects each connection to the guest's address
// to, such as 10.0.0.5:22, by way of the stack. Other addresses than loopback are refused: the lab's networks are
// not for others on the machine's network. Close it, or the network.
func (s *Stack) Forward(listen, to string) (*Forward, error) {
	local, err := netip.ParseAddrPort(listen)
	if err != nil || !local.Addr().IsLoopback() {
		return nil, fmt.Errorf("forward %s to %s: expected to listen at a loopback address with its port, such as 127.0.0.1:2222", listen, to)
	}
	if _, err := full(to, false); err != nil {
		return nil, fmt.Errorf("forward %s to %s: %w", listen, to, err)
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return nil, fmt.Errorf("forward %s to %s: %w", listen, to, err)
	}
	ctx, stop := context.WithCancel(context.Background())
	f := &Forward{stack: s, to: to, listener: l, ctx: ctx, stop: stop, slots: make(chan struct{}, MaxForwarded)}
	f.running.Add(1)
	go f.accept()
	if err := s.network.opened(f); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Addr returns where it listens.
func (f *Forward) Addr() net.Addr { return f.listener.Addr() }

// Close ends all of its connections and stops listening. A second call does nothing.
func (f *Forward) Close() error {
	f.stack.network.done(f)
	f.stop()
	f.listener.Close()
	f.running.Wait()
	return nil
}

func (f *Forward) accept() {
	defer f.running.Done()
	for {
		select {
		case f.slots <- struct{}{}:
		case <-f.ctx.Done():
			return
		}
		c, err := f.listener.Accept()
		if err != nil {
			if f.ctx.Err() == nil {
				f.stack.network.cfg.Log.Error("forward ends", "from", f.listener.Addr().String(), "to", f.to, "because", err)
			}
			return
		}
		f.running.Add(1)
		go func() {
			defer f.running.Done()
			defer func() { <-f.slots }()
			f.carry(c)
		}()
	}
}

// carry copies both ways until both ends have said that they are done, or one of them fails.
func (f *Forward) carry(client net.Conn) {
	defer client.Close()
	guest, err := f.stack.DialContext(f.ctx, "tcp", f.to)
	if err != nil {
		f.stack.network.cfg.Log.Warn("forward refused", "to", f.to, "because", err)
		return
	}
	defer guest.Close()
	// Closing both ends is what ends copying when the forward is closed.
	unhook := context.AfterFunc(f.ctx, func() { client.Close(); guest.Close() })
	defer unhook()
	var both sync.WaitGroup
	both.Go(func() { copyHalf(guest, client) })
	both.Go(func() { copyHalf(client, guest) })
	both.Wait()
}

// copyHalf copies one direction. When the sender is done, the receiver is told; when copying fails, both ends are closed,
// so that the other direction ends too.
func copyHalf(to, from net.Conn) {
	if _, err := io.Copy(to, from); err != nil {
		to.Close()
		from.Close()
		return
	}
	if half, ok := to.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
	}
}
