package config

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// unknown reports a key that no table has, with what may have been meant.
func (p *parser) unknown(key *yaml.Node, prefix string, names []string, e *Entity) {
	where := prefix + key.Value
	if e != nil {
		for _, a := range e.Attributes {
			if a.Old == key.Value {
				p.problem(key.Line, where, "is the old name of %s; use that", a.Name)
				return
			}
		}
	}
	if near := nearest(key.Value, names); near != "" {
		p.problem(key.Line, where, "is not known; did you mean %s?", near)
		return
	}
	p.problem(key.Line, where, "is not known; known are: %s", strings.Join(builtNames(e), ", "))
}

func sectionNamed(name string) *Entity {
	for _, e := range Schema() {
		if e.Section == name {
			return &e
		}
	}
	return nil
}

func sectionNames() []string {
	var names []string
	for _, e := range Schema() {
		names = append(names, e.Section)
	}
	return names
}

// builtSections are those that a file may have.
func builtSections() []string {
	var names []string
	for _, e := range Schema() {
		if e.Refused == "" {
			names = append(names, e.Section)
		}
	}
	return names
}

func attributeNames(e *Entity) []string {
	var names []string
	for _, a := range e.Attributes {
		names = append(names, a.Name)
	}
	return names
}

// builtNames are the attributes that an entity may have, or the sections.
func builtNames(e *Entity) []string {
	if e == nil {
		return builtSections()
	}
	var names []string
	for _, a := range e.Attributes {
		if a.Refused == "" {
			names = append(names, a.Name)
		}
	}
	return names
}

// nearest returns the name that a misspelt one most likely stands for, or "".
func nearest(word string, names []string) string {
	plain := plainName(word)
	best, least := "", 1+min(2, len(plain)/3)
	for _, name := range names {
		if d := distance(plain, plainName(name)); d < least {
			best, least = name, d
		}
	}
	return best
}

// plainName makes max-frame-size, max_frame_size and maxframesize the same.
func plainName(s string) string {
	return strings.NewReplacer("-", "", "_", "", " ", "", ".", "").Replace(strings.ToLower(s))
}

// distance is the number of letters to insert, remove, replace or swap with
// their neighbour to make b of a.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64 // nobody misspells that far
	}
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d := slices.Min([]int{rows[i-1][j] + 1, rows[i][j-1] + 1, rows[i-1][j-1] + cost})
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return rows[len(a)][len(b)]
}
