package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"holdfast/xen/lab/agent"
)

// portPoll is how often the agent looks whether somebody connected to its port: the kernel reports a port without
// peer as readable, so that there is nothing to wait for.
const portPoll = 20 * time.Millisecond

// openPort opens the virtio-serial port of the agent.
func openPort() (*os.File, error) {
	names, err := filepath.Glob("/sys/class/virtio-ports/*/name")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if readTrimmed(name) == agent.Port {
			return os.OpenFile("/dev/"+filepath.Base(filepath.Dir(name)), os.O_RDWR, 0)
		}
	}
	return nil, fmt.Errorf("this machine has no port %s", agent.Port)
}
