package reduce_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"holdfast/faults"
	"holdfast/scenarios"
	"holdfast/scenarios/campaign/reduce"
	"holdfast/scenarios/campaign/swarm"
	"holdfast/scenarios/script"
)

// needs returns a runner in which a script fails exactly if it still has all the given actions.
func needs(wanted []string) reduce.Runner {
	return func(_ context.Context, s *script.Script, _, _ uint64) (reduce.Verdict, error) {
		v := reduce.Verdict{Happened: s}
		have := map[string]int{}
		for _, a := range s.Actions {
			have[a.Fault.String()]++
		}
		for _, w := range wanted {
			if have[w]--; have[w] < 0 {
				return v, nil
			}
		}
		v.Rule, v.Rules = "R1", []string{"R1"}
		return v, nil
	}
}

// crashes is a script with so many actions, all of them different.
func crashes(n int) *script.Script {
	s := &script.Script{Name: "synthetic", Purpose: "A failure that needs a few actions.", Run: time.Minute,
		Hosts: []script.Member{{Name: "a"}, {Name: "b"}}, VMs: []script.VM{{Name: "db", Level: script.LevelHA, Service: script.ServiceLog, Home: "a", Second: "b"}}}
	for i := range n {
		s.Actions = append(s.Actions, script.Action{
			Trigger: script.Trigger{Kind: script.TriggerAt, At: time.Duration(i) * 900 * time.Millisecond},
			Fault:   faults.Fault{Kind: faults.CrashDaemon, Member: faults.Named("a"), Effect: i + 1},
		})
	}
	return s
}

// TestSynthetic: of many actions exactly those are left that the failure needs, whatever the number of jobs.
func TestSynthetic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 60).Draw(t, "actions")
		s := crashes(n)
		var wanted []string
		for _, i := range rapid.SliceOfNDistinct(rapid.IntRange(0, n-1), 0, min(n, 5), rapid.ID[int]).Draw(t, "needed") {
			wanted = append(wanted, s.Actions[i].Fault.String())
		}
		var results []*reduce.Result
		for _, jobs := range []int{1, 4} {
			r, err := reduce.Reduce(context.Background(), s, reduce.Options{Seed: 1, Jobs: jobs, Shakes: 100, Run: needs(wanted)})
			require.NoError(t, err)
			require.True(t, r.Finished)
			require.Len(t, r.Script.Actions, len(wanted))
			require.NoError(t, script.Validate(r.Script))
			results = append(results, r)
		}
		require.Equal(t, script.Format(results[0].Script), script.Format(results[1].Script))
	})
}

// TestShaking: of four actions of which none can be missed as they are, the one is left that fails alone at another time.
func TestShaking(t *testing.T) {
	s := crashes(4)
	run := func(_ context.Context, c *script.Script, _, _ uint64) (reduce.Verdict, error) {
		early := slices.ContainsFunc(c.Actions, func(a script.Action) bool { return a.Fault.Effect == 4 && a.Trigger.At < time.Second })
		if len(c.Actions) < 4 && !early {
			return reduce.Verdict{Happened: c}, nil
		}
		return reduce.Verdict{Rule: "R1", Rules: []string{"R1"}, Happened: c}, nil
	}
	for shakes, left := range map[int]int{0: 4, 1000: 1} {
		var results []string
		for _, jobs := range []int{1, 4} {
			r, err := reduce.Reduce(context.Background(), s, reduce.Options{Seed: 1, Jobs: jobs, Shakes: shakes, Run: run})
			require.NoError(t, err)
			require.True(t, r.Finished)
			require.Len(t, r.Script.Actions, left)
			require.NoError(t, script.Validate(r.Script))
			results = append(results, fmt.Sprint(r.Seed, script.Format(r.Script)))
		}
		require.Equal(t, results[0], results[1])
	}
}

