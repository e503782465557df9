package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// blockScript is the name under which this program is the toolstack's script for guests' disks. It does what Xen's
// script "block" does for devices of dom0: on an emulated host that takes half a minute and more when others compute too.
const blockScript = "block-lab"

// dom0Store is where xenstore has what belongs to dom0, and backends the disks of all guests.
const (
	dom0Store = "/local/domain/0/"
	backends  = dom0Store + "backend/vbd"
)

// runBlock tells the toolstack which device of dom0 is behind a guest's disk, or does nothing when the disk goes.
func runBlock(action string) error {
	if action != "add" {
		return nil
	}
	place := os.Getenv("XENBUS_PATH")
	if place == "" {
		return errors.New("XENBUS_PATH is not in the environment")
	}
	if !strings.HasPrefix(place, "/") {
		place = dom0Store + place
	}
	device, path, err := findDevice(place)
	if err != nil {
		return errors.Join(err, command("xenstore-write", place+"/hotplug-error", err.Error(), place+"/hotplug-status", "error"))
	}
	return command("xenstore-write", place+"/physical-device", device, place+"/physical-device-path", path, place+"/hotplug-status", "connected")
}

// findDevice returns the number and the path of the device that a guest's disk names. It fails if somebody else writes
// to it, or if somebody else uses it and this guest would write to it.
func findDevice(place string) (device, path string, err error) {
	list, err := exec.Command("xenstore-ls", "-f", backends).Output()
	if err != nil {
		return "", "", fmt.Errorf("reading %s from xenstore: %w", backends, err)
	}
	all := parseStore(string(list))
	if path, err = filepath.EvalSymlinks(all[place+"/params"]); err != nil {
		return "", "", fmt.Errorf("disk %q: %w", all[place+"/params"], err)
	}
	var s unix.Stat_t
	if err := unix.Stat(path, &s); err != nil {
		return "", "", fmt.Errorf("disk %s: %w", path, err)
	}
	if s.Mode&unix.S_IFMT != unix.S_IFBLK {
		return "", "", fmt.Errorf("disk %s is no block device", path)
	}
	device = strconv.FormatUint(uint64(unix.Major(s.Rdev)), 16) + ":" + strconv.FormatUint(uint64(unix.Minor(s.Rdev)), 16)
	if other := sharedWith(all, place, device); other != "" {
		return "", "", fmt.Errorf("disk %s is in use by domain %s", path, other)
	}
	return device, path, nil
}

// sharedWith returns the number of a domain with which the disk at a place cannot share its device, empty for none.
func sharedWith(all map[string]string, place, device string) string {
	for key, value := range all {
		other, ok := strings.CutSuffix(key, "/physical-device")
		if !ok || other == place || value != device {
			continue
		}
		if strings.HasPrefix(all[other+"/mode"], "w") || strings.HasPrefix(all[place+"/mode"], "w") {
			return all[other+"/frontend-id"]
		}
	}
	return ""
}

// parseStore reads what xenstore-ls -f prints: a path, " = ", and a value in quotes.
func parseStore(text string) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), " = "); ok {
			out[key] = strings.Trim(value, `"`)
		}
	}
	return out
}
