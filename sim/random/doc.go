// Package random gives the simulator its chances: seeded streams of numbers that
// are the same on every machine and in every run.
//
// Each part of the world draws from a stream of its own, derived from the run's seed and the
// part's name, so that one more draw in one part does not shift the others. Chances
// are ratios of integers: no floating point, whose rounding differs between
// processors. The package never touches the global generator or the clock.
package random
