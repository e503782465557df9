// Package disk is what the lab's hosts have for disks: files that the lab's process serves to the emulators as network
// block devices (NBD, github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md), so that every fault of a disk is
// injected here, exactly and without privilege.
//
//	host: virtio-blk ── QEMU's nbd client ── unix socket ── Server ── gate: hang, slow, errors ── Disk ── file
//
// A Disk has a volatile write cache, as real ones have: what was written and not flushed may be lost when the power goes.
// Writes go to the file at once, and what they replaced is remembered until the next flush; a loss of power takes back
// those writes that are to be lost. A flush that lies remembers on.
//
// The file is not synced: it belongs to a lab that ends with its process, and the power that is lost is that of emulated
// machines, not of the computer that they run on.
package disk
