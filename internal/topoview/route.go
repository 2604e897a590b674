package topoview

import (
	"cmp"
	"slices"
	"strings"
)

// route decides where the wires between rows run. A channel is the space below a row: each
// wire comes down from a spot to a track of its own, goes along it, and down to the next row.
func (d *drawing) route() {
	d.height = make([]int, len(d.rows))
	d.tracks = make([]int, len(d.rows))
	for r, row := range d.rows {
		d.height[r] = 1
		for _, s := range row {
			if s.box >= 0 {
				d.height[r] = max(d.height[r], d.boxes[s.box].height())
			}
			d.ports(s, s.above, false)
			d.ports(s, s.below, true)
		}
	}
	for r := range d.rows {
		list := d.channel(r)
		d.straighten(list)
		d.assign(r, list)
	}
}

// channel is the wires below a row, but for those drawn straight across.
func (d *drawing) channel(r int) []*seg {
	var list []*seg
	for _, s := range d.rows[r] {
		for _, g := range s.below {
			if g.from == s {
				list = append(list, g)
			}
		}
	}
	return list
}

// ports divides a side of a spot among its wires, in the order of where those go.
func (d *drawing) ports(s *spot, list []*seg, below bool) {
	far := func(g *seg) float64 {
		if g.from == s {
			return g.to.center()
		}
		return g.from.center()
	}
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b *seg) int { return cmp.Compare(far(a), far(b)) })
	lo, hi := d.interior(s)
	for i, g := range list {
		x := lo + (2*i+1)*(hi-lo+1)/(2*len(list))
		if below && g.from == s {
			g.x1 = x
		} else {
			g.x2 = x
		}
	}
}

// interior is the columns of a spot at which wires may meet it.
func (d *drawing) interior(s *spot) (lo, hi int) {
	if s.box >= 0 && d.boxes[s.box].framed {
		return s.x + 1, s.x + s.width - 2
	}
	return s.x, s.x + s.width - 1
}

// straighten slides the only wire on a side of a box to where the other end is.
func (d *drawing) straighten(list []*seg) {
	for _, g := range list {
		if g.flat() || g.x1 == g.x2 {
			continue
		}
		if lo, hi := d.interior(g.to); len(g.to.above) == 1 && lo <= g.x1 && g.x1 <= hi {
			g.x2 = g.x1
		} else if lo, hi := d.interior(g.from); len(g.from.below) == 1 && lo <= g.x2 && g.x2 <= hi {
			g.x1 = g.x2
		}
	}
}

// span is the columns that a wire takes of its track.
func (g *seg) span() (lo, hi int) { return min(g.x1, g.x2), max(g.x1, g.x2) }

// upper are the columns in which a wire comes down to its track.
func (g *seg) upper() []int {
	if g.flat() {
		return []int{g.x1, g.x2}
	}
	return []int{g.x1}
}

// assign gives each wire of a channel a track. Where one leaves its track downwards in the
// column in which another comes down, the other must have turned away before.
func (d *drawing) assign(r int, list []*seg) {
	var bent []*seg
	for _, g := range list {
		if g.x1 != g.x2 {
			bent = append(bent, g)
		} else {
			g.track = -1
		}
	}
	slices.SortStableFunc(bent, func(a, b *seg) int {
		return cmp.Or(cmp.Compare(a.turn(), b.turn()), cmp.Compare(a.span2(), b.span2()))
	})
	placed := make(map[*seg]bool, len(bent))
	for len(placed) < len(bent) {
		g := d.free(bent, placed)
		track := 0
		for {
			clash := false
			for h := range placed {
				if h.track == track && overlap(g, h) || h.track >= track && h.before(g) {
					clash = true
				}
			}
			if !clash {
				break
			}
			track++
		}
		g.track = track
		placed[g] = true
		d.tracks[r] = max(d.tracks[r], track+1)
	}
	d.faults += onTop(bent)
}

