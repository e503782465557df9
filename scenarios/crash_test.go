package scenarios

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/engine/model"
	"holdfast/reports"
	"holdfast/scenarios/script"
	"holdfast/sim"
)

// mainPaths are the paths whose every effect is interrupted once by a crash of the
// daemon. A crash on top of a lost host is a second fault, which may cost an ft VM its
// memory, never what its disk holds; so the service is one that logs.
var mainPaths = map[string]string{
	"ft-primary-lost": `
vm db level ft service log on a
clients db count 3 rate 40/s keys 6
at 300ms power-off a
at 1500ms power-on a
run 4s
expect state-lost(db)`,
	"ft-secondary-lost": `
vm db level ft service log on a
clients db count 3 rate 40/s keys 6
at 300ms power-off b
at 1500ms power-on b
run 4s
expect state-lost(db)`,
	"ha-host-lost": `
vm db level ha service log on a
clients db count 3 rate 40/s keys 6
at 300ms power-off a
at 1500ms power-on a
run 4s`,
	"ha-disk-lost": `
vm db level ha service log on a
clients db count 3 rate 40/s keys 6
at 300ms disk-error a db write for 1s
run 3s`,
	"ft-links-lost": `
vm db level ft service log on a
clients db count 3 rate 40/s keys 6
at 300ms cut all a <-> b for 1s
run 3s
expect state-lost(db)`,
	"ha-vm-hang": `
vm db level ha service log on a
clients db count 3 rate 40/s keys 6
tune hang-after 500ms
at 300ms hang-vm db
run 4s`,
	"restart-half-create": `
vm db level restart service log on a
clients db count 3 rate 40/s keys 6
at 300ms half-create b count 1
at 301ms power-off a
at 2500ms power-on a
run 4s`,
	"ft-rehome": `
host c
vm db level ft service log on a second b
clients db count 3 rate 40/s keys 6
tune rehome-after 400ms
tune voter-lost-after 400ms
at 800ms power-off b
at 2s power-on b
run 3s
expect state-lost(db)`,
	"ha-leave": `
host c
vm db level ha service log on a second b
clients db count 3 rate 40/s keys 6
at 300ms leave-host a
run 3s`,
	"ft-apart-restored": `
vm db level ft service log on auto
vm two level ft service log on auto
policy apart db two
clients db count 3 rate 40/s keys 6
tune mend-after 300ms
at 300ms power-off primary(db)
at 1200ms power-on a
run 5s
expect state-lost(db)
expect state-lost(two)`,
	"shared-host-lost": `
vm db level restart service log storage shared on a
clients db count 3 rate 40/s keys 6
tune lease-timeout 1s
at 300ms power-off a
at 1500ms power-on a
run 4s`,
	"shared-isolated": `
vm db level restart service bank storage shared on a
clients db count 3 rate 40/s keys 6
tune lease-timeout 1s
at 300ms isolate a for 2s
run 4s`,
	"shared-hand-over": `
vm db level restart service log storage shared on a
clients db count 3 rate 40/s keys 6
tune lease-timeout 1s
at 300ms hand-over db
run 3s`,
	"restart-vm-crash": `
vm db level restart service bank on a
clients db count 3 rate 40/s keys 6
at 300ms crash-vm db
run 3s`,
	"dr-link-cut": `
vm db level ha service log on a second b dr c rpo 1s
clients db count 3 rate 40/s keys 6
at 300ms cut all a <-> c for 600ms
run 2s`,
	"dr-primary-lost": `
vm db level ft service log on a second b dr c rpo 1s
clients db count 3 rate 40/s keys 6
at 300ms power-off a
at 1500ms power-on a
run 3s
expect state-lost(db)`,
	"dr-added-and-removed": `
vm db level ha service bank on a second b
clients db count 2 rate 20/s keys 6
at 100ms add-recovery db on c rpo 1s
at 500ms remove-recovery db
run 800ms`,
	"dr-fail-over-and-back": `
vm db level ha service log on a second b dr c rpo 1s
clients db count 2 rate 20/s keys 6
at 300ms power-off a
at 300ms power-off b
at 1s override c declare-dead a
at 1100ms fail-over db on c
at 1200ms power-on a
at 1200ms power-on b
at 3s fail-back db on c
run 4500ms`,
}

// crashScript is a main path with a crash of a member's daemon before its n-th effect; n 0: none.
func crashScript(t *testing.T, path, member string, n uint64) *script.Script {
	t.Helper()
	statement := "witness w"
	if strings.HasPrefix(path, "dr-") {
		statement = "host c" // the place of the recovery copy votes
	}
	text := "scenario crash-" + path + "\npurpose \"A daemon crash at one effect boundary.\"\nhost a\nhost b\n" + statement + "\n" + strings.TrimSpace(mainPaths[path]) + "\n"
	if n > 0 {
		text = strings.Replace(text, "\nat ", fmt.Sprintf("\nat 1ms crash-daemon %s at-effect %d\nat ", member, n), 1)
	}
	s, err := script.Parse(path, text)
	require.NoError(t, err, text)
	return s
}

// TestCrashAtEveryEffect crashes the daemon of each member at every effect boundary of each main path.
func TestCrashAtEveryEffect(t *testing.T) {
	stride := uint64(1)
	if testing.Short() {
		stride = 29
	}
	for path := range mainPaths {
		s := crashScript(t, path, "", 0)
		members := slices.Clone(s.Hosts)
		if s.Witness.Name != "" {
			members = append(members, s.Witness)
		}
		for i, member := range members {
			t.Run(path+"/"+member.Name, func(t *testing.T) {
				t.Parallel()
				crashEverywhere(t, path, member.Name, model.NodeID(i+1), stride)
			})
		}
	}
}

func crashEverywhere(t *testing.T, path, member string, id model.NodeID, stride uint64) {
	last := countEffects(t, path, member, id)
	require.Greater(t, last, uint64(50), "the path has hardly any effects")
	for n := uint64(1); n <= last; n += stride {
		s := crashScript(t, path, member, n)
		r := attempt(s, 1)
		if r.Outcome == reports.Pass {
			continue
		}
		for _, f := range r.Failures {
			t.Errorf("crash of %s before effect %d of %d: %s: %s", member, n, last, f.Rule, f.Text)
		}
		t.Fatalf("to replay, save this as a file:\n%s", script.Format(s))
	}
	t.Logf("%s: %d boundaries of %s", path, last/stride, member)
}

// countEffects returns how many effects the member performs in the part with faults.
func countEffects(t *testing.T, path, member string, id model.NodeID) (n uint64) {
	s := crashScript(t, path, member, 0)
	_, err := Run(context.Background(), s, Options{Seed: 1, Prepare: func(w *sim.World) {
		w.CrashDaemonAt(id, 1<<60)
		w.At(w.Now().Add(s.Run-1), func() { n = w.Effects(id) })
	}})
	require.NoError(t, err)
	return n
}
