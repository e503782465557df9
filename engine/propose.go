package engine

import (
	"holdfast/engine/model"
	"holdfast/engine/planted"
	"holdfast/engine/pool"
)

// propose asks the log for a new generation out of the present one and repeats that
// until the generation has moved, whoever moved it. Proposing twice is harmless: the log
// compares and swaps.
func (v *vm) propose(cmd pool.Command) {
	n := v.n
	v.proposing = true
	cmd.VM, cmd.Expect, cmd.By, cmd.Incarnation = v.id, v.cfg.Gen, n.cfg.ID, n.incarnation
	if cmd != v.want {
		v.want, v.wantSince = cmd, n.now
		notice := n.out.Notify(model.NoticeProposed, v.id, cmd.Node)
		notice.Gen, notice.Detail = v.cfg.Gen, cmd.Kind.String()
	} else if n.now < v.proposeAt {
		return
	}
	if n.decidable() && n.log.Propose(cmd.Encode()) == nil {
		n.logBusy = true
	}
	v.proposeAt = n.now.Add(n.cfg.Timing.ProposeEvery)
	if planted.On(planted.ProposeOnce) {
		v.proposeAt = model.Never
	}
	if v.wantSince != model.Never && n.now.Sub(v.wantSince) >= quorumPatience*n.cfg.Timing.SuspectAfter {
		v.wantSince = model.Never // said once
		notice := n.out.Notify(model.NoticeNoQuorum, v.id, cmd.Node)
		notice.Gen = v.cfg.Gen
		notice.Detail = "no majority of the pool answers; restore the connection to another member, or, if it is certain that the other host is dead, declare it dead"
	}
}

// decidable reports whether the log can decide now, as far as is known here: this member hears most of the voters, or a member that hears
// them and the leader, which passes on what is for those whom this one does not hear. Else nothing is proposed: what is left in a leader's
// log would be decided later, when its reason may be gone.
func (n *Node) decidable() bool {
	if n.log.Quorate() {
		return true
	}
	if planted.On(planted.OwnEarsOnly) {
		return false
	}
	lead, voters := n.log.Leader(), n.log.Voters()
	for _, id := range n.others {
		if p := &n.peers[id]; !p.suspected {
			if heard := p.hears.With(id); heard.Has(lead) && 2*(voters&heard).Len() > voters.Len() {
				return true
			}
		}
	}
	return false
}

// quorumPatience is the number of suspicion time-outs after which an undecided proposal is worth a notice.
const quorumPatience = 4

// withdraw stops repeating a proposal whose reason is gone. It may still be decided.
func (v *vm) withdraw() { v.want, v.proposeAt = pool.Command{}, model.Never }

// settleProposal stops repeating a proposal that this round of reconcile did not repeat.
func (v *vm) settleProposal() {
	if !v.proposing && v.want.Kind != 0 {
		v.withdraw()
	}
	v.proposing = false
}
