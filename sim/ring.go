package sim

// answer is data that waits for the message or operation that it belongs to.
type answer struct {
	id  uint64
	att *attachment
}

// ring remembers the data of the newest writes by a number that rises.
type ring struct {
	entries [1024]answer
	next    int
}

func (r *ring) put(w *World, id uint64, att *attachment) {
	e := &r.entries[r.next]
	r.next = (r.next + 1) % len(r.entries)
	w.drop(e.att)
	*e = answer{id: id, att: att}
}

// replace is put for what may come more than once: a repetition takes the place of the first one. Else many of them would
// push out what waits for something that was lost.
func (r *ring) replace(w *World, id uint64, att *attachment) {
	if e := r.find(id); e != nil {
		w.drop(e.att)
		e.att = att
		return
	}
	r.put(w, id, att)
}

// get returns the newest data for id, or nil.
func (r *ring) get(id uint64) *attachment {
	if e := r.find(id); e != nil {
		return e.att
	}
	return nil
}

func (r *ring) find(id uint64) *answer {
	for i := 1; i <= len(r.entries); i++ {
		e := &r.entries[(r.next-i+len(r.entries))%len(r.entries)]
		if e.att == nil {
			return nil
		}
		if e.id == id {
			return e
		}
	}
	return nil
}

func (r *ring) clear(w *World) {
	for i := range r.entries {
		if r.entries[i].att != nil {
			w.drop(r.entries[i].att)
			r.entries[i] = answer{}
		}
	}
	r.next = 0
}

// keep stores data under id; take removes it.
func (p *place) keep(list *[16]answer, id uint64, att *attachment) {
	slot := &list[id%uint64(len(list))]
	for i := range list {
		if list[i].att == nil || list[i].id == id {
			slot = &list[i]
			break
		}
	}
	p.w.drop(slot.att)
	*slot = answer{id: id, att: att}
}

func (p *place) take(list *[16]answer, id uint64) *attachment {
	for i := range list {
		if list[i].id == id && list[i].att != nil {
			att := list[i].att
			list[i] = answer{}
			return att
		}
	}
	return nil
}

func (p *place) peek(list *[16]answer, id uint64) *attachment {
	for i := range list {
		if list[i].id == id {
			return list[i].att
		}
	}
	return nil
}
