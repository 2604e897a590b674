package router

import "runtime/debug"

// reclaimer gives memory back to the operating system once many connections have
// come or gone: the runtime alone keeps what setting them up took, and for
// minutes what they held.
type reclaimer struct {
	settled int // connections when memory was given back last
	most    int // connections at the most since then
	last    int // connections at the last tick
	calm    int // ticks without much change
	again   int // ticks until memory is given back once more; 0 is never
}

const (
	// reclaimAbove is how many connections must have come or gone for it to be
	// worth a garbage collection, and calmTicks for how long few may do so.
	reclaimAbove = 256
	calmTicks    = 4
	// againTicks is when the readers of new connections that fell idle have been
	// renewed, and their old stacks can go too.
	againTicks = 20
)

func (m *reclaimer) tick(connections int) {
	few := reclaimAbove / 4
	if d := connections - m.last; d > few || d < -few {
		m.calm = 0
	} else {
		m.calm++
	}
	m.last = connections
	if m.again > 0 {
		if m.again--; m.again == 0 {
			debug.FreeOSMemory()
		}
	}
	m.most = max(m.most, connections)
	// What came and is still there, or what went, since then or in between.
	moved := max(connections-m.settled, m.most-connections)
	if moved < reclaimAbove || moved*4 < m.settled || m.calm < calmTicks {
		return
	}
	if connections > m.settled {
		m.again = againTicks
	}
	m.settled, m.most = connections, connections
	// Twice: what lies in pools survives the first collection.
	debug.FreeOSMemory()
	debug.FreeOSMemory()
}
