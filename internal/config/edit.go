package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// Create returns the configuration with one more entity, made of attributes by name:
// strings, numbers, booleans, []string, []any and map[string]any. A string does for a
// number, a boolean or a list; a nil value is none. The error says all that is wrong,
// as [Problems]; what only needs something that is not there yet is in Warnings of the
// result. c itself does not change.
func (c Config) Create(entity string, attributes map[string]any) (Config, error) {
	e, err := editable(entity, attributes)
	if err != nil {
		return Config{}, err
	}
	if !e.List {
		return Config{}, fmt.Errorf("there is one %s already; update it", e.Name)
	}
	doc := document(&c, changed)
	list := child(doc, e.Section)
	if list == nil {
		list = &yaml.Node{Kind: yaml.SequenceNode}
		addPair(doc, e.Section, list)
	}
	n := &yaml.Node{Kind: yaml.MappingNode}
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		setPair(n, e, name, attributes[name])
	}
	list.Content = append(list.Content, n)
	return c.edited(doc)
}

// Update returns the configuration with other attributes of an entity, by its name,
// which is ignored where there is only one. A nil value removes what was said. See
// [Config.Create].
func (c Config) Update(entity, name string, attributes map[string]any) (Config, error) {
	e, err := editable(entity, attributes)
	if err != nil {
		return Config{}, err
	}
	doc := document(&c, changed)
	section := child(doc, e.Section)
	switch {
	case e.List:
		i := e.index(&c, name)
		if i < 0 {
			return Config{}, fmt.Errorf("there is no %s named %s", e.Name, shown(name))
		}
		section = section.Content[i]
	case section == nil:
		section = &yaml.Node{Kind: yaml.MappingNode}
		addPair(doc, e.Section, section)
	}
	for _, attribute := range slices.Sorted(maps.Keys(attributes)) {
		setPair(section, e, attribute, attributes[attribute])
	}
	return c.edited(doc)
}

// Delete returns the configuration without an entity, by its name. See [Config.Create].
func (c Config) Delete(entity, name string) (Config, error) {
	e, err := editable(entity, nil)
	if err != nil {
		return Config{}, err
	}
	i := e.index(&c, name)
	if !e.List || i < 0 {
		return Config{}, fmt.Errorf("there is no %s named %s that could be deleted", e.Name, shown(name))
	}
	doc := document(&c, changed)
	section := child(doc, e.Section)
	section.Content = slices.Delete(section.Content, i, i+1)
	return c.edited(doc)
}

// edited is what becomes of c by the document.
func (c *Config) edited(doc *yaml.Node) (Config, error) {
	p := newParser("", true)
	p.config.File = c.File
	p.folder = c.folder()
	return p.parse(doc)
}

// editable finds an entity that a configuration may have, with these attributes.
func editable(name string, attributes map[string]any) (*Entity, error) {
	e := Lookup(name)
	if e == nil {
		return nil, fmt.Errorf("there is no entity %s", shown(name))
	}
	if why := e.Refused; why != "" {
		return nil, fmt.Errorf("%s: %s", e.Name, why)
	}
	for attribute := range attributes {
		a := e.Attribute(attribute)
		if a != nil && a.Name != attribute && attributes[a.Name] != nil {
			return nil, fmt.Errorf("%s: both %s and its old spelling %s are given", e.Name, a.Name, attribute)
		}
	}
	return e, nil
}

// index is where in its list the entity is, or -1.
func (e *Entity) index(c *Config, name string) int {
	return slices.IndexFunc(e.Items(c), func(item any) bool { return NameOf(item) == name })
}

// child is the value of a key, or nil.
func child(m *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == key {
			return m.Content[i+1]
		}
	}
	return nil
}

// setPair puts another value into a mapping, or takes it out.
func setPair(m *yaml.Node, e *Entity, attribute string, value any) {
	if a := e.Attribute(attribute); a != nil {
		attribute = a.Name
	}
	m.Content = slices.Clone(m.Content)
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == attribute {
			m.Content = slices.Delete(m.Content, i, i+2)
			break
		}
	}
	if value != nil {
		addPair(m, attribute, givenNode(value))
	}
}

// givenNode is a value of a Go program, or of a form without types of its own: text
// that looks like a number does for one.
func givenNode(v any) *yaml.Node {
	if s, ok := v.(string); ok {
		return untypedNode(s)
	}
	return valueNode(simple(v), changed)
}

// simple reduces a value to the types that a file has.
func simple(v any) any {
	r := reflect.ValueOf(v)
	switch {
	case !r.IsValid():
		return nil
	case r.Kind() == reflect.String:
		return r.String()
	case r.CanInt():
		return r.Int()
	case r.CanUint():
		return r.Uint()
	case r.CanFloat():
		return r.Float()
	case r.Kind() == reflect.Bool:
		return r.Bool()
	case r.Kind() == reflect.Slice:
		list := []any{}
		for i := range r.Len() {
			list = append(list, simple(r.Index(i).Interface()))
		}
		return list
	case r.Kind() == reflect.Map:
		m := map[string]any{}
		for _, key := range r.MapKeys() {
			m[fmt.Sprint(key.Interface())] = simple(r.MapIndex(key).Interface())
		}
		return m
	}
	return fmt.Sprint(v)
}

// untypedNode is text that may stand for a number.
func untypedNode(s string) *yaml.Node {
	if _, err := strconv.ParseInt(s, 10, 64); err == nil {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: s}
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
}
