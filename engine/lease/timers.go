package lease

// Timers says which of two hardware timers, 1 and 2, the effects of a Holder mean. A runner keeps it where it
// lasts exactly as long as the timers themselves: over a death of the daemon, not over a reset of the
// host. It stores the new value before it stops a timer, and after it started one: a crash in between
// leaves a timer too many, which can reset a host for nothing, and never one too few.
type Timers struct {
	Guard int // the timer whose round was granted; 0: none
	Next  int // the timer of the round under way; 0: none
}

// Start performs EffectWatchdogNext: it returns the timer to start, from the beginning if it runs.
func (t *Timers) Start() int {
	if t.Next == 0 {
		t.Next = 1
		if t.Guard == 1 {
			t.Next = 2
		}
	}
	return t.Next
}

// Keep performs EffectWatchdogKeep: it returns the timer to stop, 0 for none.
func (t *Timers) Keep() (stop int) {
	if t.Next == 0 {
		return 0 // the round was begun by nobody: what runs goes on
	}
	stop = t.Guard
	t.Guard, t.Next = t.Next, 0
	return stop
}

// Off performs EffectWatchdogOff: both timers are to be stopped.
func (t *Timers) Off() { *t = Timers{} }
