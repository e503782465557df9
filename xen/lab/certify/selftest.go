package certify

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"holdfast/faults"
	"holdfast/scenarios/script"
	"holdfast/xen/lab"
)

// Seen is what was observed of one fault.
type Seen struct {
	// Fault is what was done, written as in a script.
	Fault string `json:"fault"`
	// From says where it was observed, and Saw what, in words.
	From string `json:"from"`
	Saw  string `json:"saw"`
	OK   bool   `json:"ok"`
}

// proof is how one fault shows.
type proof struct {
	kind faults.Kind
	from string // where it is looked at
	// try does the fault and undoes it, and returns what was seen in between and whether that is what the fault should do.
	try func(ctx context.Context, t *tester) (saw string, ok bool, err error)
}

// CheckFaults does every kind of fault that the lab has to its hosts, and looks from inside of hosts or guest whether it does what it
// says. The lab's first host runs the guest of the lab's configuration, which this leaves running. The second host loses its power
// several times, and what the beginning of its disks held. report is told of each as it was seen. It fails if something could not be
// tried, or with ErrFaults if a fault does not do what it says. However it ends, and if ctx does, no fault stays in effect.
func CheckFaults(ctx context.Context, on Lab, guest lab.Guest, report func(Seen)) (err error) {
	t := newTester(on, guest)
	defer func() {
		limited, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), restoreLimit, fmt.Errorf("not within %v", restoreLimit))
		defer cancel()
		if e := t.restore(limited); e != nil {
			err = errors.Join(err, fmt.Errorf("undoing the faults, \"holdfast lab down\" and \"lab up\" do so for certain: %w", e))
		}
	}()
	var bad []string
	for _, p := range proofs {
		t.text = p.kind.String()
		saw, ok, err := p.try(ctx, t)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", t.text, err)
		}
		report(Seen{t.text, p.from, saw, ok})
		if !ok {
			bad = append(bad, t.text)
		}
	}
	if len(bad) > 0 {
		return fmt.Errorf("%w: %s", ErrFaults, strings.Join(bad, "; "))
	}
	return nil
}

// restoreLimit is how long it may take to undo all faults, a boot included.
const restoreLimit = 3 * time.Minute

// restore undoes every fault that a proof left behind, and what it left on the second host.
func (t *tester) restore(ctx context.Context) error {
	r := t.run
	r.wait.Wait()
	for _, host := range r.pool.Hosts() {
		if r.phaseOf(host) != booting {
			continue
		}
		// Its boot was broken off, nobody knows where.
		if err := r.powerOff(ctx, host, faults.UnsyncedSeeded); err != nil {
			return err
		}
	}
	r.due = nil // healing does more
	err := r.healEverything(ctx)
	if err == nil {
		err = t.up(ctx, "b")
	}
	if err == nil {
		_, err = t.on(ctx, "b", "xl destroy "+probe+" 2>/dev/null || true\n"+signalAll("KILL", sleeper))
	}
	return err
}

// ErrFaults is returned when a fault of the lab does not do what it says.
var ErrFaults = errors.New("faults that do not do what they say")

// tester does faults in the same way as a run of a script.
type tester struct {
	run  *run
	text string // the last fault that was done
}

// dummy is a driver whose daemon is a shell script that does nothing.
type dummy struct{ none }

const sleeper = "^sh /root/sleeper"

func (dummy) Does(*script.VM, *faults.Fault) error { return nil }
func (dummy) Daemon() string                       { return sleeper }
func (dummy) Restart(ctx context.Context, p *Pool, host string) error {
	if err := p.Put(ctx, host, "/root/sleeper", "while :; do sleep 1; done\n"); err != nil {
		return err
	}
	_, err := p.Shell(ctx, host, inBackground("sleeper", "sh /root/sleeper"))
	return err
}

func newTester(on Lab, guest lab.Guest) *tester {
	s := &script.Script{
		Name: "faults", Hosts: []script.Member{{Name: "a"}, {Name: "b"}},
		VMs: []script.VM{{Name: "vm", Home: "a", Level: script.LevelNone, Service: script.ServiceRegisters}},
	}
	r := newRun(s, dummy{}, on, Options{Say: func(string, ...any) {}})
	r.zero = time.Now()
	r.pool.Guest = guest
	r.observer = newObserver(r.pool, r.reachable)
	return &tester{run: r}
}

// do does a fault, and what it should undo later is not done.
func (t *tester) do(ctx context.Context, text string) error {
	t.text = text
	return t.again(ctx, text)
}

// again is do for what belongs to the fault that was done before.
func (t *tester) again(ctx context.Context, text string) error {
	f, err := faults.Parse(text)
	if err != nil {
		return err
	}
	hosts, err := t.run.members(f.Member)
	if err == nil {
		err = t.run.perform(ctx, f, hosts)
	}
	return err
}

// on runs a script in a host's dom0.
func (t *tester) on(ctx context.Context, host, text string) (string, error) {
	return t.run.pool.Shell(ctx, host, text)
}

// number runs a script that prints a number.
func (t *tester) number(ctx context.Context, host, text string) (int64, error) {
	out, err := t.on(ctx, host, text)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(out, 10, 64)
}

// up waits until a host is up again.
func (t *tester) up(ctx context.Context, host string) error {
	t.run.wait.Wait()
	if !t.run.reachable(host) {
		return fmt.Errorf("host %s is not up: %v", host, t.run.failures)
	}
	return nil
}

// uptime returns the milliseconds since a host's kernel started.
func (t *tester) uptime(ctx context.Context, host string) (int64, error) {
	return t.number(ctx, host, "read up rest </proc/uptime; echo ${up/./}0")
}

// pings returns the share of a number of pings from a to b that were answered, in percent, by network.
func (t *tester) pings(ctx context.Context, nic string, n int) (int, error) {
	out, err := t.on(ctx, "a", fmt.Sprintf("ping -c %d -W 2 %s | grep -c 'bytes from' || true", n, lab.Address(nic, 1)))
	if err != nil {
		return 0, err
	}
	answered, err := strconv.Atoi(out)
	return 100 * answered / n, err
}

// passes returns which networks carry packets between the hosts.
func (t *tester) passes(ctx context.Context) (string, error) {
	var good []string
	for _, nic := range []string{"mgmt", "alink0", "alink1", "lan"} {
		share, err := t.pings(ctx, nic, 2)
		if err != nil {
			return "", err
		}
		if share > 0 {
			good = append(good, nic)
		}
	}
	return strings.Join(good, " "), nil
}
