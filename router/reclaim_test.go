package router

import (
	"strconv"
	"testing"
)

// A table that held many and holds few has the room of few; what is in it stays.
func TestAMapThatIsNearlyEmptyIsMadeAnew(t *testing.T) {
	m, most := make(map[int]int), 0
	for i := range 1000 {
		m[i] = -i
	}
	first, made := m, 0
	for i := 999; i >= 1; i-- {
		delete(m, i)
		n := shrunk(m, &most)
		n[-1] = 0 // does the old one have it?
		if _, same := m[-1]; !same {
			made++
		}
		delete(n, -1)
		m = n
	}
	if len(m) != 1 || m[0] != 0 || made != 2 || len(first) != 125 {
		t.Errorf("%v is left, copied %d times; of the first %d were left", m, made, len(first))
	}
}

// The last one that leaves takes the room of a few with it, too: there are very many small tables.
func TestAMapThatIsEmptyIsMadeAnew(t *testing.T) {
	for _, c := range []struct {
		had  int
		anew bool
	}{{1, false}, {8, false}, {9, true}, {64, true}} {
		m, most := make(map[int]int), 0
		var n map[int]int
		for i := range c.had {
			m[i] = i
		}
		for i := range c.had {
			delete(m, i)
			n = shrunk(m, &most)
		}
		n[-1] = 0 // does the old one have it?
		if _, same := m[-1]; same == c.anew {
			t.Errorf("a map that had %d and is empty is made anew: %v, want %v", c.had, !same, c.anew)
		}
	}
}

// Addresses that need attention for a while are listed; when none does, the lists have room for few.
func TestListsOfAddressesThatNeededAttentionGiveBackTheirRoom(t *testing.T) {
	r := new(Router)
	var many []*address
	for i := range 10_000 {
		a := &address{router: r, key: strconv.Itoa(i), gone: true}
		a.consumers.Store(noConsumers)
		a.attend()
		many = append(many, a)
	}
	for _, a := range many {
		a.rest()
	}
	for i := range r.table.shards {
		if list := r.table.shards[i].attended; len(list) > 0 || cap(list) > fewAttended {
			t.Errorf("shard %d has %d addresses to attend to and room for %d, want none and %d at most", i, len(list), cap(list), fewAttended)
		}
	}
}
