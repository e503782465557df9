package certify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"strings"
	"time"

	"holdfast/scenarios/script"
	"holdfast/xen/lab"
	"holdfast/xen/lab/agent"
	"holdfast/xen/lab/wire"
)

// Pool is what a driver works with: the lab's two hosts, by the lab's names, and the guest.
type Pool struct {
	Lab   Lab
	Guest lab.Guest
	// Level is the protection that the script asks for.
	Level script.Level
	// Home is the host on which the guest was created, Second the other one.
	Home, Second string
	// Factor is how many real seconds a second of the script takes.
	Factor float64
	// Say is told what the driver does.
	Say func(format string, args ...any)
}

// Lab is what a run needs of a lab; OfClient makes one of a lab that runs.
type Lab interface {
	// Act does something to a host's power or processor, as "holdfast lab power" does.
	Act(ctx context.Context, host, action string) error
	// Fault does a fault to the network, to disks, or cuts the power, written as in a script, with the names of the lab's hosts.
	Fault(ctx context.Context, text string) (string, error)
	// Ask asks on the guests' network who has an address; Sightings tells from which host's port an address sends.
	Ask(ctx context.Context, address string) error
	Sightings(ctx context.Context) ([]wire.Sighting, error)
	// Dial connects with an address on the guests' network.
	Dial(ctx context.Context, address string) (net.Conn, error)
	// Resets tells how often a host was reset since it was switched on, by itself or by its watchdog.
	Resets(ctx context.Context, host string) (int, error)
	// Host is the way to a host's dom0.
	Host(ctx context.Context, host string) Dom0
}

// Dom0 is a host's dom0, as agent.Client serves it.
type Dom0 interface {
	Exec(ctx context.Context, cmd agent.Command) (code int, err error)
	Push(ctx context.Context, path string, mode os.FileMode, size int64, r io.Reader) error
	SelfTest(ctx context.Context, seconds int) (rounds, wrong int, err error)
}

// OfClient returns the lab that a client talks with.
func OfClient(c *lab.Client) Lab { return ofClient{c} }

type ofClient struct{ *lab.Client }

func (o ofClient) Resets(ctx context.Context, host string) (int, error) {
	s, err := o.Status(ctx)
	for _, h := range s.Hosts {
		if h.Name == host {
			return h.Resets, nil
		}
	}
	return 0, err
}

func (o ofClient) Host(ctx context.Context, host string) Dom0 { return o.Agent(ctx, host) }

// Hosts returns both.
func (p *Pool) Hosts() []string { return []string{p.Home, p.Second} }

// Other returns the other host.
func (p *Pool) Other(host string) string {
	if host == p.Home {
		return p.Second
	}
	return p.Home
}

// hostNumber returns the number of a host from which its addresses follow: 0 for "a", 1 for "b", and so on; a name of the lab is one letter.
func hostNumber(host string) int { return int(host[0] - 'a') }

// Real returns how long a time of the script takes.
func (p *Pool) Real(d time.Duration) time.Duration { return time.Duration(float64(d) * p.Factor) }

// Seconds returns how many whole real seconds a time of the script takes, at least a number.
func (p *Pool) Seconds(d time.Duration, least int) int {
	return max(int(math.Ceil(p.Real(d).Seconds())), least)
}

// errHost is returned when a command on a host failed.
var errHost = errors.New("a command on a host failed")

// commandLimit is the longest that a command on a host may take before it counts as failed: a host that stands still
// answers nothing.
const commandLimit = 10 * time.Minute

// Shell runs a script in a host's dom0 and returns what it printed on its output. It fails if the script does,
// or has not ended within commandLimit.
func (p *Pool) Shell(ctx context.Context, host, text string) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, commandLimit, fmt.Errorf("%w: no end after %v on %s", errHost, commandLimit, host))
	defer cancel()
	var out, errs bytes.Buffer
	code, err := p.Lab.Host(ctx, host).Exec(ctx, agent.Command{Args: []string{"sh", "-ec", text}, Dir: "/root", Out: &out, Err: &errs})
	if err == nil && code != 0 {
		err = fmt.Errorf("%w: %s, exit code %d: %s", errHost, host, code, strings.TrimSpace(errs.String()+out.String()))
	}
	return strings.TrimSpace(out.String()), err
}

// Put writes a file on a host.
func (p *Pool) Put(ctx context.Context, host, place, text string) error {
	return p.Lab.Host(ctx, host).Push(ctx, place, 0o755, int64(len(text)), strings.NewReader(text))
}

// inBackground is the shell text that starts a command which goes on when its starter is gone; what it prints goes to a
// file in /root.
func inBackground(log, command string) string {
	return fmt.Sprintf("setsid %s </dev/null >>/root/%s.log 2>&1 &", command, log)
}

// processes is shell text that defines a function of that name: processes RE prints the numbers of the processes whose command line
// matches an extended regular expression. Debian's static busybox has no pgrep, and starting a process for each one there is
// takes an emulated host seconds.
const processes = `processes() {
	local p c
	for p in /proc/[0-9]*; do
		mapfile -d '' -t c <$p/cmdline && [[ "${c[*]}" =~ $1 ]] && echo ${p##*/}
	done 2>/dev/null
	true
}
`

// signalAll is shell text that sends a signal to the processes whose command line matches, if there are any.
func signalAll(name, pattern string) string {
	return fmt.Sprintf("%sfor p in $(processes '%s'); do kill -%s $p || true; done", processes, pattern, name)
}

// Domain is a domain of a VM as the toolstack of a host shows it.
type Domain struct {
	ID   int
	Name string
	// State has the letters of xl list: r(unning), b(locked), p(aused), s(hut down), c(rashed), d(ying).
	State string
}

// Alive reports whether it can serve.
func (d *Domain) Alive() bool { return !strings.ContainsAny(d.State, "pscd") }

// Standing reports whether it serves nobody now, and may go on: it is paused, or shut down to be suspended.
func (d *Domain) Standing() bool { return !d.Alive() && !strings.ContainsAny(d.State, "cd") }

// Domains returns the domains of the guest on a host: it, and such as are being received under another name.
func (p *Pool) Domains(ctx context.Context, host string) ([]Domain, error) {
	text, err := p.Shell(ctx, host, "xl list")
	if err != nil {
		return nil, err
	}
	return parseDomains(text, p.Guest.Name), nil
}

// parseDomains reads the table of xl list.
func parseDomains(text, guest string) []Domain {
	var list []Domain
	for line := range strings.Lines(text) {
		var d Domain
		var memory, processors int
		f := strings.Fields(line)
		if len(f) < 5 || !strings.HasPrefix(f[0], guest) {
			continue
		}
		if n, _ := fmt.Sscan(strings.Join(f[1:4], " "), &d.ID, &memory, &processors); n < 3 {
			continue
		}
		d.Name, d.State = f[0], f[4]
		if d.Name == guest || strings.HasPrefix(d.Name, guest+"--") {
			list = append(list, d)
		}
	}
	return list
}
