// Package marks counts how often a campaign reached rare situations.
//
// A campaign that ran thousands of seeds and never saw, say, a power loss between an
// acknowledgement and its arrival has not tested that case, whatever it says. So each such
// situation has a name here, and a campaign reports how often each was reached. A mark that was never
// reached is a finding about the campaign.
//
// A Collector watches one run (it is a scenarios.Watcher) and recognises the situations in
// what the world tells: stages that VMs reach, faults as they happen, committed configurations and notices.
// It never changes the run, and no verdict depends on it.
package marks
