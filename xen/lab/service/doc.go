// Package service is what the lab's guests offer on the network: registers that clients read, write, and compare and
// swap. It is the real counterpart of the simulator's guest, and what it answers makes a history of model register or
// cas-register (docs/history.md).
//
//	clients ─ TCP ─► connections ─► one loop: take what waits, apply, make durable, answer
//	                                            │                     │
//	                                         memory            journal on a disk, if there is one
//
// # Protocol
//
// Lines of text over TCP, port 7000, each ended by a line feed and at most 256 bytes long. A request is a number that
// the client chooses, an operation and its arguments; the reply repeats the number. Replies of one connection come in
// the order of its requests. Keys go from 0 to Keys−1, values are integers of 64 bits; a key that was never written
// has the value 0.
//
//	17 read 3           17 ok 42
//	18 write 3 43       18 ok
//	19 cas 3 43 44      19 ok        or 19 refused, when the value is not 43
//	20 info             20 ok boot=… durable=true applied=… backwards=0
//	anything else       20 error …   (number 0 if there was none); nothing was done
//
// A request is executed at most once. When a connection ends before the reply, nobody but the service knows whether it was.
//
// # Durability
//
// With a disk, nothing is answered before everything that the answer could depend on is on the disk: reads wait for
// the writes before them. Without one, everything is memory, as it should be for a guest at level ft. A disk error
// ends the service: it answers nothing that it cannot keep.
//
// In info, boot names the start of the guest's kernel: it changes exactly if the guest lost its memory. backwards counts how
// often the guest's clocks went back.
package service

// Port is the TCP port of the service.
const Port = 7000

// Keys is the number of registers.
const Keys = 4096
