package topoview

import (
	"cmp"
	"slices"
)

// box is a node of a drawing.
type box struct {
	lines  []string // the first is its name
	style  style    // of the name and the frame
	dashed bool
	framed bool
}

// wire is a line between two boxes.
type wire struct {
	a, b   int
	label  string
	style  style
	pen    pen
	dashed bool
}

// sketch is what is to be drawn, before it is decided where.
type sketch struct {
	boxes []box
	wires []wire
}

// spot is a box in a row, or the place in a row where a wire passes by.
type spot struct {
	box        int // -1: a wire passes
	row, pos   int // pos is the place in the order of the row
	width      int
	x          int // left edge
	above      []*seg
	below      []*seg
	left, next *seg // the wire to the neighbour in the row, drawn straight
}

func (s *spot) center() float64 { return float64(s.x) + float64(s.width-1)/2 }

// seg is a piece of a wire between two rows, or below one row if it joins two of its spots.
type seg struct {
	wire     int
	from, to *spot // to is below from, or in the same row
	// Where it meets the channel, and its row there. A straight one has none.
	x1, x2, track int
	labelled      bool // the one piece of its wire that carries the label
}

func (s *seg) flat() bool { return s.from.row == s.to.row }

// drawing is a sketch with places.
type drawing struct {
	*sketch
	width  int // most columns
	spots  []*spot
	rows   [][]*spot
	segs   []*seg
	height []int // of each row's boxes
	tracks []int // of the channel below each row
	faults int   // lines that run on top of each other
}

// arrange finds places for a sketch in so many columns and lines; nil if it found none that
// can be read.
func arrange(s *sketch, width, height int) *drawing {
	if len(s.boxes) == 0 || len(s.wires) > 2*len(s.boxes)+8 {
		return nil // so many lines would not be followed by any eye
	}
	var best *drawing
	var bestScore int
	for top := range s.boxes {
		d := &drawing{sketch: s, width: width}
		if !d.layer(top) {
			continue
		}
		d.order()
		if !d.place() {
			continue
		}
		d.route()
		if d.lines() > height || d.faults > 0 {
			continue
		}
		if score := d.score(); best == nil || score < bestScore {
			best, bestScore = d, score
		}
	}
	return best
}

// score is smaller the easier the drawing is to read.
func (d *drawing) score() int {
	bends, loops := 0, 0
	for _, s := range d.segs {
		switch {
		case s.flat() && s.from.next != s:
			loops++
		case s.x1 != s.x2 && !s.flat():
			bends++
		}
	}
	passing := len(d.spots) - len(d.boxes)
	return 12*d.crossings() + 2*bends + 8*loops + 2*passing + 2*d.lines()
}

// layer gives each box a row, and each wire that spans several rows a spot in those between.
func (d *drawing) layer(top int) bool {
	row := d.rowsFrom(top)
	for range 6 {
		d.spread(row)
		wide := false
		for at, r := range d.rows {
			if need := packed(r); need > d.width {
				wide = true
				d.push(row, at)
				break
			}
		}
		if !wide {
			return true
		}
	}
	return false
}

// rowsFrom is how far each box is from the top one of its part of the mesh. Boxes without
// wires stand in a row of their own.
func (d *drawing) rowsFrom(top int) []int {
	next := make([][]int, len(d.boxes))
	for _, w := range d.wires {
		next[w.a] = append(next[w.a], w.b)
		next[w.b] = append(next[w.b], w.a)
	}
	row := make([]int, len(d.boxes))
	for i := range row {
		row[i] = -1
	}
	last := -1
	for i := range d.boxes {
		start := (top + i) % len(d.boxes)
		if row[start] >= 0 || len(next[start]) == 0 {
			continue
		}
		row[start] = 0
		for queue := []int{start}; len(queue) > 0; queue = queue[1:] {
			last = max(last, row[queue[0]])
			for _, n := range next[queue[0]] {
				if row[n] < 0 {
					row[n] = row[queue[0]] + 1
					queue = append(queue, n)
				}
			}
		}
	}
	for i := range row {
		if row[i] < 0 {
			row[i] = last + 1
		}
	}
	return row
}

// push moves the boxes of the second half of a row, and all below, one row down.
func (d *drawing) push(row []int, wide int) {
	var here []int
	for i, r := range row {
		if r == wide {
			here = append(here, i)
		}
		if r > wide {
			row[i]++
		}
	}
	for _, i := range here[(len(here)+1)/2:] {
		row[i]++
	}
}

