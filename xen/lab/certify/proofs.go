package certify

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"holdfast/faults"
	"holdfast/xen/lab"
)

// proofs are all faults that the lab has, in the order of the language reference, with how each shows. Host b is hit where
// nothing else is needed: the guest on host a stays as it is.
var proofs = []proof{
	{faults.PowerOff, "dom0 of b", provePower},
	{faults.Reboot, "dom0 of b", proveReboot},
	{faults.Freeze, "dom0 of b", proveFreeze},
	{faults.KillDaemon, "dom0 of b", proveKill},
	{faults.StopDaemon, "dom0 of b", proveStop},
	{faults.ToolstackError, "toolstack of b", proveError},
	{faults.ToolstackHang, "toolstack of b", proveToolstackHang},
	{faults.HalfCreate, "toolstack of b", proveHalf},
	{faults.HangVM, "a client of the guest", proveHang},
	{faults.Cut, "pings between dom0s", provePasses("cut a1 a <-> b", "mgmt alink1 lan")},
	{faults.Cut, "pings between dom0s", provePasses("cut links a -> b", "mgmt lan")},
	{faults.Heal, "pings between dom0s", proveHeal},
	{faults.Loss, "numbered packets", provePackets("loss a1 a -> b 50%", func(p, _ packets) bool { return p.Received > 300 && p.Received < 700 })},
	{faults.Delay, "pings between dom0s", proveDelay("delay a1 a -> b 400ms", 400, 400)},
	{faults.Jitter, "pings between dom0s", proveDelay("jitter a1 a -> b 1s", 0, 300)},
	{faults.Duplicate, "numbered packets", provePackets("duplicate a1 a -> b 20%", func(p, _ packets) bool { return p.Duplicates > 100 && p.Duplicates < 300 })},
	{faults.Reorder, "numbered packets", provePackets("reorder a1 a -> b 20%", func(p, well packets) bool { return p.Late > 10 && well.Late == 0 })},
	{faults.Corrupt, "numbered packets and checksums", provePackets("corrupt a1 a -> b 20%", func(p, _ packets) bool { return p.BadSums > 100 && p.Received+p.BadSums == packetsSent })},
	{faults.Slow, "numbered packets", provePackets("slow a1 a -> b 10KiB/s", func(p, well packets) bool { return p.Rate() < 12<<10 && well.Rate() > 2*p.Rate() })},
	{faults.Isolate, "pings between dom0s", provePasses("isolate b", "")},
	{faults.Isolate, "pings between dom0s", provePasses("isolate b keep-lan", "lan")},
	{faults.Partition, "pings between dom0s", provePasses("partition a | b", "lan")},
	{faults.NICDown, "dom0 of b", proveNIC},
	{faults.DiskError, "dom0 of b", proveDiskError},
	{faults.DiskHang, "dom0 of b", proveDiskLate("disk-hang b vm for 5s")},
	{faults.DiskSlow, "dom0 of b", proveDiskLate("disk-slow b vm by 5s")},
	{faults.DiskFull, "dom0 of b", proveDiskFull},
	{faults.DiskCorrupt, "dom0 of b", proveDiskCorrupt},
	{faults.DiskLyingFlush, "dom0 of b", proveDiskLies},
	{faults.DiskHeal, "dom0 of b", proveDiskHeal},
	{faults.HealAll, "pings between dom0s", proveHealAll},
}

func provePower(ctx context.Context, t *tester) (string, bool, error) {
	before, err := t.uptime(ctx, "b")
	if err == nil {
		_, err = t.on(ctx, "b", "echo kept | dd of=/dev/lab/system conv=fsync 2>/dev/null; echo lost >/run/marker")
	}
	if err == nil {
		err = t.do(ctx, "power-off b")
	}
	if err != nil {
		return "", false, err
	}
	_, answers := t.on(ctx, "b", "true")
	if err := t.again(ctx, "power-on b"); err != nil {
		return "", false, err
	}
	if err := t.up(ctx, "b"); err != nil {
		return "", false, err
	}
	after, err := t.uptime(ctx, "b")
	if err != nil {
		return "", false, err
	}
	left, err := t.on(ctx, "b", "head -c 4 /dev/lab/system; ls /run/marker 2>/dev/null || true")
	ok := answers != nil && after < before && left == "kept"
	return fmt.Sprintf("no answer; then uptime %.1f s instead of %.1f s, and of two files the one on the disk: %q", float64(after)/1000, float64(before)/1000, left), ok, err
}

