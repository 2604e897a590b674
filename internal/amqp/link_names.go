package amqp

import (
	"slices"

	"github.com/meshway/meshway/internal/wire"
)

// linkNames finds links by name and the role of the peer. Few links are looked
// through, many are indexed.
type linkNames struct {
	list  []*link // in first, as long as that is enough
	index map[linkName]*link
	first [2]*link
}

type linkName struct {
	name string
	peer wire.Role
}

const namesIndexed = 8

func (n *linkNames) get(name string, peer wire.Role) *link {
	if n.index != nil {
		return n.index[linkName{name, peer}]
	}
	for _, l := range n.list {
		if l.name == name && l.role() != peer {
			return l
		}
	}
	return nil
}

func (n *linkNames) add(l *link) {
	if n.index == nil {
		if n.list == nil {
			n.list = n.first[:0]
		}
		n.list = append(n.list, l)
		if len(n.list) <= namesIndexed {
			return
		}
		n.index = make(map[linkName]*link)
		for _, l := range n.list {
			n.index[linkName{l.name, !l.role()}] = l
		}
		n.list, n.first = nil, [2]*link{}
		return
	}
	n.index[linkName{l.name, !l.role()}] = l
}

func (n *linkNames) remove(l *link) {
	if n.index != nil {
		k := linkName{l.name, !l.role()}
		if n.index[k] == l {
			delete(n.index, k)
		}
		return
	}
	for i, o := range n.list {
		if o == l {
			n.list = slices.Delete(n.list, i, i+1)
			return
		}
	}
}
