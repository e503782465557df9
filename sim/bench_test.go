package sim

import (
	"testing"
	"time"

	"holdfast/engine/model"
	"holdfast/sim/guest"
)

// BenchmarkStandardPool runs one ft VM with 20 epochs a second and 100 client operations
// a second; one iteration is one simulated second.
func BenchmarkStandardPool(b *testing.B) {
	w, err := New(Options{Seed: 1, Hosts: []string{"a", "b"}, Witness: "w", VMs: []VM{{
		Name: "db", Level: model.LevelFT, Service: guest.Registers, Home: "a", Second: "b",
		Clients: 4, Rate: 100, Keys: 8, Recorder: &nobody{},
	}}})
	if err != nil {
		b.Fatal(err)
	}
	w.Run(model.Time(3 * time.Second))
	if !w.Redundant(1) {
		b.Fatal("the pool is not set up after 3 s")
	}
	before, start := w.Events(), w.Now()
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		w.Run(w.Now().Add(time.Second))
	}
	simulated := w.Now().Sub(start).Seconds()
	b.ReportMetric(simulated/b.Elapsed().Seconds(), "simulated-s/s")
	b.ReportMetric(float64(w.Events()-before)/simulated, "events/simulated-s")
}
