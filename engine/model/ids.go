package model

import (
	"math/bits"
	"strconv"
	"time"
)

// NodeID names a member of the pool: a host or a witness. Valid members are
// 1 to MaxNode; NoNode means nobody.
type NodeID uint8

// NoNode is the absent member. MaxNode is the highest valid member number.
const (
	NoNode  NodeID = 0
	MaxNode NodeID = 63
)

// NodeSet is a set of members, one bit each.
type NodeSet uint64

// Nodes returns the set of the given members. NoNode is ignored.
func Nodes(ids ...NodeID) NodeSet {
	var s NodeSet
	for _, id := range ids {
		s = s.With(id)
	}
	return s
}

// With returns the set including id. NoNode is ignored.
func (s NodeSet) With(id NodeID) NodeSet {
	if id == NoNode {
		return s
	}
	return s | 1<<id
}

// Without returns the set excluding id.
func (s NodeSet) Without(id NodeID) NodeSet { return s &^ (1 << id) }

// Has reports whether id is a member of the set.
func (s NodeSet) Has(id NodeID) bool { return id != NoNode && s&(1<<id) != 0 }

// Len returns the number of members.
func (s NodeSet) Len() int { return bits.OnesCount64(uint64(s)) }

// Empty reports whether the set has no member.
func (s NodeSet) Empty() bool { return s == 0 }

// First returns the lowest member, or NoNode. Iterate in ascending order with
//
//	for rest := s; !rest.Empty(); rest = rest.Without(rest.First()) { … }
func (s NodeSet) First() NodeID {
	if s == 0 {
		return NoNode
	}
	return NodeID(bits.TrailingZeros64(uint64(s)))
}

// Other returns the lowest member that is not id, or NoNode. For a VM's two
// homes it answers "the other one".
func (s NodeSet) Other(id NodeID) NodeID { return s.Without(id).First() }

// String lists the members in ascending order, for example "{1 3}".
func (s NodeSet) String() string {
	b := []byte{'{'}
	for rest := s; !rest.Empty(); rest = rest.Without(rest.First()) {
		if len(b) > 1 {
			b = append(b, ' ')
		}
		b = strconv.AppendUint(b, uint64(rest.First()), 10)
	}
	return string(append(b, '}'))
}

// VMID names a protected virtual machine. Zero is no VM.
type VMID uint16

// Gen is a VM's generation: the number of its current configuration in the
// control log and therefore the fencing token. It rises by exactly one with
// every committed change. Zero means the VM does not exist.
//
// An operator's override begins a new era: generations go on above all that anybody can have made who knows nothing of it,
// because what those decided is void. The upper half is the era, 0 in a pool without an override.
type Gen uint64

// eraShift is where the era of a generation begins: there is room for 4 billion changes of a VM in each.
const eraShift = 32

// Era returns the era that a generation belongs to.
func (g Gen) Era() uint64 { return uint64(g >> eraShift) }

// In returns the generation after g in a later era. An era that has no room (see MaxEra) is none.
func (g Gen) In(era uint64) Gen { return Gen(era)<<eraShift | (g&(1<<eraShift-1) + 1) }

// String returns the number within the era. If an override began that era, its number comes first, as in "67/20".
func (g Gen) String() string {
	number := strconv.FormatUint(uint64(g&(1<<eraShift-1)), 10)
	switch era := g.Era(); {
	case era == 0:
		return number
	case era < FirstEra:
		return strconv.FormatUint(era, 10) + "/" + number
	default:
		return strconv.FormatUint(era-FirstEra, 10) + "/" + number
	}
}

// The lowest era that an override begins, and the highest one. Below are those of earlier versions, which would get to
// FirstEra with their 256th override in a row.
const (
	FirstEra = 1 << 28
	MaxEra   = 1<<eraShift - 1
)

// Epoch numbers the checkpoint intervals of an ft VM, or the output barriers of
// an ha or restart VM. Within one primary's tenure it only rises.
type Epoch uint64

// Seq numbers the writes of one mirror session, or the heartbeats of one life, from 1.
type Seq uint64

// Time is an instant of a host's local monotonic clock in nanoseconds. Instants
// of different hosts must never be compared.
type Time int64

// Never is an instant that does not come.
const Never Time = 1<<63 - 1

// Add returns the instant d later; Never stays Never.
func (t Time) Add(d time.Duration) Time {
	if t == Never {
		return Never
	}
	return t + Time(d)
}

// Sub returns the time from u to t.
func (t Time) Sub(u Time) time.Duration { return time.Duration(t - u) }

// Level is the protection that a VM's owner chose.
type Level uint8

// The levels, in rising order of protection. LevelRestart and LevelHA keep disks
// mirrored; LevelFT keeps memory as well.
const (
	LevelNone Level = iota
	LevelRestart
	LevelHA
	LevelFT
)

var levelNames = [...]string{"none", "restart", "ha", "ft"}

func (l Level) String() string {
	if int(l) < len(levelNames) {
		return levelNames[l]
	}
	return "level(" + strconv.Itoa(int(l)) + ")"
}

// ParseLevel is the inverse of Level.String; ok is false for an unknown name.
func ParseLevel(s string) (level Level, ok bool) {
	for i, name := range levelNames {
		if s == name {
			return Level(i), true
		}
	}
	return LevelNone, false
}

// Link names one of the networks that connect members. Hosts share two
// availability links and the management network; a witness is on the management
// network only.
type Link uint8

// The links, in the order in which the engine prefers them for pair traffic.
const (
	LinkA1 Link = iota
	LinkA2
	LinkManagement
	NumLinks = 3
)

func (l Link) String() string {
	switch l {
	case LinkA1:
		return "a1"
	case LinkA2:
		return "a2"
	default:
		return "mgmt"
	}
}