// turn orders the wires so that those which fan out from one box do not cross: of those
// that go right the last first, of those that go left the first.
func (g *seg) turn() int {
	if g.x2 > g.x1 {
		return -g.x1
	}
	return g.x1
}

func (g *seg) span2() int {
	lo, hi := g.span()
	return hi - lo
}

// free is the first wire that nothing unplaced has to be above of; in a cycle, the first.
func (d *drawing) free(bent []*seg, placed map[*seg]bool) *seg {
	var first *seg
	for _, g := range bent {
		if placed[g] {
			continue
		}
		if first == nil {
			first = g
		}
		if !slices.ContainsFunc(bent, func(h *seg) bool { return h != g && !placed[h] && h.before(g) }) {
			return g
		}
	}
	return first
}

// before reports whether g must have a track above h's.
func (g *seg) before(h *seg) bool { return g != h && !h.flat() && slices.Contains(g.upper(), h.x2) }

func overlap(a, b *seg) bool {
	alo, ahi := a.span()
	blo, bhi := b.span()
	return alo <= bhi && blo <= ahi
}

// onTop counts the wires of a channel that run in the same column.
func onTop(bent []*seg) int {
	n := 0
	for _, g := range bent {
		for _, h := range bent {
			if g.before(h) && g.track >= h.track {
				n++
			}
		}
	}
	return n
}

// deep is how many lines the channel below a row takes: its tracks, one line in which every
// wire is by itself, and one more if boxes without frames would touch.
func (d *drawing) deep(r int) int {
	if r == len(d.rows)-1 {
		return d.tracks[r]
	}
	if len(d.channel(r)) == 0 {
		return 1
	}
	return d.tracks[r] + 1
}

func (d *drawing) lines() int {
	n := 0
	for r := range d.rows {
		n += d.height[r] + d.deep(r)
	}
	return n
}

// paint draws it all, and returns the wires whose labels found no room.
func (d *drawing) paint() (c *canvas, unlabelled []wire) {
	c = &canvas{width: d.width + 1}
	y := 0
	tops := make([]int, len(d.rows))
	for r := range d.rows {
		tops[r] = y
		y += d.height[r] + d.deep(r)
	}
	for r := range d.rows {
		for _, g := range d.channel(r) {
			d.paintWire(c, g, tops)
		}
		for _, s := range d.rows[r] {
			if s.box < 0 {
				w := d.wireAt(s)
				c.line(s.x, tops[r]-1, s.x, tops[r]+d.height[r], w.pen, w.style, w.dashed)
			}
			if g := s.next; g != nil {
				d.paintAcross(c, g, tops[r])
			}
		}
	}
	for _, s := range d.spots {
		if s.box >= 0 {
			d.paintBox(c, s, tops[s.row])
		}
	}
	return c, d.paintLabels(c, tops)
}

func (d *drawing) wireAt(pass *spot) wire { return d.wires[pass.above[0].wire] }

// bottom is the last line of a spot; wires begin there.
func (d *drawing) bottom(s *spot, top int) int {
	if s.box < 0 {
		return top + d.height[s.row] - 1
	}
	return top + d.boxes[s.box].height() - 1
}

func (d *drawing) paintWire(c *canvas, g *seg, tops []int) {
	w, r := d.wires[g.wire], g.from.row
	from := d.bottom(g.from, tops[r])
	track := tops[r] + d.height[r] + max(g.track, 0)
	c.line(g.x1, from, g.x1, track, w.pen, w.style, w.dashed)
	if g.x1 != g.x2 {
		c.line(g.x1, track, g.x2, track, w.pen, w.style, w.dashed)
	}
	var to int
	if g.flat() {
		to = d.bottom(g.to, tops[r])
	} else {
		to = tops[r+1]
	}
	c.line(g.x2, min(track, to), g.x2, max(track, to), w.pen, w.style, w.dashed)
}

