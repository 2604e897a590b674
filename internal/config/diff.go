package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Change is one entity that differs between two configurations.
type Change struct {
	Entity     string // "listener"
	Name       string // empty where there is only one
	Kind       ChangeKind
	Attributes []string // those that differ, with Changed
}

// ChangeKind is what happened to an entity.
type ChangeKind string

// The kinds.
const (
	Added   ChangeKind = "added"
	Removed ChangeKind = "removed"
	Changed ChangeKind = "changed"
)

// String is the change in words: "listener devices: changed host, port".
func (c Change) String() string {
	name := c.Entity
	if c.Name != "" {
		name += " " + c.Name
	}
	if c.Kind == Changed {
		return fmt.Sprintf("%s: %s %s", name, c.Kind, strings.Join(c.Attributes, ", "))
	}
	return fmt.Sprintf("%s: %s", name, c.Kind)
}

// Fixed are the attributes of the change that cannot change while a router runs.
func (c Change) Fixed() []string {
	e := Lookup(c.Entity)
	return slices.DeleteFunc(slices.Clone(c.Attributes), func(name string) bool { return !e.Attribute(name).Fixed })
}

// Diff is what turns one configuration into the other, entity by entity, in the order
// of the schema. Entities of which there are several are told apart by their names.
// Where they were read from makes no difference.
func Diff(before, after Config) []Change {
	var changes []Change
	for _, e := range Schema() {
		old, now := e.Items(&before), e.Items(&after)
		for _, item := range old {
			if with(now, NameOf(item)) == nil {
				changes = append(changes, Change{Entity: e.Name, Name: NameOf(item), Kind: Removed})
			}
		}
		for _, item := range now {
			was := with(old, NameOf(item))
			if was == nil {
				changes = append(changes, Change{Entity: e.Name, Name: NameOf(item), Kind: Added})
			} else if differ := e.differing(was, item); len(differ) > 0 {
				changes = append(changes, Change{Entity: e.Name, Name: NameOf(item), Kind: Changed, Attributes: differ})
			}
		}
	}
	return changes
}

// with finds an item by its name.
func with(items []any, name string) any {
	for _, item := range items {
		if NameOf(item) == name {
			return item
		}
	}
	return nil
}

// differing are the attributes that two items do not have in common.
func (e *Entity) differing(a, b any) []string {
	var names []string
	for i := range e.Attributes {
		if attribute := &e.Attributes[i]; !reflect.DeepEqual(attribute.Get(a), attribute.Get(b)) {
			names = append(names, attribute.Name)
		}
	}
	return names
}
