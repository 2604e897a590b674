package amqp

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// ringModel is a ring and the map that it has to behave like.
type ringModel struct {
	t    *testing.T
	r    ring[int]
	m    map[uint32]int
	next uint32 // the lowest id that put may be given
	step int
}

func (m *ringModel) put(id uint32) {
	*m.r.put(id) = m.step
	m.m[id] = m.step
	m.next = id + 1
	if m.r.live != len(m.m) {
		m.t.Fatalf("step %d: %d are alive after putting %d, want %d", m.step, m.r.live, id, len(m.m))
	}
}

func (m *ringModel) get(id uint32) {
	got := m.r.get(id)
	want, ok := m.m[id]
	if (got != nil) != ok || ok && *got != want {
		m.t.Fatalf("step %d: get(%d) is %v, want %v, %d", m.step, id, got, ok, want)
	}
}

func (m *ringModel) remove(id uint32) {
	m.r.remove(id)
	delete(m.m, id)
	if m.r.live != len(m.m) {
		m.t.Fatalf("step %d: %d are alive after removing %d, want %d", m.step, m.r.live, id, len(m.m))
	}
}

// inRange compares what is found between two ids, and removes part of it on the
// way, as settling does.
func (m *ringModel) inRange(first, last uint32, removing func(uint32) bool) {
	want := map[uint32]int{}
	for id, v := range m.m {
		if id-first <= last-first && !serialLess(last, first) {
			want[id] = v
		}
	}
	got := map[uint32]int{}
	m.r.inRange(first, last, func(id uint32, rec *int) {
		if _, twice := got[id]; twice {
			m.t.Fatalf("step %d: %d twice between %d and %d", m.step, id, first, last)
		}
		got[id] = *rec
		if removing(id) {
			m.r.remove(id)
			delete(m.m, id)
		}
	})
	if !maps.Equal(got, want) {
		m.t.Fatalf("step %d: between %d and %d there are %v, want %v", m.step, first, last, sortedIDs(got), sortedIDs(want))
	}
}

func (m *ringModel) each() {
	got := map[uint32]int{}
	m.r.each(func(id uint32, rec *int) { got[id] = *rec })
	if !maps.Equal(got, m.m) {
		m.t.Fatalf("step %d: there are %v, want %v", m.step, sortedIDs(got), sortedIDs(m.m))
	}
}

func sortedIDs(m map[uint32]int) []uint32 { return slices.Sorted(maps.Keys(m)) }

// bounded checks that memory follows what is alive, not how far ids have come.
func (m *ringModel) bounded() {
	if n := len(m.r.slots); n > max(2*ringSpan, 2*ringDensity*m.r.live) {
		m.t.Fatalf("step %d: %d slots for %d records", m.step, n, m.r.live)
	}
}

// A ring is a map whose keys rise, over the wrap: random steps, weighed in different
// ways, compared after each.
func TestRingIsAMap(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 1))
			m := &ringModel{t: t, m: map[uint32]int{}}
			m.next = []uint32{0, 1<<32 - 50, 1<<31 - 50, rnd.Uint32()}[seed%4]
			gaps := []uint32{1, 1, 3, 5000}[seed/4%4]  // how far ids may jump
			most := []int{3, 40, 400, 3000}[seed/16%4] // how many stay alive
			stay := seed%3 == 0                        // some are never removed
			some := func(uint32) bool { return rnd.IntN(3) > 0 }
			for m.step = range 6000 {
				switch n := rnd.IntN(10); {
				case n < 5:
					m.put(m.next + rnd.Uint32N(gaps))
				case n < 6:
					m.get(m.next - rnd.Uint32N(2*uint32(most)+10))
				case len(m.m) > most || n < 9:
					for range len(m.m) - most + 1 {
						for id := range m.m { // any
							if !stay || id%100 != 0 {
								m.remove(id)
							}
							break
						}
					}
				default:
					first := m.next - rnd.Uint32N(200)
					m.inRange(first, first+rnd.Uint32N(300), some)
				}
				if m.step%500 == 0 {
					m.each()
					first := rnd.Uint32()
					m.inRange(first, first+rnd.Uint32N(1<<31), some)
					m.inRange(m.next-1<<30, m.next+1<<30-1, some)
					m.remove(rnd.Uint32())
					m.get(rnd.Uint32())
				}
				m.bounded()
			}
			m.each()
			m.inRange(m.next-1<<30, m.next+1<<30-1, func(uint32) bool { return true })
			if m.r.live != 0 {
				t.Fatalf("%d are left", m.r.live)
			}
			m.r.release()
			if m.r.slots != nil || m.r.old != nil {
				t.Error("an empty ring keeps memory")
			}
			m.put(rnd.Uint32())
			m.each()
		})
	}
}

