package control

import (
	"holdfast/engine/model"
	"holdfast/engine/planted"
)

// A term says which override the log of its leader descends from. Its upper half is the era of that override, the lower
// one counts the elections since:
//
//	term = era << 32 + elections        era = 64 × round + member
//
// A log without an override is in era 0. The member that is to go on alone takes the first round above everything that it
// knows, and its own place in it. So overrides that do not know of each other have different eras (of one member the later
// one knows of the earlier one), and no number of elections leads from one era into another. Whoever has a log of an era
// takes part in the elections of that era only (Amnesia), so a term is used by descendants of one override, and entries of
// one index and term are equal, as in a raft that nobody interferes with.
//
// Earlier versions raised the term by 2²⁰ and called the era like the term. Their terms are all in era 0 here. They are
// told by the leap, and the eras of this version lie above theirs.
const (
	eraShift = 32
	eraRound = uint64(model.MaxNode) + 1 // divides model.FirstEra
	leap     = 1 << 19                   // more than the elections that a member can miss, less than what earlier versions skipped
)

// eraAfter returns the era of an override by a member that knows of nothing in a higher term.
func eraAfter(term uint64, id model.NodeID) uint64 {
	era := term >> eraShift
	if era == 0 {
		era = term // of an earlier version, or far below FirstEra
	}
	if planted.On(planted.TermShared) {
		id = 0
	}
	return max(model.FirstEra, (era/eraRound+1)*eraRound) + uint64(id)
}

// overridden reports whether somebody who is in term must know of an override that is not in a log of term own.
func overridden(own, term uint64) bool {
	return term>>eraShift > own>>eraShift || term >= own+leap
}
