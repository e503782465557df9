package machine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// State is a saved machine that any host of any lab can continue.
type State struct {
	// Path of the file.
	Path string
	// Disks is a folder with the content of the machine's disks at that instant, by the disks' names; empty when they
	// may have any content, because the host had read nothing of them.
	Disks string
}

// ErrQEMU is returned when there is no emulator to run.
var ErrQEMU = errors.New("QEMU not found")

// Program returns the emulator's path, or ErrQEMU if there is none.
func (c *Config) Program() (string, error) {
	name := c.QEMU
	if name == "" {
		name = "qemu-system-x86_64"
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%w: %s; \"make lab-deps\" installs it", ErrQEMU, name)
	}
	return path, nil
}

// StateKey names the state of a machine like c: by the emulator's version, the hardware, and what it boots, for which
// image stands. A state of another key cannot be continued.
func StateKey(ctx context.Context, c Config, image string) (string, error) {
	program, err := c.Program()
	if err != nil {
		return "", err
	}
	version, err := exec.CommandContext(ctx, program, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("asking %s for its version: %w", program, err)
	}
	sum := sha256.New()
	for _, text := range append(c.hardware(), string(version), image, c.options(), kernelOptions) {
		fmt.Fprintf(sum, "%q\n", text)
	}
	return hex.EncodeToString(sum.Sum(nil)[:8]), nil
}

// Save writes the machine's state to a file, whole or not at all, and stops the machine for it. It stands still
// afterwards.
func (m *Machine) Save(ctx context.Context, path string) error {
	f, err := os.CreateTemp(filepath.Dir(path), "saving-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if err := m.qmp.Do(ctx, "stop", nil, nil); err != nil {
		return err
	}
	if err := m.qmp.SendFile(ctx, "state", f); err != nil {
		return err
	}
	// The state goes to a file, not to a slow network: no limit.
	if err := m.qmp.Do(ctx, "migrate-set-parameters", map[string]any{"max-bandwidth": int64(1) << 40}, nil); err != nil {
		return err
	}
	if err := m.qmp.Do(ctx, "migrate", map[string]any{"uri": "fd:state"}, nil); err != nil {
		return err
	}
	if err := m.migrated(ctx); err != nil {
		return fmt.Errorf("saving the state of %s: %w", m.config.Name, err)
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// migrationPoll is how often QEMU is asked how far it is: it has no event for it by default.
const migrationPoll = 20 * time.Millisecond

// migrated waits until a migration out of or into the machine has ended.
func (m *Machine) migrated(ctx context.Context) error {
	tick := time.NewTicker(migrationPoll)
	defer tick.Stop()
	for {
		var status struct {
			Status string `json:"status"`
			Error  string `json:"error-desc"`
		}
		if err := m.qmp.Do(ctx, "query-migrate", nil, &status); err != nil {
			return err
		}
		switch status.Status {
		case "completed":
			return nil
		case "failed", "cancelled":
			return errors.New(strings.TrimSpace("QEMU says " + status.Status + " " + status.Error))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-m.ended:
			return m.gone()
		}
	}
}
