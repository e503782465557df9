package faults

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"holdfast/faults/lex"
)

func TestParse(t *testing.T) {
	a, b := Named("a"), Named("b")
	for text, want := range map[string]Fault{
		"power-off primary(db) torn":              {Kind: PowerOff, Member: Primary("db"), Unsynced: UnsyncedTorn},
		"power-off all for 2s":                    {Kind: PowerOff, Member: All(), For: 2 * time.Second},
		"power-on site(north)":                    {Kind: PowerOn, Member: Site("north")},
		"power-on site":                           {Kind: PowerOn, Member: Named("site")},
		"power-on witness with-old-disk":          {Kind: PowerOn, Member: Witness(), OldDisk: true},
		"freeze other(secondary(db)) for 300ms":   {Kind: Freeze, Member: OtherThan(Secondary("db")), For: 300 * time.Millisecond},
		"slow-cpu a factor 10":                    {Kind: SlowCPU, Member: a, Factor: 10},
		"crash-daemon other(a) at-effect 7":       {Kind: CrashDaemon, Member: OtherThan(a), Effect: 7},
		"toolstack-error a count 2":               {Kind: ToolstackError, Member: a, Count: 2},
		"old-daemon b for 5s":                     {Kind: OldDaemon, Member: b, For: 5 * time.Second},
		"half-create a count 2":                   {Kind: HalfCreate, Member: a, Count: 2},
		"crash-vm db":                             {Kind: CrashVM, VM: "db"},
		"hang-vm db for 2s":                       {Kind: HangVM, VM: "db", For: 2 * time.Second},
		"disk-lying-flush a db":                   {Kind: DiskLyingFlush, Member: a, VM: "db"},
		"clock-freeze witness":                    {Kind: ClockFreeze, Member: Witness()},
		"cut a1 a -> b":                           {Kind: Cut, Link: LinkA1, Member: a, Peer: b, OneWay: true},
		"loss links a <-> b 0.5% for 1s":          {Kind: Loss, Link: LinkPair, Member: a, Peer: b, Chance: 5000, For: time.Second},
		"slow all a <-> b 64KiB/s":                {Kind: Slow, Link: LinkAll, Member: a, Peer: b, Bandwidth: 64},
		"isolate a keep-lan for 1s":               {Kind: Isolate, Member: a, KeepLAN: true, For: time.Second},
		"partition a | b witness for 5s":          {Kind: Partition, Groups: [][]Role{{a}, {b, Witness()}}, For: 5 * time.Second},
		"heal-all":                                {Kind: HealAll},
		"disk-error primary(db) db write count 3": {Kind: DiskError, Member: Primary("db"), VM: "db", IO: IOWrite, Count: 3},
		"disk-slow a db by 20ms":                  {Kind: DiskSlow, Member: a, VM: "db", Amount: 20 * time.Millisecond},
		"io-delay a db write by 1T-1ms":           {Kind: IODelay, Member: a, VM: "db", IO: IOWrite, Timeouts: 1000, Amount: -time.Millisecond},
		"clock-jump a -5s":                        {Kind: ClockJump, Member: a, Amount: -5 * time.Second},
		"clock-drift a ppm -200":                  {Kind: ClockDrift, Member: a, DriftPPM: -200},
		"override a declare-dead b":               {Kind: Override, Member: a, Peer: b},
		"set-level db none":                       {Kind: SetLevel, VM: "db", Level: LevelNone},
		"clear-faults":                            {Kind: ClearFaults},
		"mtbf disk a db never":                    {Kind: MTBF, Part: PartDisk, Member: a, VM: "db", Repair: RepairNever},
		"mtbf vm db always":                       {Kind: MTBF, Part: PartVM, VM: "db", Repair: RepairAlways},
		"mtbf nic a 20s":                          {Kind: MTBF, Part: PartNIC, Member: a, Repair: RepairMTBF, Amount: 20 * time.Second},
		"mtbf host a default":                     {Kind: MTBF, Part: PartHost, Member: a, Repair: RepairDefault},
		"migrate db":                              {Kind: Migrate, VM: "db"},
		"maintain a for 5s":                       {Kind: Maintain, Member: a, For: 5 * time.Second},
		"force-start db on b":                     {Kind: ForceStart, VM: "db", Member: b},
	} {
		f, err := Parse(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, f, text)
		assert.Equal(t, text, f.String())
		assert.NoError(t, f.Validate())
	}
}

func TestParseTakesOptionsInAnyOrder(t *testing.T) {
	f, err := Parse("isolate   a for 1000ms keep-lan")
	require.NoError(t, err)
	assert.Equal(t, "isolate a keep-lan for 1s", f.String())
}

func TestParseErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                               `1:1: found the end of the line, expected a fault such as power-off or cut`,
		"(":                              `1:1: found "(", expected a fault such as power-off or cut`,
		"power-of a":                     `1:1: found the unknown fault "power-of"; did you mean "power-off"?`,
		"explode a":                      `1:1: found the unknown fault "explode"`,
		"power-off":                      `1:10: found the end of the line, expected a role: the name of a member or bound host, primary(VM), secondary(VM), other(ROLE), site(SITE), all or witness`,
		"power-off primry(db)":           `1:11: found "primry", expected a role such as primary(VM); did you mean "primary"?`,
		"power-off primary db":           `1:19: found "db", expected "("`,
		"power-off primary(db":           `1:21: found the end of the line, expected ")"`,
		"power-off other(other(a))":      `1:17: found other(other(a)), expected other() around one host`,
		"power-off other(all)":           `1:17: found other(all), expected other() around one host`,
		"power-off other(site(north))":   `1:17: found other(site(north)), expected other() around one host`,
		"power-off site(all)":            `1:16: found the reserved word "all", expected the name of a site`,
		"power-off a torm":               `1:13: found "torm", expected torn, keep-unsynced, lose-unsynced, for or the end of the line; did you mean "torn"?`,
		"power-off a torn lose-unsynced": `1:18: found a second "lose-unsynced", expected each option once`,
		"power-off a for 5":              `1:17: found "5", expected how long it lasts: a duration such as 250ms or 1.5s; did you mean "5s"?`,
		"power-off a for":                `1:16: found the end of the line, expected how long it lasts: a duration such as 250ms or 1.5s`,
		"thaw a for 5s":                  `1:8: found "for", expected the end of the line`,
		"slow-cpu a factor 1":            `1:19: found "1", expected how many times slower from 2 to 1000`,
		"slow-cpu a by 2":                `1:12: found "by", expected "factor"`,
		"clock-drift a ppm 0":            `1:19: found "0", expected parts per million other than 0`,
		"clock-jump a 5s":                `1:14: found "5s", expected the jump of the clock: a duration with its sign such as +5s or -5s`,
		"cut b1 a -> b":                  `1:5: found "b1", expected a link: a1, a2, mgmt, links (a1 and a2) or all; did you mean "a1"?`,
		"cut a1 a b":                     `1:10: found "b", expected "->" (one way) or "<->" (both ways)`,
		"cut a1 a -> a":                  `1:13: found a twice, expected two different members`,
		"cut a1 a -> site(north)":        `1:13: found "site(north)", expected one member`,
		"cut a1 all -> b":                `1:8: found "all", expected one member`,
		"loss a1 a <-> b 200%":           `1:17: found "200%", expected a share of the packets: a percentage above 0% and up to 100%, such as 0.5%`,
		"slow a1 a <-> b 100kbit/s":      `1:17: found "100kbit/s", expected a bandwidth: 1KiB/s to 16777216KiB/s`,
		"partition a b":                  `1:14: found the end of the line, expected "|" and the members of another group`,
		"partition a | a":                `1:15: found a twice in a partition, expected each member once`,
		"partition a |":                  `1:14: found the end of the line, expected a role: the name of a member or bound host, primary(VM), secondary(VM), other(ROLE), site(SITE), all or witness`,
		"partition a|b|c|d|e|f|g|h|i":    `1:26: found too many groups, expected at most 8`,
		"partition a | b c d e f g h i j k l m n o p q": `1:45: found too many members in a partition, expected at most 16`,
		"disk-error a db writes":                        `1:17: found "writes", expected read or write; did you mean "write"?`,
		"io-delay a db write by 5ms":                    `1:24: found "5ms", expected the time to completion: a multiple of the time-out such as 0.5T, 1T-1ms or 2T`,
		"override a declare-dead a":                     `1:25: found a twice, expected two different members`,
		"crash-vm All":                                  `1:10: found "All", expected the name of a VM: a small letter, then small letters, digits and dashes, at most 64 in all`,
		"crash-vm all":                                  `1:10: found the reserved word "all", expected the name of a VM`,
		"disk-hang a db as x":                           `1:16: found "as", expected the end of the line`,
	} {
		_, err := Parse(text)
		assert.EqualError(t, err, want, text)
	}
}

func TestMentionsPointAtTheWords(t *testing.T) {
	c, _, _, err := lex.Scan("", 1, "disk-error other(primary(web)) db read as x")
	require.NoError(t, err)
	_, mentions, err := ParseAt(c)
	require.NoError(t, err)
	require.Len(t, mentions, 2)
	assert.Equal(t, 12, mentions[0].Token.Column)
	assert.Equal(t, OtherThan(Primary("web")), mentions[0].Role)
	assert.Equal(t, 32, mentions[1].Token.Column)
	assert.Equal(t, "db", mentions[1].VM)
	assert.True(t, c.Is("as"), "what follows the fault is left to the caller")
}

