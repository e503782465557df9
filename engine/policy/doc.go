// Package policy decides where VMs may be and where they should be. It is pure arithmetic over a View:
// the hosts, the homes of the VMs, and the Rules that people stated.
//
//	            ┌── Place:  homes for a VM, or why there are none   (admission, third homes)
//	Rules ┐     │
//	      ├ View ── Broken: what does not hold at present           (notices)
//	VMs   ┘     │
//	            └── Plan:   the next move that mends or balances    (one at a time)
//
// # What holds
//
// Room: a VM's memory is reserved on both of its homes, not only on the one that runs it (VMs of level
// none have nothing to go on with, and reserve nothing). So a host that has room for what is placed on it
// still has room after any other host was lost, and after any VM changed sides: nothing that a failover
// does can break it. A host without a stated capacity takes everything.
//
// Apart: VMs of a group have different primaries; with ApartHomes no home of one is a home of another. A
// failover may break the former, because the VM goes where its copy is. Place therefore avoids, where it has
// a choice, homes with which the loss of one host would break it.
//
// Sites: the second home of a VM is on another site than its primary, or on the same. It holds for both
// directions, so a failover cannot break it.
//
// Rules are kept even if a VM stays exposed, because a host that obeys them is missing: people who ask for
// a copy on another site are not served by one next door. What they never do is stop a VM that runs, or keep it
// from going on where its copy is: promotion and start ask nobody here.
//
// # How places are chosen
//
// Among the homes that keep all rules the ones with the fewest pairs that one loss would bring together,
// then the least loaded primary (memory used or reserved, then number of copies, then number), then the
// least loaded second. Equal views give equal answers on every member.
//
// The package knows nothing of time, messages, disks, or who is alive: callers say among which hosts to look.
package policy