// TestDrawn: what shaking has to draw for one action less.
func TestDrawn(t *testing.T) {
	long(t)
	for name, fails := range map[string]func(*script.Script) bool{
		"the last actions": func(s *script.Script) bool {
			return len(s.Actions) == 7 && s.Actions[6].Fault.Effect == 12 && s.Actions[0].Fault.Effect == 6 && s.Actions[0].Trigger.At < 3*time.Second
		},
		"a witness": func(s *script.Script) bool { return len(s.Actions) == 2 && s.Witness.Name != "" },
		"a stage": func(s *script.Script) bool {
			return len(s.Actions) == 2 && s.Actions[1].Trigger.Kind == script.TriggerWhen
		},
		"another fault": func(s *script.Script) bool {
			return len(s.Actions) == 2 && s.Actions[0].Fault.Kind == faults.Freeze
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := crashes(12)
			s.Actions[3].Fault = faults.Fault{Kind: faults.PowerOff, Member: faults.Named("b")}
			r, err := reduce.Reduce(context.Background(), s, reduce.Options{Seed: 1, Shakes: 300,
				Run: func(_ context.Context, c *script.Script, _, _ uint64) (reduce.Verdict, error) {
					if len(c.Actions) < 12 && !fails(c) {
						return reduce.Verdict{Happened: c}, nil
					}
					return reduce.Verdict{Rule: "R1", Rules: []string{"R1"}, Happened: c}, nil
				}})
			require.NoError(t, err)
			require.True(t, fails(r.Script), script.Format(r.Script))
		})
	}
}

// TestWhatHappened: a candidate that happens as something that was there before is no success, however often it fails; and what
// happened of one is not taken if it is no script.
func TestWhatHappened(t *testing.T) {
	lasting := crashes(0)
	lasting.Actions = []script.Action{{Trigger: script.Trigger{Kind: script.TriggerAt, At: 2345 * time.Millisecond},
		Fault: faults.Fault{Kind: faults.HangVM, VM: "db", For: 2500 * time.Millisecond}}}
	old := crashes(1)
	old.Actions[0].Fault = faults.Fault{Kind: faults.SaveDisk, Member: faults.Named("b")}
	old.Actions = append(old.Actions, script.Action{Trigger: script.Trigger{Kind: script.TriggerAt, At: time.Second},
		Fault: faults.Fault{Kind: faults.PowerOn, Member: faults.Named("b"), OldDisk: true}})
	for name, c := range map[string]struct {
		script *script.Script
		fails  func(*script.Script) bool
		clamp  func(*script.Script)
		left   string
	}{
		"clamped": {lasting, func(s *script.Script) bool { return len(s.Actions) == 1 }, func(s *script.Script) { s.Actions[0].Fault.For = 2500 * time.Millisecond },
			"hang-vm db for 2.5s"},
		"broken": {old, func(s *script.Script) bool { return strings.Contains(script.Format(s), "with-old-disk") },
			func(s *script.Script) { s.Actions = s.Actions[len(s.Actions)-1:] }, "with-old-disk"},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, script.Validate(c.script))
			r, err := reduce.Reduce(context.Background(), c.script, reduce.Options{Seed: 1, Shakes: 100,
				Progress: func(what string, s *script.Script) { require.NoError(t, script.Validate(s), what) },
				Run: func(_ context.Context, s *script.Script, _, _ uint64) (reduce.Verdict, error) {
					happened := *s
					if happened.Actions = slices.Clone(s.Actions); !c.fails(s) {
						return reduce.Verdict{Happened: s}, nil
					}
					c.clamp(&happened)
					return reduce.Verdict{Rule: "R9", Rules: []string{"R9"}, Happened: &happened}, nil
				}})
			require.NoError(t, err)
			require.True(t, r.Finished)
			require.NoError(t, script.Validate(r.Script))
			require.Contains(t, script.Format(r.Script), c.left)
		})
	}
}

// TestEndsItself: what one action begins and another one ends becomes one action.
func TestEndsItself(t *testing.T) {
	s := crashes(0)
	for i, f := range []faults.Fault{{Kind: faults.PowerOff, Member: faults.Named("a")}, {Kind: faults.PowerOn, Member: faults.Named("a")}} {
		s.Actions = append(s.Actions, script.Action{Trigger: script.Trigger{Kind: script.TriggerAt, At: time.Duration(3+4*i) * time.Second}, Fault: f})
	}
	r, err := reduce.Reduce(context.Background(), s, reduce.Options{Seed: 1, Run: func(_ context.Context, c *script.Script, _, _ uint64) (reduce.Verdict, error) {
		if a := c.Actions; len(a) == 0 || a[0].Fault.Kind != faults.PowerOff || len(a) == 1 && a[0].Fault.For != 4*time.Second {
			return reduce.Verdict{Happened: c}, nil // it must be back after four seconds
		}
		return reduce.Verdict{Rule: "R9", Rules: []string{"R9"}, Happened: c}, nil
	}})
	require.NoError(t, err)
	require.Len(t, r.Script.Actions, 1)
	require.NoError(t, script.Validate(r.Script))
}

