package certify

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/reports/history"
	"holdfast/scenarios/script"
)

// answered returns a history with an operation of 10 ms for each time at which one was answered, and one that was not.
func answered(at ...time.Duration) *history.History {
	r := history.NewRecorder(history.History{Model: history.Register, Initial: history.Nil}, 0)
	p := r.NewProcess()
	for i, t := range at {
		token := r.Begin(history.Operation{Process: p, Func: history.Write, Arg: int64(i + 1), CallTime: int64(t - 10*time.Millisecond)})
		p = r.End(token, history.Outcome{Status: history.OK, Time: int64(t)})
	}
	r.Begin(history.Operation{Process: p, Func: history.Read, CallTime: int64(at[len(at)-1])})
	return r.Finish()
}

func TestRecovery(t *testing.T) {
	const s = time.Second
	for _, c := range []struct {
		name             string
		at               []time.Duration
		fault, end, want time.Duration
	}{
		{"no pause", []time.Duration{1 * s, 1500 * time.Millisecond, 2 * s, 2500 * time.Millisecond, 3100 * time.Millisecond}, 2 * s, 3 * s, 0},
		{"served again", []time.Duration{1 * s, 2 * s, 9 * s, 10 * s}, 2 * s, 10500 * time.Millisecond, 7 * s},
		{"a last answer after the fault", []time.Duration{1 * s, 2 * s, 3 * s, 9 * s}, 2 * s, 10 * s, 7 * s},
		{"an earlier pause is not meant", []time.Duration{1 * s, 9 * s, 10 * s, 13 * s}, 10 * s, 14 * s, 3 * s},
		{"never", []time.Duration{1 * s, 2 * s}, 2 * s, 10 * s, -1},
		{"never, though the end came soon", []time.Duration{1 * s, 1500 * time.Millisecond, 2 * s}, 2 * s, 2500 * time.Millisecond, -1},
		{"only served before the clock began", []time.Duration{0}, 2 * s, 10 * s, -1},
	} {
		d, late := recovery(answered(c.at...), c.fault, c.end, time.Second)
		require.Equal(t, c.want, d, c.name)
		require.False(t, late, c.name)
	}
}

// What clients did not ask while they were stopped is no pause of the service.
func TestRecoveryWhileClientsAreStopped(t *testing.T) {
	const s = time.Second
	for _, c := range []struct {
		name        string
		at          []time.Duration
		fault, want time.Duration
		late        bool
	}{
		{"the last reads come long after", []time.Duration{1 * s, 2 * s, 5 * s, 6 * s, 7 * s, 30 * s}, 2 * s, 3 * s, false},
		{"no pause but that", []time.Duration{5 * s, 5500 * time.Millisecond, 6 * s, 6500 * time.Millisecond, 7 * s, 7500 * time.Millisecond, 30 * s}, 5 * s, 0, false},
		{"served by the last reads at the latest", []time.Duration{1 * s, 2 * s, 30 * s, 31 * s}, 2 * s, 6 * s, true},
		{"what was under way when they stopped", []time.Duration{1 * s, 2 * s, 8*s + 5*time.Millisecond}, 2 * s, 6*s + 5*time.Millisecond, false},
		{"never", []time.Duration{1 * s, 2 * s}, 2 * s, -1, false},
	} {
		d, late := recovery(answered(c.at...), c.fault, 8*s, time.Second)
		require.Equal(t, c.want, d, c.name)
		require.Equal(t, c.late, late, c.name)
	}
}

func TestServiceOf(t *testing.T) {
	const s = time.Second
	h := answered(1*s, 2*s, 6*s)
	require.Equal(t, Service{Seconds: 3, Operations: 2, P50NS: 1e7, P99NS: 1e7, MaxNS: 1e7}, serviceOf(h, 3*s))
	h.Operations[1].Status = history.Fail
	require.Equal(t, 1, serviceOf(h, 3*s).Operations, "an error at once is no service")
	require.Equal(t, int64(3e9), scale(h, 2).Operations[2].ReturnTime)
	require.Equal(t, int64(6e9), h.Operations[2].ReturnTime, "the history itself stays as it is")
}

// A service that only says that it cannot do anything serves nobody.
func TestErrorsAreNoService(t *testing.T) {
	s, err := script.Parse("test.hfs", "scenario test\npurpose \"p\"\nhost a\nhost b\nvm db level ft service registers on a\nclients db\nrun 4s\nexpect pause(db) < 2s\nexpect served(db) from 2s to 4s\nexpect stalled(db) from 2s to 4s\n")
	require.NoError(t, err)
	h := answered(1*time.Second, 2*time.Second, 3*time.Second)
	h.Operations[1].Status, h.Operations[2].Status = history.Fail, history.Fail
	var met []bool
	for i := range s.Expects {
		ok, _ := newRun(s, fakeDriver{}, newFakeLab(t), Options{}).compare(&s.Expects[i], &evidence{scaled: h})
		met = append(met, ok)
	}
	require.Equal(t, []bool{false, false, true}, met[:3])
}

func TestFactor(t *testing.T) {
	require.Equal(t, minFactor, factorOf(1000, 1))
	require.Equal(t, 10.0, factorOf(30, 25), "the processor")
	require.Equal(t, 20.0, factorOf(30, 500), "the toolstack")
	require.Greater(t, factorOf(0, 25), maxFactor)
}

func TestDomains(t *testing.T) {
	const text = `Name                                        ID   Mem VCPUs	State	Time(s)
Domain-0                                     0  1024     1     r-----      21.9
vm                                           1   128     1     -b----      48.7
vm--incoming                                 2   128     0     --p---       0.0
vmx                                          3   128     1     r-----       0.0
`
	list := parseDomains(text, "vm")
	require.Equal(t, []Domain{{1, "vm", "-b----"}, {2, "vm--incoming", "--p---"}}, list)
	require.True(t, list[0].Alive())
	require.False(t, list[1].Alive())
	require.False(t, (&Domain{State: "---ss-"}).Alive(), "it is suspended for a checkpoint")
	require.Empty(t, parseDomains("", "vm"))
}

func TestPauses(t *testing.T) {
	s := &pauses{}
	for _, part := range []string{"100 20", "00\n5000 4000\n", "nonsense\n7000 1"} {
		n, err := s.Write([]byte(part))
		require.NoError(t, err)
		require.Equal(t, len(part), n)
	}
	s.stop()
	_, _ = s.Write([]byte("000\n9000 9000\n"))
	d, all := s.measured()
	require.Equal(t, []int64{2e6, 4e6}, all)
	require.Equal(t, int64(4e6), d.MaxNS)
	var none *pauses
	none.stop()
	d, all = none.measured()
	require.Zero(t, d)
	require.Empty(t, all)
}

func TestMirrorIsInSync(t *testing.T) {
	require.True(t, inSync(" 0: cs:Connected ro:Primary/Secondary ds:UpToDate/UpToDate C r-----"))
	for _, state := range []string{"", " 0: cs:SyncSource ro:Primary/Secondary ds:UpToDate/Inconsistent C r-----", " 0: cs:StandAlone ro:Primary/Unknown ds:UpToDate/DUnknown   r-----"} {
		require.False(t, inSync(state))
	}
	require.Equal(t, "cs:StandAlone ro:Primary/Unknown", drbdState("version\n 0: cs:StandAlone ro:Primary/Unknown\n ns:0"))
}
