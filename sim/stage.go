package sim

import "holdfast/engine/model"

// Stage is a place in the life of a VM at which a fault can be made to strike.
type Stage uint8

// The stages.
const (
	StageEpoch        Stage = iota + 1 // an epoch began: the guest runs again
	StageCapturing                     // the guest is suspended
	StageCaptured                      // the checkpoint is staged
	StageSent                          // the checkpoint was put on the link
	StageReceived                      // it came whole
	StageSealed                        // the secondary holds it as one unit
	StageAcknowledged                  // the acknowledgement was put on the link
	StageReleased                      // output left
	StageExposed
	StagePromoteProposed
	StageExposeProposed
	StageStartProposed
	StageAttachProposed
	StagePromoted
	StageStarted
	StageFenced
	StageResync
	StageResyncHalf
	StageResyncCopied
	StageAttached
	StageProtected
	StageWriteIssued
	StageWriteLocal
	StageWriteRemote
	StageIntent
	StageClaimed
	StagePointSent    // a recovery point was announced
	StagePointSealed  // the recovery copy has it durably
	StagePointApplied // it is on the recovery copy
	StageFailOverProposed
	StageOverflow // more writes waited for the recovery copy than are kept
	StageExtent   // one extent was copied; StageResyncHalf follows from it
	// The following are for those who watch; no script can wait for them.
	StageAdopted      // a daemon took over an instance that an earlier life of it had left
	StageLaunchFailed // the toolstack could not create an instance
	StageMended       // data that the other copy had is written over a bad block
)

// stage tells whoever wants to know that the VM reached a stage on a host.
func (w *World) stage(s Stage, p *place) {
	if p == nil || w.OnStage == nil {
		return
	}
	if s == StageExtent {
		if !w.half(p.vm.id) {
			return
		}
		s = StageResyncHalf
	}
	w.OnStage(p.vm.id, s, p.m.id)
}

// half reports, once in each resync, that half of it is done.
func (w *World) half(vm model.VMID) bool {
	for _, m := range w.nodes[1:] {
		if m.node == nil {
			continue
		}
		if total, left := m.node.Resync(vm); total > 0 && left <= (total+1)/2 {
			return w.tape.halfOnce(vm)
		}
	}
	return false
}

// notice takes down what the engine wants people to know, and derives stages from it.
func (w *World) notice(m *member, n *model.Notice) {
	w.tape.notice(w, m, n)
	w.monitor.noticed(m, n)
	if n.VM == 0 || int(n.VM) >= len(w.vms) || m.vms[n.VM] == nil {
		return
	}
	var s Stage
	switch n.Kind {
	case model.NoticeExposed:
		s = StageExposed
	case model.NoticeResync:
		s = StageResync
	case model.NoticeCopied:
		s = StageResyncCopied
	case model.NoticeAttached:
		s = StageAttached
	case model.NoticeProtected:
		s = StageProtected
	case model.NoticeClaimed:
		s = StageClaimed
	case model.NoticeOverflow:
		s = StageOverflow
	case model.NoticeProposed:
		s = proposed(n.Detail)
	}
	if s != 0 {
		w.stage(s, m.vms[n.VM])
	}
}

func proposed(what string) Stage {
	switch what {
	case "promote":
		return StagePromoteProposed
	case "detach":
		return StageExposeProposed
	case "start":
		return StageStartProposed
	case "attach":
		return StageAttachProposed
	case "fail-over":
		return StageFailOverProposed
	}
	return 0
}
