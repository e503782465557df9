package faults

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"holdfast/faults/lex"
)

// param is one parameter or option of a kind: how it is written, read and printed. Options start
// with one of their keys; an option that is absent prints as nothing.
type param struct {
	syntax string
	keys   []string
	parse  func(p *parser) error
	print  func(f *Fault) string
}

var (
	paramMember = &param{syntax: "ROLE",
		parse: func(p *parser) error { return p.role(&p.fault.Member) },
		print: func(f *Fault) string { return f.Member.String() }}
	paramVM = &param{syntax: "VM",
		parse: func(p *parser) error { return p.vm() },
		print: func(f *Fault) string { return f.VM }}
	paramIO = &param{syntax: "read|write",
		parse: func(p *parser) error {
			i, err := p.OneOf("read or write", ioNames[1:])
			p.fault.IO = IO(i + 1)
			return err
		},
		print: func(f *Fault) string { return f.IO.String() }}
	paramLevel = &param{syntax: "none|restart|ha|ft",
		parse: func(p *parser) error {
			i, err := p.OneOf("a level: none, restart, ha or ft", levelNames[1:])
			p.fault.Level = Level(i + 1)
			return err
		},
		print: func(f *Fault) string { return f.Level.String() }}
	paramPart = &param{syntax: "host ROLE|nic ROLE|disk ROLE VM|vm VM",
		parse: func(p *parser) error {
			i, err := p.OneOf("a component: host, nic, disk or vm", partNames[1:])
			p.fault.Part = Part(i + 1)
			if err == nil && p.fault.Part != PartVM {
				err = p.single(&p.fault.Member)
			}
			if err == nil && p.fault.Part >= PartDisk {
				err = p.vm()
			}
			return err
		},
		print: func(f *Fault) string {
			s := f.Part.String()
			if f.Part != PartVM {
				s += " " + f.Member.String()
			}
			if f.Part >= PartDisk {
				s += " " + f.VM
			}
			return s
		}}
	paramRepair = &param{syntax: "always|never|default|DURATION",
		parse: func(p *parser) (err error) {
			if slices.Contains(repairNames[1:RepairMTBF], p.Peek().Text) {
				i, err := p.OneOf("a rule", repairNames[1:RepairMTBF])
				p.fault.Repair = Repair(i + 1)
				return err
			}
			at := p.Peek()
			p.fault.Repair = RepairMTBF
			p.fault.Amount, err = p.Duration("always, never, default, or a mean time between failures", time.Millisecond, time.Hour)
			if err == nil && p.fault.Amount%time.Millisecond != 0 {
				return p.Unexpected(at, "a mean time between failures in whole milliseconds")
			}
			return err
		},
		print: func(f *Fault) string {
			if f.Repair == RepairMTBF {
				return lex.FormatDuration(f.Amount)
			}
			return f.Repair.String()
		}}
	paramLink = &param{syntax: "LINK ROLE <-> ROLE",
		parse: func(p *parser) error { return p.link() },
		print: func(f *Fault) string {
			arrow := "<->"
			if f.OneWay {
				arrow = "->"
			}
			return fmt.Sprintf("%s %s %s %s", f.Link, f.Member, arrow, f.Peer)
		}}
	paramGroups = &param{syntax: "ROLES | ROLES",
		parse: func(p *parser) error { return p.groups() },
		print: printGroups}
	paramChance = &param{syntax: "PERCENT",
		parse: func(p *parser) (err error) {
			p.fault.Chance, err = p.Percent("a share of the packets")
			return err
		},
		print: func(f *Fault) string { return lex.FormatPercent(f.Chance) }}
	paramAmount = &param{syntax: "DURATION",
		parse: func(p *parser) (err error) {
			p.fault.Amount, err = p.Duration("a time", time.Nanosecond, time.Hour)
			return err
		},
		print: func(f *Fault) string { return lex.FormatDuration(f.Amount) }}
	paramJump = &param{syntax: "+DURATION|-DURATION",
		parse: func(p *parser) (err error) {
			p.fault.Amount, err = p.SignedDuration("the jump of the clock")
			return err
		},
		print: func(f *Fault) string { return lex.FormatSigned(f.Amount) }}
	paramBandwidth = &param{syntax: "NKiB/s",
		parse: func(p *parser) (err error) {
			p.fault.Bandwidth, err = p.Bandwidth("a bandwidth")
			return err
		},
		print: func(f *Fault) string { return strconv.Itoa(f.Bandwidth) + "KiB/s" }}
	paramFactor   = number("factor", "how many times slower", 2, 1000, func(f *Fault) *int { return &f.Factor })
	paramEffect   = number("at-effect", "the number of an effect", 1, 1_000_000, func(f *Fault) *int { return &f.Effect })
	paramCount    = number("count", "a number of operations", 1, 1_000_000, func(f *Fault) *int { return &f.Count })
	paramPPM      = number("ppm", "parts per million", -500_000, 500_000, func(f *Fault) *int { return &f.DriftPPM })
	paramTimeouts = keyword("by", "T[+DURATION|-DURATION]", &param{
		parse: func(p *parser) (err error) {
			p.fault.Timeouts, p.fault.Amount, err = p.Timeouts("the time to completion")
			return err
		},
		print: func(f *Fault) string { return lex.FormatTimeouts(f.Timeouts, f.Amount) }})
	paramBy   = keyword("by", "DURATION", paramAmount)
	paramDead = keyword("declare-dead", "ROLE", &param{
		parse: func(p *parser) error { return p.peer() },
		print: func(f *Fault) string { return f.Peer.String() }})
	paramRPO = keyword("rpo", "DURATION", &param{
		parse: func(p *parser) (err error) {
			p.fault.Amount, err = p.Duration("a recovery point target", time.Millisecond, 10*time.Minute)
			return err
		},
		print: paramAmount.print})
	paramOn   = keyword("on", "ROLE", paramMember)
	paramFrom = keyword("from", "ROLE", &param{
		parse: func(p *parser) error { return p.single(&p.fault.Member) },
		print: func(f *Fault) string { return f.Member.String() }})
	paramTo = keyword("to", "ROLE", &param{
		parse: func(p *parser) error { return p.peer() },
		print: func(f *Fault) string { return f.Peer.String() }})

	optFor = &param{syntax: "for DURATION", keys: []string{"for"},
		parse: func(p *parser) (err error) {
			p.Take()
			p.fault.For, err = p.Duration("how long it lasts", time.Nanosecond, time.Hour)
			return err
		},
		print: func(f *Fault) string {
			if f.For == 0 {
				return ""
			}
			return "for " + lex.FormatDuration(f.For)
		}}
	optCount = &param{syntax: paramCount.syntax, keys: []string{"count"}, parse: paramCount.parse,
		print: func(f *Fault) string {
			if f.Count == 0 {
				return ""
			}
			return paramCount.print(f)
		}}
	optUnsynced = &param{syntax: "torn|keep-unsynced|lose-unsynced", keys: unsyncedNames[1:],
		parse: func(p *parser) error {
			i, err := p.OneOf("an option", unsyncedNames[1:])
			p.fault.Unsynced = Unsynced(i + 1)
			return err
		},
		print: func(f *Fault) string { return f.Unsynced.String() }}
	optKeepLAN = flag("keep-lan", func(f *Fault) *bool { return &f.KeepLAN })
	optOldDisk = flag("with-old-disk", func(f *Fault) *bool { return &f.OldDisk })
)

