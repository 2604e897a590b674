// Package buf lends the byte buffers that connections read into, write from, and
// hold waiting messages in. It owns the pools and nothing else; a buffer belongs
// to its current holder only.
package buf

import "sync"

// The sizes of buffers, in bytes. A connection starts with a small one and takes a
// larger one only when the small one was filled, so that a thousand trickling
// connections cost a thousand small buffers at most, and only while they have
// something to say.
const (
	Small = 16 << 10
	Large = 64 << 10
	Huge  = 256 << 10 // an output buffer at its mark plus one more message of the largest unstreamed size
)

// A buffer belongs to its current holder only. What is pooled is a pointer to
// an array, so that putting it back does not allocate a slice header.
var (
	smallPool = sync.Pool{New: func() any { return new([Small]byte) }}
	largePool = sync.Pool{New: func() any { return new([Large]byte) }}
	hugePool  = sync.Pool{New: func() any { return new([Huge]byte) }}
)

// Get returns an empty buffer with room for at least n bytes.
func Get(n int) []byte {
	switch {
	case n <= Small:
		return smallPool.Get().(*[Small]byte)[:0]
	case n <= Large:
		return largePool.Get().(*[Large]byte)[:0]
	case n <= Huge:
		return hugePool.Get().(*[Huge]byte)[:0]
	}
	return make([]byte, 0, n)
}

// Put gives a buffer back. Only whole buffers from Get are kept.
func Put(b []byte) {
	switch cap(b) {
	case Small:
		smallPool.Put((*[Small]byte)(b[:Small]))
	case Large:
		largePool.Put((*[Large]byte)(b[:Large]))
	case Huge:
		hugePool.Put((*[Huge]byte)(b[:Huge]))
	}
}

// Reserve makes room for n more bytes behind b, moving it to a larger pooled
// buffer when it must. A nil b takes its first buffer.
func Reserve(b []byte, n int) []byte {
	if cap(b)-len(b) >= n {
		return b
	}
	need := len(b) + n
	if need > Huge && need < 2*cap(b) {
		need = 2 * cap(b)
	}
	next := append(Get(need), b...)
	Put(b)
	return next
}
