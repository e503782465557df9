package engine

import "holdfast/engine/model"

// A member that meets a decision of the pool which it cannot read must not go on: it would apply
// what follows to another state than everybody else. It falls silent, so that the others take its
// VMs over, and lets nothing out. A newer version of it goes on from the same records.

// outgrow notes the first thing that could not be read.
func (n *Node) outgrow(why error) {
	if n.outgrown == nil {
		n.outgrown = why
	}
}

// fallSilent ends the part that this life takes in the pool.
func (n *Node) fallSilent() {
	for _, v := range n.vms {
		if v.instance != absent {
			n.out.Add(model.EffectHold, v.id)
		}
	}
	kept := n.out.List[:0]
	for i := range n.out.List {
		// What is persisted stays true; what would be said or let go may not be.
		if e := &n.out.List[i]; e.Kind == model.EffectPersist || e.Kind == model.EffectHold || e.Kind == model.EffectNotify {
			kept = append(kept, *e)
		}
	}
	n.out.List = kept
	n.out.Notify(model.NoticeOutgrown, 0, n.cfg.ID).Detail = n.outgrown.Error()
	n.wakeAt = model.Never
}

// silent takes an event in a life that takes no part any more.
func (n *Node) silent(ev *model.Event) {
	switch ev.Kind {
	case model.EventStart:
		n.incarnation = ev.ID
		n.fallSilent()
	case model.EventInstance:
		n.out.Add(model.EffectHold, ev.VM)
	case model.EventOperator:
		n.refuse(ev.Order.VM, n.cfg.ID, "upgrade this member first: "+n.outgrown.Error())
	}
}
