// Package image makes what the lab's machines boot: the Xen hypervisor, the kernel, the initial RAM file system of
// dom0 and that of the guests, all of it from Debian's packages and without root.
//
//	recipe ─► resolve ─► fetch ─► unpack ─► collect ─► write
//	           apt-get   apt-get  dpkg-deb  programs with their libraries,
//	           index     .deb     folders   modules with what they depend on
//
//	cache/  packages/   apt's own state, and the .deb files
//	        lock.json   the packages that were resolved, with their digests
//	        images/KEY/ xen, vmlinux, dom0.cpio, guest.cpio, manifest.json
//	        services/KEY.img  what a guest needs besides for one service: a file system, see service.go
//
// KEY is a digest of everything that goes in: packages, recipe, and the program that runs inside. An image is made in
// a folder of another name and renamed when it is complete, so that a folder named by its key is always whole;
// whoever builds holds a lock, which the kernel releases if he dies.
//
// The package starts no machine and needs no QEMU.
package image
