package reports

// Measures is what a scenario measured. Times are simulated nanoseconds.
type Measures struct {
	Operations     int64 `json:"operations"`       // client operations whose outcome is known
	Unknown        int64 `json:"unknown"`          // operations without an answer: they may or may not have happened
	Resets         int64 `json:"resets"`           // connections that clients lost
	LongestPauseNS int64 `json:"longest_pause_ns"` // longest stretch in which no client of a VM got an answer

	RTO           []int64 `json:"rto_ns"`         // per failover, from the fault to the first answer served afterwards
	ConvergenceNS int64   `json:"convergence_ns"` // from the end of the last fault until every VM was back at its level; -1: it never was, 0: no fault
	OutputDelay   Delay   `json:"output_delay"`   // how long network output of ft VMs waited for its commit

	LostOperations int64 `json:"lost_operations"` // acknowledged operations that were missing afterwards: the recovery point, 0 for every level but none

	// RecoveryAgeNS is the highest age of a VM's recovery point before any start from it: how long ago the oldest
	// write was completed that the copy lacked. LostInFailOver counts the answered operations that starts from
	// a recovery copy lost, as its point allowed.
	RecoveryAgeNS  int64 `json:"recovery_age_ns,omitempty"`
	LostInFailOver int64 `json:"lost_in_fail_over,omitempty"`

	Promotions  int64 `json:"promotions"`     // secondaries that took over
	Restarts    int64 `json:"restarts"`       // VMs that were booted again
	Exposures   int64 `json:"exposures"`      // times that a VM was left with one copy
	Resyncs     int64 `json:"resyncs"`        // copies that were brought up to date
	Refused     int64 `json:"refused"`        // actions the system refused because they would not have been safe
	ExposedNS   int64 `json:"exposed_ns"`     // time spent with one copy, summed over the VMs
	Epochs      int64 `json:"epochs"`         // checkpoints that were committed
	Generations int64 `json:"generations"`    // configuration changes that the control log committed
	StoppedNS   int64 `json:"stopped_ns"`     // time that guests stood still for checkpoints, summed
	StoppedMax  int64 `json:"stopped_max_ns"` // longest of these
}

// Delay is a distribution that the runner has already reduced, for quantities with too many samples to keep.
type Delay struct {
	Count int64 `json:"count"` // samples behind the figures; 0 means that nothing was measured
	P50NS int64 `json:"p50_ns"`
	P99NS int64 `json:"p99_ns"`
	MaxNS int64 `json:"max_ns"`
}

// DelayOf reduces samples to a Delay with exact nearest-rank percentiles. It does not change samples.
func DelayOf(samples []int64) Delay {
	d := Distribute(samples)
	return Delay{Count: int64(d.Count), P50NS: d.Median, P99NS: d.P99, MaxNS: d.Max}
}
