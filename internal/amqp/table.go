package amqp

// table maps small numbers, channels or handles, to things. Low numbers, which
// nearly all peers use, index a slice; others go to a map, so that a peer which
// starts at 32767 costs no more than one which starts at 0. The zero table is
// empty and holds no memory; it must not be copied.
type table[T any] struct {
	low   []*T // in first, as long as that is enough
	high  map[uint32]*T
	free  uint32 // no number below is free, as far as alloc knows
	first [2]*T
}

const tableLow = 256

func (t *table[T]) get(i uint32) *T {
	if i < uint32(len(t.low)) {
		return t.low[i]
	}
	return t.high[i]
}

func (t *table[T]) set(i uint32, v *T) {
	if i >= tableLow {
		if t.high == nil {
			t.high = make(map[uint32]*T)
		}
		t.high[i] = v
		return
	}
	if t.low == nil {
		t.low = t.first[:0]
	}
	for uint32(len(t.low)) <= i {
		t.low = append(t.low, nil)
	}
	t.low[i] = v
}

func (t *table[T]) remove(i uint32) {
	if i < uint32(len(t.low)) {
		t.low[i] = nil
	} else {
		delete(t.high, i)
	}
	t.free = min(t.free, i)
}

// alloc puts v at the lowest free number up to limit, and says which that is.
func (t *table[T]) alloc(v *T, limit uint32) (uint32, bool) {
	for i := t.free; i <= limit; i++ {
		if t.get(i) == nil {
			t.set(i, v)
			t.free = i + 1
			return i, true
		}
		if i == limit {
			break // limit may be the highest uint32
		}
	}
	return 0, false
}

// each calls f for everything in the table; f may remove what it is given.
func (t *table[T]) each(f func(i uint32, v *T)) {
	for i, v := range t.low {
		if v != nil {
			f(uint32(i), v)
		}
	}
	for i, v := range t.high {
		f(i, v)
	}
}
