package sim

import "slices"

// kept is data that waits for the message or operation that it belongs to, which has a number, perhaps in a session.
type kept struct {
	session, id uint64
	att         *attachment
}

// ring remembers the data of the newest writes.
type ring struct {
	entries [1024]kept
	next    int
}

func (r *ring) put(w *World, session, id uint64, att *attachment) {
	e := &r.entries[r.next]
	r.next = (r.next + 1) % len(r.entries)
	w.drop(e.att)
	*e = kept{session: session, id: id, att: att}
}

// replace is put for what may come more than once: a repetition takes the place of the first one. Else many of them would
// push out what waits for something that was lost.
func (r *ring) replace(w *World, session, id uint64, att *attachment) {
	if e := r.find(session, id); e != nil {
		w.drop(e.att)
		e.att = att
		return
	}
	r.put(w, session, id, att)
}

// get returns the newest data under these numbers, or nil.
func (r *ring) get(session, id uint64) *attachment {
	if e := r.find(session, id); e != nil {
		return e.att
	}
	return nil
}

func (r *ring) find(session, id uint64) *kept {
	for i := 1; i <= len(r.entries); i++ {
		e := &r.entries[(r.next-i+len(r.entries))%len(r.entries)]
		if e.att == nil {
			return nil
		}
		if e.id == id && e.session == session {
			return e
		}
	}
	return nil
}

func (r *ring) clear(w *World) {
	for i := range r.entries {
		if r.entries[i].att != nil {
			w.drop(r.entries[i].att)
			r.entries[i] = kept{}
		}
	}
	r.next = 0
}

// shelf holds data until the message or operation that it belongs to asks for it. What was put there first gives way.
type shelf struct{ entries []kept }

// shelfSize is more than a resync of a whole copy puts there while one extent is lost on its way and waits to be sent again.
const shelfSize = 2 * diskExtents

// keep puts data on the shelf, in place of what there was under these numbers.
func (s *shelf) keep(w *World, session, id uint64, att *attachment) {
	w.drop(s.take(session, id))
	if len(s.entries) == shelfSize {
		w.drop(s.entries[0].att)
		s.entries = slices.Delete(s.entries, 0, 1)
	}
	s.entries = append(s.entries, kept{session: session, id: id, att: att})
}

// take removes what there is under these numbers, or returns nil.
func (s *shelf) take(session, id uint64) *attachment {
	i := s.find(session, id)
	if i < 0 {
		return nil
	}
	att := s.entries[i].att
	s.entries = slices.Delete(s.entries, i, i+1)
	return att
}

// get returns what there is under these numbers, or nil.
func (s *shelf) get(session, id uint64) *attachment {
	if i := s.find(session, id); i >= 0 {
		return s.entries[i].att
	}
	return nil
}

func (s *shelf) find(session, id uint64) int {
	return slices.IndexFunc(s.entries, func(e kept) bool { return e.session == session && e.id == id })
}

func (s *shelf) clear(w *World) {
	for i := range s.entries {
		w.drop(s.entries[i].att)
	}
	s.entries = slices.Delete(s.entries, 0, len(s.entries))
}
