package service

// change is a register that got a value.
type change struct {
	key   int
	value int64
}

// store holds the registers.
type store struct {
	values  [Keys]int64
	applied uint64 // operations since the start
}

// outcome is what an operation came to.
type outcome struct {
	value   int64
	refused bool
}

// apply executes an operation. changed tells whether it changed a register, and which.
func (s *store) apply(r Request) (out outcome, c change, changed bool) {
	s.applied++
	switch {
	case r.Op == Read:
		return outcome{value: s.values[r.Key]}, c, false
	case r.Op == CAS && s.values[r.Key] != r.Old:
		return outcome{refused: true}, c, false
	}
	s.values[r.Key] = r.New
	return outcome{}, change{r.Key, r.New}, true
}