// long leaves a test out under the race detector, which finds in the others what it could find in this one.
func long(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("takes long under the race detector")
	}
}

// simulated parses a script of two hosts and two VMs.
func simulated(t *testing.T, actions string) *script.Script {
	t.Helper()
	s, err := script.Parse("simulated", "scenario simulated\npurpose \"Something fails.\"\nhost a\nhost b\nwitness w\nvm x level ha service log on a\nvm y level ft service log on b\n"+
		"clients x count 1 rate 10/s keys 2\nclients y count 1 rate 10/s keys 2\n"+actions+"expect state-lost(y)\n")
	require.NoError(t, err)
	return s
}

// reduced returns what a simulated script is reduced to if exactly those that wanted picks fail.
func reduced(t *testing.T, s *script.Script, shakes int, wanted func(*script.Script) bool) *reduce.Result {
	t.Helper()
	simulate := reduce.Under(reduce.Bounded)
	r, err := reduce.Reduce(context.Background(), s, reduce.Options{Seed: 1, Jobs: 2, Shakes: shakes,
		Run: func(ctx context.Context, c *script.Script, seed, events uint64) (reduce.Verdict, error) {
			v, err := simulate(ctx, c, seed, events)
			if v.Rule, v.Rules = "", nil; err == nil && wanted(v.Happened) {
				v.Rule, v.Rules = "R9", []string{"R9"}
			}
			return v, err
		}})
	require.NoError(t, err)
	require.True(t, r.Finished)
	require.NoError(t, script.Validate(r.Script))
	return r
}

// TestNotAboutTheVM: a VM by whose stages and roles actions are told goes, and they stay.
func TestNotAboutTheVM(t *testing.T) {
	s := simulated(t, "when y stage sealed after 1s kill-daemon secondary(y)\nat 3s nic-down primary(y)\nat 3s hang-vm x for 100ms\nrun 5s\n")
	r := reduced(t, s, 0, func(c *script.Script) bool {
		text := script.Format(c)
		daemon := strings.Contains(text, "kill-daemon secondary(y)") || strings.Contains(text, "kill-daemon a")
		return daemon && strings.Contains(text, "hang-vm x") && (strings.Contains(text, "nic-down primary(y)") || strings.Contains(text, "nic-down b"))
	})
	require.Len(t, r.Script.Actions, 3)
	require.Equal(t, "x", r.Script.VMs[0].Name)
	require.Len(t, r.Script.VMs, 1)
	require.Empty(t, r.Script.Witness.Name)
}

// TestCalmer: nothing happens for long in what is left.
func TestCalmer(t *testing.T) {
	s := simulated(t, "at 1s nic-down a\nat 9s nic-up a\nat 20s nic-down b\nrun 30s\n")
	r := reduced(t, s, 0, func(c *script.Script) bool { return len(c.Actions) == 3 })
	require.LessOrEqual(t, r.Script.Run, 5*time.Second, script.Format(r.Script))
}

// TestNoLarger: what happens of a smaller script may have more actions than the script that it came from, and is no success then.
func TestNoLarger(t *testing.T) {
	long(t)
	s, err := script.Parse("sites", "scenario sites\npurpose \"Something fails.\"\nhost a site north\nhost b site south\nhost c site north\nhost d site north\nhost e site north\n"+
		"vm x level ft service log on a second b\nvm z level ha service log on e second d\nvm u level ha service log on c second d\n"+
		"at 2s power-off b\nat 3s power-on b\nat 20s isolate site(north) for 5s\nrun 30s\n")
	require.NoError(t, err)
	r := reduced(t, s, 0, func(c *script.Script) bool {
		off, isolated := false, map[string]bool{}
		for _, a := range c.Actions {
			off = off || a.Fault.Kind == faults.PowerOff
			isolated[a.Fault.Member.String()] = a.Fault.Kind == faults.Isolate
		}
		return off && len(c.VMs) == 3 && (isolated["site(north)"] || isolated["a"] && isolated["c"] && isolated["d"] && isolated["e"])
	})
	require.LessOrEqual(t, len(r.Script.Actions), 3, script.Format(r.Script))
}

