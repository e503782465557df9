package reduce

import (
	"slices"
	"time"

	"holdfast/faults"
	"holdfast/scenarios/script"
)

// endsItself lets a fault end by itself in place of an action that mends something there: what exactly is found out by trying.
func endsItself(s, plain *script.Script) []*script.Script {
	var list []*script.Script
	for j := range s.Actions {
		end := &plain.Actions[j]
		if !end.Fault.Kind.Mends() {
			continue
		}
		for i := range s.Actions {
			a := &plain.Actions[i]
			if !a.Fault.Kind.Lasts() || a.Fault.For > 0 || end.Fault.Kind != faults.HealAll && !meets(&a.Fault, &end.Fault) {
				continue
			}
			between := end.Trigger.At - a.Trigger.At
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

// meets reports whether one member is at an end of both faults.
func meets(a, b *faults.Fault) bool {
	is := func(x, y faults.Role) bool { return x == y && x.Kind != faults.RoleNone }
	return is(b.Member, a.Member) || is(b.Member, a.Peer) || is(b.Peer, a.Member)
}

// together lets what happens to two hosts happen to their site, once.
func together(s, plain *script.Script) []*script.Script {
	var list []*script.Script
	for j := range s.Actions {
		for i := range j {
			a, b := &plain.Actions[i].Fault, &plain.Actions[j].Fault
			site, both := siteOf(s, a.Member, b.Member)
			if both.Kind == faults.RoleNone || a.Kind != b.Kind || a.VM != b.VM {
				continue
			}
			for _, which := range [][2]int{{i, j}, {j, i}} {
				keep, drop := which[0], which[1]
				list = append(list, with(s, func(c *script.Script) {
					for h := range c.Hosts {
						if name := c.Hosts[h].Name; name == a.Member.Name || name == b.Member.Name {
							c.Hosts[h].Site = site
						}
					}
					c.Actions[keep].Fault.Member, c.Actions[keep].As = both, ""
					c.Actions = slices.Delete(c.Actions, drop, drop+1)
				}))
			}
		}
	}
	return list
}

// siteOf returns what the two hosts, and no others, are together: all, or a site, or one that they can be as nobody speaks of sites.
func siteOf(s *script.Script, a, b faults.Role) (site string, both faults.Role) {
	sites := map[string]string{}
	count := map[string]int{}
	for _, h := range s.Hosts {
		sites[h.Name] = h.Site
		count[h.Site]++
	}
	first, known := sites[a.Name]
	second, too := sites[b.Name]
	switch {
	case a == b || !known || !too || a.Kind != faults.RoleName || b.Kind != faults.RoleName || first != second:
		return "", faults.Role{}
	case len(s.Hosts) == 2:
		return first, faults.All()
	case first != "" && count[first] == 2:
		return first, faults.Site(first)
	case slices.ContainsFunc(s.VMs, func(v script.VM) bool { return v.Recovery == a.Name || v.Recovery == b.Name }):
		return "", faults.Role{} // which is at another site than the homes
	case len(count) == 1 && first == "" && len(s.Policies) == 0:
		return "here", faults.Site("here")
	}
	return "", faults.Role{}
}

// simplerTriggers counts to one instead of more, and waits for nothing.
func simplerTriggers(s, _ *script.Script) []*script.Script {
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
func simplerFaults(s, _ *script.Script) []*script.Script {
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
func rounder(s, _ *script.Script) []*script.Script {
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
