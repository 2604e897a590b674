package routing

import "slices"

// Parts is what becomes of a set of egress routers at one hop: disjoint, and together
// the whole. It is meant to be used again: a split overwrites all that is in it.
type Parts struct {
	Self bool   // this router is one of them
	Hops []Part // what goes on, in the order of the first member of each
	Lost Set    // those without a path

	// Scratch. The place of a part is 0 for Lost and i+1 for Hops[i].
	place []int32 // by member of the set, or ownPlace
	sizes []int   // by place: bytes
	at    []int32 // by router: its place as a next hop; 0 between splits
	keys  []byte  // what the parts refer to
}

// Part is the part of a set that goes to one neighbour.
type Part struct {
	Hop    int // index of the neighbour
	Egress Set
}

const ownPlace = -1

// Split divides a set of egress routers among the next hops that the flow takes to
// its members. Members with the same next hops go together. It does not allocate once
// p has grown.
func (r *Routes) Split(p *Parts, set Set, flow uint32) {
	p.reset(r.topology.Len(), len(set))
	for i := range set.Len() {
		place := r.place(p, set.Key(i), flow)
		p.place = append(p.place, place)
		if place != ownPlace {
			p.sizes[place] += keySize
		}
	}
	rest := p.keys
	p.Lost, rest = rest[:0:p.sizes[0]], rest[p.sizes[0]:]
	for i := range p.Hops {
		size := p.sizes[i+1]
		p.Hops[i].Egress, rest = rest[:0:size], rest[size:]
		p.at[p.Hops[i].Hop] = 0
	}
	for i, place := range p.place {
		key := set[i*keySize : (i+1)*keySize]
		switch place {
		case ownPlace:
			p.Self = true
		case 0:
			p.Lost = append(p.Lost, key...)
		default:
			part := &p.Hops[place-1]
			part.Egress = append(part.Egress, key...)
		}
	}
}

func (p *Parts) reset(routers, bytes int) {
	p.Self, p.Hops, p.place, p.sizes = false, p.Hops[:0], p.place[:0], append(p.sizes[:0], 0)
	if len(p.at) < routers {
		p.at = make([]int32, routers)
	}
	p.keys = slices.Grow(p.keys[:0], bytes)[:bytes]
}

// place finds the part that a member belongs to, and begins it if it is the first.
func (r *Routes) place(p *Parts, k Key, flow uint32) int32 {
	dest, known := r.ByKey(k)
	if !known {
		return 0
	}
	if dest == r.self {
		return ownPlace
	}
	hop, ok := r.NextHop(dest, flow)
	if !ok {
		return 0
	}
	if p.at[hop] == 0 {
		p.Hops = append(p.Hops, Part{Hop: hop})
		p.sizes = append(p.sizes, 0)
		p.at[hop] = int32(len(p.Hops))
	}
	return p.at[hop]
}
