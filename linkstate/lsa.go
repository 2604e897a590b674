package linkstate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What a mesh may measure. Messages beyond these are refused.
const (
	MaxID          = 127              // bytes of a router's id
	MaxCost        = InfiniteCost - 1 // of an adjacency
	MaxAdjacencies = 4096             // of one router, as far as its LSA has room
	MaxRouters     = 4096             // of a mesh, buried ones included
	MaxMessage     = 32 << 10         // bytes of a message between speakers

	maxLSA   = MaxMessage - 16 // bytes of an encoded LSA: one always fits a message
	maxCount = 1 << 62         // of incarnations and sequences: one more never overflows
)

// Header says which LSA of which router this is.
type Header struct {
	Origin      string
	Incarnation uint64 // of the router's life, higher in each
	Boot        uint64 // random, another in each life
	Seq         uint64 // counts the LSAs of an incarnation from 1
}

// Compare orders LSAs of one origin: positive if h is newer than o. Of two with
// the same numbers, which only routers that share an id make, the higher boot id
// passes for newer, so that all choose the same one.
func (h Header) Compare(o Header) int {
	return cmp.Or(cmp.Compare(h.Incarnation, o.Incarnation), cmp.Compare(h.Seq, o.Seq), cmp.Compare(h.Boot, o.Boot))
}

// Adjacency is what a router says of its connection to another.
type Adjacency struct {
	Neighbour string
	Cost      uint32 // 1 to MaxCost
}

// LSA is a link-state advertisement: what a router says of itself. It is
// immutable once it is in a database.
type LSA struct {
	Header
	Started      uint64 // when this life began, in milliseconds since 1970 by its own clock
	Draining     bool   // it is about to leave, or is not ready yet
	TableVersion uint64 // of its address table
	TableDigest  uint64
	Adjacencies  []Adjacency // in the order of Neighbour
}

// cost is what the LSA says of the adjacency to neighbour.
func (l *LSA) cost(neighbour string) (uint32, bool) {
	i, ok := slices.BinarySearchFunc(l.Adjacencies, neighbour, func(a Adjacency, id string) int {
		return strings.Compare(a.Neighbour, id)
	})
	if !ok {
		return 0, false
	}
	return l.Adjacencies[i].Cost, true
}

// sameGraph reports whether both put the same into a topology.
func (l *LSA) sameGraph(o *LSA) bool {
	return l.Incarnation == o.Incarnation && l.Draining == o.Draining && slices.Equal(l.Adjacencies, o.Adjacencies)
}

// CheckID says what is wrong with a router's id: it has 1 to MaxID bytes of
// UTF-8, without white space, control characters and slashes.
func CheckID(id string) error {
	switch {
	case id == "":
		return fmt.Errorf("router id is empty: give each router a name of its own")
	case len(id) > MaxID:
		return fmt.Errorf("router id %.20q... has %d bytes: at most %d are allowed", id, len(id), MaxID)
	case id == "all":
		return fmt.Errorf("router id %q stands for every router in addresses: choose another", id)
	case !utf8.ValidString(id):
		return fmt.Errorf("router id %q is not UTF-8", id)
	}
	for _, r := range id {
		if r == '/' || r == ' ' || !unicode.IsPrint(r) {
			return fmt.Errorf("router id %q contains %q: slashes, white space and control characters are not allowed", id, r)
		}
	}
	return nil
}
