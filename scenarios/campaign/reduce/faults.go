package reduce

import (
	"slices"
	"time"

	"holdfast/faults"
	"holdfast/scenarios/script"
)

// endsItself lets a fault end by itself in place of an action that mends something: what and where is found out by trying.
func endsItself(s *script.Script) []*script.Script {
	var list []*script.Script
	for j := range s.Actions {
		end := &s.Actions[j]
		if !end.Fault.Kind.Mends() {
			continue
		}
		for i := range s.Actions {
			a := &s.Actions[i]
			if !a.Fault.Kind.Lasts() || a.Fault.For > 0 {
				continue
			}
			between := end.Trigger.At + end.Trigger.Delay - a.Trigger.At - a.Trigger.Delay
			for _, lasts := range []time.Duration{between, time.Second, 5 * time.Second} {
				if lasts > 0 {
					list = append(list, with(s, func(c *script.Script) {
						c.Actions[i].Fault.For = lasts
						c.Actions = slices.Delete(c.Actions, j, j+1)
					}))
				}
			}
		}
	}
	return list
}

// simplerTriggers counts to one instead of more, and waits for nothing.
func simplerTriggers(s *script.Script) []*script.Script {
	return eachAction(s, func(a *script.Action) (list []script.Action) {
		t := a.Trigger
		if t.Kind != script.TriggerWhen {
			return nil
		}
		for _, simpler := range []script.Trigger{
			{Kind: t.Kind, VM: t.VM, Stage: t.Stage, At: t.At, Nth: 1},
			{Kind: t.Kind, VM: t.VM, Stage: t.Stage, At: t.At, Nth: 1, Delay: t.Delay},
			{Kind: t.Kind, VM: t.VM, Stage: t.Stage, At: t.At, Nth: t.Nth},
			{Kind: t.Kind, VM: t.VM, Stage: t.Stage, Nth: 1},
		} {
			if simpler != t {
				b := *a
				b.Trigger = simpler
				list = append(list, b)
			}
		}
		return list
	})
}

// simplerFaults drops options, one at a time, and takes rounder amounts.
func simplerFaults(s *script.Script) []*script.Script {
	return eachAction(s, func(a *script.Action) (list []script.Action) {
		try := func(edit func(*faults.Fault)) {
			b := *a
			edit(&b.Fault)
			if b.Fault.String() != a.Fault.String() {
				list = append(list, b)
			}
		}
		f := &a.Fault
		try(func(f *faults.Fault) { f.Unsynced = faults.UnsyncedSeeded })
		try(func(f *faults.Fault) { f.KeepLAN = false })
		try(func(f *faults.Fault) { f.OldDisk = false })
		try(func(f *faults.Fault) { f.OneWay = false })
		if f.Kind == faults.Reboot {
			try(func(f *faults.Fault) { f.Kind = faults.PowerOff })
			try(func(f *faults.Fault) { f.Kind, f.For = faults.PowerOff, 0 })
		}
		if f.For > 0 && f.Kind.Lasts() {
			try(func(f *faults.Fault) { f.For = 0 })
		}
		if f.Count > 1 {
			try(func(f *faults.Fault) { f.Count = 1 })
		}
		for _, l := range []faults.Link{faults.LinkAll, faults.LinkPair} {
			if f.Link != faults.LinkNone && f.Link != faults.LinkAll {
				try(func(f *faults.Fault) { f.Link = l })
			}
		}
		return list
	})
}

// rounder makes times rounder.
func rounder(s *script.Script) []*script.Script {
	return eachAction(s, func(a *script.Action) (list []script.Action) {
		for _, unit := range []time.Duration{time.Second, 100 * time.Millisecond, 10 * time.Millisecond} {
			b := *a
			b.Trigger.At = a.Trigger.At.Round(unit)
			if a.Trigger.At != b.Trigger.At {
				list = append(list, b)
			}
			b = *a
			if b.Fault.For = a.Fault.For.Round(unit); b.Fault.For > 0 && b.Fault.For != a.Fault.For {
				list = append(list, b)
			}
		}
		return list
	})
}

// eachAction returns a candidate for each form that an action can take.
func eachAction(s *script.Script, forms func(*script.Action) []script.Action) []*script.Script {
	var list []*script.Script
	for i := range s.Actions {
		for _, form := range forms(&s.Actions[i]) {
			list = append(list, with(s, func(c *script.Script) { c.Actions[i] = form }))
		}
	}
	return list
}
