package contract_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/reports"
	"holdfast/scenarios"
	"holdfast/scenarios/campaign/contract"
	"holdfast/scenarios/campaign/swarm"
	"holdfast/scenarios/script"
)

const threeVoters = "host a\nhost b\nwitness w\n"
const twoPlaces = "host a\nhost b\nhost c\nhost d spare\n"
const twoVoters = "host a\nhost b\n"
const fourHosts = "host a site north\nhost b site south\nhost c site north\nhost d site south\nwitness w\n"

func parse(t *testing.T, pool, body string) *script.Script {
	t.Helper()
	s, err := script.Parse("test", "scenario test\npurpose \"A rule of the contract.\"\n"+pool+body)
	require.NoError(t, err)
	return s
}

// run runs a script under a contract.
func run(t *testing.T, s *script.Script, seed uint64, unbounded bool) (*contract.Contract, *reports.Scenario) {
	t.Helper()
	c := contract.New(s, unbounded)
	result, err := scenarios.Attempt(context.Background(), s, scenarios.Options{Seed: seed, Guard: c.Admit, AllowUnfired: true})
	require.NoError(t, err)
	return c, result
}

// TestRules: what each limit lets happen. The list holds what is left of the script's actions.
func TestRules(t *testing.T) {
	const ft, ha = "vm db level ft service log on a\n", "vm db level ha service log on a\n"
	const shared = "tune lease-timeout 2s\nvm db level restart service log storage shared on a\n"
	const dr = "vm db level ha service log on a second b dr c rpo 1s\n"
	const two = "vm db level ft service log on a second b\nvm far level ft service log on c second d\n"
	for _, c := range []struct {
		name, pool, vm, actions, expect string
		unbounded                       bool
		want                            []string
	}{
		{"one host", threeVoters, ft, "at 2s power-off a for 3s\n", "", false, []string{"at 2s power-off a for 3s"}},
		{"the survivor too", threeVoters, ft, "at 2s power-off a for 3s\nat 3s reboot b for 2s\n", "", false,
			[]string{"at 2s power-off a for 3s", "at 3s freeze b for 1s"}},
		{"the survivor, declared", threeVoters, ft, "at 2s power-off a for 3s\nat 3s reboot b for 2s\n", "expect state-lost(db)\n", false,
			[]string{"at 2s power-off a for 3s", "at 3s reboot b for 2s"}},
		{"the survivor, without memory to lose", threeVoters, ha, "at 2s power-off a for 3s\nat 3s reboot b for 2s\n", "", false,
			[]string{"at 2s power-off a for 3s", "at 3s reboot b for 2s"}},
		{"the survivor, unbounded", threeVoters, ft, "at 2s power-off a for 3s\nat 3s reboot b for 2s\n", "expect state-lost(db)\n", true,
			[]string{"at 2s power-off a for 3s", "at 3s reboot b for 2s"}},
		{"the survivor's daemon in the middle of a promotion", threeVoters, ft, "at 2s power-off a for 3s\nat 2.5s kill-daemon b for 2s\n", "", false,
			[]string{"at 2s power-off a for 3s", "at 2.5s stop-daemon b for 1s"}},
		{"the same host again", threeVoters, ft, "at 2s power-off a for 3s\nat 5.5s power-off a for 1s\n", "", false,
			[]string{"at 2s power-off a for 3s", "at 5.5s power-off a for 1s"}},
		{"the other host when all is well again", threeVoters, ft, "at 2s power-off a for 2s\nat 16s power-off b for 2s\n", "", false,
			[]string{"at 2s power-off a for 2s", "at 16s power-off b for 2s"}},
		{"witness during failover", threeVoters, ft, "at 2s power-off a for 3s\nat 2.3s power-off w for 2s\n", "", false,
			[]string{"at 2s power-off a for 3s", "at 2.3s power-off w for 2s"}},
		{"long isolation of the only memory", threeVoters, ft, "at 2s power-off a for 1s\nat 4s isolate b for 9s\n", "", false,
			[]string{"at 2s power-off a for 1s", "at 4s isolate b for 1.25s"}},
		{"guest", threeVoters, ft, "at 2s crash-vm db\n", "", false, nil},
		{"guest that hangs again", threeVoters, ft, "at 2s hang-vm db for 2s\nat 5s hang-vm db for 2s\nat 9s hang-vm db for 2s\n", "", false,
			[]string{"at 2s hang-vm db for 2s", "at 9s hang-vm db for 2s"}},
		{"guest that hangs again when its host is not frozen any more", threeVoters, ft, "at 2s hang-vm db for 2s\nat 4.9s freeze a for 1.25s\nat 6.2s hang-vm db for 2s\nat 9s hang-vm db for 2s\n", "", false,
			[]string{"at 2s hang-vm db for 2s", "at 4.9s freeze a for 1.25s", "at 9s hang-vm db for 2s"}},
		{"guest that hangs again when all is healed", threeVoters, ft, "at 2s hang-vm db for 2s\nat 5s heal-all\nat 5s hang-vm db for 2s\n", "", false,
			[]string{"at 2s hang-vm db for 2s", "at 5s heal-all"}},
		{"guest at level ha", threeVoters, ha, "at 2s crash-vm db\n", "", false, []string{"at 2s crash-vm db"}},
		{"one forgets", threeVoters, ha, "at 1s save-disk w\nat 4s power-off w\nat 5s power-on w with-old-disk\n", "", false,
			[]string{"at 1s save-disk w", "at 4s power-off w", "at 5s power-on w with-old-disk"}},
		{"two forget", threeVoters, ha, "at 1s save-disk w\nat 1s save-disk a\nat 4s power-off w\nat 5s power-on w with-old-disk\nat 14s power-off a\nat 15s power-on a with-old-disk\n", "", false,
			[]string{"at 1s save-disk w", "at 1s save-disk a", "at 4s power-off w", "at 5s power-on w with-old-disk", "at 14s power-off a", "at 15s power-on a"}},
		{"one of two forgets", twoVoters, ha, "at 1s save-disk b\nat 4s power-off b\nat 5s power-on b with-old-disk\n", "", false,
			[]string{"at 1s save-disk b", "at 4s power-off b", "at 5s power-on b"}},
		{"override, honest", twoVoters, ha, "at 2s power-off b\nat 4s override a declare-dead b\nat 8s power-on b\n", "", false,
			[]string{"at 2s power-off b", "at 4s override a declare-dead b", "at 8s power-on b"}},
		{"override of a living host", twoVoters, ha, "at 4s override a declare-dead b\n", "", true, nil},
		{"forced start of a stale copy", threeVoters, ha, "at 2s power-off b\nat 8s power-on b\nat 8.1s power-off a\nat 9s force-start db on b\n", "", true,
			[]string{"at 2s power-off b", "at 8s power-on b", "at 8.1s power-off a"}},
		{"corruption too early", threeVoters, ha, "at 2s disk-corrupt b db\n", "", false, nil},
		{"corruption, then the good copy", threeVoters, ha, "at 16s disk-corrupt b db\nat 17s power-off a for 1s\n", "", false,
			[]string{"at 16s disk-corrupt b db"}},
		{"drift within the lease's bound", threeVoters, shared, "at 2s clock-drift a ppm 10000 for 3s\nat 2s watchdog-drift b ppm -10000 for 3s\n", "", false,
			[]string{"at 2s clock-drift a ppm 10000 for 3s", "at 2s watchdog-drift b ppm -10000 for 3s"}},
		{"drift beyond it", threeVoters, shared, "at 2s clock-drift a ppm -400000 for 3s\nat 2s watchdog-drift b ppm 90000 for 3s\n", "", true,
			[]string{"at 2s clock-drift a ppm -10000 for 3s", "at 2s watchdog-drift b ppm 10000 for 3s"}},
		{"drift without a lease", threeVoters, ha, "at 2s clock-drift a ppm 400000 for 3s\n", "", false, []string{"at 2s clock-drift a ppm 400000 for 3s"}},
		{"jumps that are noticed", threeVoters, shared, "at 2s clock-jump b +300ms\nat 3s clock-jump b +5s\nat 4s clock-jump b -10s\n", "", true,
			[]string{"at 2s clock-jump b +300ms", "at 3s clock-jump b +5s", "at 4s clock-jump b -10s"}},
		{"jumps that are not", threeVoters, shared, "at 2s clock-jump b +180ms\nat 3s clock-jump b +20ms\nat 4s clock-jump a +90ms\n", "", true,
			[]string{"at 2s clock-jump b +100ms", "at 4s clock-jump a +90ms"}},
		{"writes that come late", threeVoters, shared, "at 2s disk-slow a db by 900ms for 3s\nat 2s io-delay a db write by 1T\nat 2s io-delay b db write by 0.2T\n", "", true,
			[]string{"at 2s disk-slow a db by 150ms for 3s", "at 2s io-delay b db write by 0.2T"}},
		{"corruption of shared storage", threeVoters, shared, "at 16s disk-corrupt b db\n", "", false, nil},
		{"a forced start right after the loss", threeVoters, shared, "at 2s power-off a\nat 2.5s force-start db on b\nat 4s force-start db on b\nat 6s power-on a\n", "", true,
			[]string{"at 2s power-off a", "at 4s force-start db on b", "at 6s power-on a"}},
		{"a site", fourHosts, two, "at 2s power-off a for 3s\nat 2s power-off c for 3s\n", "", false,
			[]string{"at 2s power-off a for 3s", "at 2s power-off c for 3s"}},
		{"both homes at once", fourHosts, two, "at 2s power-off a for 3s\nat 2s power-off b for 3s\n", "", false,
			[]string{"at 2s power-off a for 3s", "at 2s freeze b for 1s"}},
		{"another host a moment later", fourHosts, two, "at 2s power-off a for 3s\nat 2.001s power-off c for 3s\n", "", false,
			[]string{"at 2s power-off a for 3s", "at 2.001s freeze c for 1s"}},
		{"the only memory while a home is replaced", fourHosts, two, "at 2s replace-home db from b to d\nat 2.003s power-off a for 1s\n", "", false,
			[]string{"at 2s replace-home db from b to d", "at 2.003s freeze a for 1s"}},
		{"a move while a daemon is about to crash", fourHosts, two, "at 2s crash-daemon a at-effect 60\nat 2.1s leave-host b\n", "", false,
			[]string{"at 2s crash-daemon a at-effect 60"}},
		{"a crash that may meet a policy's move", fourHosts, two + "policy apart db far\n", "at 2s crash-daemon a at-effect 60\n", "", false, nil},
		{"a fail-over, honest", twoPlaces, dr, "at 2s power-off a\nat 2s power-off b\nat 3s override c declare-dead a\nat 4s fail-over db on c\nat 8s power-on a\nat 8s power-on b\n", "", true,
			[]string{"at 2s power-off a", "at 2s power-off b", "at 3s override c declare-dead a", "at 4s fail-over db on c", "at 8s power-on a", "at 8s power-on b"}},
		{"a fail-over while a home is alive", twoPlaces, dr, "at 2s power-off a\nat 4s fail-over db on c\nat 8s power-on a\n", "", true,
			[]string{"at 2s power-off a", "at 8s power-on a"}},
		{"a fail-over before a home comes back by itself", twoPlaces, dr, "at 2s power-off a\nat 2s power-off b for 9s\nat 4s fail-over db on c\nat 8s power-on a\n", "", true,
			[]string{"at 2s power-off a", "at 2s power-off b for 9s", "at 8s power-on a"}},
		{"freezing is not enough", twoPlaces, dr, "at 2s power-off b\nat 2s freeze a\nat 4s fail-over db on c\nat 8s thaw a\nat 9s power-on b\n", "", true,
			[]string{"at 2s power-off b", "at 2s freeze a", "at 8s thaw a", "at 9s power-on b"}},
		{"an override with a majority", twoPlaces, dr, "at 2s power-off a\nat 3s override c declare-dead a\nat 8s power-on a\n", "", true,
			[]string{"at 2s power-off a", "at 8s power-on a"}},
		{"a home comes back before the order is carried out", twoPlaces, dr, "at 2s power-off a\nat 2s power-off b\nat 4s fail-over db on c\nat 5s power-on a\n", "", false,
			[]string{"at 2s power-off a", "at 2s power-off b", "at 4s fail-over db on c"}},
		{"the dead come back over bad links", twoPlaces, dr, "at 2s power-off a\nat 2s power-off b\nat 3s override c declare-dead a\nat 4s fail-over db on c\nat 7s loss all a <-> c 50% for 2s\nat 8s power-on a\nat 10s power-on b\nat 10.1s power-off c for 1s\n", "", true,
			[]string{"at 2s power-off a", "at 2s power-off b", "at 3s override c declare-dead a", "at 4s fail-over db on c", "at 8s power-on a", "at 10s power-on b"}},
		{"the dead join while nobody knows", twoPlaces, dr, "at 2s power-off a\nat 2s power-off b\nat 3s override c declare-dead a\nat 5s reboot c for 2s\nat 5.5s join-host a\nat 5.5s join-host b\nat 12s power-on b\nat 12s join-host a\n", "", false,
			[]string{"at 2s power-off a", "at 2s power-off b", "at 3s override c declare-dead a", "at 5s reboot c for 2s", "at 12s power-on b", "at 12s join-host a"}},
		{"a stranger joins before the dead are back", twoPlaces, dr, "at 2s power-off a\nat 2s power-off b\nat 3s override c declare-dead a\nat 5s join-host d\nat 8s power-on a\nat 12s power-on a\nat 12s power-on b\n", "", false,
			[]string{"at 2s power-off a", "at 2s power-off b", "at 3s override c declare-dead a", "at 5s join-host d", "at 12s power-on a", "at 12s power-on b"}},
		{"a loss of power while a daemon is about to crash", threeVoters, ft, "at 2s crash-daemon b at-effect 60\nat 2.1s power-off a for 3s\n", "", false,
			[]string{"at 2s crash-daemon b at-effect 60"}},
		{"a fault that is weak enough for one VM only", fourHosts, "vm db level ft service log on a second b\nvm far level ft service log on a second c\n", "at 2s crash-daemon c at-effect 60\nat 2.1s isolate a for 6s\n", "", false,
			[]string{"at 2s crash-daemon c at-effect 60"}},
		{"the power comes back by itself after all", twoPlaces, dr, "at 2s power-off a for 8s\nat 2s power-off b\nat 3s power-on a\nat 5.5s power-off a\nat 6.5s override c declare-dead a\nat 11s override c declare-dead a\nat 13s power-on a\nat 13s power-on b\n", "", true,
			[]string{"at 2s power-off a for 8s", "at 2s power-off b", "at 3s power-on a", "at 5.5s power-off a", "at 13s power-on a", "at 13s power-on b"}},
		{"everything is healed before the order is carried out", twoPlaces, dr, "at 2s power-off a\nat 2s power-off b\nat 4s fail-over db on c\nat 5s heal-all\n", "", false,
			[]string{"at 2s power-off a", "at 2s power-off b", "at 4s fail-over db on c"}},
		{"corruption before a home leaves", "host a\nhost b\nhost c\nhost d spare\n", "vm db level ha service log on a second b\n", "at 2s power-off c\nat 3s leave-host b\nat 16s disk-corrupt a db\n", "", false,
			[]string{"at 2s power-off c", "at 3s leave-host b"}},
		{"corruption, then the port of the good copy", threeVoters, ft, "at 16s disk-corrupt b db\nat 17s nic-down a for 1s\n", "", false,
			[]string{"at 16s disk-corrupt b db"}},
		{"a site lost and back", fourHosts, "vm db level ft service log on a second b\n", "at 2s power-off site(north) for 3s\nat 12s nic-down site(south) for 1s\n", "", false,
			[]string{"at 2s power-off site(north) for 3s", "at 12s nic-down site(south) for 1s"}},
		{"all hosts at once", threeVoters, ft, "at 2s power-off all for 1s\n", "", false,
			[]string{"at 2s power-off a for 1s", "at 2s freeze b for 1s"}},
		{"only one of all", threeVoters, ft, "at 2s crash-daemon all at-effect 5\n", "", false,
			[]string{"at 2s crash-daemon a at-effect 5"}},
		{"all that have a copy", "host c\nhost a\nhost b\n", "vm db level ha service log on a second b\n", "at 16s disk-corrupt all db\n", "", false,
			[]string{"at 16s disk-corrupt a db"}},
		{"corruption, unbounded", threeVoters, ha, "at 2s disk-corrupt b db\nat 3s power-off a for 1s\n", "", true,
			[]string{"at 2s disk-corrupt b db", "at 3s power-off a for 1s"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := parse(t, c.pool, c.vm+"clients db count 2 rate 20/s keys 4\n"+c.actions+"run 20s\n"+c.expect)
			kept, result := run(t, s, 1, c.unbounded)
			var got []string
			for _, a := range kept.Executed().Actions {
				got = append(got, a.String())
			}
			require.Equal(t, c.want, got, "%v", kept.Refused())
			if !c.unbounded {
				require.Equal(t, reports.Pass, result.Outcome, "%v", result.Failures)
			}
		})
	}
}

