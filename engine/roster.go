package engine

import (
	"cmp"
	"slices"

	"holdfast/engine/model"
	"holdfast/engine/pair"
)

// roster holds a node's VMs. What every step asks of all of them together is kept, and brought up to date
// for those that the step touched: a step must not cost more because of VMs that it has nothing to do with.
type roster struct {
	vms     []*vm        // ascending VMID
	due     []model.Time // by index in vms: when it has to be woken
	touched []*vm        // those of which due and needs may be out of date
	needs   leaseCount
}

// leaseCount counts the VMs that need something of this host's lease.
type leaseCount struct {
	home int // concern the lease at all
	want int // should run here, on shared storage
	risk int // may have an instance here that the watchdog must be able to stop
}

// vm returns the VM with the given id, or nil.
func (r *roster) vm(id model.VMID) *vm {
	if at, ok := r.find(id); ok {
		return r.vms[at]
	}
	return nil
}

func (r *roster) find(id model.VMID) (at int, ok bool) {
	return slices.BinarySearchFunc(r.vms, id, func(v *vm, id model.VMID) int { return cmp.Compare(v.id, id) })
}

func (n *Node) addVM(id model.VMID) *vm {
	v := &vm{
		n: n, id: id, in: pair.NewSecondary(id),
		timerAt: model.Never, proposeAt: model.Never, silentSince: model.Never, reportAt: n.now,
	}
	at, _ := n.find(id)
	n.vms, n.due = slices.Insert(n.vms, at, v), slices.Insert(n.due, at, model.Never)
	n.renumber()
	v.touch()
	return v
}

// renumber notes where each VM is in the list.
func (r *roster) renumber() {
	for i, v := range r.vms {
		v.index = i
	}
}

// keepIf forgets the VMs for which it is false.
func (r *roster) keepIf(of func(*vm) bool) {
	r.vms = slices.DeleteFunc(r.vms, func(v *vm) bool { return !of(v) })
	r.due = r.due[:len(r.vms)]
	r.renumber()
	r.needs, r.touched = leaseCount{}, r.touched[:0]
	for _, v := range r.vms {
		v.counted = leaseCount{}
		v.listed = true
		r.touched = append(r.touched, v)
	}
}

// touch has the VM reconciled.
func (v *vm) touch() {
	v.stale = true
	if !v.listed {
		v.listed = true
		v.n.touched = append(v.n.touched, v)
	}
}

func (n *Node) touchAll() {
	for _, v := range n.vms {
		v.touch()
	}
}

// stales returns the VMs among which all are that have to be reconciled, in their order.
func (r *roster) stales() []*vm {
	if len(r.touched) > 1 {
		return r.vms
	}
	return r.touched
}

// recount brings what the VMs need of the lease up to date.
func (r *roster) recount() {
	for _, v := range r.touched {
		is := v.leaseNeeds()
		r.needs.home += is.home - v.counted.home
		r.needs.want += is.want - v.counted.want
		r.needs.risk += is.risk - v.counted.risk
		v.counted = is
	}
}

// endStep accounts for what the step touched: what was touched is up to date, but for what is to be reconciled in the next step.
func (r *roster) endStep() {
	r.recount()
	rest := r.touched[:0]
	for _, v := range r.touched {
		r.due[v.index] = v.nextWake()
		if v.listed = v.stale; v.stale {
			rest = append(rest, v)
		}
	}
	r.touched = rest
}

// nextWake returns when the first VM has to be woken.
func (r *roster) nextWake() model.Time {
	at := model.Never
	for _, t := range r.due {
		at = min(at, t)
	}
	return at
}
