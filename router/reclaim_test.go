package router

import "testing"

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
