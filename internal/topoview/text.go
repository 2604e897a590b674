package topoview

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Options says how text is made for a terminal.
type Options struct {
	Width  int  // columns; 0 is 80
	Height int  // lines at most; 0 is 60
	Color  bool // escapes for colours
}

// Least that a drawing needs.
const (
	minWidth  = 40
	minHeight = 24
	margin    = "  "
)

func (o Options) bounded() Options {
	if o.Width == 0 {
		o.Width = 80
	}
	if o.Height == 0 {
		o.Height = 60
	}
	o.Width, o.Height = max(o.Width, minWidth), max(o.Height, minHeight)
	return o
}

// Text draws a mesh for a terminal: what it is, the drawing, what is odd about it, and as much
// in tables as there is room for. It is never longer or wider than the options say, but for
// ids that are wider by themselves.
func Text(m Mesh, o Options) string {
	o = o.bounded()
	m = m.tidy().printable()
	p := &report{Options: o, mesh: m}
	head := p.head()
	odd := p.oddLines()
	room := o.Height - len(head) - len(odd) - 2
	picture := p.picture(room)
	lines := append(head, "")
	lines = append(lines, picture[:min(len(picture), room)]...)
	if len(odd) > 0 {
		lines = append(append(lines, ""), odd...)
	}
	if table := p.tables(); len(lines)+1+len(table) <= o.Height && len(table) > 0 {
		lines = append(append(lines, ""), table...)
	}
	return strings.Join(lines, "\n") + "\n"
}

// report is one text under way.
type report struct {
	Options
	mesh Mesh
}

func (p *report) paint(s string, st style) string { return painted(s, st, p.Color) }

// printable replaces what a terminal would obey: names are other people's text.
func (m Mesh) printable() Mesh {
	clean := func(s *string) {
		*s = strings.Map(func(r rune) rune {
			if unicode.IsControl(r) {
				return '?'
			}
			return r
		}, *s)
	}
	clean(&m.Self)
	m.Routers, m.Adjacencies = slices.Clone(m.Routers), slices.Clone(m.Adjacencies)
	for i := range m.Routers {
		r := &m.Routers[i]
		clean(&r.ID)
		clean(&r.Version)
		r.Brokers = slices.Clone(r.Brokers)
		for j := range r.Brokers {
			clean(&r.Brokers[j].Name)
			clean(&r.Brokers[j].Host)
			clean(&r.Brokers[j].Why)
		}
	}
	for i := range m.Adjacencies {
		a := &m.Adjacencies[i]
		clean(&a.A)
		clean(&a.B)
		clean(&a.Why)
	}
	return m
}

// summary is how much there is.
func (m Mesh) summary() []string {
	routers, brokers, clients := 0, 0, 0
	for _, r := range m.Routers {
		if !r.Unknown {
			routers++
		}
		brokers += len(r.Brokers)
		clients += r.Clients
	}
	parts := []string{count(routers, "router"), count(len(m.Adjacencies), "adjacency")}
	if brokers > 0 {
		parts = append(parts, count(brokers, "broker connection"))
	}
	if clients > 0 {
		parts = append(parts, count(clients, "client"))
	}
	if m.Self != "" {
		parts = append(parts, "seen from "+m.Self)
	}
	return parts
}

// head is the first lines: how much there is, and whether all is well.
func (p *report) head() []string {
	lines := wrap("", "", p.mesh.summary(), p.Width)
	for i := range lines {
		lines[i] = p.paint(lines[i], strong)
	}
	bads, odds := 0, 0
	for _, o := range p.mesh.oddities() {
		if o.bad {
			bads++
		} else {
			odds++
		}
	}
	var state []string
	if bads > 0 {
		state = append(state, p.paint(fmt.Sprintf("%d down", bads), bad))
	}
	if odds > 0 {
		state = append(state, p.paint(fmt.Sprintf("%d odd", odds), odd))
	}
	if len(state) == 0 {
		state = append(state, p.paint("all is well", good))
	}
	return append(lines, strings.Join(state, ", "))
}

// oddLines names everything that is down or strange: like with like, so that hundreds still
// fit, and at most a third of the page.
func (p *report) oddLines() []string {
	var lines []string
	list := p.mesh.oddities()
	for len(list) > 0 {
		first := list[0]
		var same, others []oddity
		for _, o := range list {
			if o.kind == first.kind {
				same = append(same, o)
			} else {
				others = append(others, o)
			}
		}
		lines = append(lines, p.oddKind(same)...)
		list = others
	}
	if most := p.Height / 3; len(lines) > most {
		rest := len(lines) - most + 1
		lines = append(lines[:most-1], fmt.Sprintf("%sand %d more lines; -o json has all", margin, rest))
	}
	return lines
}

