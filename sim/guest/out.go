package guest

import (
	"holdfast/engine/model"
	"holdfast/sim/disk"
)

// DiskRequest is one request of the guest to its disk. Data is what a write
// stores; it is valid until Out.Reset.
type DiskRequest struct {
	IO   model.IO
	Data []disk.Sector
}

// Out collects what a machine wants done. It is reused from call to call: calls append,
// the world takes what is there and resets it.
type Out struct {
	Packets  []Packet
	Requests []DiskRequest
	sectors  []disk.Sector
}

// Reset empties the lists and keeps their memory.
func (o *Out) Reset() {
	o.Packets, o.Requests, o.sectors = o.Packets[:0], o.Requests[:0], o.sectors[:0]
}

// packet appends a blank packet and returns it to be filled in.
func (o *Out) packet() *Packet {
	n := len(o.Packets)
	if n < cap(o.Packets) {
		o.Packets = o.Packets[:n+1]
		o.Packets[n] = Packet{}
	} else {
		o.Packets = append(o.Packets, Packet{})
	}
	return &o.Packets[n]
}

// request appends a disk request; the words of a write are copied.
func (o *Out) request(io model.IO, words []uint64) {
	first := len(o.sectors)
	for i := 0; i < len(words); i += disk.SectorWords {
		o.sectors = append(o.sectors, disk.Sector(words[i:i+disk.SectorWords]))
	}
	o.Requests = append(o.Requests, DiskRequest{IO: io, Data: o.sectors[first:len(o.sectors):len(o.sectors)]})
}
