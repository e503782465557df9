package sim

// Sabotage is what the simulated runner can do wrong on purpose, so that a campaign can show that the monitors and the
// checks of this very program are alive: a run with one of these must fail. The engine is not touched, so it
// works in every build. The protocol bugs of package planted are something else: they break the engine, in
// builds made for that.
type Sabotage struct {
	// LeakOutput lets every packet of a guest leave at once, whatever the engine said about holding it.
	LeakOutput bool
	// SkipCopies reports extents of a resync as written without writing them.
	SkipCopies bool
}

// Sabotage makes the runner do wrong from now on.
func (w *World) Sabotage(s Sabotage) { w.sabotage = s }
