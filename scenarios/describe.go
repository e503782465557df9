package scenarios

import (
	"slices"

	"holdfast/engine/model"
	"holdfast/engine/pool"
	"holdfast/reports"
	"holdfast/reports/check"
	"holdfast/reports/history"
	"holdfast/sim"
)

// maxPoints bounds the latencies that a result keeps for each VM.
const maxPoints = 1200

// describe fills in what people want to see of the run.
func (r *run) describe(out *reports.Scenario, histories []*history.History) {
	w := r.world
	for i := range r.script.VMs {
		vm := model.VMID(i + 1)
		out.VMs = append(out.VMs, reports.VM{
			Name: r.script.VMs[i].Name, Level: r.script.VMs[i].Level.String(), Service: r.script.VMs[i].Service.String(),
			Spans: r.spans(vm), Protection: r.protection(vm),
		})
		out.Latency = append(out.Latency, reports.Sample(check.Points(histories[i], r.script.VMs[i].Name, r.now()), maxPoints)...)
		r.measures(&out.Measures, vm, histories[i])
	}
	for _, n := range w.Notices() {
		if n.Kind == model.NoticeLinkUp || n.Kind == model.NoticeLinkDown {
			continue // the suspicion that follows says more
		}
		if n.At < r.zero {
			continue
		}
		out.Notices = append(out.Notices, reports.Mark{At: r.at(n.At), Text: r.name(n.Member) + ": " + r.words(&n)})
	}
	m := &out.Measures
	m.OutputDelay = reports.DelayOf(w.OutputDelays())
	count, sum, longest := w.Captures()
	m.Epochs, m.StoppedNS, m.StoppedMax = count, int64(sum), int64(longest)
	m.ConvergenceNS = int64(r.healing())
}

// measures adds what one VM contributes.
func (r *run) measures(m *reports.Measures, vm model.VMID, h *history.History) {
	for i := range h.Operations {
		switch o := &h.Operations[i]; {
		case check.Answered(o):
			m.Operations++
		case o.Status == history.Unknown:
			m.Unknown++
		}
	}
	undone, _ := countLost(h, lose(h, r.world.Cuts(vm), r.zero))
	m.LostInFailOver += int64(undone)
	if int(vm) <= len(r.recoveryAge) {
		m.RecoveryAgeNS = max(m.RecoveryAgeNS, int64(r.recoveryAge[vm-1]))
	}
	m.Resets += int64(r.world.ClientStats(vm).Resets)
	if r.books[vm-1].clients {
		_, pause := check.PauseAt(h, 0, r.script.Run)
		m.LongestPauseNS = max(m.LongestPauseNS, int64(pause))
	}
	m.Promotions += int64(r.countNotices(model.NoticePromoted, vm))
	m.Restarts += int64(r.restarts(vm))
	m.Resyncs += int64(r.countNotices(model.NoticeResync, vm))
	m.Refused += int64(r.countNotices(model.NoticeRefused, vm))
	changes := r.world.Changes(vm)
	m.Generations += int64(len(changes))
	for i, c := range changes {
		if !c.Config.Exposed() || c.At < r.zero {
			continue
		}
		end := r.world.Now()
		if i+1 < len(changes) {
			end = changes[i+1].At
		}
		m.ExposedNS += int64(end - c.At)
		if i == 0 || !changes[i-1].Config.Exposed() {
			m.Exposures++
		}
	}
	m.RTO = append(m.RTO, r.recoveries(vm, h)...)
}

// recoveries returns, for each fail-over of the VM, the time from the latest fault before it to
// the first answer after it.
func (r *run) recoveries(vm model.VMID, h *history.History) []int64 {
	var list []int64
	times := check.AnswerTimes(h)
	first := true
	for _, n := range r.world.Notices() {
		if n.VM != vm || n.Kind != model.NoticePromoted && n.Kind != model.NoticeStarted {
			continue
		}
		if first { // the VM's first boot
			first = false
			continue
		}
		fault := int64(-1)
		for _, f := range r.marks {
			if f.At <= r.at(n.At) {
				fault = int64(f.At)
			}
		}
		i, _ := slices.BinarySearch(times, n.At.Sub(r.zero))
		if fault >= 0 && i < len(times) {
			list = append(list, int64(times[i])-fault)
		}
	}
	return list
}

var spanKinds = map[sim.InstanceState]reports.SpanKind{
	sim.Booting: reports.Booting, sim.Running: reports.Runs, sim.Suspended: reports.Paused, sim.FrozenHost: reports.Frozen,
}

// spans returns who had an instance of the VM.
func (r *run) spans(vm model.VMID) []reports.Span {
	var list []reports.Span
	for _, s := range r.world.Spans(vm) {
		if s.To > r.zero {
			list = append(list, reports.Span{Host: r.name(s.Host), From: r.at(s.From), To: r.at(s.To), Kind: spanKinds[s.State]})
		}
	}
	return list
}

// protection returns how well the VM was protected at each time.
func (r *run) protection(vm model.VMID) []reports.Span {
	var list []reports.Span
	from, kind := reports.Time(0), reports.Down
	next := func(at reports.Time, k reports.SpanKind) {
		if k == kind {
			return
		}
		if at > from {
			list = append(list, reports.Span{From: from, To: at, Kind: kind})
		}
		from, kind = at, k
	}
	for _, e := range r.protectionEvents(vm) {
		next(r.at(e.at), e.kind)
	}
	next(r.at(r.world.Now()), "")
	return list
}

type protectionEvent struct {
	at   model.Time
	kind reports.SpanKind
}

// protectionEvents merges committed configurations and the beginnings of resyncs.
func (r *run) protectionEvents(vm model.VMID) []protectionEvent {
	var list []protectionEvent
	for _, c := range r.world.Changes(vm) {
		kind := reports.Degraded
		switch {
		case c.Config.Cause == pool.KindCreate:
			kind = reports.Down
		case c.Config.Exposed():
			kind = reports.Exposed
		case c.Config.InSync == c.Config.Homes:
			kind = reports.Protected
		}
		list = append(list, protectionEvent{c.At, kind})
	}
	for _, n := range r.world.Notices() {
		if n.VM == vm && n.Kind == model.NoticeResync {
			list = append(list, protectionEvent{n.At, reports.Resync})
		}
	}
	slices.SortStableFunc(list, func(a, b protectionEvent) int { return int(a.at - b.at) })
	return list
}
