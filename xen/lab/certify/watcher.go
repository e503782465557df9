package certify

import (
	"context"
	_ "embed"
	"fmt"
	"strings"

	"holdfast/faults"
	"holdfast/scenarios/script"
	"holdfast/xen/lab"
)

//go:embed watcher.sh
var watcherScript string

//go:embed drbd.res
var drbdResource string

// watcher restarts the guest on the second host when the first is not heard: a shell script, over a disk that DRBD
// mirrors with protocol C. It is what an administrator writes who has two hosts and no cluster manager.
type watcher struct{}

// Paths on the hosts.
const (
	watcherPlace  = "/root/watcher"
	resourcePlace = "/etc/drbd.d/r0.res"
	// loadDRBD loads the module. The kernel finds the checksum's algorithm only if it is there already.
	loadDRBD = "modprobe crc32c_generic; modprobe drbd\n"
)

func (*watcher) Name() string { return "watcher" }

func (*watcher) Supports(vm *script.VM) error {
	if err := ownDisk(vm); err != nil {
		return err
	}
	switch {
	case vm.Level != script.LevelRestart && vm.Level != script.LevelHA:
		return fmt.Errorf("level %s: it restarts the guest from a mirrored disk, which is level restart or ha", vm.Level)
	case vm.Service != script.ServiceLog:
		return fmt.Errorf("service %s: what is not on a disk is lost by a restart", vm.Service)
	}
	return nil
}

func (*watcher) Does(*script.VM, *faults.Fault) error { return nil }

// Guest has its disk on the mirror, whose first half is made before the guest is created, on a host that has no name yet. Its other
// half comes in Protect.
func (*watcher) Guest(g *lab.Guest) {
	g.Disk = "/dev/drbd0"
	g.Setup = "mkdir -p /etc/drbd.d\ncat >" + resourcePlace + " <<'END'\n" + drbdResource + "END\n" + loadDRBD +
		`export __DRBD_NODE__=a
drbdadm create-md --force r0 </dev/null
drbdadm new-resource r0
drbdadm new-minor r0
drbdadm attach r0
drbdadm primary --force r0
`
}

func (*watcher) Daemon() string { return "^sh " + watcherPlace }

func (*watcher) Checkpoints() bool { return false }

// Protect connects the halves of the mirror, waits until they are equal, and starts the script on the second host.
func (w *watcher) Protect(ctx context.Context, p *Pool) error {
	if err := p.Put(ctx, p.Second, resourcePlace, drbdResource); err != nil {
		return err
	}
	if _, err := p.Shell(ctx, p.Second, loadDRBD+"drbdadm create-md --force r0 </dev/null; drbdadm up r0"); err != nil {
		return err
	}
	if _, err := p.Shell(ctx, p.Home, "drbdadm connect r0"); err != nil {
		return err
	}
	p.Say("DRBD copies the disk")
	err := poll(ctx, "/proc/drbd says", func() (bool, string, error) {
		state, err := p.Shell(ctx, p.Home, "cat /proc/drbd")
		return inSync(state), state, err
	})
	if err != nil {
		return err
	}
	return w.Restart(ctx, p, p.Second)
}

// inSync reports whether both halves are connected and equal.
func inSync(state string) bool {
	return strings.Contains(state, "cs:Connected") && strings.Contains(state, "ds:UpToDate/UpToDate")
}

// Restart starts the script, which watches the first host from the second one, unless it runs there: of two that take over at the
// same time, each would destroy the guest that the other one started.
func (w *watcher) Restart(ctx context.Context, p *Pool, host string) error {
	if host != p.Second {
		return nil // it runs on the second host only
	}
	if err := p.Put(ctx, host, watcherPlace, watcherScript); err != nil {
		return err
	}
	first := hostNumber(p.Other(host))
	start := inBackground("watcher", fmt.Sprintf("sh %s %d r0 %s %s %s",
		watcherPlace, p.Seconds(silence, leastSilence), p.Guest.ConfigFile(), lab.Address("alink0", first), lab.Address("alink1", first)))
	_, err := p.Shell(ctx, host, processes+"if [ -z \"$(processes '"+w.Daemon()+"')\" ]; then "+start+" fi")
	return err
}

// Protected looks at the mirror, at where the guest runs, and for a watcher on the other host.
func (w *watcher) Protected(ctx context.Context, p *Pool) (State, error) {
	runs, watches := []string{}, ""
	for _, host := range p.Hosts() {
		out, err := p.Shell(ctx, host, processes+"[ -z \"$(processes '"+w.Daemon()+"')\" ] || echo watches; cat /proc/drbd; xl list")
		if err != nil {
			return State{}, err
		}
		if strings.HasPrefix(out, "watches") {
			watches = host
		}
		if !inSync(out) {
			return State{"the halves of the mirror on " + host + " are not equal: " + drbdState(out), strings.Contains(out, "cs:StandAlone")}, nil
		}
		for _, d := range parseDomains(out, guestName) {
			if d.Alive() {
				runs = append(runs, host)
			}
		}
	}
	switch {
	case len(runs) == 0:
		return State{"no host runs the guest", watches == ""}, nil
	case len(runs) == 2:
		return State{"both hosts run the guest", true}, nil
	case watches != p.Other(runs[0]):
		return State{"nobody watches the host that runs the guest: the script ends when it has taken over", true}, nil
	}
	return State{}, nil
}

// drbdState returns the line of /proc/drbd that tells the state.
func drbdState(text string) string {
	for line := range strings.Lines(text) {
		if _, state, ok := strings.Cut(line, "cs:"); ok {
			return "cs:" + strings.TrimSpace(state)
		}
	}
	return "it is not there"
}

// Booted starts the mirror, as the start-up script of DRBD does, and the watcher on the second host.
func (w *watcher) Booted(ctx context.Context, p *Pool, host string) error {
	if err := p.Put(ctx, host, resourcePlace, drbdResource); err != nil {
		return err
	}
	if _, err := p.Shell(ctx, host, loadDRBD+"drbdadm up r0"); err != nil {
		return err
	}
	return w.Restart(ctx, p, host)
}