func proveReboot(ctx context.Context, t *tester) (string, bool, error) {
	before, err := t.uptime(ctx, "b")
	if err == nil {
		err = t.do(ctx, "reboot b")
	}
	if err == nil {
		err = t.up(ctx, "b")
	}
	if err != nil {
		return "", false, err
	}
	after, err := t.uptime(ctx, "b")
	return fmt.Sprintf("uptime %.1f s instead of %.1f s", float64(after)/1000, float64(before)/1000), after <= before, err
}

// standstill is how long a host is frozen.
const standstill = 5 * time.Second

func proveFreeze(ctx context.Context, t *tester) (string, bool, error) {
	start := time.Now()
	before, err := t.uptime(ctx, "b")
	if err == nil {
		err = t.do(ctx, "freeze b")
	}
	if err != nil {
		return "", false, err
	}
	wait, cancel := context.WithTimeout(ctx, standstill)
	_, answers := t.on(wait, "b", "true")
	cancel()
	if err := t.again(ctx, "thaw b"); err != nil {
		return "", false, err
	}
	after, err := t.uptime(ctx, "b")
	real, inside := time.Since(start), time.Duration(after-before)*time.Millisecond
	return fmt.Sprintf("no answer for %v; its clock went on by %.1f s in %.1f s", standstill, inside.Seconds(), real.Seconds()),
		answers != nil && real-inside > standstill*4/5, err
}

// sleepers prints the states of the processes that stand for a daemon, such as S or T.
const sleepers = processes + "for p in $(processes '" + sleeper + "'); do read -r a b c rest </proc/$p/stat; echo $p $c; done"

func proveKill(ctx context.Context, t *tester) (string, bool, error) {
	if err := t.run.driver.Restart(ctx, t.run.pool, "b"); err != nil {
		return "", false, err
	}
	before, err := t.waitOn(ctx, "b", sleepers, func(out string) bool { return out != "" })
	if err == nil {
		err = t.do(ctx, "kill-daemon b for 1s")
	}
	if err != nil {
		return "", false, err
	}
	gone, err := t.on(ctx, "b", sleepers)
	if err != nil {
		return "", false, err
	}
	t.run.finishDue(ctx)
	after, err := t.waitOn(ctx, "b", sleepers, func(out string) bool { return out != "" })
	return fmt.Sprintf("process %q, then %q, then %q", before, gone, after), gone == "" && after != "" && after != before, err
}

func proveStop(ctx context.Context, t *tester) (string, bool, error) {
	if err := t.do(ctx, "stop-daemon b"); err != nil {
		return "", false, err
	}
	stopped, err := t.on(ctx, "b", sleepers)
	if err == nil {
		err = t.again(ctx, "continue-daemon b")
	}
	if err != nil {
		return "", false, err
	}
	goes, err := t.on(ctx, "b", sleepers)
	_, e := t.on(ctx, "b", signalAll("KILL", sleeper))
	if err == nil {
		err = e
	}
	ok := len(stopped) > 2 && stopped[len(stopped)-1] == 'T' && len(goes) > 2 && goes[len(goes)-1] != 'T'
	return fmt.Sprintf("process and state %q, then %q", stopped, goes), ok, err
}

// create creates a guest on b and prints the exit code and which domains there are.
func create(g *lab.Guest) string {
	return "code=0; xl create " + g.ConfigFile() + " >/dev/null 2>&1 || code=$?; echo $code $(xl list | grep -c '^" + g.Name + " ') $(xl list | grep '^" + g.Name + " ' | tr -s ' ' | cut -d' ' -f5)"
}

// probe is the guest that proofs create on b.
const probe = "probe"

// creations has the guest's configuration on b and another network address there, so that it harms nobody.
func (t *tester) creations(ctx context.Context) (lab.Guest, error) {
	g := lab.Guest{Name: probe, Kind: lab.PVH, Number: 99, Memory: 128}
	return g, t.run.pool.Put(ctx, "b", g.ConfigFile(), g.Config())
}

