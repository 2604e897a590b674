package amqp

import "sync"

// Buffers come in three sizes. A connection starts with a small one and takes a
// larger one only when the small one was filled, so that a thousand trickling
// connections cost a thousand small buffers at most, and only while they have
// something to say.
const (
	bufSmall = 16 << 10
	bufLarge = 64 << 10
	bufHuge  = 192 << 10 // an output buffer at its mark plus one more message of the largest unstreamed size
)

// A buffer belongs to its current holder only. What is pooled is a pointer to
// an array, so that putting it back does not allocate a slice header.
var (
	smallPool = sync.Pool{New: func() any { return new([bufSmall]byte) }}
	largePool = sync.Pool{New: func() any { return new([bufLarge]byte) }}
	hugePool  = sync.Pool{New: func() any { return new([bufHuge]byte) }}
)

// getBuf returns an empty buffer with room for at least n bytes.
func getBuf(n int) []byte {
	switch {
	case n <= bufSmall:
		return smallPool.Get().(*[bufSmall]byte)[:0]
	case n <= bufLarge:
		return largePool.Get().(*[bufLarge]byte)[:0]
	case n <= bufHuge:
		return hugePool.Get().(*[bufHuge]byte)[:0]
	}
	return make([]byte, 0, n)
}

// putBuf gives a buffer back. Only whole buffers from getBuf are kept.
func putBuf(b []byte) {
	switch cap(b) {
	case bufSmall:
		smallPool.Put((*[bufSmall]byte)(b[:bufSmall]))
	case bufLarge:
		largePool.Put((*[bufLarge]byte)(b[:bufLarge]))
	case bufHuge:
		hugePool.Put((*[bufHuge]byte)(b[:bufHuge]))
	}
}

// reserve makes room for n more bytes behind b, moving it to a larger pooled
// buffer when it must. A nil b takes its first buffer.
func reserve(b []byte, n int) []byte {
	if cap(b)-len(b) >= n {
		return b
	}
	need := len(b) + n
	if need > bufHuge && need < 2*cap(b) {
		need = 2 * cap(b)
	}
	next := append(getBuf(need), b...)
	putBuf(b)
	return next
}

// writeOps holds the callbacks of non-blocking writes.
var writeOps = sync.Pool{New: newWriteOp}
