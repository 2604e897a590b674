package router

import "runtime/debug"

// reclaimer gives memory back to the operating system after many connections
// have left: the runtime alone keeps it for minutes.
type reclaimer struct{ calm int }

const (
	// reclaimAbove is how many connections must have left for it to be worth
	// a garbage collection, and calmTicks for how long nothing more may change.
	reclaimAbove = 256
	calmTicks    = 4
)

func (m *reclaimer) tick(r *Router) {
	r.mu.Lock()
	now, most := len(r.peers), r.most
	r.mu.Unlock()
	if most-now < reclaimAbove || now > most*3/4 {
		m.calm = 0
		return
	}
	if m.calm++; m.calm < calmTicks {
		return
	}
	m.calm = 0
	r.mu.Lock()
	r.most = len(r.peers)
	r.mu.Unlock()
	debug.FreeOSMemory()
}
