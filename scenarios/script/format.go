package script

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"holdfast/faults/lex"
)

// Format returns the canonical text of s: statements grouped in the order of the reference, one
// spelling for every value, comments kept with their statements. Parse reads it back to the same
// content, and formatting the result changes nothing.
func Format(s *Script) string {
	p := printer{comments: true}
	p.script(s)
	return p.b.String()
}

// Hash identifies what the script says: the hexadecimal SHA-256 of its canonical text without
// comments. Layout, comments, the file's name, spellings of the same value and the order of whole
// groups of statements do not matter.
func Hash(s *Script) string {
	var p printer
	p.script(s)
	sum := sha256.Sum256([]byte(p.b.String()))
	return hex.EncodeToString(sum[:])
}

type printer struct {
	b        strings.Builder
	comments bool
	group    bool // something was printed since the last gap
}

func (p *printer) script(s *Script) {
	p.line(s.NameNote, "scenario "+s.Name)
	p.line(s.PurposeNote, `purpose "`+s.Purpose+`"`)
	p.gap()
	for _, h := range s.Hosts {
		p.line(h.Note, formatHost(h))
	}
	if s.Witness.Name != "" {
		p.line(s.Witness.Note, "witness "+s.Witness.Name)
	}
	if s.Voters != 0 {
		p.line(s.VotersNote, fmt.Sprintf("voters %d", s.Voters))
	}
	for _, vm := range s.VMs {
		p.line(vm.Note, formatVM(vm, len(s.Hosts) > 2))
	}
	for _, policy := range s.Policies {
		p.line(policy.Note, formatPolicy(policy))
	}
	for _, c := range s.Clients {
		p.line(c.Note, fmt.Sprintf("clients %s count %d rate %d/s keys %d", c.VM, c.Count, c.Rate, c.Keys))
	}
	p.gap()
	for _, t := range s.Tunes {
		p.line(t.Note, fmt.Sprintf("tune %s %s", t.Setting, lex.FormatDuration(t.Value)))
	}
	p.gap()
	for _, a := range s.Actions {
		p.line(a.Note, formatAction(a))
	}
	p.line(s.RunNote, "run "+lex.FormatDuration(s.Run))
	p.gap()
	for _, e := range s.Expects {
		p.line(e.Note, "expect "+formatExpect(e))
	}
	if len(s.Tail) > 0 {
		p.gap()
		p.above(s.Tail)
	}
}

// gap asks for an empty line in front of the next statement.
func (p *printer) gap() {
	if p.group {
		p.b.WriteByte('\n')
	}
	p.group = false
}

func (p *printer) line(n Note, text string) {
	p.above(n.Above)
	p.b.WriteString(text)
	if p.comments && n.Beside != "" {
		p.b.WriteString("  # " + n.Beside)
	}
	p.b.WriteByte('\n')
	p.group = true
}

func (p *printer) above(comments []string) {
	if !p.comments {
		return
	}
	for _, c := range comments {
		p.b.WriteString(strings.TrimRight("# "+c, " ") + "\n")
		p.group = true
	}
}

func formatHost(h Member) string {
	s := "host " + h.Name
	if h.Spare {
		s += " spare"
	}
	if h.Site != "" {
		s += " site " + h.Site
	}
	return s + formatMemory(h.Memory)
}

func formatVM(vm VM, withSecond bool) string {
	s := fmt.Sprintf("vm %s level %s service %s", vm.Name, vm.Level, vm.Service)
	if vm.Shared {
		s += " storage shared"
	}
	s += " on "
	switch {
	case vm.Home == "" && vm.Second == "":
		s += "auto"
	case withSecond:
		s += vm.Home + " second " + vm.Second
	default:
		s += vm.Home
	}
	if vm.Recovery != "" {
		s += fmt.Sprintf(" dr %s rpo %s", vm.Recovery, lex.FormatDuration(vm.Target))
	}
	s += formatMemory(vm.Memory)
	if vm.Later {
		s += " later"
	}
	return s
}

func formatMemory(mib int) string {
	if mib == 0 {
		return ""
	}
	return fmt.Sprintf(" memory %d MiB", mib)
}

func formatPolicy(p Policy) string {
	return fmt.Sprintf("policy %s %s", p.Kind, strings.Join(p.VMs, " "))
}

func formatAction(a Action) string {
	s := formatTrigger(a.Trigger) + " " + a.Fault.String()
	if a.As != "" {
		s += " as " + a.As
	}
	return s
}

func formatTrigger(t Trigger) string {
	if t.Kind == TriggerAt {
		return "at " + lex.FormatDuration(t.At)
	}
	s := fmt.Sprintf("when %s stage %s", t.VM, t.Stage)
	if t.At != 0 {
		s += " after " + lex.FormatDuration(t.At)
	}
	if t.Nth != 1 {
		s += fmt.Sprintf(" nth %d", t.Nth)
	}
	if t.Delay != 0 {
		s += " delay " + lex.FormatDuration(t.Delay)
	}
	return s
}

func formatExpect(e Expect) string {
	switch e.Kind {
	case ExpectPause, ExpectRPO:
		return fmt.Sprintf("%s(%s) %s %s", e.Kind, e.VM, e.Comparator, lex.FormatDuration(e.Duration))
	case ExpectPromotions, ExpectRestarts, ExpectResets:
		return fmt.Sprintf("%s(%s) %s %d", e.Kind, e.VM, e.Comparator, e.Count)
	case ExpectPrimary, ExpectSecondary:
		return fmt.Sprintf("%s(%s) = %s", e.Kind, e.VM, e.Role)
	case ExpectConverged:
		return fmt.Sprintf("%s within %s", e.Kind, lex.FormatDuration(e.Duration))
	case ExpectEvent:
		return fmt.Sprintf("event %s(%s)", e.Event, e.Subject)
	case ExpectNoEvent:
		return fmt.Sprintf("no event %s(%s)", e.Event, e.Subject)
	case ExpectStalled, ExpectServed:
		return fmt.Sprintf("%s(%s) from %s to %s", e.Kind, e.VM, lex.FormatDuration(e.From), lex.FormatDuration(e.To))
	case ExpectApart:
		s := fmt.Sprintf("%s(%s %s)", e.Kind, e.VM, e.Other)
		if e.To != 0 {
			s += fmt.Sprintf(" from %s to %s", lex.FormatDuration(e.From), lex.FormatDuration(e.To))
		}
		return s
	case ExpectRefused:
		return fmt.Sprintf(`%s(%s) because "%s"`, e.Kind, e.VM, e.Text)
	default:
		return fmt.Sprintf("%s(%s)", e.Kind, e.VM)
	}
}

// String returns the action without comments, as in "at 2s power-off a as victim".
func (a Action) String() string { return formatAction(a) }

// String returns the expectation without "expect" and comments, as in "pause(db) < 1s".
func (e Expect) String() string { return formatExpect(e) }
