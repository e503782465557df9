package wire

import (
	"holdfast/xen/lab/wire/bridge"
	"holdfast/xen/lab/wire/link"
)

// Stats is a snapshot of every counter, of one segment after the other. It is meant for JSON and for tests that ask where
// frames went.
type Stats struct {
	Segments []SegmentStats `json:"segments"`
}

// SegmentStats are the counters of one network.
type SegmentStats struct {
	Segment   Segment         `json:"segment"`
	Counters  bridge.Counters `json:"counters"`
	Addresses int             `json:"addresses"` // remembered now
	Ports     []PortStats     `json:"ports"`
	Links     []LinkStats     `json:"links"`
}

// PortStats are the counters of one port: what it sent, and what arrived at it.
type PortStats struct {
	Name    string              `json:"name"`
	State   bridge.PortState    `json:"state"`
	Plugged bool                `json:"plugged"` // something is plugged in now
	Waiting int                 `json:"waiting"` // frames in its queue now
	Ingress bridge.PortCounters `json:"ingress"`
	Egress  EgressCounters      `json:"egress"`
}

// LinkStats are the counters of one direction from one port to another.
type LinkStats struct {
	From     string        `json:"from"`
	To       string        `json:"to"`
	Faults   link.Faults   `json:"faults"`
	OnWay    int           `json:"on_way"` // delayed frames now
	Counters link.Counters `json:"counters"`
}

// Stats returns the counters of all networks, ports and directions.
func (n *Network) Stats() Stats {
	var stats Stats
	for _, s := range n.segments {
		stats.Segments = append(stats.Segments, s.stats())
	}
	return stats
}

// Link returns the counters of one direction, or nil if there is none.
func (s *Stats) Link(on Segment, from, to string) *LinkStats {
	for i := range s.Segments {
		for j := range s.Segments[i].Links {
			if l := &s.Segments[i].Links[j]; s.Segments[i].Segment == on && l.From == from && l.To == to {
				return l
			}
		}
	}
	return nil
}

// Port returns the counters of one port, or nil if there is none.
func (s *Stats) Port(on Segment, name string) *PortStats {
	for i := range s.Segments {
		for j := range s.Segments[i].Ports {
			if p := &s.Segments[i].Ports[j]; s.Segments[i].Segment == on && p.Name == name {
				return p
			}
		}
	}
	return nil
}

func (s *segment) stats() SegmentStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.bridge
	stats := SegmentStats{Segment: s.name, Counters: b.Counters(), Addresses: b.Addresses()}
	for from, p := range s.ports {
		id := bridge.PortID(from)
		ps := PortStats{Name: p.name, State: b.State(id), Ingress: b.PortCounters(id)}
		ps.Egress, ps.Plugged, ps.Waiting = p.egress()
		stats.Ports = append(stats.Ports, ps)
		for to := range s.ports {
			if to == from {
				continue
			}
			d := b.Direction(id, bridge.PortID(to))
			ls := LinkStats{From: p.name, To: s.ports[to].name, Faults: d.Faults, Counters: d.Counters}
			ls.OnWay, _ = d.OnWay()
			stats.Links = append(stats.Links, ls)
		}
	}
	return stats
}
