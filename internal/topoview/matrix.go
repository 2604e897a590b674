package topoview

import (
	"fmt"
	"strings"
)

// matrix shows the costs of all adjacencies where lines would cover each other: a row and a
// column for each router.
func (p *report) matrix() []string {
	ids := make([]string, len(p.mesh.Routers))
	at := map[string]int{}
	head, cell := 0, 1
	for i, r := range p.mesh.Routers {
		ids[i] = r.ID
		at[r.ID] = i
		head = max(head, columns(r.ID))
	}
	entry := make(map[[2]int]Adjacency, 2*len(p.mesh.Adjacencies))
	for _, a := range p.mesh.Adjacencies {
		i, j := at[a.A], at[a.B]
		entry[[2]int{i, j}], entry[[2]int{j, i}] = a, a
		cell = max(cell, columns(mark(a)))
	}
	names := shortNames(ids)
	for _, n := range names {
		cell = max(cell, columns(n))
	}
	var lines []string
	line := margin + strings.Repeat(" ", head)
	for _, n := range names {
		line += " " + padLeft(n, cell)
	}
	lines = append(lines, p.paint(line, faint))
	for i, id := range ids {
		line := margin + p.paint(id, p.box(p.mesh.Routers[i], 1).style) + strings.Repeat(" ", head-columns(id))
		for j := range ids {
			text, st := "·", faint
			if a, ok := entry[[2]int{i, j}]; ok {
				text, st = mark(a), look(a, 0, true).style
			} else if i == j {
				text = ""
			}
			line += " " + p.paint(padLeft(text, cell), st)
		}
		lines = append(lines, strings.TrimRight(line, " "))
	}
	n := len(ids)
	note := "costs of adjacencies; · is none"
	if len(p.mesh.Adjacencies) == n*(n-1)/2 {
		note = "every router is adjacent to every other; the numbers are costs"
	}
	return append(lines, "", p.paint(margin+note, faint))
}

// mark is an adjacency in a matrix.
func mark(a Adjacency) string {
	switch a.State {
	case Down:
		return "✗"
	case Suspect:
		return fmt.Sprintf("%d?", a.Cost())
	case OneWay:
		return fmt.Sprintf("%d!", a.Cost())
	case Up:
	}
	return fmt.Sprint(a.Cost())
}

// shortNames leaves out what all ids begin with.
func shortNames(ids []string) []string {
	prefix := ""
	if len(ids) > 0 {
		prefix = ids[0]
	}
	for _, id := range ids {
		for !strings.HasPrefix(id, prefix) || len(prefix) == len(id) && len(ids) > 1 {
			prefix = prefix[:len(prefix)-1]
		}
	}
	prefix = strings.TrimRight(prefix, "0123456789")
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = strings.ToValidUTF8(id[len(prefix):], "")
	}
	return out
}

func padLeft(s string, width int) string {
	return strings.Repeat(" ", max(width-columns(s), 0)) + s
}

func padRight(s string, width int) string {
	return s + strings.Repeat(" ", max(width-columns(s), 0))
}
