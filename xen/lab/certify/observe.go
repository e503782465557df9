package certify

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"holdfast/xen/lab/wire"
)

// How often the network is asked who sends the guest's frames, and the hosts which domains run: the latter costs an emulated
// host a tenth of a second each time. In real time at least, and in the script's time, because slow guests answer slowly.
const (
	leastLook, lookEvery = 500 * time.Millisecond, 100 * time.Millisecond
	leastList, listEvery = 3 * time.Second, 150 * time.Millisecond
)

// Sides is what was seen of the two hosts that can run the VM.
type Sides struct {
	// Answering is for how long, in all, the guest's address sent frames from the ports of two hosts at a time.
	Answering time.Duration
	// Running is how often, while both answered, the toolstacks of two hosts both had a domain of the VM that was neither paused nor
	// shut down.
	Running int
	// Alive is how long those of the times of Answering were in which that was seen, and Since when the first of them began.
	Alive time.Duration
	Since time.Time
}

// Both reports whether both sides were seen alive: running, and answering, at the same time.
func (s *Sides) Both() bool { return s.Running > 0 }

// period is a stretch of real time.
type period struct{ from, to time.Time }

// holds reports whether another period lies in it.
func (p *period) holds(q period) bool { return !q.from.Before(p.from) && !q.to.After(p.to) }

// sidesOf puts together when both ports sent, in periods that do not overlap, and when both toolstacks were found to run the VM.
func sidesOf(answering, running []period) (s Sides) {
	for _, a := range answering {
		length := a.to.Sub(a.from)
		s.Answering += length
		n := 0
		for _, r := range running {
			if a.holds(r) {
				n++
			}
		}
		if n > 0 {
			if s.Running == 0 {
				s.Since = a.from
			}
			s.Running += n
			s.Alive += length
		}
	}
	return s
}

// span is a time during which a host's guest was seen.
type span struct {
	host     string
	from, to time.Time
}

// observer watches from outside which hosts run the guest.
type observer struct {
	pool       *Pool
	look, list time.Duration // how often
	// reachable tells whether a host can be asked: it is neither off nor frozen.
	reachable func(host string) bool

	mu     sync.Mutex
	frames map[string]uint64 // by host: of the guest, so far
	spans  []span            // in the order of from; of one host they do not overlap
	last   string            // whose frame was newest
	looked time.Time         // when the last look was; zero: there was none
	rising []string          // hosts whose frames rose at the last look
	moves  []string          // hosts in the order in which they became the only sender
	// When the frames of both hosts rose, without interruption, and when both ran the VM.
	answering, running []period
}

func newObserver(p *Pool, reachable func(string) bool) *observer {
	return &observer{
		pool: p, look: max(leastLook, p.Real(lookEvery)), list: max(leastList, p.Real(listEvery)), reachable: reachable,
		frames: map[string]uint64{}, last: p.Home, moves: []string{p.Home},
	}
}

// watch looks until ctx ends. Failures of the lab show elsewhere.
func (o *observer) watch(ctx context.Context) {
	var wait sync.WaitGroup
	wait.Go(func() {
		every(ctx, o.look, func() {
			if o.pool.Lab.Ask(ctx, guestIP(o.pool)) != nil {
				return
			}
			if seen, err := o.pool.Lab.Sightings(ctx); err == nil {
				o.compare(seen, time.Now())
			}
		})
	})
	wait.Go(func() { every(ctx, o.list, func() { o.askHosts(ctx) }) })
	wait.Wait()
}

// every does something at once and then regularly, until ctx ends.
func every(ctx context.Context, d time.Duration, do func()) {
	tick := time.NewTicker(d)
	defer tick.Stop()
	for {
		do()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// compare compares who sent frames of the guest with the last look.
func (o *observer) compare(seen []wire.Sighting, now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	mac := o.pool.Guest.MAC()
	before := maps.Clone(o.frames)
	var newest time.Time
	for _, s := range seen {
		if s.Address != mac || !slices.Contains(o.pool.Hosts(), s.Port) {
			continue
		}
		o.frames[s.Port] = s.Frames
		if s.Newest.After(newest) {
			newest, o.last = s.Newest, s.Port
		}
	}
	var rising []string
	for _, host := range o.pool.Hosts() {
		if o.frames[host] > before[host] {
			rising = append(rising, host)
			o.extend(host, now)
		}
	}
	// A guest that moves can be seen at both ports between two looks, once. Twice in succession it is at both.
	if len(rising) == 2 && len(o.rising) == 2 {
		if n := len(o.answering); n > 0 && o.answering[n-1].to.Equal(o.looked) {
			o.answering[n-1].to = now
		} else {
			o.answering = append(o.answering, period{o.looked, now})
		}
	}
	if len(rising) == 1 && rising[0] != o.moves[len(o.moves)-1] {
		o.moves = append(o.moves, rising[0])
	}
	if o.looked.IsZero() {
		rising = nil // nobody knows when these frames were sent
	}
	o.looked, o.rising = now, rising
}

// extend notes that the guest on a host was seen now.
func (o *observer) extend(host string, now time.Time) {
	for i := len(o.spans) - 1; i >= 0; i-- {
		if s := &o.spans[i]; s.host == host {
			if now.Sub(s.to) <= 3*o.look {
				s.to = now
				return
			}
			break
		}
	}
	o.spans = append(o.spans, span{host, now.Add(-o.look), now})
}

// askHosts asks the toolstacks which domains of the VM run, unless a host cannot be asked. They are asked one after the
// other, so a guest that moves meanwhile is seen at both; only if the first still has the domain it had, both ran at a time.
func (o *observer) askHosts(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 3*o.list)
	defer cancel()
	hosts := o.pool.Hosts()
	before := o.hasRunning(ctx, hosts[0])
	from := time.Now()
	if len(before) == 0 || len(o.hasRunning(ctx, hosts[1])) == 0 {
		return
	}
	to := time.Now()
	after := o.hasRunning(ctx, hosts[0])
	if slices.ContainsFunc(before, func(id int) bool { return slices.Contains(after, id) }) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.running = append(o.running, period{from, to})
	}
}

// hasRunning returns the ids of the domains of the VM that run on a host, none if it cannot be asked. A host uses an id once.
func (o *observer) hasRunning(ctx context.Context, host string) (ids []int) {
	if !o.reachable(host) {
		return nil
	}
	domains, err := o.pool.Domains(ctx, host)
	if err != nil {
		return nil
	}
	for _, d := range domains {
		if d.Alive() {
			ids = append(ids, d.ID)
		}
	}
	return ids
}

// primary returns the host that sent the newest frame of the guest.
func (o *observer) primary() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.last
}

// result returns what was seen.
func (o *observer) result() (Sides, []span, []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return sidesOf(o.answering, o.running), slices.Clone(o.spans), slices.Clone(o.moves)
}
