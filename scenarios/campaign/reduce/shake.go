package reduce

import (
	"cmp"
	"slices"
	"time"

	"holdfast/faults"
	"holdfast/scenarios/script"
)

// Taking away finds a script of which nothing can be missed, but often not a small one: an action may be there only to bring
// the others to their moment or a VM to its place. What shaking tries is therefore drawn: some of the actions or the last
// ones, at other times, at other members, as other faults, in a pool that is a little different, and with another seed.

// DefaultShakes makes shaking end within the time that people wait, if few actions are left. Few of what is drawn
// fail, and the fewer the actions the less is there to win.
const DefaultShakes = 3000

// shakeBatch is how many candidates are drawn at a time.
const shakeBatch = 32

// few is how many actions a person likes to read. Half of what is drawn has no more: such a script is quickly run.
const few = 5

// shakeShare is the part of the time, as one in so many, that shaking leaves for what makes the result simpler to read.
const shakeShare = 6

// harder is how many times as many are drawn while there are more than a few actions.
const harder = 5

// shake looks for a script with fewer actions among drawn ones, so many for each action that is left, and takes the first that fails.
func (r *reducer) shake(perAction int) error {
	left := perAction * (len(r.best.Actions) - 1)
	if len(r.best.Actions) > few {
		left *= harder
	}
	for ; left > 0; left -= shakeBatch {
		if r.late(r.end.Add(-r.Budget / shakeShare)) {
			r.hurried = true
			return nil
		}
		candidates := make([]*script.Script, shakeBatch)
		seeds := make([]uint64, shakeBatch)
		for i := range candidates {
			switch other := r.draw.Uint64N(1 << 32); i % 3 {
			case 0:
				candidates[i], seeds[i] = r.handful(), other
			case 1:
				candidates[i], seeds[i] = r.tail(), other
			case 2:
				candidates[i], seeds[i] = r.almost(), pick(r, r.seed, other)
			}
		}
		if at, err := r.choose("other times", len(r.best.Actions)-1, candidates, seeds...); at >= 0 || err != nil {
			return err
		}
	}
	return nil
}

// handful draws a few of the last actions and changes much about them.
func (r *reducer) handful() *script.Script {
	return r.redrawn(func(c *script.Script) {
		if r.draw.IntN(2) == 0 {
			c.Actions = slices.Clone(r.plain.Actions)
		}
		n := len(c.Actions)
		k := 1 + r.draw.IntN(min(few, n-1))
		c.Actions = r.some(c.Actions[n-min(n, k*pick(r, 1, 2, 4, n)):], k)
		r.rehome(c)
		r.elsewhere(c)
		r.otherwise(c)
		r.voters(c)
		r.closer(c.Actions, pick(r, 300*time.Millisecond, time.Second, 3*time.Second))
		r.jitter(c.Actions, 2)
		r.timed(c, pick(r, 4, 16, 64))
	})
}

// tail draws the last actions, whatever their number, and changes little about them but that they come early.
func (r *reducer) tail() *script.Script {
	return r.redrawn(func(c *script.Script) {
		if r.draw.IntN(2) == 0 {
			c.Actions = slices.Clone(r.plain.Actions)
		}
		c.Actions = c.Actions[1+r.draw.IntN(len(c.Actions)-1):]
		r.rehome(c)
		r.closer(c.Actions, pick(r, time.Second, 3*time.Second, 10*time.Second))
		r.jitter(c.Actions, pick(r, 2, 8))
	})
}

// almost draws almost all actions and changes little about them.
func (r *reducer) almost() *script.Script {
	return r.redrawn(func(c *script.Script) {
		k := len(c.Actions) - 1
		for k > 1 && r.draw.IntN(3) == 0 {
			k--
		}
		c.Actions = r.some(c.Actions, k)
		switch r.draw.IntN(12) {
		case 0:
			r.rehome(c)
		case 1:
			r.elsewhere(c)
		case 2:
			r.closer(c.Actions, pick(r, 300*time.Millisecond, time.Second, 3*time.Second))
		case 3:
			r.otherwise(c)
		case 4:
			r.voters(c)
		case 5:
			r.timed(c, k)
		}
		r.jitter(c.Actions, pick(r, 2, 4, 8))
	})
}

// redrawn returns the best script after an edit of its actions. It ends as long after the last of them, or otherwise.
func (r *reducer) redrawn(edit func(*script.Script)) *script.Script {
	return with(r.best, func(c *script.Script) {
		rest := c.Run - last(c)
		edit(c)
		if r.draw.IntN(2) == 0 {
			rest = pick(r, 100*time.Millisecond, time.Second, 4*time.Second, 10*time.Second)
		}
		c.Run = max(last(c)+rest, script.MinRun).Round(time.Millisecond)
		c.Expects = slices.DeleteFunc(c.Expects, func(e script.Expect) bool { return e.To > c.Run })
	})
}

