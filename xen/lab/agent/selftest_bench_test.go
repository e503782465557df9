package agent

import (
	"testing"
	"time"
)

// BenchmarkRounds does what selfTest does; its rounds per second are what hosts in the lab are compared with.
func BenchmarkRounds(b *testing.B) {
	for b.Loop() {
		start := time.Now()
		testRound()
		time.Sleep(time.Since(start))
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rounds/s")
}