func proveError(ctx context.Context, t *tester) (string, bool, error) {
	g, err := t.creations(ctx)
	if err == nil {
		err = t.do(ctx, "toolstack-error b count 1")
	}
	if err != nil {
		return "", false, err
	}
	first, err := t.on(ctx, "b", create(&g))
	if err != nil {
		return "", false, err
	}
	second, err := t.on(ctx, "b", create(&g)+"; xl destroy "+g.Name)
	return fmt.Sprintf("xl create: exit code and domains %q, then %q", first, second), first == "1 0" && len(second) > 2 && second[:3] == "0 1", err
}

func proveToolstackHang(ctx context.Context, t *tester) (string, bool, error) {
	g, err := t.creations(ctx)
	if err == nil {
		err = t.do(ctx, "toolstack-hang b")
	}
	if err != nil {
		return "", false, err
	}
	hung, err := t.on(ctx, "b", "(xl create "+g.ConfigFile()+" >/root/create.log 2>&1; echo $? >/root/code) & sleep 10; cat /root/code 2>/dev/null || echo none")
	if err == nil {
		err = t.run.healToolstack(ctx, "b")
	}
	if err != nil {
		return "", false, err
	}
	after, err := t.waitOn(ctx, "b", "cat /root/code 2>/dev/null || true", func(out string) bool { return out != "" })
	if err == nil {
		_, err = t.on(ctx, "b", "xl destroy "+g.Name)
	}
	return fmt.Sprintf("xl create: exit code after 10 s %s, when it ends %s", hung, after), hung == "none" && after == "0", err
}

func proveHalf(ctx context.Context, t *tester) (string, bool, error) {
	g, err := t.creations(ctx)
	if err == nil {
		err = t.do(ctx, "half-create b count 1")
	}
	if err != nil {
		return "", false, err
	}
	out, err := t.on(ctx, "b", create(&g))
	if err == nil {
		_, err = t.on(ctx, "b", "xl destroy "+g.Name)
	}
	return fmt.Sprintf("xl create: exit code, domains and their state %q", out), out == "1 1 --p---", err
}

func proveHang(ctx context.Context, t *tester) (string, bool, error) {
	serves := func(limit time.Duration) bool {
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		return askGuest(ctx, t.run.pool) == nil
	}
	well := serves(time.Minute)
	if err := t.do(ctx, "hang-vm vm"); err != nil {
		return "", false, err
	}
	hung := serves(standstill)
	if err := t.run.unhang(ctx, "a"); err != nil {
		return "", false, err
	}
	after := serves(time.Minute)
	return fmt.Sprintf("answers: %t, %t while it hangs, %t", well, hung, after), well && !hung && after, nil
}

// provePasses does a fault and says which networks carry packets both ways then.
func provePasses(fault, want string) func(context.Context, *tester) (string, bool, error) {
	return func(ctx context.Context, t *tester) (string, bool, error) {
		if err := t.do(ctx, fault); err != nil {
			return "", false, err
		}
		got, err := t.passes(ctx)
		if err == nil {
			err = t.again(ctx, "heal-all")
		}
		return fmt.Sprintf("networks that pass both ways: %q", got), got == want, err
	}
}

func proveHeal(ctx context.Context, t *tester) (string, bool, error) {
	if err := t.again(ctx, "cut all a <-> b"); err != nil {
		return "", false, err
	}
	cut, err := t.passes(ctx)
	if err == nil {
		err = t.do(ctx, "heal a2 a <-> b")
	}
	if err != nil {
		return "", false, err
	}
	healed, err := t.passes(ctx)
	if err == nil {
		err = t.again(ctx, "heal-all")
	}
	return fmt.Sprintf("networks that pass: %q, then %q", cut, healed), cut == "lan" && healed == "alink1 lan", err
}

func proveHealAll(ctx context.Context, t *tester) (string, bool, error) {
	for _, text := range []string{"isolate b", "loss all a <-> b 90%", "nic-down a"} {
		if err := t.again(ctx, text); err != nil {
			return "", false, err
		}
	}
	if err := t.do(ctx, "heal-all"); err != nil {
		return "", false, err
	}
	got, err := t.passes(ctx)
	return fmt.Sprintf("networks that pass: %q", got), got == "mgmt alink0 alink1 lan", err
}

