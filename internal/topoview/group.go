package topoview

import (
	"fmt"
	"slices"
	"strings"
)

// Bounds of groups: more are not seen at a glance.
const (
	minGroups = 2
	maxGroups = 12
)

// group is routers that are shown as one.
type group struct {
	name    string
	members []int // indexes of routers
}

// groups draws a mesh with many routers: in groups by what their ids begin with, if that
// divides them well, else by who is near to whom. Below it stands who is in which.
func (p *report) groups(room int) []string {
	list := p.byName()
	how := "grouped by name"
	if list == nil {
		list = p.byPlace()
		how = "grouped by nearness"
	}
	names := p.memberLines(list, max(room/3, 6))
	picture := p.draw(p.groupSketch(list, true), room-len(names)-1, margin+how+"; ×: adjacencies between groups, with their costs")
	if picture == nil {
		picture = p.draw(p.groupSketch(list, false), room-len(names)-1, margin+how+"; ×: adjacencies between groups")
	}
	if picture == nil {
		picture = p.groupTable(list)
	}
	picture = picture[:min(len(picture), room-len(names)-1)]
	return append(append(picture, ""), names...)
}

// byName groups routers by their ids up to the last run of digits, or the last separator:
// fra-1 and fra-2, eu.west.a and eu.west.b. It is nil if that makes no good groups.
func (p *report) byName() []group {
	for _, cut := range []func(string) string{
		func(id string) string { return strings.TrimRight(strings.TrimRight(id, "0123456789"), "-_.:") },
		func(id string) string { return beforeLast(id, "-_.:") },
		func(id string) string { return beforeFirst(id, "-_.:") },
	} {
		at := map[string]int{}
		var list []group
		for i, r := range p.mesh.Routers {
			name := cut(r.ID)
			if name == "" {
				name = r.ID
			}
			g, ok := at[name]
			if !ok {
				g = len(list)
				at[name] = g
				list = append(list, group{name: name})
			}
			list[g].members = append(list[g].members, i)
		}
		if len(list) >= minGroups && len(list) <= maxGroups && 2*len(list) <= len(p.mesh.Routers) {
			return list
		}
	}
	return nil
}

func beforeLast(id, any string) string {
	if i := strings.LastIndexAny(id, any); i > 0 {
		return id[:i]
	}
	return id
}

func beforeFirst(id, any string) string {
	if i := strings.IndexAny(id, any); i > 0 {
		return id[:i]
	}
	return id
}

// byPlace puts every router to the nearest of a few that are far from each other. Routers
// that nothing leads to are a group of their own.
func (p *report) byPlace() []group {
	n := len(p.mesh.Routers)
	next := make([][]int, n)
	at := map[string]int{}
	for i, r := range p.mesh.Routers {
		at[r.ID] = i
	}
	for _, a := range p.mesh.Adjacencies {
		i, j := at[a.A], at[a.B]
		next[i], next[j] = append(next[i], j), append(next[j], i)
	}
	far := make([]int, n)
	owner := make([]int, n)
	for i := range far {
		far[i], owner[i] = n+1, -1
	}
	wanted := min(max(n/10, 4), maxGroups-2)
	var seeds []int
	for seed := busiestRouter(next); len(seeds) < wanted && far[seed] > 1; {
		seeds = append(seeds, seed)
		flood(next, far, owner, seed, len(seeds)-1)
		seed = farthest(next, far)
	}
	list := make([]group, len(seeds))
	var alone group
	for i, o := range owner {
		if o < 0 {
			alone.members = append(alone.members, i)
			continue
		}
		list[o].members = append(list[o].members, i)
	}
	for g := range list {
		list[g].name = "around " + p.mesh.Routers[seeds[g]].ID
	}
	if len(alone.members) > 0 {
		alone.name = "apart"
		list = append(list, alone)
	}
	return list
}

// busiestRouter is the one with the most neighbours.
func busiestRouter(next [][]int) int {
	best := 0
	for i := range next {
		if len(next[i]) > len(next[best]) {
			best = i
		}
	}
	return best
}

// flood measures how far all are from a seed, and gives it those that are nearer to it
// than to any before.
func flood(next [][]int, far, owner []int, seed, name int) {
	far[seed], owner[seed] = 0, name
	for queue := []int{seed}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		for _, n := range next[at] {
			if far[n] > far[at]+1 {
				far[n], owner[n] = far[at]+1, name
				queue = append(queue, n)
			}
		}
	}
}

// farthest is the router with neighbours that is farthest from all seeds; parts that no seed
// reaches come first.
func farthest(next [][]int, far []int) int {
	best := 0
	for i, f := range far {
		if len(next[i]) > 0 && (f > far[best] || len(next[best]) == 0) {
			best = i
		}
	}
	return best
}

