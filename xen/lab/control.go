package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"time"

	"holdfast/faults"
	"holdfast/xen/lab/machine"
)

// The control socket speaks HTTP:
//
//	GET  /status                   Status, as JSON
//	POST /down                     ends the lab; the answer comes before that
//	POST /hosts/HOST/ACTION        on, cold, off, reset, freeze, thaw; answers when it is done
//	POST /services/SERVICE         makes sure that guests can have the service; makes its image if that is missing
//	GET  /hosts/HOST/agent         becomes a stream of the host's agent (package agent), after the answer 101
//	GET  /dial?address=IP:PORT     becomes a TCP connection of the lab's client on the guests' network, likewise
//	POST /fault                    does a fault to the network, to disks or to power; the body is its text as in a script
//	GET  /network                  counters of the network, as JSON
//	POST /ask?address=IP           asks on the guests' network who has the address; see /sightings
//	GET  /sightings                which address was seen at which host's port of the guests' network, as JSON
//
// An error is answered by its text with status 400 for what cannot be, 409 for what cannot be now.

// control returns the path of the control socket.
func (c *Config) control() string { return filepath.Join(c.Run, "control.sock") }

// Status is what a lab tells about itself.
type Status struct {
	Name    string       `json:"name"`
	Started time.Time    `json:"started"`
	Ready   bool         `json:"ready"` // all hosts are up
	Run     string       `json:"run"`   // folder of sockets and logs
	Disks   string       `json:"disks"` // folder of the hosts' disks
	Hosts   []HostStatus `json:"hosts"`
}

func (l *Lab) status() Status {
	s := Status{Name: l.config.Name, Started: l.started, Run: l.config.Run, Disks: l.config.disks(), Ready: l.ready()}
	for _, h := range l.all() {
		s.Hosts = append(s.Hosts, h.status())
	}
	return s
}

func (l *Lab) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		_ = writeJSON(w, l.status()) // who asked may have gone
	})
	mux.HandleFunc("POST /down", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNoContent)
		l.once.Do(func() { close(l.down) })
	})
	mux.HandleFunc("POST /hosts/{host}/{action}", func(w http.ResponseWriter, r *http.Request) {
		answer(w, l.act(r))
	})
	mux.HandleFunc("POST /services/{service}", func(w http.ResponseWriter, r *http.Request) {
		answer(w, l.provide(r.Context(), r.PathValue("service")))
	})
	mux.HandleFunc("GET /hosts/{host}/agent", func(w http.ResponseWriter, r *http.Request) {
		if err := l.attach(w, r); err != nil {
			answer(w, err)
		}
	})
	l.serveNetwork(mux)
	return mux
}

// errNotYet is returned while the lab's images are being made.
var errNotYet = errors.New("the lab is still starting; \"holdfast lab status\" shows when it is ready")

// actions are what can be done to a host.
var actions = []string{"on", "cold", "off", "reset", "freeze", "thaw"}

func writeJSON(w http.ResponseWriter, v any) error {
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(v)
}

// answer ends a request with the status that belongs to an error, or to none.
func answer(w http.ResponseWriter, err error) {
	switch {
	case err == nil:
		w.WriteHeader(http.StatusNoContent)
	case errors.Is(err, ErrConfig):
		http.Error(w, err.Error(), http.StatusBadRequest)
	default:
		http.Error(w, err.Error(), http.StatusConflict)
	}
}

// act does something to a host.
func (l *Lab) act(r *http.Request) error {
	h, err := l.host(r.PathValue("host"))
	if err != nil {
		return err
	}
	action := r.PathValue("action")
	if !slices.Contains(actions, action) {
		return fmt.Errorf("%w: no action %q; the actions are %q", ErrConfig, action, actions)
	}
	if action == "on" || action == "cold" {
		return h.PowerOn(r.Context(), action == "cold")
	}
	m := h.current()
	if m == nil || m.Phase() == machine.Off {
		return fmt.Errorf("%w: host %s; \"holdfast lab power %s on\" switches it on", machine.ErrGone, h.config.Name, h.config.Name)
	}
	ctx, cancel := context.WithTimeoutCause(r.Context(), actLimit, fmt.Errorf("host %s: no answer within %v; a disk that hangs keeps a machine from being frozen or reset", h.config.Name, actLimit))
	defer cancel()
	switch action {
	case "off":
		h.PowerOff(faults.UnsyncedSeeded)
		return nil
	case "reset":
		err = m.Reset(ctx)
	case "freeze":
		err = m.Freeze(ctx)
	case "thaw":
		err = m.Thaw(ctx)
	}
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return err
}

// actLimit is how long an emulator may take for what takes it milliseconds: it waits for the operations of its disks.
const actLimit = time.Minute

// attach turns a request into a stream of a host's agent.
func (l *Lab) attach(w http.ResponseWriter, r *http.Request) error {
	h, err := l.host(r.PathValue("host"))
	if err != nil {
		return err
	}
	m := h.current()
	if m == nil {
		return machine.ErrGone
	}
	client, err := m.Agent(r.Context())
	if err != nil {
		return err
	}
	far, err := client.Open()
	if err != nil {
		return err
	}
	return upgrade(w, far)
}

// upgrade turns a request into a connection that is joined with far.
func upgrade(w http.ResponseWriter, far net.Conn) error {
	near, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		far.Close()
		return err
	}
	_, _ = io.WriteString(near, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: holdfast\r\nConnection: Upgrade\r\n\r\n")
	join(near, buffered, far)
	return nil
}

// join copies between two connections until both have ended; from is the near one as far as it was read ahead.
func join(near net.Conn, from io.Reader, far net.Conn) {
	go func() {
		_, _ = io.Copy(far, from) // the end of either side ends both
		far.Close()
	}()
	_, _ = io.Copy(near, far)
	near.Close()
}
