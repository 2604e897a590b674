package topoview

import (
	"fmt"
	"strings"
)

// minLeaves is how many routers that hang on one other are shown as one box. Where there are
// few routers, each has its own.
const (
	minLeaves   = 5
	fewRouters  = 12
	widestExtra = 16 // columns of a line below a router's id
)

// sketch is the mesh with a box for each router. Detail 0 is ids, 1 ids in frames, 2 what
// else matters, too.
func (p *report) sketch(detail int) *sketch {
	s := &sketch{}
	at := map[string]int{}
	folded := p.leaves()
	for _, r := range p.mesh.Routers {
		if _, ok := folded[r.ID]; !ok {
			at[r.ID] = len(s.boxes)
			s.boxes = append(s.boxes, p.box(r, detail))
		}
	}
	most := busiest(p.mesh.Adjacencies)
	costs := map[uint32]bool{}
	for _, a := range p.mesh.Adjacencies {
		if a.State != Down {
			costs[a.Cost()] = true
		}
	}
	bunches := map[bunch][]string{}
	for _, a := range p.mesh.Adjacencies {
		w := look(a, most, len(costs) > 1 && a.Cost() != 1)
		for _, id := range []string{a.A, a.B} {
			if b, ok := folded[id]; ok {
				if bunches[b] == nil {
					at[id] = len(s.boxes)
					s.boxes = append(s.boxes, box{framed: true})
					w.a, w.b = at[b.hub], at[id]
					s.wires = append(s.wires, w)
				}
				bunches[b] = append(bunches[b], id)
				s.boxes[at[bunches[b][0]]].lines = []string{strings.Join(runs(bunches[b]), ", "), count(len(bunches[b]), "router")}
			}
		}
		if _, ok := folded[a.A]; ok {
			continue
		}
		if _, ok := folded[a.B]; ok {
			continue
		}
		w.a, w.b = at[a.A], at[a.B]
		s.wires = append(s.wires, w)
	}
	for i := range s.boxes {
		if b := &s.boxes[i]; b.style == plain {
			b.lines[0] = shorten(b.lines[0], p.Width/2)
		}
	}
	return s
}

// bunch is what leaves that look alike have in common.
type bunch struct {
	hub  string
	cost uint32
}

// leaves are the routers that have nothing but one adjacency, and all is well with both,
// where so many hang on the same router that they are better shown together.
func (p *report) leaves() map[string]bunch {
	if len(p.mesh.Routers) <= fewRouters {
		return nil
	}
	only := map[string]*Adjacency{}
	for i, a := range p.mesh.Adjacencies {
		for _, id := range []string{a.A, a.B} {
			if _, another := only[id]; another {
				only[id] = nil
				continue
			}
			only[id] = &p.mesh.Adjacencies[i]
		}
	}
	odd := map[string]bool{p.mesh.Self: true}
	for _, o := range p.mesh.oddities() {
		odd[o.what] = true
	}
	list := map[bunch][]string{}
	for _, r := range p.mesh.Routers {
		a := only[r.ID]
		if a == nil || a.State != Up || odd[r.ID] || len(r.Brokers) > 0 {
			continue
		}
		b := bunch{a.A, a.Cost()}
		if b.hub == r.ID {
			b.hub = a.B
		}
		list[b] = append(list[b], r.ID)
	}
	out := map[string]bunch{}
	for b, ids := range list {
		if len(ids) < minLeaves {
			continue
		}
		for _, id := range ids {
			out[id] = b
		}
	}
	return out
}

func (p *report) box(r Router, detail int) box {
	b := box{lines: []string{r.ID}, style: strong, framed: detail > 0}
	state := ""
	switch {
	case r.Unreachable:
		b.style, b.dashed, state = bad, true, "unreachable"
	case r.Unknown:
		b.style, b.dashed, state = bad, true, "no connection"
	case r.Silent:
		b.style, state = bad, "no answer"
	case r.Draining:
		b.style, state = odd, "draining"
	}
	if detail < 2 {
		if state != "" && detail == 0 {
			b.lines[0] += map[bool]string{true: "✗", false: "!"}[b.style == bad]
		}
		return b
	}
	if state != "" {
		b.lines = append(b.lines, state)
	}
	if r.Consumers > 0 {
		b.lines = append(b.lines, count(r.Consumers, "consumer"))
	}
	if len(r.Brokers) > 2 {
		up := 0
		for _, k := range r.Brokers {
			if k.Up {
				up++
			}
		}
		b.lines = append(b.lines, fmt.Sprintf("▪ brokers %d/%d", up, len(r.Brokers)))
		return b
	}
	for _, k := range r.Brokers {
		mark := "▪ "
		if !k.Up {
			mark = "✗ "
		}
		b.lines = append(b.lines, shorten(mark+k.Name, widestExtra))
	}
	return b
}
