package main

import "sync"

// teller passes messages on, from any goroutine, up to the last one.
type teller struct {
	mu   sync.Mutex
	send func(labMessage) // nil after the last one
}

func newTeller(send func(labMessage)) *teller { return &teller{send: send} }

func (t *teller) tell(m labMessage) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.send != nil {
		t.send(m)
	}
}

// last passes on m and nothing after it.
func (t *teller) last(m labMessage) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.send != nil {
		t.send(m)
		t.send = nil
	}
}
