package topoview

// gap is how many columns two spots of a row keep apart.
func gap(a, b *spot) int {
	if a.box >= 0 && b.box >= 0 {
		return 3
	}
	return 2
}

// packed is how wide a row is at least.
func packed(row []*spot) int {
	w := 0
	for i, s := range row {
		w += s.width
		if i > 0 {
			w += gap(row[i-1], s)
		}
	}
	return w
}

// place gives every spot its columns: near the middle of what it is joined to, in order,
// and not too near its neighbours. It reports whether all fits.
func (d *drawing) place() bool {
	d.pairUp()
	for _, row := range d.rows {
		x := 0
		for i, s := range row {
			if i > 0 {
				x += d.apart(row[i-1], s)
			}
			s.x = x
			x += s.width
		}
		if x > d.width {
			return false
		}
	}
	for sweep := range 16 {
		for i := range d.rows {
			r := i
			if sweep%2 == 1 {
				r = len(d.rows) - 1 - i
			}
			d.settle(d.rows[r])
		}
	}
	left := d.width
	for _, s := range d.spots {
		left = min(left, s.x)
	}
	for _, s := range d.spots {
		s.x -= left
	}
	return true
}

// pairUp finds the wires between neighbours of a row, which are drawn straight across.
func (d *drawing) pairUp() {
	for _, g := range d.segs {
		a, b := g.from, g.to
		if !g.flat() || a.pos-b.pos != 1 && b.pos-a.pos != 1 {
			continue
		}
		if a.pos > b.pos {
			g.from, g.to = b, a
			a, b = b, a
		}
		a.next, b.left = g, g
		a.below, b.below = without(a.below, g), without(b.below, g)
	}
}

func without(list []*seg, g *seg) []*seg {
	var out []*seg
	for _, s := range list {
		if s != g {
			out = append(out, s)
		}
	}
	return out
}

// apart is the columns between two neighbours of a row: a wire between them needs room
// for what stands at it.
func (d *drawing) apart(a, b *spot) int {
	g := gap(a, b)
	if a.next != nil {
		g = max(g+1, columns(d.wires[a.next.wire].label)+4)
	}
	return g
}

// settle moves the spots of a row to where they want to be, as near as their order and
// distances allow: the best by least squares, found by pooling those that push each other.
func (d *drawing) settle(row []*spot) {
	type block struct{ at, weight, first, last float64 }
	var blocks []block
	offset := make([]float64, len(row)) // of each spot's left edge when all are packed
	used := 0
	for i, s := range row {
		if i > 0 {
			used += d.apart(row[i-1], s)
		}
		offset[i] = float64(used)
		used += s.width
		want, weight := d.wanted(s)
		b := block{want - offset[i], weight, float64(i), float64(i)}
		for len(blocks) > 0 && blocks[len(blocks)-1].at > b.at {
			p := blocks[len(blocks)-1]
			blocks = blocks[:len(blocks)-1]
			sum := p.weight + b.weight
			b = block{(float64(p.at*p.weight) + float64(b.at*b.weight)) / sum, sum, p.first, b.last}
		}
		blocks = append(blocks, b)
	}
	room := float64(d.width - used)
	for _, b := range blocks {
		at := min(max(b.at, 0), room)
		for i := int(b.first); i <= int(b.last); i++ {
			row[i].x = int(at + offset[i] + 0.5)
		}
	}
}

// wanted is where a spot's left edge should be, and how much that matters: wires that pass
// several rows should be straight.
func (d *drawing) wanted(s *spot) (x, weight float64) {
	sum := 0.0
	for _, list := range [][]*seg{s.above, s.below} {
		for _, g := range list {
			other := g.from
			if other == s {
				other = g.to
			}
			if other.row == s.row {
				continue
			}
			w := 1.0
			if s.box < 0 || other.box < 0 {
				w = 2
			}
			sum += float64(w * other.center())
			weight += w
		}
	}
	if weight == 0 {
		return float64(s.x), 0.1
	}
	return sum/weight - float64(s.width-1)/2, weight
}