// One that stays while a million pass does not keep their places.
func TestAStragglerPinsNothing(t *testing.T) {
	var r ring[int]
	*r.put(7) = 42
	for id := uint32(8); id < 1_000_000; id++ {
		r.put(id)
		if id > 18 {
			r.remove(id - 10)
		}
	}
	if n := len(r.slots); n > 2*ringSpan {
		t.Errorf("%d slots for %d records", n, r.live)
	}
	if p := r.get(7); p == nil || *p != 42 {
		t.Errorf("the straggler is %v", p)
	}
	r.inRange(8, 1_000_000, func(id uint32, _ *int) { r.remove(id) })
	for range 1000 { // each would take seconds if the empty ring were gone through
		r.inRange(8, 1<<31, func(id uint32, _ *int) { t.Fatalf("there is %d", id) })
	}
	r.release()
	if r.get(7) == nil {
		t.Error("released with something in it")
	}
	r.inRange(0, 1<<31-1, func(id uint32, _ *int) { r.remove(id) })
	if r.live != 0 || len(r.old) != 0 {
		t.Errorf("%d live, %d of them old", r.live, len(r.old))
	}
}

// Half the circle is the widest range that there is; all of it is none.
func TestRingRangesAtTheirWidest(t *testing.T) {
	for _, base := range []uint32{0, 1<<32 - 3, 1 << 31, 12345} {
		var r ring[int]
		for i := range uint32(6) {
			r.put(base + i)
		}
		for name, tt := range map[string]struct{ first, last, want uint32 }{
			"half the circle from the first":       {base, base + 1<<31 - 1, 6},
			"half the circle to the last":          {base + 6 - 1<<31, base + 5, 6},
			"half the circle around them":          {base - 1<<30, base + 1<<30 - 1, 6},
			"half the circle that ends just there": {base + 1 - 1<<31, base, 1},
			"the other half":                       {base + 6, base + 5 + 1<<31, 0},
			"the widest, just behind them":         {base + 6, base + 5 + 1<<31, 0},
			"the widest, further behind":           {base + 10, base + 9 + 1<<31, 0},
			"the widest, far behind":               {base + 1<<30, base + 1<<30 - 1 + 1<<31, 0},
			"the widest, from the far side":        {base + 1<<31, base - 1, 0},
			"the widest, to the first":             {base + 1<<31 + 1, base, 1},
			"the widest, to the third":             {base + 1<<31 + 3, base + 2, 3},
			"the widest, from the third":           {base + 2, base + 1 + 1<<31, 4},
			"backwards":                            {base + 3, base + 2, 0},
			"one":                                  {base + 2, base + 2, 1},
			"one before, one behind":               {base - 1, base + 6, 6},
		} {
			n := uint32(0)
			r.inRange(tt.first, tt.last, func(uint32, *int) { n++ })
			if n != tt.want {
				t.Errorf("base %d, %s: found %d, want %d", base, name, n, tt.want)
			}
		}
	}
}

func TestRingSteadyStateAllocatesNothing(t *testing.T) {
	var r ring[outRecord]
	id := uint32(1<<32 - 500)
	if n := testing.AllocsPerRun(2000, func() {
		r.put(id)
		id++
		if r.live > 300 {
			r.remove(id - 300)
		}
	}); n > 0.5 {
		t.Errorf("%v allocations for each record", n)
	}
}
