package engine

import (
	"holdfast/engine/model"
	"holdfast/engine/planted"
)

// report is what the other home said it has.
type report struct {
	incarnation uint64
	gen         model.Gen
	flags       model.Flags
}

// tell tells the other home what this one has, and the guest network where the VM is.
func (v *vm) tell() {
	v.reportAt = v.n.now.Add(v.n.cfg.Timing.ReportEvery)
	v.announceAgain() // it may have been lost, or another port learnt since
	if v.other == model.NoNode {
		return
	}
	m := v.n.out.Send(model.MsgReport, v.other, v.id)
	m.Gen = v.cfg.Gen
	if v.instance != absent || v.cfg.Shared && !v.shared.settled || v.stopped() && !planted.On(planted.RetiredRun) || v.bootsHere() {
		m.Flags |= model.FlagInstance // nobody may go on with a VM that is out of service, also who has not heard of it yet
	}
	if v.holdsVM() {
		m.Flags |= model.FlagCheckpoint
		m.Epoch = v.in.Holds()
	}
	if v.cannot {
		m.Flags |= model.FlagCannotRun
	}
	v.askForward()
}

// reported returns what the other home said in its present life under the present configuration.
func (v *vm) reported() (report, bool) {
	r := v.report
	return r, r.incarnation != 0 && r.incarnation == v.peer().incarnation && r.gen == v.cfg.Gen && !v.peer().suspected
}

// cannotRun tells the other home whether this one is able to run the VM.
func (v *vm) cannotRun(cannot bool) {
	if v.cannot != cannot {
		v.cannot = cannot
		v.tell()
	}
}
