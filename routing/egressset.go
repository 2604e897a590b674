package routing

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/meshway/meshway/linkstate"
)

// Key names a router in messages by eight bytes, whatever the length of its id, and in
// every router alike, whatever each knows of the mesh: it is the FNV-1a hash of the id.
type Key uint64

// KeyOf is the key of the router with that id.
func KeyOf(id string) Key { return Key(fnv1a(id)) }

func fnv1a[T string | []byte](text T) uint64 {
	h := uint64(0xcbf29ce484222325)
	for i := range len(text) {
		h = (h ^ uint64(text[i])) * 0x100000001b3
	}
	return h
}

// keysOf finds the routers by their keys. Should two ids have one key (one mesh of
// 1,000 routers in 37 million million has such a pair), it names neither: what is sent
// to it ends without a path, instead of with the wrong router.
func keysOf(t *linkstate.Topology) map[Key]int32 { return keysBy(t, KeyOf) }

func keysBy(t *linkstate.Topology, keyOf func(id string) Key) map[Key]int32 {
	keys := make(map[Key]int32, t.Len())
	for i := range t.Len() {
		k := keyOf(t.Node(i).ID)
		if _, twice := keys[k]; twice {
			keys[k] = -1
			continue
		}
		keys[k] = int32(i)
	}
	return keys
}

// ByKey finds a router of the topology by its key.
func (r *Routes) ByKey(k Key) (int, bool) {
	i, ok := r.keys[k]
	return int(i), ok && i >= 0
}

const (
	keySize = 8

	// MaxSet is the largest number of routers in one [Set].
	MaxSet = 4096
)

// Set is a set of egress routers as it stands in a multicast message: their keys, in
// ascending order, eight bytes each, the highest first.
type Set []byte

// AppendSet appends the set of the routers with these keys to b. It sorts keys, and
// takes each once. More than MaxSet are an error; they go into several sets.
func AppendSet(b []byte, keys []Key) ([]byte, error) {
	slices.Sort(keys)
	keys = slices.Compact(keys)
	if len(keys) > MaxSet {
		return b, fmt.Errorf("set of egress routers: %d of them, but one message names at most %d; send to them in several", len(keys), MaxSet)
	}
	for _, k := range keys {
		b = binary.BigEndian.AppendUint64(b, uint64(k))
	}
	return b, nil
}

// ParseSet checks a set that came in a message. It refers to b.
func ParseSet(b []byte) (Set, error) {
	if len(b)%keySize != 0 || len(b) > MaxSet*keySize {
		return nil, fmt.Errorf("set of egress routers: %d bytes, want a multiple of %d, at most %d", len(b), keySize, MaxSet*keySize)
	}
	s := Set(b)
	for i := 1; i < s.Len(); i++ {
		if s.Key(i-1) >= s.Key(i) {
			return nil, fmt.Errorf("set of egress routers: key %d is not above the one before it", i)
		}
	}
	return s, nil
}

// Len is the number of routers.
func (s Set) Len() int { return len(s) / keySize }

// Key is the key of the i-th router.
func (s Set) Key(i int) Key { return Key(binary.BigEndian.Uint64(s[i*keySize:])) }
