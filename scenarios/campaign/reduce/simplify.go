package reduce

import (
	"slices"
	"time"

	"holdfast/faults"
	"holdfast/scenarios/script"
)

// change is a way to make a script simpler: candidates for one thing, the simplest first. plain has the same actions with their moments
// and members spelled out.
type change struct {
	what string
	make func(s, plain *script.Script) []*script.Script
}

// smallerChanges leave less to be run. They are tried in this order, each as long as it helps.
var smallerChanges = []change{
	{"faults that end by themselves", endsItself},
	{"a site at once", together},
	{"shorter run", shorter},
	{"shorter pauses", calmer},
	{"fewer VMs", fewerVMs},
	{"fewer hosts", fewerHosts},
	{"no tuning", fewerTunes},
	{"fewer expectations", fewerExpects},
	{"smaller load", lighter},
}

// simplerChanges leave less to be read.
var simplerChanges = []change{
	{"simpler triggers", simplerTriggers},
	{"simpler faults", simplerFaults},
	{"rounder times", rounder},
}

// simplify tries every change until it helps no more. After one that helped it goes on with those behind it.
func (r *reducer) simplify(changes []change) error {
	for _, c := range changes {
		for next := 0; next >= 0; {
			candidates := c.make(r.best, r.plain)
			next = min(next, len(candidates))
			at, err := r.choose(c.what, len(r.best.Actions), slices.Concat(candidates[next:], candidates[:next]))
			if err != nil {
				return err
			}
			if next += at; at < 0 {
				break
			} else if next >= len(candidates) {
				next -= len(candidates)
			}
		}
	}
	return nil
}

// with returns a copy of the script, with lists of its own, that edit has changed.
func with(s *script.Script, edit func(*script.Script)) *script.Script {
	c := *s
	c.Hosts, c.VMs, c.Clients = slices.Clone(s.Hosts), slices.Clone(s.VMs), slices.Clone(s.Clients)
	c.Tunes, c.Actions, c.Expects = slices.Clone(s.Tunes), slices.Clone(s.Actions), slices.Clone(s.Expects)
	edit(&c)
	return &c
}

// last returns when the last action can begin at the earliest.
func last(s *script.Script) (at time.Duration) {
	for _, a := range s.Actions {
		at = max(at, a.Trigger.At+a.Trigger.Delay)
	}
	return at
}

// cut shortens the run and drops the actions that would come after it.
func cut(s *script.Script, run time.Duration) *script.Script {
	return with(s, func(c *script.Script) {
		c.Run = max(run, script.MinRun)
		c.Actions = slices.DeleteFunc(c.Actions, func(a script.Action) bool { return a.Trigger.At > c.Run })
		c.Expects = slices.DeleteFunc(c.Expects, func(e script.Expect) bool { return e.To > c.Run })
	})
}

// until returns the script with what comes after the failure cut off. A failure after the run needs all of it.
func until(s *script.Script, failure time.Duration) *script.Script {
	if failure <= 0 || failure >= s.Run {
		return s
	}
	return cut(s, (failure + time.Second).Truncate(100*time.Millisecond))
}

// shorter ends the run earlier, and begins the troubles earlier.
func shorter(s, _ *script.Script) []*script.Script {
	var list []*script.Script
	end := last(s)
	for _, rest := range []time.Duration{100 * time.Millisecond, time.Second, 4 * time.Second, 10 * time.Second} {
		if run := (end + rest).Round(100 * time.Millisecond); run < s.Run {
			list = append(list, cut(s, run))
		}
	}
	if s.Run > 2*time.Second {
		list = append(list, cut(s, (s.Run*3/4).Round(100*time.Millisecond)))
	}
	first := s.Run
	for _, a := range s.Actions {
		first = min(first, a.Trigger.At)
	}
	for _, early := range []time.Duration{500 * time.Millisecond, 2 * time.Second, first / 2} {
		by := first - early
		if len(s.Actions) == 0 || by < 100*time.Millisecond || s.Run-by < script.MinRun {
			continue
		}
		list = append(list, with(s, func(c *script.Script) {
			c.Run -= by
			for i := range c.Actions {
				c.Actions[i].Trigger.At -= by
			}
		}))
	}
	return list
}

// calmer leaves less time between two actions.
func calmer(s, _ *script.Script) []*script.Script {
	var times []time.Duration
	for _, a := range s.Actions {
		times = append(times, a.Trigger.At)
	}
	slices.Sort(times)
	var list []*script.Script
	for _, longest := range []time.Duration{time.Second, 3 * time.Second} {
		pauses := 0
		for i := 1; i < len(times); i++ {
			if by := times[i] - times[i-1] - longest; by > 0 {
				list = append(list, with(s, func(c *script.Script) { sooner(c, times[i], by) }))
				pauses++
			}
		}
		if pauses > 1 {
			list = append(list, with(s, func(c *script.Script) {
				for i := len(times) - 1; i > 0; i-- {
					sooner(c, times[i], max(0, times[i]-times[i-1]-longest))
				}
			}))
		}
	}
	return list
}