// number is a parameter of a keyword and a whole number.
func number(key, what string, low, high int, field func(*Fault) *int) *param {
	return keyword(key, "N", &param{
		parse: func(p *parser) (err error) {
			at := p.Peek()
			if *field(&p.fault), err = p.Int(what, low, high); err == nil && *field(&p.fault) == 0 {
				return p.Unexpected(at, what+" other than 0")
			}
			return err
		},
		print: func(f *Fault) string { return strconv.Itoa(*field(f)) }})
}

// keyword puts a word in front of a parameter.
func keyword(key, syntax string, inner *param) *param {
	return &param{syntax: strings.TrimSpace(key + " " + syntax),
		parse: func(p *parser) error {
			if err := p.Expect(key); err != nil {
				return err
			}
			return inner.parse(p)
		},
		print: func(f *Fault) string { return key + " " + inner.print(f) }}
}

// flag is an option of one word.
func flag(word string, field func(*Fault) *bool) *param {
	return &param{syntax: word, keys: []string{word},
		parse: func(p *parser) error {
			p.Take()
			*field(&p.fault) = true
			return nil
		},
		print: func(f *Fault) string {
			if *field(f) {
				return word
			}
			return ""
		}}
}

func printGroups(f *Fault) string {
	sides := make([]string, len(f.Groups))
	for i, g := range f.Groups {
		names := make([]string, len(g))
		for j, r := range g {
			names[j] = r.String()
		}
		sides[i] = strings.Join(names, " ")
	}
	return strings.Join(sides, " | ")
}
