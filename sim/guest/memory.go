package guest

// memory is the guest's memory, with one dirty bit per page.
type memory struct {
	words []uint64
	dirty []uint64
}

func newMemory(pages int) memory {
	return memory{words: make([]uint64, pages*PageWords), dirty: make([]uint64, (pages+63)/64)}
}

func (m *memory) load(addr int) uint64 { return m.words[addr] }

func (m *memory) store(addr int, v uint64) {
	m.words[addr] = v
	m.touch(addr >> pageShift)
}

func (m *memory) touch(page int) { m.dirty[page>>6] |= 1 << (page & 63) }

// add changes a word by a difference and returns its new content.
func (m *memory) add(addr int, d uint64) uint64 {
	v := m.words[addr] + d
	m.store(addr, v)
	return v
}

// span returns count words from addr on, to be changed, and marks their pages.
func (m *memory) span(addr, count int) []uint64 {
	for p := addr >> pageShift; p <= (addr+count-1)>>pageShift; p++ {
		m.touch(p)
	}
	return m.words[addr : addr+count]
}

// view returns count words from addr on, to be read only.
func (m *memory) view(addr, count int) []uint64 { return m.words[addr : addr+count] }

func (m *memory) pages() int { return len(m.words) / PageWords }

func (m *memory) setAll(dirty bool) {
	clear(m.dirty)
	if dirty {
		for p := range m.pages() {
			m.touch(p)
		}
	}
}