// sooner lets everything from a time on come sooner.
func sooner(c *script.Script, from, by time.Duration) {
	for i := range c.Actions {
		if at := &c.Actions[i].Trigger.At; *at >= from {
			*at -= by
		}
	}
	c.Run -= by
	c.Expects = slices.DeleteFunc(c.Expects, func(e script.Expect) bool { return e.To > c.Run })
}

// fewerVMs drops a VM with everything that is about it. What was only timed by it, or hit a host of it, stays if that helps.
func fewerVMs(s, plain *script.Script) []*script.Script {
	var list []*script.Script
	for i := range s.VMs {
		if len(s.VMs) > 1 {
			name := s.VMs[i].Name
			list = append(list, withoutVM(s, name), withoutVM(with(s, func(c *script.Script) {
				for i := range c.Actions {
					if about(&c.Actions[i], name) {
						c.Actions[i] = plain.Actions[i]
					}
				}
			}), name))
		}
	}
	return list
}

// withoutVM drops a VM with everything that is about it alone.
func withoutVM(s *script.Script, name string) *script.Script {
	return with(s, func(c *script.Script) {
		c.VMs = slices.DeleteFunc(c.VMs, func(v script.VM) bool { return v.Name == name })
		c.Clients = slices.DeleteFunc(c.Clients, func(v script.Clients) bool { return v.VM == name })
		c.Expects = slices.DeleteFunc(c.Expects, func(e script.Expect) bool { return e.VM == name || e.Subject == name })
		c.Actions = slices.DeleteFunc(c.Actions, func(a script.Action) bool { return about(&a, name) })
	})
}

// about reports whether an action names the VM.
func about(a *script.Action, vm string) bool {
	return a.Trigger.VM == vm || a.Fault.VM == vm || concerns(a.Fault.Member, vm) || concerns(a.Fault.Peer, vm)
}

// concerns reports whether a role is that of the VM.
func concerns(r faults.Role, vm string) bool {
	return (r.Kind == faults.RolePrimary || r.Kind == faults.RoleSecondary) && r.Name == vm
}

// fewerHosts drops hosts that are nobody's home, and the witness.
func fewerHosts(s, _ *script.Script) []*script.Script {
	var list []*script.Script
	without := func(name string, edit func(*script.Script)) {
		list = append(list, with(s, func(c *script.Script) {
			c.Actions = slices.DeleteFunc(c.Actions, func(a script.Action) bool { return mentions(&a.Fault, name, name == s.Witness.Name) })
			edit(c)
		}))
	}
	for _, h := range s.Hosts {
		home := slices.ContainsFunc(s.VMs, func(v script.VM) bool { return v.Home == h.Name || v.Second == h.Name })
		if !home && len(s.Hosts) > 2 {
			without(h.Name, func(c *script.Script) {
				c.Hosts = slices.DeleteFunc(c.Hosts, func(m script.Member) bool { return m.Name == h.Name })
			})
		}
	}
	if s.Witness.Name != "" {
		without(s.Witness.Name, func(c *script.Script) { c.Witness = script.Member{} })
	}
	return list
}

// mentions reports whether a fault names the member.
func mentions(f *faults.Fault, name string, witness bool) bool {
	is := func(r faults.Role) bool {
		return r.Kind == faults.RoleName && r.Name == name || witness && r.Kind == faults.RoleWitness
	}
	for _, g := range f.Groups {
		if slices.ContainsFunc(g, is) {
			return true
		}
	}
	return is(f.Member) || is(f.Peer)
}

func fewerTunes(s, _ *script.Script) []*script.Script {
	var list []*script.Script
	if len(s.Tunes) > 1 {
		list = append(list, with(s, func(c *script.Script) { c.Tunes = nil }))
	}
	for i := range s.Tunes {
		list = append(list, with(s, func(c *script.Script) { c.Tunes = slices.Delete(c.Tunes, i, i+1) }))
	}
	return list
}

// fewerExpects drops demands. A declared loss of memory stays: it is no demand but a permission.
func fewerExpects(s, _ *script.Script) []*script.Script {
	var list []*script.Script
	for i := range s.Expects {
		if s.Expects[i].Kind != script.ExpectStateLost {
			list = append(list, with(s, func(c *script.Script) { c.Expects = slices.Delete(c.Expects, i, i+1) }))
		}
	}
	return list
}

// lighter makes the load of one VM smaller.
func lighter(s, _ *script.Script) []*script.Script {
	var list []*script.Script
	for i := range s.Clients {
		set := func(edit func(*script.Clients)) {
			list = append(list, with(s, func(c *script.Script) { edit(&c.Clients[i]) }))
		}
		now := s.Clients[i]
		list = append(list, with(s, func(c *script.Script) { c.Clients = slices.Delete(c.Clients, i, i+1) }))
		for _, n := range []int{1, 2} {
			if n < now.Count {
				set(func(c *script.Clients) { c.Count = n })
			}
		}
		if now.Keys > 2 {
			set(func(c *script.Clients) { c.Keys = 2 })
		}
		if now.Rate > 10 {
			set(func(c *script.Clients) { c.Rate = 10 })
			set(func(c *script.Clients) { c.Rate = now.Rate / 2 })
		}
	}
	return list
}
