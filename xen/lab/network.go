package lab

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"holdfast/xen/lab/machine"
	"holdfast/xen/lab/wire"
)

// clientAddress is that of the lab's own process on the guests' network: it is the client that guests serve.
const clientAddress = "10.77.8.200/24"

// network is what carries the hosts' frames, and the lab's own place in it.
type network struct {
	*wire.Network
	client *wire.Stack
	asker  *wire.Port // on the guests' network, to ask who has an address; what it receives is of no interest
}

// newNetwork makes the networks, without hosts.
func (l *Lab) newNetwork() (*network, error) {
	w, err := wire.New(wire.Config{
		Dir: l.config.Run, Seed: l.seed(), Carrier: l.carrier,
		Log: slog.New(slog.NewTextHandler(sayer(l.say), &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		return nil, err
	}
	client, err := w.NewStack(wire.StackConfig{Name: "client", On: wire.LAN, Address: netip.MustParsePrefix(clientAddress)})
	if err != nil {
		w.Close()
		return nil, err
	}
	asker, err := w.Attach("asker", wire.LAN)
	if err != nil {
		w.Close()
		return nil, err
	}
	return &network{w, client, asker}, nil
}

// plug makes the sockets of a host's NICs.
func (n *network) plug(host string) error {
	for _, segment := range wire.Segments() {
		if _, err := n.Plug(host, segment); err != nil {
			return err
		}
	}
	return nil
}

// sayer is a Writer of lines that says them.
type sayer func(format string, args ...any)

func (s sayer) Write(line []byte) (int, error) {
	s("network: %s", strings.TrimSpace(string(line)))
	return len(line), nil
}

// carrierLimit is how long a monitor may take to tell a machine of its cable.
const carrierLimit = 5 * time.Second

// carrier tells a machine that the cable of a NIC lost its carrier or has it again.
func (l *Lab) carrier(host string, nic wire.Segment, up bool) {
	h, err := l.host(host)
	if err != nil {
		return // no machine
	}
	if m := h.current(); m != nil && m.Phase() != machine.Off {
		ctx, cancel := context.WithTimeout(context.Background(), carrierLimit)
		defer cancel()
		if err := m.SetLink(ctx, string(nic), up); err != nil {
			l.say("network: telling host %s of its cable %s: %v", host, nic, err)
		}
	}
}

// dial turns a request into a connection from the lab's client to an address.
func (l *Lab) dial(n *network, w http.ResponseWriter, r *http.Request) error {
	far, err := n.client.DialContext(r.Context(), "tcp", r.URL.Query().Get("address"))
	if err != nil {
		return err
	}
	return upgrade(w, far)
}

// serveNetwork adds to the control socket what concerns the network.
func (l *Lab) serveNetwork(mux *http.ServeMux) {
	with := func(do func(n *network, w http.ResponseWriter, r *http.Request) error) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			l.mu.Lock()
			n := l.network
			l.mu.Unlock()
			err := errNotYet
			if n != nil {
				err = do(n, w, r)
			}
			if err != nil {
				answer(w, err)
			}
		}
	}
	mux.HandleFunc("GET /dial", with(l.dial))
	mux.HandleFunc("POST /fault", with(func(n *network, w http.ResponseWriter, r *http.Request) error {
		text, err := io.ReadAll(io.LimitReader(r.Body, 4096))
		if err != nil {
			return err
		}
		did, err := l.inject(n, string(text))
		if err == nil {
			_, err = io.WriteString(w, did)
		}
		return err
	}))
	mux.HandleFunc("GET /sightings", with(func(n *network, w http.ResponseWriter, _ *http.Request) error {
		seen, err := n.Sightings(wire.LAN)
		if err == nil {
			err = writeJSON(w, seen)
		}
		return err
	}))
	mux.HandleFunc("POST /ask", with(func(n *network, w http.ResponseWriter, r *http.Request) error {
		ip, err := netip.ParseAddr(r.URL.Query().Get("address"))
		if err != nil || !ip.Is4() {
			return fmt.Errorf("%w: who has what? An address such as 10.77.8.101 is needed", ErrConfig)
		}
		n.asker.Send(wire.Question(ip))
		w.WriteHeader(http.StatusNoContent)
		return nil
	}))
	mux.HandleFunc("GET /network", with(func(n *network, w http.ResponseWriter, _ *http.Request) error {
		return writeJSON(w, n.Stats())
	}))
}
