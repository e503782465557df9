package guest

import (
	"errors"
	"fmt"

	"holdfast/sim/disk"
)

// CPU is the state of a machine that is not in memory. It belongs to each checkpoint.
type CPU struct {
	Boot  uint64 // the boot that this life began with
	Steps uint64 // inputs handled since
	Time  uint64 // guest-visible time, as the hypervisor last set it
	Hung  bool   // it executes nothing that gets anywhere
}

// Machine is a guest machine. It is silent before Boot or LoadImage.
type Machine struct {
	mem    memory
	cpu    CPU
	config Config
	layout layout
	track  track
}

// NewMachine returns a machine that is not running yet. It fails with ErrConfig.
func NewMachine(c Config) (*Machine, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	m := &Machine{config: c, layout: c.layout()}
	m.mem = newMemory(m.layout.pages)
	return m, nil
}

// Boot starts the machine from cold: memory is cleared, sessions and values are
// forgotten. Log and Bank then recover from disk, by requests in out; until that is done
// packets are lost. boot must be different for each boot of a VM.
func (m *Machine) Boot(boot uint64, out *Out) {
	clear(m.mem.words)
	m.mem.setAll(true)
	m.cpu = CPU{Boot: boot, Time: m.cpu.Time}
	m.track = track{lineage: lineage(boot, 0)}
	m.mem.store(hdrTime, m.cpu.Time)
	if m.config.Service == Registers {
		m.mem.store(hdrServing, 1)
		return
	}
	m.recover(out)
}

// SetHung makes the machine hang, or lets it go on. Nothing may be delivered to a machine that hangs: what
// arrives stays with its devices. That it hangs belongs to its checkpoints.
func (m *Machine) SetHung(hung bool) { m.cpu.Hung = hung }

// SetTime sets the guest-visible time, in whatever unit the world counts it. The world calls it before each input
// that it delivers. A machine that finds it has gone back counts that (see Check) and goes on with what it is told.
func (m *Machine) SetTime(t uint64) {
	m.cpu.Time = t
	if t < m.mem.load(hdrTime) {
		m.mem.add(hdrBackwards, 1)
	}
	m.mem.store(hdrTime, max(t, m.mem.load(hdrTime)))
}

// Deliver hands the machine a packet from a client.
func (m *Machine) Deliver(p *Packet, out *Out) {
	if p.VM != m.config.VM || int(p.Client) >= m.config.Clients {
		return
	}
	m.step()
	if m.mem.load(hdrServing) == 0 {
		return
	}
	switch p.Kind {
	case Open:
		m.open(p, out)
	case Request:
		m.request(p, out)
	}
}

// DiskDone tells the machine that its disk request id is done; data is what a read
// found. A request that failed (ok is false) is repeated. An id that is not outstanding is ignored.
func (m *Machine) DiskDone(id uint64, ok bool, data []disk.Sector, out *Out) {
	if !m.outstanding(id) {
		return
	}
	m.step()
	if !ok {
		m.mem.add(hdrIOErrors, 1)
		m.emit(int(id), out)
		return
	}
	m.finishRequest(int(id), data)
	if m.mem.load(hdrRing) == 0 {
		m.advance(out)
	}
}

// step counts an input in the three places that Check compares: first page, last page and CPU.
func (m *Machine) step() {
	m.cpu.Steps++
	m.mem.store(hdrSteps, m.cpu.Steps)
	m.mem.store(m.layout.footer, m.cpu.Steps)
}

// Config returns the machine's shape. Pages returns the size of its memory.
func (m *Machine) Config() Config { return m.config }

// Pages returns the size of the machine's memory in pages.
func (m *Machine) Pages() int { return m.layout.pages }

// CPU returns the present state of the CPU.
func (m *Machine) CPU() CPU { return m.cpu }

// Serving reports whether the service answers.
func (m *Machine) Serving() bool { return m.mem.load(hdrServing) == 1 }

// Errors found by Check.
var (
	ErrMixed     = errors.New("the machine's memory and CPU are of different instants")
	ErrTime      = errors.New("guest-visible time went back")
	ErrReadBack  = errors.New("a record does not read back from disk as it was written")
	ErrDestroyed = errors.New("the log on disk is damaged; the service refuses to start")
)

// Check looks for what must not happen to a machine, however its host failed.
func (m *Machine) Check() error {
	head, foot := m.mem.load(hdrSteps), m.mem.load(m.layout.footer)
	switch {
	case head != m.cpu.Steps || foot != m.cpu.Steps:
		return fmt.Errorf("%w: CPU %d, first page %d, last page %d", ErrMixed, m.cpu.Steps, head, foot)
	case m.mem.load(hdrBackwards) != 0:
		return fmt.Errorf("%w: %d times", ErrTime, m.mem.load(hdrBackwards))
	case m.mem.load(hdrMismatches) != 0:
		return fmt.Errorf("%w: %d times", ErrReadBack, m.mem.load(hdrMismatches))
	case m.mem.load(hdrFault) != 0:
		return fmt.Errorf("%w: %s", ErrDestroyed, faultWords[m.mem.load(hdrFault)])
	}
	return nil
}

// Stats are counts since boot that the machine keeps in its memory.
type Stats struct {
	Executed    uint64 // operations
	IOErrors    uint64 // disk requests that failed and were repeated
	Batches     uint64 // of the log that are durable
	Replayed    uint64 // batches found by the last boot
	Compactions uint64 // snapshots written
}

// Stats returns the machine's counts.
func (m *Machine) Stats() Stats {
	return Stats{
		Executed: m.mem.load(hdrExecuted), IOErrors: m.mem.load(hdrIOErrors), Batches: m.mem.load(hdrDurable),
		Replayed: m.mem.load(hdrReplayed), Compactions: m.mem.load(hdrCompactions),
	}
}
