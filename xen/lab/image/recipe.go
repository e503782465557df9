package image

// format is part of every key: it rises when the way in which images are made changes.
const format = 1

// recipe says what goes into an image.
type recipe struct {
	// Packages are resolved together with what they depend on.
	Packages []string
	// Skip are packages that are neither fetched nor needed: installers and interpreters that only the packages'
	// own set-up wants. A prefix ends with *.
	Skip []string
	// Files are taken as they are, with the libraries that programs among them need. A pattern is one of
	// path.Match; a folder stands for all that it holds.
	Files []string
	// Links are symbolic links: name to target.
	Links [][2]string
	// Dirs are empty folders.
	Dirs []string
	// Loaded are the kernel modules that are loaded at boot, in this order; what they depend on comes first.
	Loaded []string
	// Modules are kernel modules to be had when they are asked for.
	Modules []string
	// Later are kernel modules that the first process loads, in this order, when the machine has a use for them.
	Later []string
	// Texts are small files: name and content.
	Texts [][2]string
}

// mirror is where packages come from, for want of another choice.
const mirror = "http://deb.debian.org"

// suites returns apt's list of sources below a mirror.
func suites(mirror string) string {
	const keys = "[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg arch=amd64]"
	return "deb " + keys + " " + mirror + "/debian bookworm main\n" +
		"deb " + keys + " " + mirror + "/debian bookworm-updates main\n" +
		"deb " + keys + " " + mirror + "/debian-security bookworm-security main\n"
}

// dom0 is a host: Xen's toolstack, a shell for its scripts, network and storage tools.
var dom0 = recipe{
	Packages: []string{
		"linux-image-amd64", "xen-hypervisor-4.17-amd64", "xen-utils-4.17", "xenstore-utils",
		"busybox-static", "bash", "iproute2", "bridge-utils", "drbd-utils", "qemu-system-xen", "util-linux",
	},
	Skip: []string{
		"adduser", "base-files", "coreutils", "cpio", "debconf", "debianutils", "dpkg", "init-system-helpers", "initramfs-tools*",
		"iso-codes", "klibc-utils", "libklibc", "libperl*", "libpython*", "linux-base", "logsave", "mawk", "media-types",
		"passwd", "perl*", "python3*", "sensible-utils", "sysvinit-utils", "tar", "ucf", "udev", "usrmerge",
		"linux-image-amd64", "libfile-find-rule-perl", "libnumber-compare-perl", "libtext-glob-perl", "gcc-12-base",
		"libpam*", "libaudit*", "libnsl2", "libsemanage*", "libsepol2", "libgdbm*",
	},
	Files: []string{
		"usr/bin/busybox", "usr/bin/bash", "usr/bin/flock", "usr/bin/ip", "usr/bin/ss", "usr/sbin/bridge", "usr/sbin/tc", "usr/sbin/brctl",
		"usr/bin/xenstore*", "usr/sbin/drbd*", "usr/lib/drbd/*-84", "etc/drbd.conf", "etc/drbd.d",
		"usr/lib/xen-4.17/bin/[lxo]*", "usr/lib/xen-4.17/bin/init-xenstore-domain", "usr/lib/xen-4.17/boot/hvmloader",
		"etc/xen/scripts", "etc/xen/xl.conf", "etc/iproute2", "usr/libexec/xen-qemu-system-i386", "usr/share/seabios",
		"usr/share/qemu/keymaps/en-us", "usr/share/qemu/linuxboot_dma.bin", "usr/share/qemu/linuxboot.bin", "usr/lib/ipxe/qemu/efi-e1000.rom", "usr/lib/ipxe/qemu/efi-virtio.rom",
	},
	Links: [][2]string{
		{"bin", "usr/bin"}, {"sbin", "usr/sbin"}, {"lib", "usr/lib"}, {"lib64", "usr/lib64"},
		{"var/run", "../run"}, {"var/lock", "../run/lock"}, {"etc/mtab", "/proc/mounts"},
		{"usr/bin/sh", "bash"}, {"etc/xen/scripts/vif-lab", "/init"}, {"etc/xen/scripts/block-lab", "/init"}, {"usr/sbin/modprobe", "../bin/busybox"}, {"usr/sbin/xl", "../lib/xen-4.17/bin/xl"}, {"usr/sbin/xenwatchdogd", "../lib/xen-4.17/bin/xenwatchdogd"},
	},
	Dirs: []string{
		"dev", "proc", "sys", "run", "tmp", "root", "mnt", "var/log/xen", "var/lib/xen", "var/lib/xenstored", "var/lib/drbd",
	},
	Loaded: []string{
		"xen-evtchn", "xen-gntdev", "xen-gntalloc", "xen-privcmd", "xenfs", "virtio_pci", "virtio_console", "virtio_net",
		"virtio_blk", "bridge", "xen-netback", "xen-blkback", "loop", "tun", "i6300esb",
	},
	Modules: []string{
		"xen_wdt", "softdog", "nbd", "drbd", "sch_plug", "sch_netem", "sch_ingress", "sch_prio", "sch_htb", "sch_fq", "sch_tbf", "ifb", "act_mirred", "act_gact",
		"cls_u32", "cls_matchall", "cls_flower", "cls_basic", "dummy", "veth", "8021q", "dm-mod", "dm-log-writes", "dm-flakey", "dm-delay", "dm-snapshot",
		"dm-thin-pool", "ext4", "crc32c-generic", "crc32c-intel", "virtio-rng", "e1000", "xen-pciback", "xen-scsiback",
	},
}

// guest is the smallest Linux that runs the registers: the kernel's drivers and one program. Other services bring the
// rest on a disk, see service.go.
var guest = recipe{
	Dirs: []string{"dev", "proc", "sys", "run", "tmp"},
	Loaded: []string{
		"xen-netfront", "xen-blkfront", "virtio_pci", "virtio_net", "virtio_blk", "e1000", "ata_piix", "sd_mod",
	},
	Later: []string{"crc32c-generic", "ext4"},
}
