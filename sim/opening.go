package sim

import (
	"slices"

	"holdfast/engine/model"
)

// opening is an opening of a copy that is under way, and those before it of which the engine has not heard yet. A daemon
// that asks for another opening does not call the one before it back: it had just ended, or hangs in the kernel, and is told
// of when it returns, with what it found. The numbers of openings are there for that.
type opening struct {
	id    uint64        // 0: none is under way
	found []model.Event // by those that another one followed
}

// end lets the opening that is under way, if there is one, find what is there now.
func (o *opening) end(outcome func(id uint64) model.Event) {
	if o.id != 0 {
		o.found = append(o.found, outcome(o.id))
		o.id = 0
	}
}

// tell tells the engine what the opening id found, unless something has ended it for good.
func (o *opening) tell(p *place, id uint64, outcome func(id uint64) model.Event) {
	if id == o.id {
		o.end(outcome)
	}
	for i := range o.found {
		if o.found[i].ID == id {
			ev := o.found[i]
			o.found = slices.Delete(o.found, i, i+1)
			p.m.tell(&ev)
			return
		}
	}
}