// TestLiteral: stages and roles become the moments and the members that they stood for, and the rest stays.
func TestLiteral(t *testing.T) {
	s := parse(t, "host a\nhost b\nwitness w\n", "vm db level ft service log on a\nclients db count 2 rate 20/s keys 4\n"+
		"when db stage sealed after 2s power-off primary(db) as lost\nat 3s power-on lost\nat 4s disk-full secondary(db) db for 1s\n"+
		"at 12s power-off b\nat 14s delay mgmt secondary(db) <-> witness 10ms for 1s\nat 15s slow-cpu all factor 2 for 1s\nrun 20s\n")
	kept, _ := run(t, s, 1, false)
	literal := kept.Literal()
	var got []string
	for i := range literal.Actions {
		a := &literal.Actions[i]
		if s.Actions[i].Trigger.Kind == script.TriggerWhen {
			require.GreaterOrEqual(t, a.Trigger.At, 2*time.Second)
			require.Less(t, a.Trigger.At, 3*time.Second)
			a.Trigger.At = 2 * time.Second
		}
		got = append(got, a.String())
	}
	require.Equal(t, []string{"at 2s power-off a as lost", "at 3s power-on a", "at 4s disk-full a db for 1s", "at 12s power-off b",
		"at 14s delay mgmt b <-> witness 10ms for 1s", "at 15s slow-cpu all factor 2 for 1s"}, got)
	require.NoError(t, script.Validate(literal))
}

