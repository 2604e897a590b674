package amqp

import (
	"maps"
	"math/rand/v2"
	"testing"
)

// A table is a map of small numbers: random steps, with numbers around the place
// where the slice ends and the map begins.
func TestTableIsAMap(t *testing.T) {
	for seed := range uint64(20) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		var tab table[int]
		m := map[uint32]*int{}
		number := func() uint32 {
			if rnd.IntN(20) == 0 {
				return rnd.Uint32()
			}
			return rnd.Uint32N(2 * tableLow)
		}
		for step := range 5000 {
			switch rnd.IntN(4) {
			case 0:
				i, v := number(), new(int)
				if m[i] == nil {
					tab.set(i, v)
					m[i] = v
				}
			case 1:
				v := new(int)
				i, ok := tab.alloc(v, 2*tableLow)
				if !ok {
					if len(m) < 2*tableLow {
						t.Fatalf("seed %d, step %d: none free of %d, %d in use", seed, step, 2*tableLow, len(m))
					}
					break
				}
				for j := range i {
					if m[j] == nil {
						t.Fatalf("seed %d, step %d: %d is free, but %d was given", seed, step, j, i)
					}
				}
				if m[i] != nil {
					t.Fatalf("seed %d, step %d: %d is in use, and was given", seed, step, i)
				}
				m[i] = v
			case 2:
				i := number()
				tab.remove(i)
				delete(m, i)
			case 3:
				if i := number(); tab.get(i) != m[i] {
					t.Fatalf("seed %d, step %d: at %d there is %v, want %v", seed, step, i, tab.get(i), m[i])
				}
			}
			if step%1000 == 0 {
				got := map[uint32]*int{}
				tab.each(func(i uint32, v *int) { got[i] = v })
				if !maps.Equal(got, m) {
					t.Fatalf("seed %d, step %d: %d in the table, want %d", seed, step, len(got), len(m))
				}
			}
		}
		tab.each(func(i uint32, _ *int) { tab.remove(i); delete(m, i) })
		if len(m) != 0 {
			t.Fatalf("seed %d: each left out %d", seed, len(m))
		}
	}
}

func TestTableIsFullAtItsLimit(t *testing.T) {
	for _, limit := range []uint32{0, 3, tableLow - 1, tableLow, 65535} {
		var tab table[int]
		for i := range limit + 1 {
			if got, ok := tab.alloc(new(int), limit); !ok || got != i {
				t.Fatalf("limit %d: got %d, %v, want %d", limit, got, ok, i)
			}
		}
		if got, ok := tab.alloc(new(int), limit); ok {
			t.Fatalf("limit %d: got %d as well", limit, got)
		}
		tab.remove(limit / 2)
		if got, ok := tab.alloc(new(int), limit); !ok || got != limit/2 {
			t.Fatalf("limit %d: got %d, %v, want %d, which is free", limit, got, ok, limit/2)
		}
	}
}

// The highest of all numbers is a limit like any other.
func TestTableWithoutLimit(t *testing.T) {
	var tab table[int]
	tab.set(1<<32-1, new(int))
	tab.free = 1<<32 - 1
	if i, ok := tab.alloc(new(int), 1<<32-1); ok {
		t.Errorf("got %d, which is in use", i)
	}
	tab.remove(1<<32 - 1)
	if i, ok := tab.alloc(new(int), 1<<32-1); !ok || i != 1<<32-1 {
		t.Errorf("got %d, %v", i, ok)
	}
}

// A peer that starts at the top costs a map entry, not the numbers below.
func TestHighNumbersCostNoMore(t *testing.T) {
	var tab table[int]
	tab.set(65535, new(int))
	if len(tab.low) != 0 {
		t.Errorf("%d places for one entry", len(tab.low))
	}
}
