package dr

import (
	"time"

	"holdfast/engine/model"
	"holdfast/engine/planted"
)

// Source ships the writes of a VM that runs here. See NewSource.
type Source struct {
	vm      model.VMID
	cfg     Config
	target  model.NodeID
	gen     model.Gen
	history model.Gen
	era     uint64
	state   State
	stream  uint64
	met     bool   // a target has answered before: point is the newest that there can be of this source
	life    uint64 // of the target: the opening of the copy that answered; 0: not known
	token   uint64
	ids     uint64

	writes   []underway
	queue    journal
	last     model.Seq // of the stream
	sent     model.Seq
	received model.Seq

	lacking  model.Bitmap // extents that have to be read
	lacks    int
	reading  int
	retryAt  model.Time   // no reading before it
	blind    bool         // the local copy cannot be read
	unsealed model.Bitmap // extents in which the copy may differ from the newest durable point (D3)
	stamps   []model.Seq  // per extent: its last entry
	linger   model.Bitmap // extents that the mirror has put into the change record

	holds     bool // points wait for epochs
	ends      []boundary
	committed model.Seq
	lackAfter model.Time // first write completed after committed; Never: none

	floorOpen  bool
	floor      uint64 // writes up to this id must be completed before the next point
	floors     uint64 // how many were closed
	floorsDone uint64 // how many of them are committed

	point     model.Epoch
	pointSeq  model.Seq
	pointOut  bool // cut, not durable yet
	pointTold bool // announced: its entries were sent
	pointLack model.Time
	pointSent model.Time
	sealed    model.Epoch
	sealedSeq model.Seq
	cutAt     model.Time // not before this instant
	lackSince model.Time // first completed write that the durable point lacks; Never: none

	rtt, rto time.Duration
	idle     int // acknowledgements without progress
	openAt   model.Time
	opens    int
	openSent model.Time
	wakeAt   model.Time
	overflow bool // it was said
}

// NewSource returns the source of a VM that runs here in generation gen, closed. history is the generation in
// which the VM was given its copy on target: a copy of another history is replaced as a whole. lacking are the extents that
// target may lack (D3). token is as for mirror.NewPrimary.
func NewSource(now model.Time, vm model.VMID, cfg Config, target model.NodeID, gen, history model.Gen, lacking model.Bitmap, token uint64) *Source {
	s := &Source{
		vm: vm, cfg: cfg, target: target, gen: gen, history: history, era: gen.Era(), token: token,
		queue: newJournal(cfg.Journal), lacking: lacking.Clone(), lacks: lacking.Len(),
		unsealed: lacking.Clone(), stamps: make([]model.Seq, cfg.Extents), linger: model.NewBitmap(cfg.Extents),
		lackAfter: model.Never, pointLack: model.Never, lackSince: model.Never, wakeAt: model.Never,
	}
	if s.lacks > 0 {
		s.lackSince = now
	}
	return s
}

// State returns where the source stands.
func (s *Source) State() State { return s.state }

// Target returns the host with the copy that the source was made for.
func (s *Source) Target() model.NodeID { return s.target }

// History returns the generation in which the VM was given the copy that the source was made for.
func (s *Source) History() model.Gen { return s.history }

// Era returns the era in which the VM ran when the source was made. An override ends it: see Target.Open.
func (s *Source) Era() uint64 { return s.era }

// Point returns the newest point that the target called durable; 0: none.
func (s *Source) Point() model.Epoch { return s.sealed }

// Lacking returns the number of extents that are still to be read for the copy.
func (s *Source) Lacking() int { return s.lacks }

// Waiting returns the number of entries that are kept for the target, at most Config.Journal.
func (s *Source) Waiting() int { return s.queue.n }

// NextWake returns when Wake has something to do; Never: nothing is waited for.
func (s *Source) NextWake() model.Time { return s.wakeAt }

// SetGen tells that the VM runs on here in another generation.
func (s *Source) SetGen(gen model.Gen) { s.gen = gen }

func (s *Source) wakeBy(t model.Time) { s.wakeAt = min(s.wakeAt, t) }
func (s *Source) running() bool       { return s.state >= Copying }
func (s *Source) newID() uint64       { s.ids++; return s.token | s.ids }

// foreign reports whether a message is not an answer in this stream.
func (s *Source) foreign(m *model.Message) bool { return m.Session != s.stream || m.From != s.target }