// TestBoundedPlansPass: what the contract admits, the protocol survives; and what happened is a script that takes the
// same course without the contract.
func TestBoundedPlansPass(t *testing.T) {
	plans := uint64(120)
	if testing.Short() {
		plans = 15
	}
	const sitePartly = 2041 // draws an action about a site of which a part is refused
	for plan := range plans {
		seed := plan
		if plan == 0 {
			seed = sitePartly
		}
		s := swarm.Draw(seed, swarm.Options{Run: 15 * time.Second})
		kept, first := run(t, s, seed, false)
		require.Equal(t, reports.Pass, first.Outcome, "seed %d: %v", seed, first.Failures)
		happened := kept.Executed()
		require.NoError(t, script.Validate(happened), "seed %d", seed)
		again, err := scenarios.Run(context.Background(), happened, scenarios.Options{Seed: seed})
		require.NoError(t, err)
		require.Equal(t, reports.Pass, again.Outcome, "seed %d: %v", seed, again.Failures)
		require.Equal(t, first.Measures, again.Measures, "seed %d", seed)

		free, _ := run(t, happened, seed, false)
		require.Empty(t, free.Refused(), "seed %d: what was admitted is admitted again", seed)
		left := len(s.Actions) - len(kept.Unfired()) - dropped(kept)
		require.Equal(t, seed == sitePartly, len(happened.Actions) > left, "seed %d: %d actions happened, as %d", seed, left, len(happened.Actions))
		require.GreaterOrEqual(t, len(happened.Actions), left, "seed %d", seed)
	}
}

// dropped counts the actions that did not happen because the contract did not let them.
func dropped(c *contract.Contract) (n int) {
	for _, r := range c.Refused() {
		if !r.Weaker {
			n++
		}
	}
	return n
}

// TestExplain: only what nobody can recover from explains a run, and never in a bounded plan.
func TestExplain(t *testing.T) {
	forget := parse(t, twoVoters, "vm db level ha service log on a\nat 1s save-disk b\nat 2s power-off a for 1s\nat 10s power-off b\nat 11s power-on b with-old-disk\nat 14s reboot a for 1s\nrun 16s\n")
	c, result := run(t, forget, 1, true)
	require.Contains(t, c.Explain(), "forgot")
	require.Equal(t, reports.Liveness, result.Outcome, "%v", result.Failures)
	c, _ = run(t, forget, 1, false)
	require.Empty(t, c.Explain())
	plain := parse(t, twoVoters, "vm db level ha service log on a\nat 1s power-off b for 2s\nrun 6s\n")
	c, _ = run(t, plain, 1, true)
	require.Empty(t, c.Explain())
}
