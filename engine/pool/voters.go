package pool

import "holdfast/engine/model"

// Numbers of voters. An even number survives no more losses than the odd one below it.
const (
	fewVoters  = 3
	manyVoters = 5
	// manyMembers is the size from which a pool has manyVoters, where nobody says otherwise.
	manyMembers = 7
)

// VotersWanted returns how many of so many members should vote: want, or what suits the size
// of the pool if want is 0, and not more than an odd number of those there are. Two members both vote:
// of one voter nobody could take over the log.
func VotersWanted(members, want int) int {
	if want == 0 {
		want = fewVoters
		if members >= manyMembers {
			want = manyVoters
		}
	}
	want = min(want, members)
	if want > 2 && want%2 == 0 {
		want--
	}
	return want
}

// FirstVoters returns the members that vote in a new pool: the witness, and hosts spread evenly
// over the numbers, because neighbours are likely to share a rack or a power supply.
func FirstVoters(m Members, want int) model.NodeSet {
	n := VotersWanted(m.All().Len(), want)
	voters := model.Nodes(m.Witness)
	n -= voters.Len()
	place, taken := 0, 0
	for rest := m.Hosts; !rest.Empty() && taken < n; rest = rest.Without(rest.First()) {
		if place*n >= taken*m.Hosts.Len() {
			voters = voters.With(rest.First())
			taken++
		}
		place++
	}
	return voters
}
