package addrtable

import (
	"encoding/binary"
	"math/bits"
)

const buckets = 256

// mask is a set of buckets.
type mask [buckets / 64]uint64

func (m *mask) add(bucket uint8)      { m[bucket/64] |= 1 << (bucket % 64) }
func (m *mask) has(bucket uint8) bool { return m[bucket/64]&(1<<(bucket%64)) != 0 }

// count is the number of buckets in the set.
func (m *mask) count() int {
	n := 0
	for _, w := range m {
		n += bits.OnesCount64(w)
	}
	return n
}

// allBuckets is the whole table.
var allBuckets = mask{^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0)}

// hashAddress is the hash of an address that all routers agree on. It belongs to
// the format of the messages, as does hashEntry.
func hashAddress(addr []byte) uint64 {
	const factor = 0x9fb21c651e98df25 // odd, its bits well mixed
	h := uint64(len(addr)) * factor
	for ; len(addr) >= 8; addr = addr[8:] {
		h = (h ^ binary.LittleEndian.Uint64(addr)) * factor
		h ^= h >> 29
	}
	var rest [8]byte
	copy(rest[:], addr)
	return finish((h ^ binary.LittleEndian.Uint64(rest[:])) * factor)
}

// hashEntry is what a live entry adds to the digest of its bucket.
func hashEntry(address, version uint64, e Entry) uint64 {
	return finish(address ^ finish(version<<16|uint64(e.Flags)<<8|uint64(e.Phase)))
}

// finish spreads each bit of h over all of them.
func finish(h uint64) uint64 {
	h = (h ^ h>>32) * 0xd6e8feb86659fd93
	h = (h ^ h>>32) * 0xd6e8feb86659fd93
	return h ^ h>>32
}

func bucketOf(address uint64) uint8 { return uint8(address >> 56) }
