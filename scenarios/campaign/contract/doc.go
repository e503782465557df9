// Package contract keeps a drawn plan inside what the protocol promises to survive.
//
//	action ──► Contract.Admit ──► happens as drawn
//	                          ├─► happens in a weaker form (a power loss becomes a freeze, a long cut a short one)
//	                          └─► does not happen
//
// docs/protocol.md says under "Limits" what is not promised: memory of an ft VM is on two hosts, so it
// survives the loss of one of them at a time; a block that changed silently is mended from the
// other copy, so that one must stay; a pool in which too many members forgot stops for good; an
// operator who overrides the rules has to be right. Whether a fault breaks such a limit depends on
// what the pool is doing at that moment, and a plan speaks of roles and stages. So the contract decides
// when the fault is about to happen, from the world's own knowledge. What did not happen is taken
// out of the script afterwards (Executed): it had no effect, so the script that is left runs in the
// same way without a contract.
//
// The lease of shared storage trusts clocks, watchdogs and the storage within bounds. Beyond them two instances may
// write, and nobody can notice: so these are kept in both modes, as is the honesty of the operator.
//
// A plan that declares that its ft VMs may lose their memory (expect state-lost) is not held to the
// limits of memory. An unbounded contract admits nearly everything. There only safety is demanded, and
// Explain tells whether a run that did not converge suffered something that nobody can recover from.
package contract
