package router

import (
	"maps"
	"runtime/debug"
)

// reclaimer gives memory back to the operating system once many connections have
// come or gone: the runtime alone keeps what setting them up took, and for
// minutes what they held.
type reclaimer struct {
	settled int // connections when memory was given back last
	most    int // connections at the most since then
	last    int // connections at the last tick
	calm    int // ticks without much change
}

const (
	// reclaimAbove is how many connections must have come or gone for it to be
	// worth a garbage collection, and calmTicks for how long few may do so.
	reclaimAbove = 256
	calmTicks    = 4
)

func (m *reclaimer) tick(connections int) {
	few := reclaimAbove / 4
	if d := connections - m.last; d > few || d < -few {
		m.calm = 0
	} else {
		m.calm++
	}
	m.last = connections
	m.most = max(m.most, connections)
	// What came and is still there, or what went, since then or in between.
	moved := max(connections-m.settled, m.most-connections)
	if moved < reclaimAbove || moved*4 < m.settled || m.calm < calmTicks {
		return
	}
	m.settled, m.most = connections, connections
	// Twice: what lies in pools survives the first collection.
	debug.FreeOSMemory()
	debug.FreeOSMemory()
}

// shrunk is called when something has been taken out of m: a map keeps the room of the most
// that it has had, so once an eighth of that is left it returns a copy; an empty one is cheap to
// copy, and done for fewer. most is the map's own, to remember how many that was.
func shrunk[K comparable, V any](m map[K]V, most *int) map[K]V {
	few := 64
	if len(m) == 0 {
		few = 8
	}
	*most = max(*most, len(m)+1)
	if *most <= few || len(m) > *most/8 {
		return m
	}
	*most = len(m)
	n := make(map[K]V, len(m))
	maps.Copy(n, m)
	return n
}