// TestOtherThanTheWitness: a script whose failure is that it asks for nobody is reduced as well.
func TestOtherThanTheWitness(t *testing.T) {
	s := simulated(t, "at 1s nic-down a\nat 2s slow-cpu w factor 2 for 1s as other-one\nat 4s slow-cpu other(other-one) factor 2 for 1s\nrun 8s\n")
	r, err := reduce.Reduce(context.Background(), s, reduce.Options{Seed: 1, Run: reduce.Under(reduce.NoContract)})
	require.NoError(t, err)
	require.Equal(t, "expect", r.Rule)
	require.Len(t, r.Script.Actions, 2)
}

// TestTogether: what hits two hosts in turn hits them at once if they are all, or a site, or can be one.
func TestTogether(t *testing.T) {
	text := script.Format(simulated(t, "at 1s nic-down b\nat 1.2s nic-down a\nrun 3s\n"))
	three := strings.NewReplacer("host b", "host b\nhost c", "on a", "on a second b", "on b", "on b second a")
	for name, c := range map[string]struct{ text, want string }{
		"two hosts": {text, "nic-down all"},
		"a site":    {strings.NewReplacer("host a", "host a site north", "host b", "host b site north").Replace(three.Replace(text)), "nic-down site(north)"},
		"no sites":  {three.Replace(text), "nic-down site(here)"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := script.Parse("simulated", c.text)
			require.NoError(t, err)
			r := reduced(t, s, 0, func(c *script.Script) bool {
				hit := map[faults.Role]bool{}
				for _, a := range c.Actions {
					hit[a.Fault.Member] = true
				}
				for _, h := range c.Hosts[:2] {
					if !hit[faults.All()] && !hit[faults.Named(h.Name)] && !hit[faults.Site(h.Site)] {
						return false
					}
				}
				return len(c.Hosts) == len(s.Hosts)
			})
			require.Len(t, r.Script.Actions, 1, script.Format(r.Script))
			require.Equal(t, c.want, r.Script.Actions[0].Fault.String())
		})
	}
}

// TestAgain: one fault that comes again and again does what many did.
func TestAgain(t *testing.T) {
	s := simulated(t, strings.Repeat("at 1s disk-full a x for 100ms\n", 6)+"run 3s\n")
	r := reduced(t, s, 100, func(c *script.Script) bool {
		return len(c.Actions) == 6 || len(c.Actions) > 0 && c.Actions[0].Fault.Count >= 6
	})
	require.Len(t, r.Script.Actions, 1)
}

// TestNothingToReduce: a script that passes is refused, and so is one that fails with another rule.
func TestNothingToReduce(t *testing.T) {
	s := swarm.Draw(1, swarm.Options{})
	_, err := reduce.Reduce(context.Background(), s, reduce.Options{Seed: 1, Run: needs([]string{"power-off nobody"})})
	require.ErrorIs(t, err, reduce.ErrPasses)
	_, err = reduce.Reduce(context.Background(), s, reduce.Options{Seed: 1, Rule: "R2", Run: needs(nil)})
	require.ErrorIs(t, err, reduce.ErrPasses)
}

// TestBudget: what was found is returned when the time is over.
func TestBudget(t *testing.T) {
	s := swarm.Draw(2, swarm.Options{})
	now := time.Unix(0, 0)
	tick := func() time.Time { now = now.Add(time.Second); return now }
	r, err := reduce.Reduce(context.Background(), s, reduce.Options{Seed: 1, Run: needs(nil), Budget: 3 * time.Second, Now: tick})
	require.NoError(t, err)
	require.False(t, r.Finished)
	require.Equal(t, "R1", r.Rule)
}

