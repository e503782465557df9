package guest

import "math/bits"

// A session is a connection. The client numbers its sessions and the requests of each; the
// machine gives each session a token that no other life of any machine gives. A repeated Open
// from before a boot can thus open a session, but no request from before the boot fits it.

// open answers a request for a session.
func (m *Machine) open(p *Packet, out *Out) {
	s := m.session(p.Client)
	known := uint32(m.mem.load(s + sesSession))
	if p.Session < known || p.Session == 0 {
		return
	}
	if p.Session > known {
		clear(m.mem.span(s, sessionWords))
		m.mem.store(hdrWaiting, m.mem.load(hdrWaiting)&^(1<<p.Client))
		m.mem.store(s+sesSession, uint64(p.Session))
		m.mem.store(s+sesToken, lineage(m.cpu.Boot, m.mem.add(hdrNextToken, 1)))
	}
	m.answer(Opened, p, m.mem.load(s+sesToken), out)
}

// request executes a request, or repeats the reply that it got before.
func (m *Machine) request(p *Packet, out *Out) {
	s := m.session(p.Client)
	number := uint32(m.mem.load(s + sesNumber))
	known := uint64(p.Session) == m.mem.load(s+sesSession) && p.Token == m.mem.load(s+sesToken)
	switch {
	case !known || p.Number > number+1:
		m.answer(Reset, p, p.Token, out)
	case p.Number < number || p.Number == 0:
	case p.Number == number:
		if m.mem.load(s+sesState) == stateReplied {
			m.reply(p.Client, out)
		}
	default:
		m.accept(s, p, out)
	}
}

// accept executes a new request. Its reply goes at once if nothing that it says could be lost.
func (m *Machine) accept(s int, p *Packet, out *Out) {
	m.mem.store(s+sesNumber, uint64(p.Number))
	m.mem.store(s+sesOp, uint64(p.Op))
	m.mem.store(s+sesKey, uint64(p.Key))
	m.mem.store(s+sesValue, 0)
	m.mem.store(s+sesCount, 0)
	status, wait := m.execute(s, p)
	m.mem.store(s+sesStatus, uint64(status))
	m.mem.add(hdrExecuted, 1)
	m.churn()
	if wait <= m.mem.load(hdrDurable) {
		m.mem.store(s+sesState, stateReplied)
		m.reply(p.Client, out)
		return
	}
	m.mem.store(s+sesState, stateWaiting)
	m.mem.store(s+sesWait, wait)
	m.mem.store(hdrWaiting, m.mem.load(hdrWaiting)|1<<p.Client)
	m.commit(out)
}

// release sends the replies that waited for what is durable now.
func (m *Machine) release(out *Out) {
	durable := m.mem.load(hdrDurable)
	for rest := m.mem.load(hdrWaiting); rest != 0; rest &= rest - 1 {
		client := uint32(bits.TrailingZeros64(rest))
		s := m.session(client)
		if m.mem.load(s+sesWait) > durable {
			continue
		}
		m.mem.store(hdrWaiting, m.mem.load(hdrWaiting)&^(1<<client))
		m.mem.store(s+sesState, stateReplied)
		m.reply(client, out)
	}
}

// reply sends the kept reply of a client's session.
func (m *Machine) reply(client uint32, out *Out) {
	s := m.session(client)
	p := out.packet()
	p.VM, p.Kind, p.Client, p.Time = m.config.VM, Reply, client, m.cpu.Time
	p.Session = uint32(m.mem.load(s + sesSession))
	p.Token = m.mem.load(s + sesToken)
	p.Number = uint32(m.mem.load(s + sesNumber))
	p.Op = Op(m.mem.load(s + sesOp))
	p.Key = uint32(m.mem.load(s + sesKey))
	p.Status = Status(m.mem.load(s + sesStatus))
	p.Value = int64(m.mem.load(s + sesValue))
	p.Count = uint8(m.mem.load(s + sesCount))
	for i, v := range m.mem.view(s+sesValues, int(p.Count)) {
		p.Values[i] = int64(v)
	}
}

// answer sends a packet about the session that p belongs to.
func (m *Machine) answer(kind PacketKind, p *Packet, token uint64, out *Out) {
	a := out.packet()
	a.VM, a.Kind, a.Client, a.Session, a.Number = m.config.VM, kind, p.Client, p.Session, p.Number
	a.Token, a.Time = token, m.cpu.Time
}

// churn changes scratch pages, as the work of a real machine would.
func (m *Machine) churn() {
	if m.layout.scratchPages == 0 {
		return
	}
	for range m.config.Churn {
		n := m.mem.add(hdrChurn, 1)
		page := int(n % uint64(m.layout.scratchPages))
		m.mem.store(m.layout.scratch+page*PageWords+int(n/7%PageWords), lineage(n, m.cpu.Steps))
	}
}

func (m *Machine) session(client uint32) int { return m.layout.sessions + int(client)*sessionWords }
