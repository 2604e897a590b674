package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/meshway/meshway/internal/client"
)

// filter is a condition that entities have to meet.
type filter struct {
	attribute, op, value string
}

// operators of filters, the longer ones first.
var operators = []string{"!=", ">=", "<=", "=", "~", ">", "<"}

// parseFilter reads attribute=value and its kin.
func parseFilter(text string) (filter, error) {
	at := strings.IndexAny(text, "=!~<>")
	if at > 0 {
		for _, op := range operators {
			if rest, ok := strings.CutPrefix(text[at:], op); ok {
				return filter{text[:at], op, rest}, nil
			}
		}
	}
	return filter{}, usageError{fmt.Errorf("--filter %q: it must be ATTRIBUTE=VALUE, or with !=, ~ (contains), <, <=, > or >= in the place of =", text)}
}

func (f filter) meets(e client.Entity) bool {
	have := e.Text(f.attribute)
	c := compareTexts(have, f.value)
	switch f.op {
	case "=":
		return have == f.value
	case "!=":
		return have != f.value
	case "~":
		return strings.Contains(strings.ToLower(have), strings.ToLower(f.value))
	}
	// What is not known is neither more nor less.
	if !e.Has(f.attribute) {
		return false
	}
	switch f.op {
	case ">":
		return c > 0
	case ">=":
		return c >= 0
	case "<":
		return c < 0
	}
	return c <= 0
}

// compareTexts orders numbers by value, and all else as text.
func compareTexts(a, b string) int {
	x, err1 := strconv.ParseFloat(a, 64)
	y, err2 := strconv.ParseFloat(b, 64)
	if err1 == nil && err2 == nil {
		return cmp.Compare(x, y)
	}
	return cmp.Compare(a, b)
}

// filtered keeps what meets all filters. A filter by an attribute that no entity has is a
// mistake.
func filtered(rows []client.Entity, filters []filter) ([]client.Entity, error) {
	names := entityNames(rows)
	for _, f := range filters {
		if len(rows) > 0 && !slices.Contains(names, f.attribute) {
			return nil, usageError{fmt.Errorf("--filter: there is no attribute %q%s", f.attribute, meant(f.attribute, names))}
		}
	}
	return slices.DeleteFunc(rows, func(e client.Entity) bool {
		return slices.ContainsFunc(filters, func(f filter) bool { return !f.meets(e) })
	}), nil
}

// sorted orders entities by an attribute; a - in front of it turns the order round.
func sorted(rows []client.Entity, by string) ([]client.Entity, error) {
	name, down := strings.CutPrefix(by, "-")
	if names := entityNames(rows); len(rows) > 0 && !slices.Contains(names, name) {
		return nil, usageError{fmt.Errorf("--sort: there is no attribute %q%s", name, meant(name, names))}
	}
	slices.SortStableFunc(rows, func(a, b client.Entity) int {
		c := compareTexts(a.Text(name), b.Text(name))
		if down {
			return -c
		}
		return c
	})
	return rows, nil
}