// oddKind is the lines of one kind: each with its reason while they are few, else names only.
func (p *report) oddKind(same []oddity) []string {
	const few = 4
	mark, st := "✗", bad
	if !same[0].bad {
		mark, st = "!", odd
	}
	if len(same) <= few {
		var lines []string
		for _, o := range same {
			text := fmt.Sprintf("%s%s %s: %s", margin, mark, o.kind, o.what)
			if o.why != "" {
				text += " (" + o.why + ")"
			}
			lines = append(lines, p.paint(shorten(text, p.Width), st))
		}
		return lines
	}
	names := make([]string, len(same))
	for i, o := range same {
		names[i] = o.what
	}
	head := fmt.Sprintf("%s%s %d × %s: ", margin, mark, len(same), same[0].kind)
	lines := wrap(head, strings.Repeat(" ", len(margin)+2), runs(names), p.Width)
	for i := range lines {
		lines[i] = p.paint(lines[i], st)
	}
	return lines
}

// wrap writes names after a head, on as many lines as they need.
func wrap(head, indent string, names []string, width int) []string {
	var lines []string
	line := head
	for i, n := range names {
		if i < len(names)-1 {
			n += ","
		}
		switch {
		case line == head || line == indent:
			line += n
		case columns(line)+1+columns(n) <= width:
			line += " " + n
		default:
			lines = append(lines, line)
			line = indent + n
		}
	}
	return append(lines, line)
}

// picture is the drawing, in the first form that has room: boxes with what matters of each
// router, boxes with ids, ids, a matrix, groups.
func (p *report) picture(room int) []string {
	if len(p.mesh.Routers) == 0 {
		return []string{margin + "no routers"}
	}
	for detail := 2; detail >= 0; detail-- {
		s := p.sketch(detail)
		if len(s.boxes) > maxBoxes {
			break
		}
		if lines := p.draw(s, room, p.key(p.mesh.Adjacencies)); lines != nil {
			return lines
		}
	}
	if len(p.mesh.Routers) <= maxBoxes {
		if lines := p.matrix(); len(lines) <= room && widest(lines) <= p.Width {
			return lines
		}
	}
	return p.groups(room)
}

// maxBoxes is the most boxes that a drawing has.
const maxBoxes = 26

func widest(lines []string) int {
	w := 0
	for _, l := range lines {
		w = max(w, columns(l))
	}
	return w
}

// draw paints a sketch with the key below; nil if there is no room.
func (p *report) draw(s *sketch, room int, key string) []string {
	d := arrange(s, p.Width-2*len(margin), room-2)
	if d == nil {
		return nil
	}
	c, unlabelled := d.paint()
	lines := strings.Split(strings.TrimRight(c.render(margin, p.Color), "\n"), "\n")
	if len(unlabelled) > 0 {
		var names []string
		for _, w := range unlabelled {
			names = append(names, fmt.Sprintf("%s–%s %s", s.boxes[w.a].lines[0], s.boxes[w.b].lines[0], w.label))
		}
		more := wrap(margin+"without room above: ", margin, names, p.Width)
		if len(lines)+len(more)+2 > room {
			return nil
		}
		lines = append(append(lines, ""), more...)
	}
	if key != "" {
		lines = append(lines, "", p.paint(shorten(key, p.Width), faint))
	}
	if len(lines) > room {
		return nil
	}
	return lines
}

// key explains what is in the drawing, and nothing that is not.
func (p *report) key(list []Adjacency) string {
	var parts []string
	cost := map[uint32]bool{}
	states := map[State]bool{}
	for _, a := range list {
		if a.State != Down {
			cost[a.Cost()] = true
		}
		states[a.State] = true
	}
	switch {
	case len(cost) == 0, len(cost) == 1 && cost[0]:
	case len(cost) == 1:
		parts = append(parts, fmt.Sprintf("every adjacency costs %d", one(cost)))
	case cost[1]:
		parts = append(parts, "numbers are costs, no number is 1")
	default:
		parts = append(parts, "numbers are costs")
	}
	if busiest(list) > 0 {
		parts = append(parts, "thick: busiest")
	}
	if states[Down] || states[Suspect] || states[OneWay] {
		parts = append(parts, "dashed: not in use")
	}
	if len(parts) == 0 {
		return ""
	}
	return margin + strings.Join(parts, "; ")
}

// one is the only member of a set.
func one(set map[uint32]bool) uint32 {
	for n := range set {
		return n
	}
	return 0
}

func busiest(list []Adjacency) float64 {
	most := 0.0
	for _, a := range list {
		most = max(most, a.rate())
	}
	return most
}

// look is how an adjacency is drawn.
func look(a Adjacency, most float64, showCost bool) wire {
	w := wire{pen: thin}
	if showCost && a.Cost() > 0 && a.State != Down {
		w.label = fmt.Sprint(a.Cost())
	}
	if most > 0 && a.rate() >= most/2 {
		w.pen = thick
	}
	switch a.State {
	case Down:
		w.label, w.style, w.dashed = "✗", bad, true
	case Suspect:
		w.label, w.style, w.dashed = w.label+"?", odd, true
	case OneWay:
		w.label, w.style, w.dashed = w.label+"!", odd, true
	case Up:
	}
	return w
}