// spread makes spots and segments of rows.
func (d *drawing) spread(row []int) {
	d.spots, d.segs, d.rows = nil, nil, nil
	at := make([]*spot, len(d.boxes))
	add := func(s *spot) *spot {
		for len(d.rows) <= s.row {
			d.rows = append(d.rows, nil)
		}
		s.pos = len(d.rows[s.row])
		d.rows[s.row] = append(d.rows[s.row], s)
		d.spots = append(d.spots, s)
		return s
	}
	for i := range d.boxes {
		at[i] = add(&spot{box: i, row: row[i]})
	}
	for i, w := range d.wires {
		from, to := at[w.a], at[w.b]
		if from.row > to.row {
			from, to = to, from
		}
		first := true
		for from.row < to.row-1 {
			pass := add(&spot{box: -1, row: from.row + 1, width: 1})
			d.join(i, from, pass, first)
			from, first = pass, false
		}
		d.join(i, from, to, first)
	}
	for _, s := range d.spots {
		if s.box >= 0 {
			s.width = d.boxes[s.box].width(max(len(s.above), len(s.below)))
		}
	}
}

func (d *drawing) join(wire int, from, to *spot, labelled bool) {
	s := &seg{wire: wire, from: from, to: to, labelled: labelled}
	from.below = append(from.below, s)
	if s.flat() {
		to.below = append(to.below, s)
	} else {
		to.above = append(to.above, s)
	}
	d.segs = append(d.segs, s)
}

// width is the columns of a box that so many wires meet on one side.
func (b box) width(wires int) int {
	w := 2*wires - 1
	for _, l := range b.lines {
		w = max(w, columns(l))
	}
	if !b.framed {
		return w
	}
	// An odd width has a middle, where a single wire looks best.
	return (w+2)/2*2 + 3
}

func (b box) height() int {
	if b.framed {
		return len(b.lines) + 2
	}
	return 1
}

// order sorts the spots of each row so that few wires cross: sweeps by the mean place of
// what each is joined to, then swaps of neighbours, while that helps.
func (d *drawing) order() {
	best, fewest := d.snapshot(), d.crossings()
	for sweep := range 12 {
		for i := range d.rows {
			r := i
			if sweep%2 == 1 {
				r = len(d.rows) - 1 - i
			}
			d.sortRow(r, sweep%2 == 0)
		}
		d.swaps()
		if n := d.crossings(); n < fewest {
			best, fewest = d.snapshot(), n
		}
	}
	for r, order := range best {
		d.rows[r] = order
		renumber(order)
	}
}

func (d *drawing) snapshot() [][]*spot {
	out := make([][]*spot, len(d.rows))
	for i, r := range d.rows {
		out[i] = slices.Clone(r)
	}
	return out
}

func renumber(row []*spot) {
	for i, s := range row {
		s.pos = i
	}
}

func (d *drawing) sortRow(r int, down bool) {
	want := make(map[*spot]float64, len(d.rows[r]))
	for _, s := range d.rows[r] {
		list, mean, n := s.above, 0.0, 0.0
		if !down {
			list = s.below
		}
		for _, g := range list {
			other := g.from
			if other == s {
				other = g.to
			}
			if other.row != s.row {
				// Rows differ in length; the middle of each is the same place.
				mean += float64(other.pos) - float64(len(d.rows[other.row])-1)/2
				n++
			}
		}
		if n == 0 {
			want[s] = float64(s.pos) - float64(len(d.rows[r])-1)/2
			continue
		}
		want[s] = mean / n
	}
	slices.SortStableFunc(d.rows[r], func(a, b *spot) int { return cmp.Compare(want[a], want[b]) })
	renumber(d.rows[r])
}

// swaps exchanges neighbours as long as fewer wires cross for it.
func (d *drawing) swaps() {
	for range 4 {
		better := false
		for r := range d.rows {
			for i := 0; i+1 < len(d.rows[r]); i++ {
				row := d.rows[r]
				before := d.crossingsAt(r)
				row[i], row[i+1] = row[i+1], row[i]
				row[i].pos, row[i+1].pos = i, i+1
				if d.crossingsAt(r) < before {
					better = true
					continue
				}
				row[i], row[i+1] = row[i+1], row[i]
				row[i].pos, row[i+1].pos = i, i+1
			}
		}
		if !better {
			return
		}
	}
}

// crossings counts the wires that cross; one along a row counts what it passes, too.
func (d *drawing) crossings() int {
	n := 0
	for r := range d.rows {
		n += d.crossingsBelow(r)
	}
	return n
}

func (d *drawing) crossingsAt(r int) int {
	n := d.crossingsBelow(r)
	if r > 0 {
		n += d.crossingsBelow(r - 1)
	}
	return n
}

func (d *drawing) crossingsBelow(r int) int {
	var list []*seg
	for _, s := range d.rows[r] {
		for _, g := range s.below {
			if g.from == s {
				list = append(list, g)
			}
		}
	}
	n := 0
	for i, a := range list {
		if a.flat() {
			n += max(a.from.pos-a.to.pos, a.to.pos-a.from.pos) - 1
			continue
		}
		for _, b := range list[i+1:] {
			if !b.flat() && (a.from.pos-b.from.pos)*(a.to.pos-b.to.pos) < 0 {
				n++
			}
		}
	}
	return n
}
