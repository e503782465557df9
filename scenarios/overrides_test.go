package scenarios

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/scenarios/script"
	"holdfast/sim/random"
)

// TestRandomOverrides lets an operator have a host go on alone that may not know all that was decided, in a pool with a
// recovery copy. What it does not know is discarded, with what clients were told, so histories are not judged. No rule is broken,
// and when the others have returned the VM and its recovery copy are whole again.
func TestRandomOverrides(t *testing.T) {
	plans := uint64(100)
	if testing.Short() {
		plans = 30
	}
	for seed := uint64(1); seed <= plans; seed++ {
		s := overridePlan(t, seed)
		r, err := Attempt(t.Context(), s, Options{Seed: seed, AllowUnfired: true})
		require.NoError(t, err)
		failed := false
		for _, f := range r.Failures {
			if f.Rule != "history" {
				t.Errorf("seed %d: %v %s: %s", seed, f.At, f.Rule, f.Text)
				failed = true
			}
		}
		if failed {
			t.Fatalf("to replay with seed %d, save this as a file:\n%s", seed, script.Format(s))
		}
	}
}

// overridePlan draws a VM whose recovery copy is on c, and one of three ways to an override.
func overridePlan(t *testing.T, seed uint64) *script.Script {
	t.Helper()
	p := &plan{r: random.New(seed, "override plan")}
	level := []string{"ft", "ha", "restart"}[p.below(3)]
	fmt.Fprintf(p, "scenario random-%d\npurpose \"A random plan.\"\nhost a\nhost b\nhost c\nwitness w\n", seed)
	fmt.Fprintf(p, "vm db level %s service log on a second b dr c rpo 1s\n", level)
	fmt.Fprintf(p, "clients db count %d rate %d/s keys 4\n", 2+p.below(5), 20+p.below(130))
	one, other := "a", "b"
	if p.below(2) == 0 {
		one, other = other, one
	}
	at := 1500 + p.below(1500)
	switch p.below(3) {
	case 0:
		p.homeAlone(at, one, other)
	case 1:
		p.copyAlone(at, one)
	default:
		p.oneAfterTheOther(at, one, other)
	}
	fmt.Fprintln(p, "run 22s\nexpect converged within 30s")
	if level == "ft" {
		fmt.Fprintln(p, "expect state-lost(db)")
	}
	s, err := script.Parse("random", p.String())
	require.NoError(t, err, p.String())
	return s
}

func (p *plan) at(ms int, format string, args ...any) {
	fmt.Fprintf(p, "at %dms %s\n", ms, fmt.Sprintf(format, args...))
}

// homeAlone: the pool goes on without a home, is lost, and that home is told to go on alone.
func (p *plan) homeAlone(at int, one, other string) {
	p.at(at, "isolate %s%s", one, []string{"", " keep-lan"}[p.below(2)])
	if p.below(2) == 0 { // what is completed then no client hears of
		fmt.Fprintf(p, "when db stage write-issued after %dms nic-down %s\n", at+1, other)
	}
	at += 100 + p.below(3000)
	p.lose(at, []string{other, "w", "c"}[:2+p.below(2)]...)
	p.at(at+10, "heal all %s <-> c", one)
	p.at(at+10, "heal mgmt %s <-> w", one)
	at += 500 + p.below(1500)
	p.at(at, "override %s declare-dead %s", one, other)
	p.comeBack(at+200+p.below(3000), other, "c", "w")
}

// copyAlone: the pool goes on without the host of the recovery copy, is lost, and that host is told to go on alone.
func (p *plan) copyAlone(at int, lost string) {
	for _, host := range []string{"a", "b", "w"} {
		p.at(at, "cut all c <-> %s", host)
	}
	if p.below(2) == 0 {
		p.at(at+p.below(1000), "power-off %s", lost)
	}
	at += 500 + p.below(2500)
	p.lose(at, "a", "b", "w")
	for _, host := range []string{"a", "b", "w"} {
		p.at(at+10, "heal all c <-> %s", host)
	}
	at += 500 + p.below(1000)
	p.at(at, "override c declare-dead a")
	if p.below(3) > 0 {
		p.at(at+100+p.below(900), "fail-over db on c")
	}
	p.comeBack(at+1200+p.below(2800), "a", "b", "w")
}

// oneAfterTheOther: a home is told to go on alone, the others follow it, and one of them is told the same later.
func (p *plan) oneAfterTheOther(at int, one, other string) {
	p.lose(at, other, "c", "w")
	at += 1000 + p.below(1000)
	p.at(at, "override %s declare-dead %s", one, other)
	at = p.comeBack(at+200+p.below(3000), other, "c") + 3000 + p.below(2000)
	next, rest := other, []string{one, "c"}
	if p.below(2) == 0 {
		next, rest = "c", []string{one, other}
	}
	p.lose(at, rest...)
	at += 600 + p.below(900)
	p.at(at, "override %s declare-dead %s", next, one)
	if next == "c" {
		p.at(at+500, "fail-over db on c")
	}
	p.comeBack(at+1200+p.below(2800), append(rest, "w")...)
}

func (p *plan) lose(at int, members ...string) {
	for _, member := range members {
		p.at(at, "power-off %s", member)
	}
}

// comeBack gives the members power, in any order, and returns when the last one got it.
func (p *plan) comeBack(at int, members ...string) int {
	for len(members) > 0 {
		i := p.below(uint64(len(members)))
		p.at(at, "power-on %s", members[i])
		members = append(members[:i:i], members[i+1:]...)
		at += p.below(1000)
	}
	return at
}
