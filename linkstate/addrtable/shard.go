package addrtable

import (
	"bytes"
	"sync"
)

const (
	shardBits = 6
	shards    = 1 << shardBits
)

// ref is an entry's place: shard in the low bits, index in the shard above. 0 is
// none.
type ref uint32

func (r ref) shard() int    { return int(r & (shards - 1)) }
func (r ref) index() uint32 { return uint32(r >> shardBits) }

type state uint8

const (
	free state = iota // in the shard's list of free entries
	live
	tombstone
)

// entry is one owner's entry for one address. Written under the tables' mutex;
// what lookups read also under the shard's lock.
type entry struct {
	// Guarded by the tables' mutex:
	version    uint64
	prev, next ref // in the table's order of versions

	// Written under both, read under either:
	sibling uint32 // another owner's entry for the same address; or the next free
	addr    uint32 // the address's record in the shard
	slot    uint32 // whose it is
	value   Entry
	state   state
}

// address is a name that is in use, kept once for all owners.
type address struct {
	offset uint32 // of the name in the arena
	hash   uint32
	first  uint32 // first of its entries; or the next free record
	length uint16 // of the name; 0 if the record is free
}

// shard is a share of all addresses, and what watches them. Lookups take mu to
// read. Whoever changes the pool holds the tables' mutex and mu, and so may read it
// with the former alone.
type shard struct {
	mu      sync.RWMutex
	watched map[string]string // guarded by mu alone; to itself, so that it is found without a copy
	pool
}

// pool is where a shard keeps names and entries. Memory is in few large pieces
// without pointers, so that a million addresses cost the garbage collector nothing.
type pool struct {
	index     []uint32 // open addressing: numbers of records and marks of their hashes; 0 is free
	addresses []address
	entries   []entry
	arena     []byte
	used      int // records in use
	garbage   int // bytes of the arena that belong to no record
	live      int // entries in use
	freeAddr  uint32
	freeEntry uint32
}

// grown is s with room for n more, in steps of an eighth: doubling would waste a
// third on average.
func grown[T any](s []T, n int) []T {
	if cap(s)-len(s) >= n {
		return s
	}
	bigger := make([]T, len(s), max(len(s)+n, len(s)+len(s)/8, 8))
	copy(bigger, s)
	return bigger
}

// another puts one more record behind those that there are. Its number is never 0, which means none.
func another[T any](s []T) (longer []T, number uint32) {
	n := max(len(s), 1)
	return grown(s, n+1-len(s))[:n+1], uint32(n)
}

func (p *pool) name(a uint32) []byte {
	rec := &p.addresses[a]
	return p.arena[rec.offset : rec.offset+uint32(rec.length)]
}

// The top bits of a place in the index are those of the hash, so that a search
// seldom looks at a record in vain.
const numberBits = 32 - shardBits

func number(place uint32) uint32 { return place & (1<<numberBits - 1) }

// find returns the record of an address, or 0.
func (p *pool) find(hash uint32, name []byte) uint32 {
	if len(p.index) == 0 {
		return 0
	}
	last := uint32(len(p.index) - 1)
	for i := hash & last; ; i = (i + 1) & last {
		place := p.index[i]
		if place == 0 {
			return 0
		}
		if (place^hash)>>numberBits != 0 {
			continue
		}
		if a := number(place); p.addresses[a].hash == hash && bytes.Equal(p.name(a), name) {
			return a
		}
	}
}

// entryOf returns the entry of an owner's slot for an address, or 0.
func (p *pool) entryOf(a, slot uint32) uint32 {
	for i := p.addresses[a].first; i != 0; i = p.entries[i].sibling {
		if p.entries[i].slot == slot {
			return i
		}
	}
	return 0
}

// addAddress makes a record for a name that has none. The caller holds mu.
func (p *pool) addAddress(hash uint32, name []byte) uint32 {
	if (p.used+1)*4 > len(p.index)*3 {
		p.reindex(max(8, 2*len(p.index)))
	}
	a := p.freeAddr
	if a != 0 {
		p.freeAddr = p.addresses[a].first
	} else {
		p.addresses, a = another(p.addresses)
	}
	p.arena = grown(p.arena, len(name))
	p.addresses[a] = address{offset: uint32(len(p.arena)), hash: hash, length: uint16(len(name))}
	p.arena = append(p.arena, name...)
	p.used++
	p.toIndex(a)
	return a
}

func (p *pool) toIndex(a uint32) {
	last := uint32(len(p.index) - 1)
	hash := p.addresses[a].hash
	i := hash & last
	for p.index[i] != 0 {
		i = (i + 1) & last
	}
	p.index[i] = a | hash>>numberBits<<numberBits
}

func (p *pool) reindex(size int) {
	p.index = make([]uint32, size)
	for a := range p.addresses {
		if p.addresses[a].length != 0 {
			p.toIndex(uint32(a))
		}
	}
}

// dropAddress frees the record of an address without entries. The caller holds mu.
func (p *pool) dropAddress(a uint32) {
	p.fromIndex(a)
	p.garbage += int(p.addresses[a].length)
	p.addresses[a] = address{first: p.freeAddr}
	p.freeAddr = a
	p.used--
	if p.garbage > 1024 && p.garbage > len(p.arena)/4 {
		p.compactArena()
	}
}

// fromIndex takes a record out of the index, and moves up those behind it that are
// not in their own places, so that no search ends too early.
func (p *pool) fromIndex(a uint32) {
	last := uint32(len(p.index) - 1)
	gap := p.addresses[a].hash & last
	for number(p.index[gap]) != a {
		gap = (gap + 1) & last
	}
	for i := (gap + 1) & last; p.index[i] != 0; i = (i + 1) & last {
		home := p.addresses[number(p.index[i])].hash & last
		if (i-home)&last >= (i-gap)&last {
			p.index[gap] = p.index[i]
			gap = i
		}
	}
	p.index[gap] = 0
}

func (p *pool) compactArena() {
	arena := make([]byte, 0, len(p.arena)-p.garbage)
	for i := range p.addresses {
		if rec := &p.addresses[i]; rec.length != 0 {
			name := p.arena[rec.offset : rec.offset+uint32(rec.length)]
			rec.offset = uint32(len(arena))
			arena = append(arena, name...)
		}
	}
	p.arena, p.garbage = arena, 0
}

// addEntry makes an entry of a slot for an address. The caller holds mu.
func (p *pool) addEntry(a, slot uint32) uint32 {
	i := p.freeEntry
	if i != 0 {
		p.freeEntry = p.entries[i].sibling
	} else {
		p.entries, i = another(p.entries)
	}
	p.entries[i] = entry{addr: a, slot: slot, sibling: p.addresses[a].first}
	p.addresses[a].first = i
	p.live++
	return i
}

// dropEntry frees an entry, and its address if it was the last. The caller holds mu.
func (p *pool) dropEntry(i uint32) {
	a := p.entries[i].addr
	at := &p.addresses[a].first
	for *at != i {
		at = &p.entries[*at].sibling
	}
	*at = p.entries[i].sibling
	p.entries[i] = entry{sibling: p.freeEntry}
	p.freeEntry = i
	p.live--
	if p.addresses[a].first == 0 {
		p.dropAddress(a)
	}
	if p.live == 0 {
		// All memory goes back at once when nothing is left.
		*p = pool{}
	}
}
