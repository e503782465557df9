package guest

// execute performs an operation on memory, in the order in which operations arrive, and leaves
// its result in the session s. wait is the batch of the log that must be
// durable before anybody may hear of the result: the one that holds the operation itself, or, if
// it only looked, the newest one that it saw the effect of.
func (m *Machine) execute(s int, p *Packet) (status Status, wait uint64) {
	if m.config.Service == Bank {
		switch p.Op {
		case OpTransfer:
			return m.transferMoney(p)
		case OpReadAll:
			return m.readAll(s)
		}
		return Invalid, 0
	}
	if int64(p.Key) >= int64(m.config.Keys) {
		return Invalid, 0
	}
	v := m.value(int(p.Key))
	switch p.Op {
	case OpRead:
	case OpWrite:
		m.set(int(p.Key), p.Args[0])
		m.log(p.Op, uint64(p.Key), uint64(p.Args[0]), 0)
	case OpCAS:
		if m.mem.load(v+valValue) != uint64(p.Args[0]) {
			status = Refused
			break
		}
		m.set(int(p.Key), p.Args[1])
		m.log(p.Op, uint64(p.Key), uint64(p.Args[1]), 0)
	default:
		return Invalid, 0
	}
	if status == 0 {
		status = Done
	}
	m.mem.store(s+sesValue, m.mem.load(v+valValue))
	return status, m.mem.load(v + valVersion)
}

// transferMoney moves Args[2] from account Args[0] to account Args[1].
func (m *Machine) transferMoney(p *Packet) (status Status, wait uint64) {
	from, to, amount := p.Args[0], p.Args[1], p.Args[2]
	keys := int64(m.config.Keys)
	if from < 0 || from >= keys || to < 0 || to >= keys || amount < 0 {
		return Invalid, 0
	}
	if m.balance(int(from)) < amount {
		return Refused, m.mem.load(m.value(int(from)) + valVersion)
	}
	m.move(int(from), int(to), amount)
	return Done, m.log(OpTransfer, uint64(from), uint64(to), uint64(amount))
}

// move changes two balances by one transfer.
func (m *Machine) move(from, to int, amount int64) {
	m.set(from, m.balance(from)-amount)
	m.set(to, m.balance(to)+amount)
}

// readAll puts all balances into the session s.
func (m *Machine) readAll(s int) (status Status, wait uint64) {
	for i := range m.config.Keys {
		v := m.value(i)
		m.mem.store(s+sesValues+i, m.mem.load(v+valValue))
		wait = max(wait, m.mem.load(v+valVersion))
	}
	m.mem.store(s+sesCount, uint64(m.config.Keys))
	return Done, wait
}

// set changes a value. Its version is the batch that collects now; Registers has none.
func (m *Machine) set(key int, value int64) {
	v := m.value(key)
	m.mem.store(v+valValue, uint64(value))
	if m.config.Service != Registers {
		m.mem.store(v+valVersion, m.mem.load(hdrSeq)+1)
	}
}

func (m *Machine) balance(account int) int64 { return int64(m.mem.load(m.value(account) + valValue)) }

func (m *Machine) value(key int) int { return m.layout.values + key*valWords }
