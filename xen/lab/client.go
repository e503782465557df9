package lab

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"holdfast/xen/lab/agent"
	"holdfast/xen/lab/lock"
	"holdfast/xen/lab/wire"
)

// ErrNotRunning is returned when no lab of that name runs.
var ErrNotRunning = errors.New("no lab is running")

// Client talks with a lab that runs in another process.
type Client struct{ config Config }

// NewClient returns a client of the lab that c describes; only its name and folders matter.
func NewClient(c Config) *Client { return &Client{c} }

func (c *Client) dial(ctx context.Context) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", c.config.control())
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return nil, fmt.Errorf("%w by the name %q; \"holdfast lab up\" starts one", ErrNotRunning, c.config.Name)
	}
	return conn, err
}

// do makes one request and returns the body of its answer.
func (c *Client) do(ctx context.Context, method, path, text string) ([]byte, error) {
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return c.dial(ctx) }}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, method, "http://lab"+path, strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	answer, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		if errors.Is(err, ErrNotRunning) {
			return nil, errors.Unwrap(err) // without the address, which tells people nothing
		}
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode >= 400 {
		err = errors.New(strings.TrimSpace(string(body)))
	}
	return body, err
}

// Status asks the lab how it is.
func (c *Client) Status(ctx context.Context) (s Status, err error) {
	err = c.get(ctx, "/status", &s)
	return s, err
}

// Act does something to a host: on, cold, off, reset, freeze or thaw. It returns when that is done; for on and cold,
// when the host is ready.
func (c *Client) Act(ctx context.Context, host, action string) error {
	_, err := c.do(ctx, http.MethodPost, "/hosts/"+host+"/"+action, "")
	return err
}

// Provide makes sure that a guest can be created: it makes what the cache lacks of what such a guest needs, telling say,
// and gives it to the hosts.
func (c *Client) Provide(ctx context.Context, g Guest, say func(format string, args ...any)) error {
	need := g.needs()
	if len(need) == 0 {
		return nil
	}
	if _, err := c.Status(ctx); err != nil {
		return err // before anything is fetched for a lab that does not run
	}
	if _, err := BuildServices(ctx, c.config, need, say); err != nil {
		return err
	}
	for _, name := range need {
		if _, err := c.do(ctx, http.MethodPost, "/services/"+url.PathEscape(name), ""); err != nil {
			return err
		}
	}
	return nil
}

// downPoll is how often a lab that ends is looked at.
const downPoll = 20 * time.Millisecond

// Down ends the lab, if it runs, and removes all that it left. It returns when nothing of it is there any more.
// was tells whether it ran.
func (c *Client) Down(ctx context.Context) (was bool, err error) {
	_, err = c.do(ctx, http.MethodPost, "/down", "")
	was = err == nil
	if err != nil && !errors.Is(err, ErrNotRunning) {
		return was, err
	}
	for {
		held, err := c.config.take()
		if err == nil {
			// Nobody runs it: what is left was left by a lab that could not clean up itself.
			return was, errors.Join(c.config.clean(), held.Remove())
		}
		if !errors.Is(err, lock.ErrHeld) {
			return was, err
		}
		select {
		case <-time.After(downPoll):
		case <-ctx.Done():
			return was, fmt.Errorf("waiting for the lab's end: %w", err)
		}
	}
}

// Agent returns a client of a host's agent.
func (c *Client) Agent(ctx context.Context, host string) *agent.Client {
	return agent.Over(func() (net.Conn, error) { return c.stream(ctx, "/hosts/"+url.PathEscape(host)+"/agent") })
}

// Dial connects from the lab's client on the guests' network with an address there, such as 10.77.8.101:7000.
func (c *Client) Dial(ctx context.Context, address string) (net.Conn, error) {
	return c.stream(ctx, "/dial?address="+url.QueryEscape(address))
}

// Fault does a fault to the lab's network, written as in a script, and returns what it did.
func (c *Client) Fault(ctx context.Context, text string) (string, error) {
	body, err := c.do(ctx, http.MethodPost, "/fault", text)
	return string(body), err
}

// Network returns the counters of the lab's network.
func (c *Client) Network(ctx context.Context) (s wire.Stats, err error) {
	err = c.get(ctx, "/network", &s)
	return s, err
}

// Sightings returns which address was seen at which host's port of the guests' network.
func (c *Client) Sightings(ctx context.Context) (s []wire.Sighting, err error) {
	err = c.get(ctx, "/sightings", &s)
	return s, err
}

// Ask asks on the guests' network who has an address. Who answers is among the Sightings.
func (c *Client) Ask(ctx context.Context, address string) error {
	_, err := c.do(ctx, http.MethodPost, "/ask?address="+url.QueryEscape(address), "")
	return err
}

// get reads what the control socket tells as JSON.
func (c *Client) get(ctx context.Context, path string, into any) error {
	body, err := c.do(ctx, http.MethodGet, path, "")
	if err == nil {
		err = json.Unmarshal(body, into)
	}
	return err
}

// stream makes a request that turns into a connection.
func (c *Client) stream(ctx context.Context, path string) (net.Conn, error) {
	conn, err := c.dial(ctx)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	r := bufio.NewReader(conn)
	_, err = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: lab\r\n\r\n", path)
	var answer *http.Response
	if err == nil {
		answer, err = http.ReadResponse(r, nil)
	}
	if err == nil && answer.StatusCode != http.StatusSwitchingProtocols {
		body, _ := io.ReadAll(answer.Body)
		err = errors.New(strings.TrimSpace(string(body)))
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return &upgraded{conn, r}, nil
}

// upgraded is a connection of which something was read ahead.
type upgraded struct {
	net.Conn
	r *bufio.Reader
}

func (u *upgraded) Read(p []byte) (int, error) { return u.r.Read(p) }
