package script

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// drawPolicies gives the hosts and VMs of a script what policies are about.
func drawPolicies(t *rapid.T, s *Script) {
	for i := range s.Hosts {
		s.Hosts[i].Site = rapid.SampledFrom([]string{"", "north", "a"}).Draw(t, "site")
		s.Hosts[i].Memory = rapid.SampledFrom([]int{0, 1, MaxMemory}).Draw(t, "room")
	}
	for i := range s.VMs {
		v := &s.VMs[i]
		v.Memory = rapid.SampledFrom([]int{0, 1, MaxMemory}).Draw(t, "memory")
		if rapid.Bool().Draw(t, "auto") {
			v.Home, v.Second = "", ""
		}
	}
	if len(s.VMs) > 1 && rapid.Bool().Draw(t, "policies") {
		s.Policies = append(s.Policies, Policy{Kind: PolicyKind(rapid.IntRange(1, len(policyWords)).Draw(t, "policy")), VMs: []string{"vm1", "vm0"}})
	}
	if rapid.Bool().Draw(t, "later") {
		s.VMs = append(s.VMs, VM{Name: "late", Level: LevelHA, Service: ServiceLog, Later: true})
	}
}

func drawPolicyExpect(t *rapid.T, s *Script) Expect {
	if rapid.Bool().Draw(t, "refused") {
		return Expect{Kind: ExpectRefused, VM: "vm0", Text: "host a: 1 of 2 MiB"}
	}
	e := Expect{Kind: ExpectApart, VM: "vm0", Other: s.VMs[1].Name}
	if rapid.Bool().Draw(t, "period") {
		e.From = time.Duration(rapid.Int64Range(0, int64(s.Run)-1).Draw(t, "from"))
		e.To = time.Duration(rapid.Int64Range(int64(e.From)+1, int64(s.Run)).Draw(t, "to"))
	}
	return e
}

func TestPolicyErrors(t *testing.T) {
	const two = pool + "vm x level ft service log on auto\n"
	for _, c := range []struct{ name, text, want string }{
		{"site without a name", "scenario s\nhost a site", `f:2:12: found the end of the line, expected the name of a site`},
		{"memory without a unit", "scenario s\nhost a memory 4096", `f:2:19: found the end of the line, expected "MiB"`},
		{"no memory", "scenario s\nhost a memory 0 MiB", `f:2:15: found "0", expected an amount of memory from 1 to 1048576`},
		{"misspelt site", "scenario s\nhost a sit north", `f:2:8: found "sit", expected spare, site, memory or the end of the line; did you mean "site"?`},
		{"auto with a second", pool + "vm x level ft service log on auto second b", `f:8:35: found "second", expected memory, later or the end of the line`},
		{"clients later", pool + "vm x level ft service log on auto later\nclients x", `f:9:9: found clients of "x", which comes later, expected a VM that is there from the beginning`},
		{"unknown policy", two + "policy appart db x", `f:9:8: found "appart", expected a policy: apart, apart-homes, site-other or site-same; did you mean "apart"?`},
		{"policy about nothing", two + "policy site-other", `f:9:18: found the end of the line, expected a VM declared above`},
		{"policy about a host", two + "policy apart db a", `f:9:17: found "a", which is a host, expected a VM declared above`},
		{"apart from nothing", two + "policy apart db", `f:9:16: found one VM, expected two VMs at least that are kept apart`},
		{"twice in a policy", two + "policy apart db db", `f:9:17: found "db" twice, expected each VM once`},
		{"two site rules", two + "policy site-other db x\npolicy site-same x", `f:10:18: found site-same for "x", which has another site rule on line 9, expected one site rule for each VM`},
		{"too many policies", two + strings.Repeat("policy apart db x\n", MaxPolicies+1), `f:73:8: found too many policies, expected at most 64`},
		{"order what is there", two + "at 1s order-vm x", `f:9:7: found order-vm of "x", which is there from the beginning, expected a VM that was declared with later`},
		{"apart from itself", two + "expect apart(db db)", `f:9:17: found "db" twice, expected two different VMs`},
		{"apart of one", two + "expect apart(db)", `f:9:16: found ")", expected a VM declared above`},
		{"apart for no time", two + "expect apart(db x) from 2s to 2s", `f:9:31: found a period from 2s to 2s, expected an end after its beginning`},
		{"refused for nothing", two + "expect refused(x)", `f:9:18: found the end of the line, expected "because"`},
		{"refused for an empty reason", two + "expect refused(x) because \"\"", `f:9:27: found an empty reason, expected a part of the reason in double quotes`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := Parse("f", c.text)
			assert.EqualError(t, err, c.want)
			assert.Nil(t, s, "nothing is half-read")
		})
	}
}

func TestPolicyStatements(t *testing.T) {
	text := `scenario s
purpose "p"

host a site north memory 4096 MiB
host b site south memory 2048 MiB
host c spare site south
vm db level ft service log on a second b memory 1024 MiB
vm x level ha service log on auto memory 512 MiB later
policy apart db x
policy site-other db

tune mend-after 1s

at 1s order-vm x
run 5s

expect apart(db x)
expect apart(db x) from 1s to 2s
expect refused(x) because "no place"
`
	s, err := Parse("f", text)
	require.NoError(t, err)
	assert.Equal(t, text, Format(s))
	assert.Equal(t, Member{Name: "c", Spare: true, Site: "south", Note: Note{Line: 6}}, s.Hosts[2])
	assert.Equal(t, VM{Name: "x", Level: LevelHA, Service: ServiceLog, Memory: 512, Later: true, Note: Note{Line: 8}}, s.VMs[1])
	assert.Equal(t, Policy{Kind: PolicyApart, VMs: []string{"db", "x"}, Note: Note{Line: 9}}, s.Policies[0])
	require.NoError(t, Validate(s))

	s, err = Parse("f", strings.NewReplacer("host b", "host auto", "second b", "second auto", "on auto memory", "on auto second a memory").Replace(text))
	require.NoError(t, err)
	assert.Equal(t, "auto", s.VMs[1].Home, "a host may have that name")
	require.NoError(t, Validate(s))
}
