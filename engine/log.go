package engine

import (
	"errors"
	"fmt"

	"holdfast/engine/model"
	"holdfast/engine/planted"
	"holdfast/engine/pool"
)

// drain lets the control log say what must be persisted and sent, and applies what it committed.
func (n *Node) drain() {
	if !n.logBusy {
		return
	}
	n.logBusy = false
	n.leads = n.log.Leading()
	n.log.Drain(&n.out, n.apply)
	n.countLosses()
	n.meet()
}

func (n *Node) apply(index uint64, data []byte) {
	cmd, err := n.read(data)
	if err != nil {
		n.outgrow(err)
	}
	if n.outgrown != nil {
		return // the state is that before what cannot be read
	}
	if planted.On(planted.NoCompareAndSwap) && cmd.Kind.ForVM() {
		cmd.Expect = n.pool.VM(cmd.VM).Gen
	}
	before, retired := n.pool.Members(), n.pool.Retired(cmd.Part())
	result := n.pool.Apply(index, cmd)
	n.membersChanged(before, &cmd)
	n.forgetOrders(&cmd)
	if result.OK {
		n.carriedOut(&cmd)
	}
	if before.All().Has(n.cfg.ID) && !n.member() {
		n.giveUpOrders()
	}
	n.resumeOrders()
	if cmd.By == n.cfg.ID && cmd.Incarnation == n.incarnation {
		n.answered(&cmd, result.Refused)
	}
	if result.OK {
		switch cmd.Kind {
		case pool.KindFault:
			n.faulted(&cmd)
		case pool.KindRepair:
			n.touchAll()
		}
		if cmd.Kind == pool.KindClear || !retired && n.pool.Retired(cmd.Part()) {
			n.serviced(&cmd)
		}
	}
	n.syncVMs()
	if cmd.Kind == pool.KindRenew && result.OK {
		n.renewed(&cmd)
	}
}

// read decodes an entry of the log, which may come from a newer version.
func (n *Node) read(data []byte) (pool.Command, error) {
	cmd, err := pool.Decode(data)
	if err == nil && cmd.Format() > n.cfg.Protocol {
		err = fmt.Errorf("%w: %v is of protocol %d", pool.ErrCommand, cmd.Kind, cmd.Format())
	}
	return cmd, err
}

// answered takes what the log decided about something that this life of this node asked for, and tells people of a refusal unless
// it is of no account to them.
func (n *Node) answered(cmd *pool.Command, refused error) {
	if refused == nil || n.moot(cmd, refused) || n.replaced(cmd, refused) || waits(cmd, refused) {
		return
	}
	n.refuseOrder(cmd)
	notice := n.out.Notify(model.NoticeRefused, cmd.VM, n.cfg.ID)
	if notice.Detail = refused.Error(); cmd.Kind.ForVM() {
		notice.Gen = cmd.Expect
	}
}

// moot reports whether people need not hear that cmd was refused: this node has got it already, or nobody ordered it.
func (n *Node) moot(cmd *pool.Command, refused error) bool {
	switch {
	case cmd.Kind == pool.KindRetire || cmd.Kind == pool.KindFault:
		return true
	case cmd.Kind.ForVM() && cmd.Kind != pool.KindCreate:
		v := n.vm(cmd.VM)
		return v != nil && cmd.Expect <= v.won
	case cmd.Kind == pool.KindJoin || cmd.Kind == pool.KindLeave || !cmd.Kind.Numbered():
		return errors.Is(refused, pool.ErrOvertaken) || n.agreed(cmd)
	}
	// Once this member has left, the numbers of its orders are forgotten, and people were told.
	return errors.Is(refused, pool.ErrOvertaken) || errors.Is(refused, pool.ErrProposer) && !n.member()
}

// snapshot encodes the pool's state, unless it lacks something that could not be read.
func (n *Node) snapshot() []byte {
	if n.outgrown != nil {
		return nil
	}
	return n.pool.Snapshot()
}

// restore replaces the pool's state by a snapshot that came from the leader or the disk.
func (n *Node) restore(snapshot []byte) {
	state := newPool(&n.cfg)
	if snapshot != nil {
		var err error
		if state, err = pool.Restore(snapshot); err == nil && snapshot[0] > n.cfg.Protocol {
			err = fmt.Errorf("%w: it is of protocol %d", pool.ErrSnapshot, snapshot[0])
		}
		if err != nil {
			n.outgrow(err)
			return
		}
	}
	was := n.member()
	n.pool = state
	n.unknown(state)
	if snapshot != nil && was && !n.member() {
		n.giveUpOrders()
	}
	for _, v := range n.vms {
		if next := state.VM(v.id); next.Gen < v.cfg.Gen || !v.goesOn(&next) {
			v.overruled()
		}
	}
	n.syncVMs()
}

// goesOn reports whether next may follow from the configuration that this node knows. In another era it does only if the
// override found the VM just so, or as it is by the decision that this node was asking for, which it takes then, as if it had
// heard of both in turn: else this node knows decisions that the override discarded.
func (v *vm) goesOn(next *pool.Config) bool {
	if v.cfg.Gen == 0 || next.Gen.Era() == v.cfg.Gen.Era() {
		return true
	}
	override := pool.Command{Expect: model.Gen(next.Gen.Era()), By: next.By, Incarnation: next.Incarnation}
	if v.cfg.Overridden(override) == *next {
		return true
	}
	asked, err := pool.Check(v.cfg, v.want)
	if err != nil || asked.Overridden(override) != *next || planted.On(planted.PromotionForgotten) {
		return false
	}
	v.take(&asked)
	return true
}

func newPool(cfg *Config) *pool.State {
	return pool.New(pool.Members{Hosts: cfg.Hosts, Witness: cfg.Witnesses.First()})
}