// proveDelay says how the round-trip times are, in milliseconds; the fastest must be slower by more than the first, the slowest by more
// than the second number.
func proveDelay(fault string, fastest, slowest int64) func(context.Context, *tester) (string, bool, error) {
	return func(ctx context.Context, t *tester) (string, bool, error) {
		wellMin, wellMax, err := t.trips(ctx)
		if err == nil {
			err = t.do(ctx, fault)
		}
		if err != nil {
			return "", false, err
		}
		low, high, err := t.trips(ctx)
		if err == nil {
			err = t.again(ctx, "heal-all")
		}
		return fmt.Sprintf("round trips of %d to %d ms, instead of %d to %d", low, high, wellMin, wellMax),
			low >= fastest && high-wellMin >= slowest, err
	}
}

// trips returns the fastest and the slowest of some round trips, in milliseconds.
func (t *tester) trips(ctx context.Context) (low, high int64, err error) {
	out, err := t.on(ctx, "a", "ping -c 8 -W 5 "+lab.Address("alink0", 1)+" | tail -1")
	if err != nil {
		return 0, 0, err
	}
	// round-trip min/avg/max = 0.552/0.552/0.552 ms
	var a, b, c float64
	if n, _ := fmt.Sscanf(out, "round-trip min/avg/max = %f/%f/%f ms", &a, &b, &c); n != 3 {
		return 0, 0, fmt.Errorf("ping ended with %q", out)
	}
	return int64(a), int64(c), nil
}

func proveNIC(ctx context.Context, t *tester) (string, bool, error) {
	const carrier = "cat /sys/class/net/lan/carrier"
	if err := t.do(ctx, "nic-down b"); err != nil {
		return "", false, err
	}
	down, err := t.on(ctx, "b", carrier)
	if err != nil {
		return "", false, err
	}
	passes, err := t.passes(ctx)
	if err == nil {
		err = t.again(ctx, "nic-up b")
	}
	if err != nil {
		return "", false, err
	}
	up, err := t.on(ctx, "b", carrier)
	return fmt.Sprintf("carrier %s, then %s; networks that passed: %q", down, up, passes), down == "0" && up == "1" && passes == "mgmt alink0 alink1", err
}

// packetsSent is how many numbered packets of packetBytes are sent in one proof.
const (
	packetsSent = 1000
	packetBytes = 500
)

// packets is what "init packets receive" saw.
type packets struct {
	// Received packets, each counted once, Duplicates of them, and those that came Late, behind a later one.
	Received, Duplicates, Late int
	// BadSums is how many packets the kernel dropped because of their checksums.
	BadSums int
	// SpreadMS is the time from the first to the last, in milliseconds.
	SpreadMS int64
}

// Rate is the throughput in bytes per second.
func (p *packets) Rate() int64 { return int64(p.Received) * packetBytes * 1000 / max(p.SpreadMS, 1) }

// provePackets sends numbered packets from a to b without and with a fault, and says what arrived.
func provePackets(fault string, right func(p, well packets) bool) func(context.Context, *tester) (string, bool, error) {
	return func(ctx context.Context, t *tester) (string, bool, error) {
		well, err := t.packets(ctx)
		if err == nil {
			err = t.do(ctx, fault)
		}
		if err != nil {
			return "", false, err
		}
		p, err := t.packets(ctx)
		if err == nil {
			err = t.again(ctx, "heal-all")
		}
		return fmt.Sprintf("of %d packets: %+v, instead of %+v", packetsSent, p, well), right(p, well) && well.Received == packetsSent, err
	}
}

// packets sends numbered packets from a to b on the first availability link.
func (t *tester) packets(ctx context.Context) (p packets, err error) {
	if _, err := t.on(ctx, "b", "rm -f /root/packets.log; "+inBackground("packets", "/init packets receive 9000")+" sleep 0.5"); err != nil {
		return p, err
	}
	if _, err := t.on(ctx, "a", fmt.Sprintf("/init packets send %s:9000 %d %d", lab.Address("alink0", 1), packetsSent, packetBytes)); err != nil {
		return p, err
	}
	out, err := t.waitOn(ctx, "b", "cat /root/packets.log", func(out string) bool { return out != "" })
	if err == nil {
		err = json.Unmarshal([]byte(out), &p)
	}
	return p, err
}

// waitLimit is how long something on a host may take.
const waitLimit = 2 * time.Minute

// waitOn repeats a command on a host until it prints what is waited for.
func (t *tester) waitOn(ctx context.Context, host, text string, enough func(out string) bool) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, waitLimit, fmt.Errorf("nothing came of it within %v", waitLimit))
	defer cancel()
	for {
		out, err := t.on(ctx, host, text)
		if err != nil || enough(out) {
			return out, err
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	}
}