// groupSketch has a box for each group.
func (p *report) groupSketch(list []group, costs bool) *sketch {
	s := &sketch{}
	of := map[string]int{}
	for g, grp := range list {
		b := box{lines: []string{grp.name, count(len(grp.members), "router")}, style: strong, framed: true}
		down := 0
		for _, i := range grp.members {
			r := p.mesh.Routers[i]
			of[r.ID] = g
			if r.Unreachable || r.Silent || r.Unknown {
				down++
			}
			if r.ID == p.mesh.Self && grp.name != r.ID {
				b.lines = append(b.lines, "with "+r.ID)
			}
		}
		if down > 0 {
			b.lines = append(b.lines, fmt.Sprintf("✗ %d down", down))
			b.style = odd
			if down == len(grp.members) {
				b.style, b.dashed = bad, true
			}
		}
		s.boxes = append(s.boxes, b)
	}
	between := map[[2]int][]Adjacency{}
	var pairs [][2]int
	for _, a := range p.mesh.Adjacencies {
		i, j := of[a.A], of[a.B]
		if i == j {
			continue
		}
		k := [2]int{min(i, j), max(i, j)}
		if between[k] == nil {
			pairs = append(pairs, k)
		}
		between[k] = append(between[k], a)
	}
	for _, k := range pairs {
		w := bundle(between[k], costs)
		w.a, w.b = k[0], k[1]
		s.wires = append(s.wires, w)
	}
	return s
}

// bundle is how the adjacencies between two groups look.
func bundle(list []Adjacency, costs bool) wire {
	w := wire{pen: thin}
	up := 0
	lo, hi := list[0].Cost(), list[0].Cost()
	for _, a := range list {
		if a.State == Up {
			up++
		}
		lo, hi = min(lo, a.Cost()), max(hi, a.Cost())
	}
	w.label = fmt.Sprintf("%d×", len(list))
	switch {
	case up == 0:
		w.style, w.dashed = bad, true
		w.label = "✗"
	case up < len(list):
		w.style = odd
		w.label = fmt.Sprintf("%d/%d×", up, len(list))
	}
	switch {
	case !costs || up == 0:
	case lo == hi:
		w.label += fmt.Sprint(lo)
	default:
		w.label += fmt.Sprintf("%d-%d", lo, hi)
	}
	return w
}

// groupTable says the same in words, where no drawing has room.
func (p *report) groupTable(list []group) []string {
	s := p.groupSketch(list, true)
	links := make([][]string, len(list))
	for _, w := range s.wires {
		links[w.a] = append(links[w.a], s.boxes[w.b].lines[0]+" "+w.label)
		links[w.b] = append(links[w.b], s.boxes[w.a].lines[0]+" "+w.label)
	}
	var lines []string
	for g := range list {
		lines = append(lines, shorten(fmt.Sprintf("%s%s: %s", margin, list[g].name, strings.Join(links[g], ", ")), p.Width))
	}
	return append(lines, "", p.paint(margin+"between groups: how many × cost", faint))
}

// memberLines says who is in which group.
func (p *report) memberLines(list []group, most int) []string {
	wide := 0
	for _, g := range list {
		wide = max(wide, columns(g.name))
	}
	wide = min(wide, p.Width/3)
	var lines []string
	for _, g := range list {
		ids := make([]string, len(g.members))
		for i, at := range g.members {
			ids[i] = p.mesh.Routers[at].ID
		}
		head := margin + padRight(shorten(g.name, wide), wide) + "  "
		lines = append(lines, head+shorten(strings.Join(runs(ids), ", "), p.Width-columns(head)))
	}
	if len(lines) > most {
		lines = append(lines[:most-1], fmt.Sprintf("%sand %d more groups", margin, len(lines)-most+1))
	}
	return lines
}

// runs are ids in order, those that count up as one: r1 … r9.
func runs(ids []string) []string {
	ids = slices.Clone(ids)
	slices.SortFunc(ids, compareNames)
	var out []string
	for i := 0; i < len(ids); {
		j := i
		for j+1 < len(ids) && follows(ids[j], ids[j+1]) {
			j++
		}
		switch {
		case j-i >= 2:
			out = append(out, ids[i]+" … "+ids[j])
		case j > i:
			out = append(out, ids[i], ids[j])
		default:
			out = append(out, ids[i])
		}
		i = j + 1
	}
	return out
}

// follows reports whether b is a with its last number one higher.
func follows(a, b string) bool {
	stem := strings.TrimRight(a, "0123456789")
	if stem != strings.TrimRight(b, "0123456789") {
		return false
	}
	var x, y int
	_, err1 := fmt.Sscanf(a[len(stem):], "%d", &x)
	_, err2 := fmt.Sscanf(b[len(stem):], "%d", &y)
	return err1 == nil && err2 == nil && y == x+1
}
