package sim

import (
	"fmt"
	"testing"
	"time"

	"holdfast/engine/model"
	"holdfast/sim/client"
	"holdfast/sim/guest"
)

type nobody struct{ begun, ended int }

func (n *nobody) Begin(int64, client.Op) int              { n.begun++; return 0 }
func (n *nobody) End(int, client.Outcome, *client.Result) { n.ended++ }

func TestSmoke(t *testing.T) {
	for _, l := range []struct {
		level model.Level
		s     guest.Service
	}{{model.LevelFT, guest.Registers}, {model.LevelFT, guest.Log}, {model.LevelHA, guest.Log}, {model.LevelRestart, guest.Bank}} {
		rec := &nobody{}
		w, err := New(Options{Seed: 1, Hosts: []string{"a", "b"}, Witness: "w", VMs: []VM{{Name: "db", Level: l.level, Service: l.s, Home: "a", Second: "b", Clients: 4, Rate: 100, Keys: 8, Recorder: rec}}})
		if err != nil {
			t.Fatal(err)
		}
		w.At(model.Time(3*time.Second), func() { w.PowerOff(1, 3) })
		w.At(model.Time(8*time.Second), func() { w.PowerOn(1, false) })
		start := time.Now()
		w.Run(model.Time(15 * time.Second))
		fmt.Println(l.level, l.s, "events", w.Events(), time.Since(start), "begun", rec.begun, "ended", rec.ended, "redundant", w.Redundant(1), w.ClientStats(1))
		for _, n := range w.Notices() {
			fmt.Println("   ", time.Duration(n.At), w.nodes[n.Member].name, n.Kind, "vm", n.VM, "node", n.Node, "gen", n.Gen, "epoch", n.Epoch, n.Detail)
		}
		for _, v := range w.Violations() {
			fmt.Println("VIOLATION", v.Rule, time.Duration(v.At), v.Text)
		}
	}
}
