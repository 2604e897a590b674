package amqp

// ring holds the records of a session's unsettled deliveries by delivery-id.
//
// Ids come in order, so the records of those alive lie in a circular array
// between base and next. One that stays long after its neighbours have gone
// would pin the whole array: when the span is too wide for how few are alive,
// the old ones move to a map. The zero ring is empty and holds no memory.
type ring[T any] struct {
	slots []slot[T] // length is a power of two
	old   map[uint32]*T
	base  uint32 // every id before base is dead or in old
	next  uint32 // one past the newest id in slots
	live  int    // in slots and old together
}

type slot[T any] struct {
	rec  T
	used bool
}

const (
	ringFirst   = 16
	ringSpan    = 4096 // a span wider than this and mostly dead is compacted
	ringDensity = 8
)

// put makes a record for id, which must be at or past every id before it.
func (r *ring[T]) put(id uint32) *T {
	if len(r.slots) == 0 {
		r.slots = make([]slot[T], ringFirst)
	}
	for {
		if r.live == len(r.old) { // nothing in slots: they may start anywhere
			r.base, r.next = id, id
		}
		if int(id-r.base) < len(r.slots) {
			break
		}
		r.widen(id)
	}
	s := &r.slots[id&uint32(len(r.slots)-1)]
	s.used = true
	r.next = id + 1
	r.live++
	return &s.rec
}

// widen makes room for id: by moving stragglers away when the span is mostly
// dead, else by doubling.
func (r *ring[T]) widen(id uint32) {
	span := int(id-r.base) + 1
	inSlots := r.live - len(r.old)
	if span > ringSpan && inSlots*ringDensity < span {
		r.moveOld()
		return
	}
	size := 2 * len(r.slots)
	slots := make([]slot[T], size)
	for i := r.base; i != r.next; i++ {
		slots[i&uint32(size-1)] = r.slots[i&uint32(len(r.slots)-1)]
	}
	r.slots = slots
}

// moveOld moves every record in slots to the map.
func (r *ring[T]) moveOld() {
	for ; r.base != r.next; r.base++ {
		s := &r.slots[r.base&uint32(len(r.slots)-1)]
		if !s.used {
			continue
		}
		if r.old == nil {
			r.old = make(map[uint32]*T)
		}
		rec := s.rec
		r.old[r.base] = &rec
		*s = slot[T]{}
	}
}

// advance moves base over the dead.
func (r *ring[T]) advance() {
	for r.base != r.next && !r.slots[r.base&uint32(len(r.slots)-1)].used {
		r.base++
	}
}

// get returns the record of id, or nil. It stays valid until the ring changes.
func (r *ring[T]) get(id uint32) *T {
	if id-r.base < r.next-r.base {
		if s := &r.slots[id&uint32(len(r.slots)-1)]; s.used {
			return &s.rec
		}
		return nil
	}
	return r.old[id]
}

// remove forgets id.
func (r *ring[T]) remove(id uint32) {
	if id-r.base < r.next-r.base {
		s := &r.slots[id&uint32(len(r.slots)-1)]
		if !s.used {
			return
		}
		*s = slot[T]{}
		r.live--
		if id == r.base {
			r.advance()
		}
		return
	}
	if _, ok := r.old[id]; ok {
		delete(r.old, id)
		r.live--
	}
}

// each calls f for every record, oldest in the map first; f may remove the
// record that it is given.
func (r *ring[T]) each(f func(id uint32, rec *T)) {
	for id, rec := range r.old {
		f(id, rec)
	}
	for id, end := r.base, r.next; id != end; id++ {
		if s := &r.slots[id&uint32(len(r.slots)-1)]; s.used {
			f(id, &s.rec)
		}
	}
}

// inRange calls f for every live id from first to last, both included, however
// wide the range is: the cost is bounded by what is alive, not by what a peer
// claims.
func (r *ring[T]) inRange(first, last uint32, f func(id uint32, rec *T)) {
	if r.live == 0 || serialLess(last, first) {
		return
	}
	if len(r.old) > 0 {
		r.oldInRange(first, last, f)
	}
	// What lies in slots is from base to next, and may be anywhere on the circle:
	// so distances are compared, never ids.
	from, width, span := first, last-first, r.next-r.base
	if first-r.base >= span {
		ahead := r.base - first
		if span == 0 || ahead > width {
			return
		}
		from, width = r.base, width-ahead
	}
	for id, end := from, from+min(width, r.next-1-from)+1; id != end; id++ {
		if s := &r.slots[id&uint32(len(r.slots)-1)]; s.used {
			f(id, &s.rec)
		}
	}
}

// oldInRange is inRange for the map: by id when the range is narrow, else by
// going through the map.
func (r *ring[T]) oldInRange(first, last uint32, f func(id uint32, rec *T)) {
	if int(last-first) < len(r.old) {
		for id := first; !serialLess(last, id); id++ {
			if rec := r.old[id]; rec != nil {
				f(id, rec)
			}
		}
		return
	}
	for id, rec := range r.old {
		if id-first <= last-first {
			f(id, rec)
		}
	}
}

// release gives the memory back if nothing is alive.
func (r *ring[T]) release() {
	if r.live == 0 {
		r.slots, r.old = nil, nil
		r.base, r.next = 0, 0
	}
}
