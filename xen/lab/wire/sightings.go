package wire

import (
	"cmp"
	"slices"
	"time"

	"holdfast/xen/lab/wire/bridge"
	"holdfast/xen/lab/wire/frame"
)

// maxSightings is how many pairs of an address and a port are remembered on a segment; what comes later is not.
const maxSightings = 1024

// Sighting says that a port sent frames of an address. An address with sightings at two ports that both go on is a
// guest that runs on two hosts.
type Sighting struct {
	Address string `json:"address"`
	Port    string `json:"port"`
	// Frames that it sent there so far, of any kind, and when it sent the first and the newest one.
	Frames uint64    `json:"frames"`
	First  time.Time `json:"first"`
	Newest time.Time `json:"newest"`
}

// sightingKey is an address at a port.
type sightingKey struct {
	address frame.MAC
	port    bridge.PortID
}

// sighted is what is remembered of it.
type sighted struct {
	frames        uint64
	first, newest time.Time
}

// sight notes the source of a frame that passed a port. The lock is held.
func (s *segment) sight(from bridge.PortID, f []byte) {
	if len(f) < frame.HeaderBytes || !s.bridge.State(from).Up() {
		return
	}
	key := sightingKey{frame.Source(f), from}
	now := s.clock.Now()
	seen, ok := s.sightings[key]
	if !ok {
		if len(s.sightings) >= maxSightings {
			return
		}
		seen = &sighted{first: now}
		s.sightings[key] = seen
	}
	seen.frames++
	seen.newest = now
}

// Sightings returns which address was seen at which port of a segment, in the order of address and port. Frames that a port sent
// while it was down do not count.
func (n *Network) Sightings(on Segment) ([]Sighting, error) {
	s, err := n.segment(on)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Sighting
	for key, seen := range s.sightings {
		out = append(out, Sighting{key.address.String(), s.ports[key.port].name, seen.frames, seen.first, seen.newest})
	}
	slices.SortFunc(out, func(a, b Sighting) int {
		return cmp.Or(cmp.Compare(a.Address, b.Address), cmp.Compare(a.Port, b.Port))
	})
	return out, nil
}
