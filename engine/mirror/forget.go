package mirror

import (
	"holdfast/engine/model"
	"holdfast/engine/planted"
)

// pumpClean begins to forget marks once both copies are in sync and there are too many.
func (p *Primary) pumpClean(now model.Time, out *model.Effects) {
	r := &p.resync
	if r.cleaning || p.localState != InSync || p.remoteState != InSync || p.localFailed || p.remoteFailed {
		return
	}
	if r.cleanDue || p.marked.Len() > p.cfg.ActiveExtents {
		r.cleaning, r.cleanDue = true, false
		r.target = 0
		p.stamp++
		p.own(now, opStable, out)
	}
}

// forget drops the marks of all extents that did not change since the flush o began. Those of which a record is under way
// stay: that was asked for before, and would have them taken out of it again.
func (p *Primary) forget(o *op, failed bool, out *model.Effects) {
	if o.round != p.resync.round {
		return // the copies were apart meanwhile
	}
	p.resync.cleaning = false
	if failed || p.localState != InSync || p.remoteState != InSync {
		return
	}
	stable := model.NewBitmap(p.cfg.Extents)
	n := 0
	for x, ok := p.marked.Next(0); ok; x, ok = p.marked.Next(x + 1) {
		recording := p.writesTo(x, phaseIntent) && !planted.On(planted.RecordForgotten)
		if p.stamps[x] >= o.stamp || recording || p.writesTo(x, phaseIssued, phaseDone) {
			continue
		}
		stable.Set(x)
		p.marked.Clear(x)
		p.recorded.Clear(x)
		n++
	}
	if n == 0 {
		return
	}
	data := stable.Bytes()
	out.Add(model.EffectForget, p.vm).Data = data
	m := out.Send(model.MsgStable, p.peer, p.vm)
	m.Gen, m.Session, m.Seq, m.Data = p.gen, p.session, p.lastSeq, data
}
