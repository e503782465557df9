// Package campaign runs many random plans of faults and counts what came of them.
//
//	plan of seeds ──► swarm: script ──► scenarios.Run, guarded by contract, watched by marks ──► trial
//	                       one goroutine per job, one world per goroutine                          │
//	   campaign.json, page, failing scripts ◄── reports.Campaign ◄── tally, in the order of seeds ◄┘
//
// What a campaign concludes depends on its plan and on this program, not on the number of jobs, on the machine
// or on whether it was interrupted and resumed: trials are tallied in the order of their seeds. What it keeps
// does not grow with the number of seeds.
//
// Before the first seed the canaries run: worlds with a known fault in the simulated runner,
// which must fail in the expected way. If one passes, the monitors or the checks of this program
// are dead and the campaign is invalid.
//
// A trial that fails is run a second time from its script alone, without contract, and the script is
// kept: the plan as it happened, not as it was drawn.
package campaign
