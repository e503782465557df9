package certify

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"holdfast/faults"
	"holdfast/scenarios/script"
	"holdfast/xen/lab"
)

// remus is "xl remus" in the strongest form that Debian's Xen 4.17 allows: without network buffering and disk replication,
// which its libxl was built without, and with a transport that notices when the other host is silent, as an administrator
// gets from ssh with ServerAliveInterval and ClientAliveInterval.
type remus struct {
	// cut is after how many checkpoints the stream ends in the midst of the end of one; 0: never. Tests show by it what becomes of the guest then.
	cut int
}

const (
	remusPort     = 8002
	remusInterval = 200 * time.Millisecond // xl's own default, of real time: how it behaves when it is slow is its own affair
	// silence is the script's time after which the transport gives up, and leastSilence the real seconds at least.
	silence      = 500 * time.Millisecond
	leastSilence = 4
	// remusSends and remusReceives match the command lines of its two halves.
	remusSends    = "(^|/)xl remus"
	remusReceives = "(^|/)xl migrate-receive"
)

func (*remus) Name() string { return "remus" }

func (*remus) Supports(vm *script.VM) error {
	if err := ownDisk(vm); err != nil {
		return err
	}
	switch {
	case vm.Level != script.LevelFT:
		return fmt.Errorf("level %s: xl remus continues the memory on the other host, which is level ft", vm.Level)
	case vm.Service != script.ServiceRegisters:
		return fmt.Errorf("service %s: Debian's xl remus replicates no disk", vm.Service)
	}
	return nil
}

func (*remus) Does(_ *script.VM, f *faults.Fault) error {
	switch {
	case f.Kind == faults.KillDaemon:
		return errors.New("xl remus that was killed cannot be started again for the same guest: its other side has taken over")
	case f.Kind.Class() == faults.ClassToolstack && f.Kind != faults.HangVM:
		return errors.New("its other side creates the guest with the first checkpoint, before the script begins")
	}
	return nil
}

func (*remus) Guest(*lab.Guest) {}

func (*remus) Daemon() string { return remusSends + "|" + remusReceives }

func (*remus) Restart(context.Context, *Pool, string) error {
	return errors.New("nothing starts xl remus again")
}

func (*remus) Checkpoints() bool { return true }

// Protect starts the receiver on the second host and xl remus on the first, and waits until the second has a whole
// checkpoint and more than that.
func (d *remus) Protect(ctx context.Context, p *Pool) error {
	seconds := p.Seconds(silence, leastSilence)
	how := "serve"
	if d.cut > 0 {
		how = fmt.Sprintf("cut %d", d.cut)
	}
	serve := fmt.Sprintf("/init stream %s %d %d xl migrate-receive -r", how, remusPort, seconds)
	if _, err := p.Shell(ctx, p.Second, inBackground("receive", serve)); err != nil {
		return err
	}
	connect := fmt.Sprintf("/init stream connect %s:%d %d", lab.Address("alink0", hostNumber(p.Second)), remusPort, seconds)
	send := fmt.Sprintf("xl remus -F -n -d -i %d -s '' %s '%s'", remusInterval.Milliseconds(), guestName, connect)
	if _, err := p.Shell(ctx, p.Home, inBackground("remus", send)); err != nil {
		return err
	}
	p.Say("the guest's memory goes to the second host")
	gone := 0
	return poll(ctx, "xl remus said", func() (bool, string, error) {
		log, err := p.Shell(ctx, p.Home, processes+"cat /root/remus.log; [ -n \"$(processes '"+remusSends+"')\" ] || echo ENDED")
		if gone++; !strings.HasSuffix(log, "ENDED") {
			gone = 0
		}
		if gone > 5 { // not only before it has begun
			return false, "", fmt.Errorf("xl remus ended: %s", lastLines(log, 3))
		}
		return strings.Count(log, "Checkpointed save") >= 2, log, err
	})
}

// Protected looks for both halves at work: a process that sends, and a domain that is being received.
func (*remus) Protected(ctx context.Context, p *Pool) (State, error) {
	sends, receives := "", ""
	for _, host := range p.Hosts() {
		out, err := p.Shell(ctx, host, processes+"[ -z \"$(processes '"+remusSends+"')\" ] || echo sends; xl list")
		if err != nil {
			return State{}, err
		}
		if strings.HasPrefix(out, "sends") {
			sends = host
		}
		for _, d := range parseDomains(out, guestName) {
			if strings.HasSuffix(d.Name, "--incoming") {
				receives = host
			}
		}
	}
	if sends == "" || receives == "" || sends == receives {
		return State{"xl remus does not run any more, and nothing starts it again", true}, nil
	}
	return State{}, nil
}

// Booted does nothing: xl remus is started by hand.
func (*remus) Booted(context.Context, *Pool, string) error { return nil }