// Age returns how long ago the oldest completed write was completed that the newest durable point lacks; 0 if
// there is none. It is the work that would be lost with this place now.
func (s *Source) Age(now model.Time) time.Duration {
	if s.lackSince == model.Never {
		return 0
	}
	return now.Sub(s.lackSince)
}

// Current reports that the newest durable point has every completed write.
func (s *Source) Current() bool {
	return s.state == Shipping && s.lacks == 0 && s.reading == 0 && !s.floorOpen && !s.pointOut && s.sealedSeq == s.last
}

// Blind tells that the local copy cannot be read, or can again. Completed writes go on being shipped.
func (s *Source) Blind(now model.Time, blind bool, out *model.Effects) {
	if s.blind != blind {
		s.blind = blind
		s.pump(now, out)
	}
}

// LackSince returns since when the newest durable point lacks a completed write, or Never.
func (s *Source) LackSince() model.Time { return s.lackSince }

// Open begins a stream. Its number must be higher than that of any stream of this or earlier lives of the node.
func (s *Source) Open(now model.Time, stream uint64, out *model.Effects) {
	s.Close(out)
	s.state, s.stream = Opening, stream
	s.rto, s.opens = s.cfg.Resend, 0
	s.sendOpen(now, out)
}

func (s *Source) sendOpen(now model.Time, out *model.Effects) {
	m := out.Send(model.MsgShipOpen, s.target, s.vm)
	m.Gen, m.Session, m.Epoch = s.gen, s.stream, model.Epoch(s.history)
	s.openAt, s.openSent = now.Add(s.rto), now
	s.opens++
	s.backOff()
	s.wakeBy(s.openAt)
}

// backOff waits longer before the next repetition, but not so long that a link which works again goes unnoticed.
func (s *Source) backOff() { s.rto = min(2*s.rto, max(maxResends*s.cfg.Resend, 2*s.rtt)) }

// maxResends bounds the time between repetitions, in multiples of Resend, unless the round trip is longer.
const maxResends = 8

// Close ends the stream: everything after the newest durable point counts as lacking.
func (s *Source) Close(out *model.Effects) {
	for s.queue.n > 0 {
		out.Add(model.EffectShipDrop, s.vm).ID = s.queue.at(0).id
		s.queue.dropOldest()
	}
	s.state, s.life, s.reading, s.pointOut = Closed, 0, 0, false
	s.last, s.sent, s.received, s.sealedSeq, s.committed, s.pointSeq = 0, 0, 0, 0, 0, 0
	for i := range s.ends {
		s.ends[i].seq = 0
	}
	clear(s.stamps)
	if !planted.On(planted.ChangesForgotten) {
		s.lacking.Union(s.unsealed)
	}
	s.lacks = s.lacking.Len()
	s.openFloor()
}

// Answer takes the target's answer to the opening of the stream. A point that is none of this source, after it had one
// of its own there, is one of which it does not know what is in it: the copy is replaced as a whole.
func (s *Source) Answer(now model.Time, m *model.Message, out *model.Effects) {
	if s.foreign(m) || m.Flags.Has(model.FlagError) || s.state != Opening {
		return
	}
	if s.opens == 1 {
		s.rtt = now.Sub(s.openSent)
	}
	s.state, s.life, s.rto = Copying, m.ID, max(s.cfg.Resend, 2*s.rtt)
	strange := s.met && (m.Epoch < s.sealed || m.Epoch > s.point) // another source has made it, or it lost one
	s.met, s.point, s.sealed = true, m.Epoch, m.Epoch
	if m.Gen != s.history || strange {
		s.lacking.Fill(s.cfg.Extents)
		s.unsealed.Fill(s.cfg.Extents)
		s.lacks = s.cfg.Extents
		s.lackSince = min(s.lackSince, now)
	}
	if s.lacks == 0 && !s.floorOpen {
		s.state = Shipping
	} else {
		out.Notify(model.NoticeResync, s.vm, s.target).Gen = s.gen
	}
	s.pump(now, out)
}

// Write tells that the guest asked for a write; its data must be kept until its end is known.
func (s *Source) Write(io *model.IO, out *model.Effects) {
	if end := uint64(s.cfg.Extents) * uint64(s.cfg.ExtentSectors); io.Count == 0 || io.Sector >= end || uint64(io.Count) > end-io.Sector {
		return // it will fail, and touches nothing
	}
	w := underway{id: s.newID(), guest: io.ID, io: *io}
	w.first, w.last = io.Extents(s.cfg.ExtentSectors)
	s.writes = append(s.writes, w)
	for x := w.first; x <= w.last; x++ {
		s.unsealed.Set(x)
	}
	e := out.Add(model.EffectShipKeep, s.vm)
	e.ID, e.IO = w.id, *io
}

