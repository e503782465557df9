// Package workload makes clients of a guest in the lab, and takes down what they saw as a history that
// reports/check can judge.
//
//	Start ──► N clients ──► Service.Open ──► Session ──► Dial ──► the lab's user-space network ──► guest
//	  │           │
//	  │           └── each operation: begin, outcome ──► history.Recorder
//	  ▼
//	Recording: Stop ──► LastReads ──► Finish ──► history.History
//
// A Service is what runs in the guest, as a client sees it: keys that are read, written, and compared and swapped.
// There is one implementation for each program that guests run; the clients are the same for all.
//
// The rules of a history that proves something are kept here, for all services:
//
//   - Call and return are values of one counter that rises with every event.
//   - Every value that is written is written once in a run.
//   - An operation that ended with an error may have happened, unless the error is ErrNotDone. It stays open for
//     ever; its client goes on as a new process and reads before it writes again.
//   - At most MaxClients clients touch one key.
//   - In the beginning every key is written once, so that nothing depends on what the guest held before; in the end
//     one client reads every key, so that a last write that was lost is seen.
//
// The package judges nothing and knows no faults.
package workload
