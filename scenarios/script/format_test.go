package script

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"holdfast/engine/model"
	"holdfast/faults"
	"holdfast/faults/lex"
)

const untidy = "\n#  what a certifier asks first \n#\nscenario   ft-power-loss # its name\r\n"

const tidy = `# what a certifier asks first
#
scenario ft-power-loss  # its name
purpose "p"

host a
host b
witness w
vm db level ft service registers on a
clients db count 4 rate 50/s keys 8

tune epoch 25ms

# the loss
at 2s power-off primary(db) as victim
when db stage captured after 2.5s nth 3 delay 1ms power-on victim with-old-disk
run 20s

expect pause(db) < 1s  # the point
expect primary(db) = other(victim)
expect no event exposed(db)
expect stalled(db) from 3s to 8s
expect state-lost(db)

# the end
`

func TestFormatIsCanonical(t *testing.T) {
	text := untidy + `purpose "p"
run 20000ms
tune epoch 0.025s
host a
host b
witness w
vm db level ft service registers on a
clients db rate 50/s
   # the loss

at 2s save-disk w
at 2s power-off primary( db )  as victim
when db stage captured after 2500ms nth 3 delay 1ms power-on victim with-old-disk
expect   pause(db)<1000ms  # the point
expect primary(db)=other(victim)
expect no event exposed(db)
expect stalled(db) from 3s to 8s
expect state-lost(db)
# the end`
	s, err := Parse("f", text)
	require.NoError(t, err)
	want := strings.Replace(tidy, "# the loss\n", "# the loss\nat 2s save-disk w\n", 1)
	assert.Equal(t, want, Format(s))
	again, err := Parse("f", Format(s))
	require.NoError(t, err)
	assert.Equal(t, want, Format(again))
	assert.Equal(t, Hash(s), Hash(again))
	assert.Equal(t, "at 2s power-off primary(db) as victim", s.Actions[1].String())
	assert.Equal(t, "pause(db) < 1s", s.Expects[0].String())
}

// The word delay is an option of a trigger and a fault: a link behind it tells which.
func TestDelayAtStage(t *testing.T) {
	for _, link := range []string{"a1", "a2", "mgmt", "links", "all"} {
		line := "when db stage exposed delay " + link + " a <-> b 40ms for 2s"
		s, err := Parse("f", pool+line+"\nrun 5s\n")
		require.NoError(t, err, line)
		require.Equal(t, faults.Delay, s.Actions[0].Fault.Kind)
		require.Zero(t, s.Actions[0].Trigger.Delay)
		require.Equal(t, line, s.Actions[0].String())
		require.NoError(t, Validate(s))
	}
	line := "when db stage exposed delay 3ms delay links a <-> b 40ms"
	s, err := Parse("f", pool+line+"\nrun 5s\n")
	require.NoError(t, err)
	require.Equal(t, 3*time.Millisecond, s.Actions[0].Trigger.Delay)
	require.Equal(t, line, s.Actions[0].String())
}

func TestHashIsStableAndSensitive(t *testing.T) {
	text := pool + "at 2s power-off a\nrun 5s\n"
	s, err := Parse("f", text)
	require.NoError(t, err)
	// This value changes only if the canonical form does, and then every stored hash is void.
	assert.Equal(t, "b01a86b0d479e2cefff083533dd42610feade1f757f7538f283c1d12fab9f2a7", Hash(s))
	for _, same := range []string{strings.Replace(text, "2s", "2000ms", 1), "# c\n" + text + "\n# d", strings.Replace(text, "clients db", "clients db keys 8", 1)} {
		other, err := Parse("g", same)
		require.NoError(t, err)
		assert.Equal(t, Hash(s), Hash(other))
	}
	for _, change := range [][2]string{{"2s", "3s"}, {"off a", "off b"}, {"run 5s", "run 6s"}, {"witness w", ""}, {`"p"`, `"q"`}, {"on a", "on b"}} {
		other, err := Parse("f", strings.Replace(text, change[0], change[1], 1))
		require.NoError(t, err)
		assert.NotEqual(t, Hash(s), Hash(other), change)
	}
}

// Canonical spacing makes lines longer; what was accepted at the bounds must stay acceptable.
func TestFormatStaysWithinTheBounds(t *testing.T) {
	name := strings.Repeat("n", lex.MaxName)
	text := strings.Replace(pool, `"p"`, `"`+strings.Repeat("p", lex.MaxText)+`"#`+strings.Repeat("c", lex.MaxComment), 1) +
		strings.Repeat("#c\n", MaxLines-12) + "vm " + name + " level ft service log on a\nat 1s partition primary(" + name + ")|other(primary(" + name + "))#c\nrun 5s"
	s, err := Parse("f", text)
	require.NoError(t, err)
	assert.Greater(t, len(Format(s)), len(text))
	assert.NoError(t, Validate(s))
}