// Underway tells of a write that the guest asked for before the source was made, and that is not completed: reading an
// extent may see it. Its data was not kept, so its extents are read again when it is completed.
func (s *Source) Underway(io *model.IO) {
	w := underway{id: s.newID(), guest: io.ID, io: *io, unkept: true}
	w.first, w.last = io.Extents(s.cfg.ExtentSectors)
	s.writes = append(s.writes, w)
	for x := w.first; x <= w.last; x++ {
		s.unsealed.Set(x)
	}
	s.openFloor()
}

// Completed tells that the guest was told the end of its write.
func (s *Source) Completed(now model.Time, guest uint64, failed bool, out *model.Effects) {
	for i := range s.writes {
		if s.writes[i].guest != guest {
			continue
		}
		w := s.writes[i]
		s.writes = append(s.writes[:i], s.writes[i+1:]...)
		s.note(now)
		if failed || w.unkept || !s.running() || s.lacksAny(w.first, w.last) {
			s.lack(w.first, w.last)
			s.forget(&w, out)
		} else {
			s.append(&w, out)
		}
		s.closeFloor()
		s.pump(now, out)
		return
	}
}

// forget has the runner drop the data of a write.
func (s *Source) forget(w *underway, out *model.Effects) {
	if !w.unkept {
		out.Add(model.EffectShipDrop, s.vm).ID = w.id
	}
}

func (s *Source) lacksAny(first, last uint32) bool {
	for x := first; x <= last && s.lacks > 0; x++ {
		if s.lacking.Has(x) {
			return true
		}
	}
	return false
}

// lack makes the extents be read again.
func (s *Source) lack(first, last uint32) {
	for x := first; x <= last; x++ {
		if !s.lacking.Has(x) {
			s.lacking.Set(x)
			s.lacks++
		}
		s.unsealed.Set(x)
	}
	if s.state == Shipping {
		s.state = Copying
	}
}

// append makes a completed write the next entry of the stream.
func (s *Source) append(w *underway, out *model.Effects) {
	if s.queue.full() {
		s.giveUp(s.sent, out)
		if !s.overflow {
			s.overflow = true
			out.Notify(model.NoticeOverflow, s.vm, s.target).Gen = s.gen
		}
		if s.lacksAny(w.first, w.last) {
			s.lack(w.first, w.last)
			out.Add(model.EffectShipDrop, s.vm).ID = w.id
			return
		}
	}
	s.last++
	e := s.queue.add()
	e.seq, e.id, e.io, e.ready = s.last, w.id, w.io, true
	for x := w.first; x <= w.last; x++ {
		s.stamps[x] = s.last
	}
	s.commit()
}

// giveUp drops the entries after keep, which were not sent; their extents count as lacking (D4). A point that
// needs them was not announced yet, and is given up with them.
func (s *Source) giveUp(keep model.Seq, out *model.Effects) {
	if s.pointOut && s.pointSeq > keep {
		s.pointOut = false
		s.point--
	}
	for s.queue.n > 0 && s.queue.at(s.queue.n-1).seq > keep {
		e := s.queue.at(s.queue.n - 1)
		if e.whole {
			s.lack(e.extent, e.extent)
			if !e.ready {
				s.reading--
			}
		} else {
			s.lack(e.io.Extents(s.cfg.ExtentSectors))
		}
		out.Add(model.EffectShipDrop, s.vm).ID = e.id
		s.last = e.seq - 1
		s.queue.dropNewest()
	}
	s.committed = min(s.committed, s.last)
	for i := range s.ends {
		s.ends[i].seq = min(s.ends[i].seq, s.last)
	}
}

// note keeps the instants from which the age of points is told.
func (s *Source) note(now model.Time) {
	s.lackSince = min(s.lackSince, now)
	if s.pointOut {
		s.pointLack = min(s.pointLack, now)
	}
	if s.holds {
		s.lackAfter = min(s.lackAfter, now)
		for i := range s.ends {
			s.ends[i].lack = min(s.ends[i].lack, now)
		}
	}
}