func TestValidateRefusesWhatTextCannotSay(t *testing.T) {
	for _, f := range []Fault{
		{}, {Kind: numKinds}, {Kind: PowerOff}, {Kind: PowerOff, Member: Named("a"), Count: 1}, {Kind: PowerOff, Member: Named("for")},
		{Kind: PowerOff, Member: Named("a"), Unsynced: numUnsynced}, {Kind: PowerOff, Member: Role{Kind: 99}},
		{Kind: Thaw, Member: Named("a"), For: time.Second}, {Kind: Cut, Member: Named("a"), Peer: Named("b"), Link: numLinks},
		{Kind: Freeze, Member: Named("a"), For: -time.Second}, {Kind: Partition, Groups: [][]Role{{Named("a")}, {}}},
		{Kind: Loss, Link: LinkA1, Member: Named("a"), Peer: Named("b")}, {Kind: CrashVM, VM: "x for 5s"}, {Kind: ClockJump, Member: Named("a")},
	} {
		assert.Error(t, f.Validate(), "%#v", f)
	}
}

func TestEveryKindIsDescribed(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range Kinds() {
		assert.NotEmpty(t, k.String())
		assert.NotEmpty(t, k.Doc(), k)
		assert.Less(t, k.Class(), numClasses)
		assert.False(t, seen[k.String()], k)
		seen[k.String()] = true
		assert.Contains(t, k.Syntax(), k.String())
	}
	assert.Equal(t, "power-off ROLE [torn|keep-unsynced|lose-unsynced] [for DURATION]", PowerOff.Syntax())
	assert.Equal(t, "cut LINK ROLE <-> ROLE [for DURATION]", Cut.Syntax())
	assert.True(t, Cut.Lasts())
	assert.False(t, Heal.Lasts())
	assert.True(t, DiskHang.HostsOnly())
	assert.Equal(t, "kind(0)", Kind(0).String())
	assert.Equal(t, []Link{LinkA1, LinkA2}, LinkPair.Parts())
	assert.Equal(t, []Link{LinkManagement}, LinkManagement.Parts())
	assert.Len(t, LinkAll.Parts(), 3)
	assert.Empty(t, LinkNone.Parts())
}

var (
	drawName   = rapid.StringMatching(`[a-z][a-z0-9-]{0,8}`).Filter(lex.IsName)
	drawSingle = rapid.Custom(func(t *rapid.T) Role {
		r := rapid.SampledFrom([]Role{Named("x"), Primary("x"), Secondary("x"), Witness()}).Draw(t, "role")
		if r.Kind != RoleWitness {
			r.Name, r.Other = drawName.Draw(t, "name"), rapid.Bool().Draw(t, "other")
		}
		return r
	})
	drawTime = rapid.Custom(func(t *rapid.T) time.Duration {
		return time.Duration(rapid.Int64Range(1, int64(time.Hour)).Draw(t, "time"))
	})
)

