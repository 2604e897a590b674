package router

import (
	"strconv"

	"github.com/meshway/meshway/internal/management"
)

// The entities of a running router, as management shows them: a row is a value that is made
// when somebody asks, a column says how an attribute is found in it.

func column[E any](typ, name, help string, get func(E) any) management.Column[E] {
	return management.Column[E]{Attribute: management.Attribute{Name: name, Type: typ, Help: help}, Get: get}
}

func text[E any](name, help string, get func(E) string) management.Column[E] {
	return column(typeText, name, help, func(e E) any {
		if s := get(e); s != "" {
			return s
		}
		return nil
	})
}

func truth[E any](name, help string, get func(E) bool) management.Column[E] {
	return column(typeTruth, name, help, func(e E) any { return get(e) })
}

// counter is a number that only rises; it is sent as ulong.
func counter[E any](name, help string, get func(E) uint64) management.Column[E] {
	c := column(typeNumber, name, help, func(e E) any { return get(e) })
	c.Counter = true
	return c
}

// gauge is a number that rises and falls; it is sent as uint.
func gauge[E any](name, help string, get func(E) uint32) management.Column[E] {
	return column(typeNumber, name, help, func(e E) any { return get(e) })
}

// number is a number that is sent as int.
func number[E any](name, help string, get func(E) int) management.Column[E] {
	return column(typeNumber, name, help, func(e E) any { return int32(get(e)) })
}

// always is an attribute that is the same for every entity; nil if there is none.
func always[E any](typ, name, help string, v any) management.Column[E] {
	return column(typ, name, help, func(E) any { return v })
}

// identified are the name and identity of entities.
func identified[E any](name, identity func(E) string) []management.Column[E] {
	list := []management.Column[E]{text("name", "what it is called", name), text("identity", "by which it is found", identity)}
	for i := range list {
		list[i].Unique = true
	}
	return list
}

// The types of attributes.
const (
	typeText   = "string"
	typeNumber = "integer"
	typeTruth  = "boolean"
	typeList   = "list"
	typeMap    = "map"
)

func decimal(n uint64) string { return strconv.FormatUint(n, 10) }
