package sim

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"holdfast/engine/model"
	"holdfast/sim/guest"
)

// BenchmarkStandardPool runs one ft VM with 20 epochs a second and 100 client operations
// a second; one iteration is one simulated second.
func BenchmarkStandardPool(b *testing.B) {
	benchmarkPool(b, Options{Seed: 1, Hosts: []string{"a", "b"}, Witness: "w", VMs: []VM{{
		Name: "db", Level: model.LevelFT, Service: guest.Registers, Home: "a", Second: "b",
		Clients: 4, Rate: 100, Keys: 8, Recorder: &nobody{},
	}}})
}

// BenchmarkPoolSize shows what a larger pool costs. An iteration is one simulated second; each VM, every other one
// ft and the others ha, serves 10 operations a second. The costs to compare are those per event and per VM.
func BenchmarkPoolSize(b *testing.B) {
	for _, hosts := range []int{2, 4, 8, 16} {
		for _, vms := range []int{1, 4, 16, 64} {
			b.Run(fmt.Sprintf("hosts=%d/vms=%d", hosts, vms), func(b *testing.B) {
				benchmarkPool(b, sized(hosts, vms))
			})
		}
	}
}

// sized describes a pool whose VMs are spread evenly over the hosts.
func sized(hosts, vms int) Options {
	o := Options{Seed: 1}
	for i := range hosts {
		o.Hosts = append(o.Hosts, fmt.Sprintf("h%d", i))
	}
	if hosts == 2 {
		o.Witness = "w"
	}
	for i := range vms {
		level := model.LevelFT
		if i%2 == 1 {
			level = model.LevelHA
		}
		o.VMs = append(o.VMs, VM{
			Name: fmt.Sprintf("v%d", i), Level: level, Service: guest.Registers,
			Home: o.Hosts[i%hosts], Second: o.Hosts[(i+1)%hosts],
			Clients: 2, Rate: 10, Keys: 4, Recorder: &nobody{},
		})
	}
	return o
}

// benchmarkPool runs a pool that is set up, one simulated second in each iteration. What other programs do to the
// time of day they hardly do to the processor time, so that is reported, too.
func benchmarkPool(b *testing.B, o Options) {
	w, err := New(o)
	if err != nil {
		b.Fatal(err)
	}
	w.Run(model.Time(10 * time.Second))
	for i := range o.VMs {
		if !w.Redundant(model.VMID(i + 1)) {
			b.Fatalf("%s is not protected after 10 s", o.VMs[i].Name)
		}
	}
	before, start := w.Events(), w.Now()
	b.ReportAllocs()
	b.ResetTimer()
	worked := processorTime(b)
	for b.Loop() {
		w.Run(w.Now().Add(time.Second))
	}
	worked = processorTime(b) - worked
	simulated := w.Now().Sub(start).Seconds()
	events := float64(w.Events() - before)
	b.ReportMetric(simulated/b.Elapsed().Seconds(), "simulated-s/s")
	b.ReportMetric(events/simulated, "events/simulated-s")
	b.ReportMetric(float64(worked.Nanoseconds())/events, "cpu-ns/event")
	b.ReportMetric(float64(worked.Microseconds())/simulated, "cpu-us/simulated-s")
}

// processorTime returns the time that processors have spent on this program.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano())
}