// paintAcross draws a wire between neighbours of a row, with its label in the middle.
func (d *drawing) paintAcross(c *canvas, g *seg, top int) {
	w := d.wires[g.wire]
	x1, x2, y := g.from.x+g.from.width-1, g.to.x, top+d.nameLine(g.from)
	if y2 := top + d.nameLine(g.to); y2 > y {
		y = y2
	}
	if !d.boxes[g.from.box].framed {
		x1, x2 = x1+1, x2-1
	}
	c.line(x1, y, x2, y, w.pen, w.style, w.dashed)
	if w.label != "" {
		c.write((x1+x2-columns(w.label)+1)/2, y, w.label, w.style)
	}
}

func (d *drawing) nameLine(s *spot) int {
	if d.boxes[s.box].framed {
		return 1
	}
	return 0
}

func (d *drawing) paintBox(c *canvas, s *spot, top int) {
	b := d.boxes[s.box]
	inset := 0
	if b.framed {
		// What is inside is empty, whatever was drawn there.
		for y := top + 1; y < top+b.height()-1; y++ {
			for x := s.x + 1; x < s.x+s.width-1; x++ {
				*c.at(x, y) = cell{}
			}
		}
		frame := b.style
		if frame == strong {
			frame = plain
		}
		c.rect(s.x, top, s.x+s.width-1, top+b.height()-1, frame, b.dashed)
		inset = 1
	}
	for i, l := range b.lines {
		if !b.framed {
			if i > 0 {
				break
			}
			c.write(s.x, top, strings.Repeat(" ", s.width), plain) // over the ends of wires
		}
		st := b.style
		if i > 0 && st == strong {
			st = plain
		}
		c.write(s.x+(s.width-columns(l))/2, top+inset+i, l, st)
	}
}

// paintLabels writes at each wire what stands at it: along its track where that is free,
// else in the line above the next row.
func (d *drawing) paintLabels(c *canvas, tops []int) (unlabelled []wire) {
	for _, g := range d.segs {
		w := d.wires[g.wire]
		if w.label == "" || !g.labelled || g.from.next == g {
			continue
		}
		if !d.labelTrack(c, g, tops) && !d.labelEnd(c, g, tops) {
			unlabelled = append(unlabelled, w)
		}
	}
	return unlabelled
}

// labelTrack writes into the horizontal part of a wire, if nothing crosses it there.
func (d *drawing) labelTrack(c *canvas, g *seg, tops []int) bool {
	w := d.wires[g.wire]
	lo, hi := g.span()
	y := tops[g.from.row] + d.height[g.from.row] + g.track
	n := columns(w.label)
	for shift := 0; shift <= (hi-lo)/2; shift++ {
		for _, x := range []int{(lo+hi-n+1)/2 - shift, (lo+hi-n+1)/2 + shift} {
			if x < lo+2 || x+n > hi-1 {
				continue
			}
			clear := true
			for i := x - 1; i <= x+n; i++ {
				at := c.at(i, y)
				clear = clear && at.text == 0 && at.arms[north] == none && at.arms[south] == none
			}
			if clear {
				c.write(x, y, w.label, w.style)
				return true
			}
		}
	}
	return false
}

// labelEnd writes over the last piece of a wire, above the row that it comes to.
func (d *drawing) labelEnd(c *canvas, g *seg, tops []int) bool {
	if g.flat() {
		return false
	}
	w := d.wires[g.wire]
	y, n := tops[g.to.row]-1, columns(w.label)
	for x := g.x2 - (n-1)/2; x >= g.x2-n+1; x-- {
		if !c.inside(x) || !c.inside(x+n) {
			continue
		}
		clear := true
		for i := x - 1; i <= x+n; i++ {
			clear = clear && (i == g.x2 || i < 0 || c.at(i, y).empty())
		}
		if clear {
			c.write(x, y, w.label, w.style)
			return true
		}
	}
	return false
}