func TestSecondCopyAndDefaults(t *testing.T) {
	s, err := Parse("f", pool+"vm x level ha service log on b\ntune io-timeout 200ms\nrun 5s")
	require.NoError(t, err)
	assert.Equal(t, "b", s.VMs[0].Second)
	assert.Equal(t, "a", s.VMs[1].Second)
	assert.Equal(t, Clients{VM: "db", Count: 4, Rate: 100, Keys: 8, Note: Note{Line: 7}}, s.Clients[0])
	assert.Equal(t, 200*time.Millisecond, s.Value(SettingIOTimeout))
	assert.Equal(t, 400*time.Millisecond, s.Value(SettingSuspectAfter))
	s, err = Parse("f", threeHosts+"run 5s")
	require.NoError(t, err)
	assert.Equal(t, "b", s.VMs[0].Second)
	assert.Contains(t, Format(s), "on a second b\n")
}

func TestComparators(t *testing.T) {
	for c, want := range map[Comparator][3]bool{Less: {true, false, false}, AtMost: {true, true, false}, Equal: {false, true, false},
		AtLeast: {false, true, true}, Greater: {false, false, true}, 0: {}} {
		assert.Equal(t, want, [3]bool{c.Holds(1, 2), c.Holds(2, 2), c.Holds(3, 2)}, c)
	}
}

// Every notice of the engine can be expected in a script, and nothing else can.
func TestEventsAreTheEnginesNotices(t *testing.T) {
	for i := range eventWords {
		_, ok := model.ParseNotice(Event(i + 1).String())
		assert.True(t, ok, "the engine has no notice %s", Event(i+1))
	}
	words := map[string]bool{}
	for _, w := range texts(eventWords) {
		words[w] = true
	}
	for k := model.NoticeKind(1); ; k++ {
		if _, ok := model.ParseNotice(k.String()); !ok {
			break
		}
		assert.True(t, words[k.String()], "scripts cannot expect the notice %s", k)
	}
}

var update = flag.Bool("update", false, "rewrite the tables of docs/scenarios.md")

// tables returns the tables of the reference that the code knows: what precedes each one, and its rows.
func tables() map[string][]string {
	rows := func(words []word) (list []string) {
		for _, w := range words {
			list = append(list, fmt.Sprintf("| `%s` | %s |\n", w.text, w.doc))
		}
		return list
	}
	all := map[string][]string{
		"| level | what it means |\n|---|---|\n": rows(levelWords), "| service | what runs in the guest |\n|---|---|\n": rows(serviceWords),
		"| policy | what it demands |\n|---|---|\n": rows(policyWords),
		"| stage | the moment |\n|---|---|\n":       rows(stageWords), "| event | what the notice says |\n|---|---|\n": rows(eventWords),
	}
	settings := "| setting | default | meaning |\n|---|---|---|\n"
	for i, w := range settingWords {
		all[settings] = append(all[settings], fmt.Sprintf("| `%s` | %s | %s |\n", w.text, lex.FormatDuration(settingDefaults[i]), w.doc))
	}
	for _, k := range faults.Kinds() {
		head := fmt.Sprintf("### Faults: %s\n\n| written | what happens |\n|---|---|\n", k.Class())
		all[head] = append(all[head], fmt.Sprintf("| `%s` | %s |\n", strings.ReplaceAll(k.Syntax(), "|", `\|`), k.Doc()))
	}
	return all
}

func TestReferenceIsComplete(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "scenarios.md")
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	reference := string(b)
	for head, rows := range tables() {
		before, rest, found := strings.Cut(reference, head)
		require.True(t, found, "the reference has no table that begins with %q", head)
		there, after, _ := strings.Cut(rest, "\n\n")
		want := strings.Join(rows, "")
		if *update {
			reference = before + head + want + "\n" + after
			continue
		}
		assert.Equal(t, want, there+"\n", "go test ./scenarios/script -run Reference -update mends it")
	}
	for _, w := range expectWords {
		assert.Contains(t, reference, "`"+w.text)
	}
	for _, s := range statements {
		assert.Contains(t, reference, "\n### `"+s.word)
	}
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(reference), 0o644))
	}
}

// Every example in the reference is a script that is accepted as it stands.
func TestReferenceExamplesParse(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "..", "docs", "scenarios.md"))
	require.NoError(t, err)
	blocks := strings.Split(string(b), "```hfs\n")[1:]
	require.NotEmpty(t, blocks)
	for _, block := range blocks {
		text, _, _ := strings.Cut(block, "```")
		_, err := Parse("docs/scenarios.md", text)
		assert.NoError(t, err)
	}
}

