package topoview

import (
	"fmt"
	"strings"
)

// Path is the way from one router to another.
type Path struct {
	From string `json:"from"`
	To   string `json:"to"`
	Cost uint32 `json:"cost"`
	Hops []Hop  `json:"hops"`          // From first, To last; empty: there is none
	Why  string `json:"why,omitempty"` // there is none
}

// Hop is a router on a path.
type Hop struct {
	Router     string      `json:"router"`
	Left       uint32      `json:"left"`                 // cost from here to the end
	Next       uint32      `json:"next,omitempty"`       // cost of the next adjacency
	Equal      []string    `json:"equal,omitempty"`      // other next hops by which the path costs the same
	Alternates []Alternate `json:"alternates,omitempty"` // if all of those were lost, the cheapest first
}

// Alternate is a neighbour by which the end could be reached, too.
type Alternate struct {
	Via      string `json:"via"`
	Cost     uint32 `json:"cost"`
	LoopFree bool   `json:"loopFree"` // it can be used at once
}

// PathText draws a path for a terminal, with what would be used in its place.
func PathText(p Path, o Options) string {
	o = o.bounded()
	r := &report{Options: o}
	title := func(rest string) string { return r.paint(p.From+" → "+p.To, strong) + ": " + rest + "\n" }
	if len(p.Hops) == 0 {
		return title(r.paint("no path", bad) + because(p.Why))
	}
	if len(p.Hops) == 1 {
		return title("the same router")
	}
	var b strings.Builder
	b.WriteString(title(fmt.Sprintf("cost %d, %s", p.Cost, count(len(p.Hops)-1, "hop"))))
	b.WriteString("\n" + r.chain(p.Hops) + "\n")
	rows := [][]string{{"AT", "COST LEFT", "NEXT", "EQUALLY GOOD", "IF THOSE ARE LOST"}}
	const most = 24
	for i, h := range p.Hops[:len(p.Hops)-1] {
		if i == most {
			rows = append(rows, []string{fmt.Sprintf("and %d more; -o json has all", len(p.Hops)-1-most), "", "", "", ""})
			break
		}
		rows = append(rows, []string{h.Router, fmt.Sprint(h.Left), p.Hops[i+1].Router, orDash(strings.Join(h.Equal, ", ")), orDash(alternates(h.Alternates))})
	}
	for _, l := range r.align(rows) {
		b.WriteString(l + "\n")
	}
	for _, h := range p.Hops {
		for _, a := range h.Alternates {
			if !a.LoopFree {
				b.WriteString("\n" + r.paint(margin+"*: only once that router knows of the loss; the others at once", faint) + "\n")
				return b.String()
			}
		}
	}
	return b.String()
}

func because(why string) string {
	if why == "" {
		return ""
	}
	return ": " + why
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// alternates are the first few, with what the path by each costs.
func alternates(list []Alternate) string {
	const most = 3
	var out []string
	for _, a := range list[:min(len(list), most)] {
		mark := ""
		if !a.LoopFree {
			mark = "*"
		}
		out = append(out, fmt.Sprintf("%s (%d)%s", a.Via, a.Cost, mark))
	}
	if len(list) > most {
		out = append(out, fmt.Sprintf("%d more", len(list)-most))
	}
	return strings.Join(out, ", ")
}

// chain draws the routers of a path in frames side by side, in as many lines as they need.
func (p *report) chain(hops []Hop) string {
	var b strings.Builder
	for len(hops) > 0 {
		c := &canvas{width: p.Width}
		x, n := 0, 0
		for n < len(hops) {
			h := hops[n]
			w := columns(h.Router) + 4
			cost := fmt.Sprint(h.Next)
			if n > 0 && x+w+columns(cost)+6 > p.Width-len(margin) {
				break
			}
			c.rect(x, 0, x+w-1, 2, plain, false)
			c.write(x+2, 1, h.Router, strong)
			x += w - 1
			if h.Next > 0 {
				c.line(x, 1, x+columns(cost)+5, 1, thin, plain, false)
				c.write(x+3, 1, cost, plain)
				x += columns(cost) + 5
			}
			n++
		}
		b.WriteString(c.render(margin, p.Color))
		hops = hops[n:]
	}
	return b.String()
}
