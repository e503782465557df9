package scenarios

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/reports"
	"holdfast/scenarios/script"
	"holdfast/sim/random"
)

// TestRandomMembershipChanges lets hosts fail, return, join and leave and VMs change homes, in any order and
// several at a time. Whatever happens, no rule is broken, and when the faults stop every VM is protected.
func TestRandomMembershipChanges(t *testing.T) {
	plans := uint64(150)
	if testing.Short() {
		plans = 30
	}
	for seed := uint64(1); seed <= plans; seed++ {
		s := membershipPlan(t, seed)
		r := attempt(s, seed)
		if r.Outcome == reports.Pass {
			continue
		}
		for _, f := range r.Failures {
			t.Errorf("seed %d: %v %s: %s", seed, f.At, f.Rule, f.Text)
		}
		t.Fatalf("to replay with seed %d, save this as a file:\n%s", seed, script.Format(s))
	}
}

// plan writes a random script.
type plan struct {
	strings.Builder
	r     *random.Stream
	hosts []string
}

func (p *plan) host() string { return p.hosts[p.r.Below(uint64(len(p.hosts)))] }

func (p *plan) below(n uint64) int { return int(p.r.Below(n)) }

// membershipPlan draws a pool of three to six hosts, some of them spare, and what happens to it.
func membershipPlan(t *testing.T, seed uint64) *script.Script {
	t.Helper()
	p := &plan{r: random.New(seed, "membership plan")}
	fmt.Fprintf(p, "scenario random-%d\npurpose \"A random plan.\"\n", seed)
	n := 3 + p.below(4)
	for i := range n {
		p.hosts = append(p.hosts, string(rune('a'+i)))
		spare := ""
		if i >= 3 && p.below(3) == 0 {
			spare = " spare"
		}
		fmt.Fprintf(p, "host %s%s\n", p.hosts[i], spare)
	}
	if p.below(2) == 0 {
		fmt.Fprintln(p, "witness w")
	}
	levels := []string{"ft", "ha", "restart"}
	for i := range 1 + p.below(2) {
		home := p.below(3)
		fmt.Fprintf(p, "vm vm%d level %s service log on %s second %s\n", i, levels[p.below(3)], p.hosts[home], p.hosts[(home+1+p.below(2))%3])
		fmt.Fprintf(p, "clients vm%d count 2 rate 40/s keys 4\n", i)
	}
	fmt.Fprintf(p, "tune rehome-after %dms\ntune voter-lost-after %dms\n", 300+p.below(2000), 300+p.below(2000))
	for range 3 + p.below(8) {
		fmt.Fprintf(p, "at %dms %s\n", p.below(9000), p.action())
	}
	fmt.Fprintln(p, "run 10s")
	text := p.String()
	for _, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(line, "vm ") && strings.Contains(line, "level ft") {
			fmt.Fprintf(p, "expect state-lost(%s)\n", strings.Fields(line)[1])
		}
	}
	s, err := script.Parse("random", p.String())
	require.NoError(t, err, p.String())
	return s
}

// action draws one thing that goes wrong, or that an operator does.
func (p *plan) action() string {
	lasts := time.Duration(100+p.below(4000)) * time.Millisecond
	a, b := p.host(), p.host()
	for b == a {
		b = p.host()
	}
	switch p.below(16) {
	case 0, 1, 2:
		return fmt.Sprintf("power-off %s %sfor %v", a, []string{"", "torn ", "lose-unsynced ", "keep-unsynced "}[p.below(4)], lasts)
	case 3:
		return fmt.Sprintf("power-off all for %v", lasts)
	case 4:
		return fmt.Sprintf("isolate %s for %v", a, lasts)
	case 5:
		return fmt.Sprintf("cut all %s <-> %s for %v", a, b, lasts)
	case 6:
		return fmt.Sprintf("kill-daemon %s for %v", a, lasts)
	case 7, 8:
		return "leave-host " + a
	case 9:
		return "join-host " + a
	case 10:
		return fmt.Sprintf("loss all %s <-> %s 40%% for %v", a, b, lasts)
	case 11:
		return fmt.Sprintf("freeze %s for %v", a, lasts)
	case 12:
		return fmt.Sprintf("crash-daemon %s at-effect %d", a, 1+p.below(400))
	case 13:
		return fmt.Sprintf("disk-error secondary(vm0) vm0 write for %v", lasts)
	case 14:
		return fmt.Sprintf("delay all %s <-> %s %dms for %v", a, b, 1+p.below(300), lasts)
	default:
		return fmt.Sprintf("replace-home vm0 from secondary(vm0) to %s", a)
	}
}
