package buf

import (
	"sync"
	"sync/atomic"
)

// Ref is a buffer that several may hold at a time: what was read from a socket,
// while parts of it wait to be written to others without having been copied. It
// goes back to its pool when the last holder lets go.
type Ref struct {
	holders atomic.Int32
	bytes   []byte // all of it
	pool    *sync.Pool
}

var (
	smallRefs = refPool(Small)
	largeRefs = refPool(Large)
	hugeRefs  = refPool(Huge)
)

func refPool(size int) *sync.Pool {
	p := new(sync.Pool)
	p.New = func() any { return &Ref{bytes: make([]byte, size), pool: p} }
	return p
}

// GetRef returns a buffer of at least n bytes with one holder, the caller.
func GetRef(n int) *Ref {
	var r *Ref
	switch {
	case n <= Small:
		r = smallRefs.Get().(*Ref)
	case n <= Large:
		r = largeRefs.Get().(*Ref)
	case n <= Huge:
		r = hugeRefs.Get().(*Ref)
	default:
		r = &Ref{bytes: make([]byte, n)}
	}
	r.holders.Store(1)
	return r
}

// Bytes is the whole buffer.
func (r *Ref) Bytes() []byte { return r.bytes }

// Hold counts one more holder: the bytes stay as they are until it lets go.
func (r *Ref) Hold() { r.holders.Add(1) }

// Drop lets go.
func (r *Ref) Drop() {
	switch n := r.holders.Add(-1); {
	case n < 0:
		panic("buf: a buffer was let go more often than it was held")
	case n == 0 && r.pool != nil:
		r.pool.Put(r)
	}
}

// Alone says that there is one holder, who is the caller: only then may the bytes
// be changed.
func (r *Ref) Alone() bool { return r.holders.Load() == 1 }