// some draws k of the actions, in their order.
func (r *reducer) some(actions []script.Action, k int) []script.Action {
	places := r.draw.Perm(len(actions))[:k]
	slices.Sort(places)
	list := make([]script.Action, 0, k)
	for _, at := range places {
		list = append(list, actions[at])
	}
	return list
}

// rehome gives some VMs their homes the other way round, where no policy speaks about homes.
func (r *reducer) rehome(c *script.Script) {
	if len(c.Policies) > 0 {
		return
	}
	for i := range c.VMs {
		if r.draw.IntN(4) == 0 {
			c.VMs[i].Home, c.VMs[i].Second = c.VMs[i].Second, c.VMs[i].Home
		}
	}
}

// elsewhere lets some faults happen at another member.
func (r *reducer) elsewhere(c *script.Script) {
	var members []faults.Role
	for i := range c.Hosts {
		members = append(members, faults.Named(c.Hosts[i].Name))
	}
	for i := range c.VMs {
		members = append(members, faults.Primary(c.VMs[i].Name))
	}
	for i := range c.Actions {
		if f := &c.Actions[i].Fault; f.Member.Kind != 0 && r.draw.IntN(8) == 0 {
			f.Member = pick(r, members...)
		}
	}
}

// again is how often a fault comes back that does the work of several.
const again = 50

// alike are the kinds of which one often does what another one did, with less help.
var alike = [][]faults.Fault{
	{{Kind: faults.PowerOff}, {Kind: faults.Freeze}, {Kind: faults.Isolate}},
	{{Kind: faults.KillDaemon}, {Kind: faults.StopDaemon}},
	{{Kind: faults.DiskError, IO: faults.IOWrite}, {Kind: faults.DiskError, IO: faults.IOWrite, Count: again}, {Kind: faults.DiskFull}, {Kind: faults.DiskHang}},
}

// otherwise lets some faults be others of the same component.
func (r *reducer) otherwise(c *script.Script) {
	for i := range c.Actions {
		f := &c.Actions[i].Fault
		for _, group := range alike {
			if r.draw.IntN(4) == 0 && slices.ContainsFunc(group, func(g faults.Fault) bool { return g.Kind == f.Kind }) {
				other := pick(r, group...)
				other.Member, other.VM, other.For = f.Member, f.VM, pick(r, 0, f.For)
				*f = other
			}
		}
	}
}

// voters gives the pool a witness, or takes it away: without a majority the operator has to do more.
func (r *reducer) voters(c *script.Script) {
	switch {
	case r.draw.IntN(4) > 0:
	case c.Witness.Name == "":
		c.Witness = script.Member{Name: "w"}
	default:
		c.Witness = script.Member{}
	}
}

// closer sorts actions by their times, and bounds the time between two of them, and before the first.
func (r *reducer) closer(actions []script.Action, longest time.Duration) {
	var before, by time.Duration
	slices.SortStableFunc(actions, func(a, b script.Action) int { return cmp.Compare(a.Trigger.At, b.Trigger.At) })
	for i := range actions {
		at := &actions[i].Trigger.At
		by += max(0, *at-before-longest)
		before = *at
		*at -= by
	}
}

// jitter moves one in so many of the actions, and changes how long some last.
func (r *reducer) jitter(actions []script.Action, oneIn int) {
	reach := pick(r, 20*time.Millisecond, 200*time.Millisecond, time.Second, 5*time.Second)
	for i := range actions {
		a := &actions[i]
		if r.draw.IntN(oneIn) == 0 {
			a.Trigger.At = max(0, a.Trigger.At+r.between(-reach, reach))
		}
		if a.Fault.For > 0 && r.draw.IntN(2*oneIn) == 0 {
			a.Fault.For = max(time.Millisecond, a.Fault.For+r.between(-reach, reach))
		}
	}
}

// timed lets one in so many of the actions wait for a stage of a VM, a moment that no draw of times meets.
func (r *reducer) timed(c *script.Script, oneIn int) {
	for i := range c.Actions {
		if t := &c.Actions[i].Trigger; r.draw.IntN(oneIn) == 0 {
			*t = script.Trigger{Kind: script.TriggerWhen, VM: pick(r, c.VMs...).Name, Stage: pick(r, script.Stages()...), Nth: 1,
				At: max(0, t.At-pick(r, 0, 200*time.Millisecond, time.Second, 5*time.Second)), Delay: pick(r, 0, 0, r.between(0, 10*time.Millisecond))}
		}
	}
}

// between draws a whole number of milliseconds.
func (r *reducer) between(from, to time.Duration) time.Duration {
	return from + time.Duration(r.draw.Int64N(int64((to-from)/time.Millisecond)+1))*time.Millisecond
}

// pick draws one of the values.
func pick[T any](r *reducer, of ...T) T { return of[r.draw.IntN(len(of))] }
