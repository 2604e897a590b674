package convergence

import (
	"maps"
	"slices"
	"testing/synctest"
)

// lose closes an adjacency: both ends notice.
func (m *mesh) lose(p ends) {
	m.net.Between(p[0], p[1]).Cut()
	delete(m.edges, p)
	m.reckon()
}

// silence makes an adjacency swallow everything: nobody is told.
func (m *mesh) silence(p ends) {
	m.net.Between(p[0], p[1]).Silence()
	delete(m.edges, p)
	m.reckon()
}

// mend lets the connectors of adjacencies succeed again, and waits for the first that
// does.
func (m *mesh) mend(pairs ...ends) {
	synctest.Wait() // nobody dials until we look
	for _, p := range pairs {
		m.net.Between(p[0], p[1]).Heal()
		m.edges[p] = true
	}
	m.reckon()
	for !slices.Contains(pairs, <-m.dials) {
	}
}

// kill takes a router away as a crash does: its neighbours notice.
func (m *mesh) kill(id string) {
	for _, p := range m.pairs() {
		if p[0] == id || p[1] == id {
			m.net.Between(p[0], p[1]).Cut()
			delete(m.edges, p)
		}
	}
	m.ids = slices.DeleteFunc(m.ids, func(o string) bool { return o == id })
	m.reckon()
	r := m.routers[id]
	delete(m.routers, id)
	go m.stop(r)
}

// pairs are the adjacencies that there should be, in order.
func (m *mesh) pairs() []ends {
	return slices.SortedFunc(maps.Keys(m.edges), func(a, b ends) int { return slices.Compare(a[:], b[:]) })
}

// across are the adjacencies between two halves.
func (m *mesh) across() []ends {
	half := m.ids[len(m.ids)/2]
	return slices.DeleteFunc(m.pairs(), func(p ends) bool { return p[0] >= half || p[1] < half })
}

// inHalves are all others.
func (m *mesh) inHalves() []ends {
	across := m.across()
	return slices.DeleteFunc(m.pairs(), func(p ends) bool { return slices.Contains(across, p) })
}

// anyOf picks one of a list.
func anyOf[T any](m *mesh, list []T) T {
	m.mu.Lock()
	defer m.mu.Unlock()
	return list[m.random.IntN(len(list))]
}