// drawParam fills in what a parameter or option of the kind stands for.
func drawParam(t *rapid.T, p *param, f *Fault) {
	switch p {
	case paramMember, paramOn:
		if f.Member = drawSingle.Draw(t, "member"); rapid.IntRange(0, 4).Draw(t, "all") == 0 {
			f.Member = rapid.SampledFrom([]Role{All(), Site("x")}).Draw(t, "several")
		}
	case paramFrom:
		f.Member = drawSingle.Draw(t, "from")
	case paramVM:
		f.VM = drawName.Draw(t, "vm")
	case paramIO:
		f.IO = rapid.SampledFrom([]IO{IORead, IOWrite}).Draw(t, "io")
	case paramLink:
		f.Link = Link(rapid.IntRange(1, int(numLinks)-1).Draw(t, "link"))
		f.OneWay = rapid.Bool().Draw(t, "one way")
		f.Member = drawSingle.Draw(t, "member")
		f.Peer = drawSingle.Filter(func(r Role) bool { return r != f.Member }).Draw(t, "peer")
	case paramDead, paramTo:
		f.Peer = drawSingle.Filter(func(r Role) bool { return r != f.Member }).Draw(t, "peer")
	case paramLevel:
		f.Level = Level(rapid.IntRange(1, int(numLevels)-1).Draw(t, "level"))
	case paramGroups:
		roles := rapid.SliceOfNDistinct(drawSingle, 2, 8, rapid.ID).Draw(t, "roles")
		split := rapid.IntRange(1, len(roles)-1).Draw(t, "split")
		f.Groups = [][]Role{roles[:split:split], roles[split:]}
	case paramPart:
		if f.Part = Part(rapid.IntRange(1, int(numParts)-1).Draw(t, "part")); f.Part != PartVM {
			f.Member = drawSingle.Draw(t, "member")
		}
		if f.Part >= PartDisk {
			f.VM = drawName.Draw(t, "vm")
		}
	case paramRepair:
		if f.Repair = Repair(rapid.IntRange(1, int(numRepairs)-1).Draw(t, "repair")); f.Repair == RepairMTBF {
			f.Amount = time.Duration(rapid.Int64Range(1, int64(time.Hour/time.Millisecond)).Draw(t, "mtbf")) * time.Millisecond
		}
	case paramChance:
		f.Chance = rapid.IntRange(1, lex.Millionth).Draw(t, "chance")
	case paramAmount, paramBy:
		f.Amount = drawTime.Draw(t, "amount")
	case paramRPO:
		f.Amount = time.Duration(rapid.Int64Range(int64(time.Millisecond), int64(10*time.Minute)).Draw(t, "rpo"))
	case paramJump:
		f.Amount = drawTime.Draw(t, "jump") * time.Duration(rapid.SampledFrom([]int{-1, 1}).Draw(t, "sign"))
	case paramBandwidth:
		f.Bandwidth = rapid.IntRange(1, lex.MaxBandwidth).Draw(t, "bandwidth")
	case paramFactor:
		f.Factor = rapid.IntRange(2, 1000).Draw(t, "factor")
	case paramEffect:
		f.Effect = rapid.IntRange(1, 1_000_000).Draw(t, "effect")
	case paramCount, optCount:
		f.Count = rapid.IntRange(1, 1_000_000).Draw(t, "count")
	case paramPPM:
		f.DriftPPM = rapid.IntRange(1, 500_000).Draw(t, "ppm") * rapid.SampledFrom([]int{-1, 1}).Draw(t, "sign")
	case paramTimeouts:
		f.Timeouts = rapid.IntRange(1, lex.MaxTimeouts).Draw(t, "timeouts")
		f.Amount = time.Duration(rapid.Int64Range(-1e9, 1e9).Draw(t, "offset"))
	case optFor:
		f.For = drawTime.Draw(t, "for")
	case optUnsynced:
		f.Unsynced = Unsynced(rapid.IntRange(1, int(numUnsynced)-1).Draw(t, "unsynced"))
	case optKeepLAN:
		f.KeepLAN = true
	case optOldDisk:
		f.OldDisk = true
	default:
		t.Fatalf("no generator for the parameter %q", p.syntax)
	}
}

var drawFault = rapid.Custom(func(t *rapid.T) Fault {
	f := Fault{Kind: rapid.SampledFrom(Kinds()).Draw(t, "kind")}
	for _, p := range table[f.Kind].params {
		drawParam(t, p, &f)
	}
	if f.Kind == Override && f.Member == f.Peer {
		f.Peer = Named("someone-else")
	}
	for _, p := range table[f.Kind].options {
		if rapid.Bool().Draw(t, "with "+p.syntax) {
			drawParam(t, p, &f)
		}
	}
	return f
})

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := drawFault.Draw(t, "fault")
		back, err := Parse(f.String())
		require.NoError(t, err, f.String())
		require.Equal(t, f, back, f.String())
	})
}

func FuzzParse(f *testing.F) {
	for _, k := range Kinds() {
		f.Add(k.Syntax())
	}
	for _, s := range []string{"power-off other(primary(db)) torn for 1s", "partition a | b witness for 5s", "io-delay a db write by 0.5T+1ms", "loss all a -> b 0.5%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		fault, err := Parse(text)
		if err != nil {
			var at *lex.Error
			require.ErrorAs(t, err, &at)
			require.Positive(t, at.Column)
			require.NotEmpty(t, at.Problem)
			return
		}
		require.NoError(t, fault.Validate())
		back, err := Parse(fault.String())
		require.NoError(t, err)
		require.Equal(t, fault, back)
	})
}

// Every kind is known as one that mends or as one that does not.
func TestMends(t *testing.T) {
	var mends []Kind
	for _, k := range Kinds() {
		if k.Mends() {
			mends = append(mends, k)
		}
	}
	require.Equal(t, []Kind{PowerOn, Thaw, ContinueDaemon, Heal, NICUp, HealAll, DiskHeal, Resume, ClearFaults}, mends)
	require.Len(t, Kinds(), 62, "there is a new kind: say in Mends whether it only ends others, and then change this number")
}
