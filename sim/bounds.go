package sim

import (
	"fmt"
	"time"

	"holdfast/engine/model"
)

// A world that exceeds one of these is not going anywhere. Pools of eight hosts under random plans have up to 50,000
// events in a second and 800 in the queue.
const (
	stuckEvents = 500_000 // within stuckTime
	stuckTime   = model.Time(time.Second)
	stuckQueue  = 100_000
)

// bounds watch over the world's own progress. What breaks them is a mistake of the engine or of the world, and
// panics while it has cost neither much time nor much memory.
type bounds struct {
	since  model.Time // begin of the present count
	events uint64     // at that time
}

// happened counts an event.
func (b *bounds) happened(w *World) {
	switch {
	case w.now-b.since > stuckTime:
		b.since, b.events = w.now, w.events
	case w.events-b.events > stuckEvents:
		panic(fmt.Sprintf("sim: more than %d events within %v: somebody goes in circles", stuckEvents, time.Duration(stuckTime)))
	}
}

// added checks an event that is about to be put into the queue.
func (b *bounds) added(w *World, at model.Time, kind eventKind) {
	if at < w.now {
		panic(fmt.Sprintf("sim: an event of kind %d is due before the present: some instant is out of range", kind))
	}
	if w.q.Len() >= stuckQueue {
		panic(fmt.Sprintf("sim: more than %d events wait: somebody asks for more than happens", stuckQueue))
	}
}
