package gossip

import (
	"math/rand/v2"
	"slices"
)

// up takes a neighbour in, or says that it came back.
func (t *transport) up(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := t.neighbours[id]; n != nil {
		n.joined = false
		return
	}
	t.neighbours[id] = &neighbour{}
}

func (t *transport) down(id string) {
	t.mu.Lock()
	delete(t.neighbours, id)
	t.mu.Unlock()
	t.streams.fail(id, errNotAdjacent)
}

func (t *transport) adjacent(id string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.neighbours[id] != nil
}

// unjoined are the neighbours that no join was begun with, in order; they count
// as joined from now on.
func (t *transport) unjoined() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var ids []string
	for id, n := range t.neighbours {
		if !n.joined {
			n.joined = true
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// anyNeighbour is a random neighbour, if there is one.
func (t *transport) anyNeighbour() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	skip := rand.IntN(max(1, len(t.neighbours)))
	for id := range t.neighbours {
		if skip == 0 {
			return []string{id}
		}
		skip--
	}
	return nil
}