// drawScript makes valid scripts without going through the text.
var drawScript = rapid.Custom(func(t *rapid.T) *Script {
	duration := func(label string, low, high time.Duration) time.Duration {
		return time.Duration(rapid.Int64Range(int64(low), int64(high)).Draw(t, label))
	}
	s := &Script{Name: "s", Purpose: rapid.StringMatching(`[A-Za-z .#,é]{1,20}`).Draw(t, "purpose"),
		Hosts: []Member{{Name: "a"}, {Name: "b"}}, Run: duration("run", MinRun, MaxRun)}
	if rapid.Bool().Draw(t, "witness") {
		s.Witness.Name = "w"
	}
	for i := range rapid.IntRange(1, 3).Draw(t, "vms") {
		vm := VM{Name: fmt.Sprintf("vm%d", i), Level: LevelFT, Service: Service(rapid.IntRange(1, 3).Draw(t, "service")), Home: "a", Second: "b"}
		if vm.Service != ServiceRegisters {
			vm.Level = Level(rapid.IntRange(1, 3).Draw(t, "level"))
			vm.Shared = vm.Level == LevelRestart && rapid.Bool().Draw(t, "shared")
		}
		s.VMs = append(s.VMs, vm)
		s.Clients = append(s.Clients, Clients{VM: vm.Name, Count: rapid.IntRange(1, 8).Draw(t, "count"), Rate: rapid.IntRange(1, MaxRate).Draw(t, "rate"), Keys: rapid.IntRange(2, MaxKeys).Draw(t, "keys")})
	}
	drawPolicies(t, s)
	if rapid.Bool().Draw(t, "tune") {
		s.Tunes = []Tune{{Setting: SettingIOTimeout, Value: duration("value", MinTune, MaxTune)}}
	}
	for i := range rapid.IntRange(0, 5).Draw(t, "actions") {
		a := Action{Trigger: Trigger{Kind: TriggerAt, At: duration("at", 0, s.Run)}, Fault: faults.Fault{Kind: faults.PowerOff, Member: faults.Primary("vm0")}}
		if rapid.Bool().Draw(t, "when") {
			a.Trigger = Trigger{Kind: TriggerWhen, At: a.Trigger.At, VM: "vm0", Stage: Stage(rapid.IntRange(int(StageReleased)+1, len(stageWords)).Draw(t, "stage")),
				Nth: rapid.IntRange(1, 9).Draw(t, "nth"), Delay: duration("delay", 0, time.Minute)}
		}
		if rapid.Bool().Draw(t, "as") {
			a.As = fmt.Sprintf("bound%d", i)
		}
		s.Actions = append(s.Actions, a)
	}
	for range rapid.IntRange(0, 6).Draw(t, "expects") {
		s.Expects = append(s.Expects, drawExpect(t, s))
	}
	return s
})

func drawExpect(t *rapid.T, s *Script) Expect {
	e := Expect{Kind: ExpectKind(rapid.IntRange(int(ExpectPause), int(ExpectServed)).Draw(t, "kind"))}
	if len(s.VMs) > 1 && rapid.IntRange(0, 5).Draw(t, "about policies") == 0 {
		return drawPolicyExpect(t, s)
	}
	if e.Kind != ExpectConverged && e.Kind != ExpectEvent && e.Kind != ExpectNoEvent {
		e.VM = "vm0"
	}
	if e.Kind <= ExpectResets {
		e.Comparator = Comparator(rapid.IntRange(1, 5).Draw(t, "comparator"))
	}
	switch e.Kind {
	case ExpectPause, ExpectConverged:
		e.Duration = time.Duration(rapid.Int64Range(int64(MinTune), int64(MaxRun)).Draw(t, "bound"))
	case ExpectPromotions, ExpectRestarts, ExpectResets:
		e.Count = rapid.IntRange(0, 1_000_000).Draw(t, "count")
	case ExpectPrimary:
		e.Role = rapid.SampledFrom([]faults.Role{faults.Named("a"), faults.OtherThan(faults.Named("b"))}).Draw(t, "role")
	case ExpectEvent, ExpectNoEvent:
		e.Event, e.Subject = Event(rapid.IntRange(1, len(eventWords)).Draw(t, "event")), rapid.SampledFrom([]string{"vm0", "a"}).Draw(t, "subject")
	case ExpectStalled, ExpectServed:
		e.From = time.Duration(rapid.Int64Range(0, int64(s.Run)-1).Draw(t, "from"))
		e.To = time.Duration(rapid.Int64Range(int64(e.From)+1, int64(s.Run)).Draw(t, "to"))
	}
	return e
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawScript.Draw(t, "script")
		back, err := Parse("f", Format(s))
		require.NoError(t, err, Format(s))
		require.Equal(t, Content(s), Content(back))
		require.Equal(t, Hash(s), Hash(back))
		require.NoError(t, Validate(s))
	})
}

func FuzzParse(f *testing.F) {
	f.Add(tidy)
	f.Add(untidy)
	f.Add(threeHosts + "run 5s")
	f.Add(poolWithoutWitness + "at 2s override a declare-dead b\nat 1s partition a | b for 1s\nrun 5s\nexpect event override(a)")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse("f", text)
		if err != nil {
			var at *lex.Error
			require.ErrorAs(t, err, &at)
			require.Positive(t, at.Line)
			require.Positive(t, at.Column)
			return
		}
		require.NoError(t, Validate(s))
		back, err := Parse("f", Format(s))
		require.NoError(t, err)
		require.Equal(t, Format(s), Format(back))
		require.Equal(t, Hash(s), Hash(back))
	})
}