// TestEndlessCandidate: a candidate whose world goes on without end costs as many events as it is given, on every machine,
// and does not count as failing.
func TestEndlessCandidate(t *testing.T) {
	long(t)
	run := reduce.Under(reduce.NoContract)
	var s *script.Script
	var whole reduce.Verdict
	for seed := uint64(3); s == nil || len(whole.Rules) > 0; seed++ { // a plan that passes although nothing holds it to a contract
		var err error
		s = swarm.Draw(seed, swarm.Options{})
		whole, err = run(context.Background(), s, 3, 0)
		require.NoError(t, err)
	}
	for _, given := range []uint64{whole.Events / 2, whole.Events} {
		v, err := run(context.Background(), s, 3, given)
		require.NoError(t, err)
		require.Equal(t, given, v.Events)
		require.Empty(t, v.Rules)
		require.Equal(t, given == whole.Events, v.Happened != s, "only what ran to its end says what happened")
	}

	// A reduction gives each candidate a limit, and the script that failed none.
	var limits []uint64
	_, err := reduce.Reduce(context.Background(), s, reduce.Options{Seed: 3, Jobs: 1,
		Run: func(_ context.Context, c *script.Script, _, events uint64) (reduce.Verdict, error) {
			limits = append(limits, events)
			return reduce.Verdict{Rule: "R9", Rules: []string{"R9"}, Events: 3_000_000, Happened: c}, nil
		}})
	require.NoError(t, err)
	require.Zero(t, limits[0])
	require.Greater(t, len(limits), 1)
	for _, l := range limits[1:] {
		require.Equal(t, uint64(12_000_000), l)
	}
}

// bothLost is a drawn plan of many faults with the loss of both hosts in it, which no ft VM survives.
func bothLost(t *testing.T) *script.Script {
	t.Helper()
	for seed := uint64(0); ; seed++ {
		s := swarm.Draw(seed, swarm.Options{})
		if len(s.Actions) < 30 || len(s.Hosts) != 2 || s.Witness.Name == "" || len(s.Expects) > 0 {
			continue
		}
		text := script.Format(s)
		vm := s.VMs[0]
		if vm.Level != script.LevelFT || strings.Contains(text, "heal-all") {
			continue
		}
		text = strings.Replace(text, "\nrun 60s", "\nat 30s power-off a for 3s\nat 30s power-off b for 3s\nrun 60s", 1)
		lost, err := script.Parse("lost", text)
		require.NoError(t, err)
		return lost
	}
}

// TestRealFailure: a plan of more than thirty faults becomes one of five at most in less than a minute, and the
// result fails by itself.
func TestRealFailure(t *testing.T) {
	if testing.Short() {
		t.Skip("measures a minute of real time, which says nothing under the race detector")
	}
	s := bothLost(t)
	require.GreaterOrEqual(t, len(s.Actions), 30)
	began := time.Now()
	seed := uint64(7)
	bounds, err := reduce.Kept(context.Background(), s, seed)
	require.NoError(t, err)
	require.NotEqual(t, reduce.Bounded, bounds, "the loss of both hosts keeps no contract")
	r, err := reduce.Reduce(context.Background(), s, reduce.Options{
		Seed: seed, Jobs: 2, Tries: 2, Shakes: reduce.DefaultShakes, Budget: 50 * time.Second, Now: time.Now, Run: reduce.Under(reduce.NoContract),
	})
	require.NoError(t, err)
	require.LessOrEqual(t, len(r.Script.Actions), 5)
	require.Less(t, time.Since(began), time.Minute)
	t.Logf("%d actions became %d in %d runs:\n%s", r.Before, len(r.Script.Actions), r.Runs, script.Format(r.Script))

	back, err := script.Parse("small", script.Format(r.Script))
	require.NoError(t, err)
	again, err := scenarios.Run(context.Background(), back, scenarios.Options{Seed: r.Seed})
	require.NoError(t, err)
	require.Equal(t, r.Rule, scenarios.Deciding(again).Rule, fmt.Sprint(again.Failures))
}

// TestNeverSetUp: a pool that cannot be set up breaks no rule but that one, although nothing in it heals.
func TestNeverSetUp(t *testing.T) {
	s, err := script.Parse("never-set-up", `scenario never-set-up
purpose "The recovery copy is to be at the site of a home."

host a site east
host b site west
host c site west
vm db level ft service log on a second b dr c rpo 1s

at 1s power-off a as first
at 3s power-on first
run 5s
`)
	require.NoError(t, err)
	v, err := reduce.Under(reduce.NoContract)(t.Context(), s, 1, 0)
	require.NoError(t, err)
	require.Equal(t, scenarios.RuleSetup, v.Rule)
	require.Equal(t, []string{scenarios.RuleSetup}, v.Rules)
	require.Zero(t, v.At)
}
