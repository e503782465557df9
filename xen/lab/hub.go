package lab

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"

	"holdfast/xen/lab/agent"
)

// Network is the switch behind the hosts' NICs. Each NIC of a host is a unix socket DIR/HOST-NIC.sock on which the
// network listens and with which QEMU connects, as often as the host is started. Frames have their length before
// them, as four bytes, big endian.
type Network interface {
	// Plug makes the sockets of a host.
	Plug(host string) error
	Close() error
}

// maxFrame is the largest frame that a hub carries, in bytes; a longer one is an error of the stream.
const maxFrame = 64 << 10

// hub is the plainest Network: all NICs of one name are one Ethernet, and every frame goes to everybody else on it.
type hub struct {
	dir string

	mu        sync.Mutex
	listeners []net.Listener
	ports     map[string][]*hubPort // by NIC
}

// hubPort is one connected NIC.
type hubPort struct {
	conn net.Conn
	out  chan []byte // frames to be written; full means that the machine does not read, and frames get lost
}

func newHub(dir string) *hub { return &hub{dir: dir, ports: map[string][]*hubPort{}} }

// Plug implements Network.
func (h *hub) Plug(host string) error {
	for _, nic := range agent.NICs() {
		path := filepath.Join(h.dir, host+"-"+nic+".sock")
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		listener, err := net.Listen("unix", path)
		if err != nil {
			return err
		}
		h.mu.Lock()
		h.listeners = append(h.listeners, listener)
		h.mu.Unlock()
		go func() {
			for {
				conn, err := listener.Accept()
				if err != nil {
					return // closed
				}
				go h.serve(nic, conn)
			}
		}()
	}
	return nil
}

// Close implements Network.
func (h *hub) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var err error
	for _, l := range h.listeners {
		err = errors.Join(err, l.Close())
	}
	for _, ports := range h.ports {
		for _, p := range ports {
			p.conn.Close()
		}
	}
	return err
}

// serve carries the frames of one NIC until its connection ends.
func (h *hub) serve(nic string, conn net.Conn) {
	p := &hubPort{conn: conn, out: make(chan []byte, 256)}
	h.mu.Lock()
	h.ports[nic] = append(h.ports[nic], p)
	h.mu.Unlock()
	go func() {
		for frame := range p.out {
			if _, err := conn.Write(frame); err != nil {
				conn.Close()
			}
		}
	}()
	r := bufio.NewReaderSize(conn, maxFrame)
	for {
		frame, err := readFrame(r)
		if err != nil {
			break
		}
		h.flood(nic, p, frame)
	}
	conn.Close()
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, other := range h.ports[nic] {
		if other == p {
			h.ports[nic] = append(h.ports[nic][:i:i], h.ports[nic][i+1:]...)
		}
	}
	close(p.out)
}

// flood gives a frame to all other ports of the segment.
func (h *hub) flood(nic string, from *hubPort, frame []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range h.ports[nic] {
		if p != from {
			select {
			case p.out <- frame:
			default:
			}
		}
	}
}

// readFrame returns the next frame, with its length before it.
func readFrame(r io.Reader) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > maxFrame {
		return nil, errors.New("lab: a frame is longer than any Ethernet frame")
	}
	frame := make([]byte, 4+n)
	copy(frame, head[:])
	_, err := io.ReadFull(r, frame[4:])
	return frame, err
}
