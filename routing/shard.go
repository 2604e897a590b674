package routing

// Shards divides keys among a fixed set of shards by rendezvous hashing: each key has a
// place of its own in the order of all shards, which depends on nothing but the key and the
// shards' names. So every router that knows the same names chooses alike, and when a shard
// is left out only its own keys move. Immutable.
type Shards struct {
	names  []string
	hashes []uint64
}

// NewShards makes the set of the given names, whose order does not matter for the choice.
func NewShards(names []string) *Shards {
	s := &Shards{names: names}
	for _, n := range names {
		s.hashes = append(s.hashes, hash64(n))
	}
	return s
}

// Len is the number of shards.
func (s *Shards) Len() int { return len(s.names) }

// Choose returns the index of the key's first shard for which usable says true, -1 if there
// is none. A nil usable takes all.
func (s *Shards) Choose(key []byte, usable func(i int) bool) int {
	k := hash64(key)
	best, most := -1, uint64(0)
	for i, h := range s.hashes {
		if usable != nil && !usable(i) {
			continue
		}
		// Equal weights are as good as impossible; the lower name decides, so that the order
		// of the names does not.
		if w := mix(k ^ h); best < 0 || w > most || w == most && s.names[i] < s.names[best] {
			best, most = i, w
		}
	}
	return best
}

// hash64 is FNV-1a, stirred: its low bits alone are poor.
func hash64[K string | []byte](key K) uint64 { return mix(fnv1a(key)) }
