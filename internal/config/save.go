package config

import (
	"bytes"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Save writes a configuration as YAML that loads to the same: only what is not the
// default, passwords as they stood in the file. Names of files are relative to the
// folder of c.File.
func Save(c Config) []byte { return encode(document(&c, changed)) }

// Show writes everything that is in effect as YAML, defaults too, with asterisks for
// passwords.
func Show(c Config) []byte { return encode(document(&c, effective)) }

// Values is everything that is in effect by section, with asterisks for passwords: a
// map for each entity of which there is one, a list of maps for the others.
func Values(c Config) map[string]any {
	var m map[string]any
	_ = document(&c, effective).Decode(&m) // of our own making
	return m
}

// writing is what of a configuration is written.
type writing int

const (
	changed   writing = iota // what is not the default
	effective                // all that has an effect, without secrets
)

func encode(doc *yaml.Node) []byte {
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	_ = enc.Encode(doc) // into memory, nodes of our own making
	return b.Bytes()
}

// document is the configuration as the nodes of a file.
func document(c *Config, w writing) *yaml.Node {
	doc := &yaml.Node{Kind: yaml.MappingNode}
	for _, e := range Schema() {
		if e.Refused != "" {
			continue
		}
		var nodes []*yaml.Node
		for _, item := range e.Items(c) {
			nodes = append(nodes, itemNode(c, &e, item, w))
		}
		switch {
		case !e.List && len(nodes[0].Content) > 0:
			addPair(doc, e.Section, nodes[0])
		case e.List && len(nodes) > 0:
			addPair(doc, e.Section, &yaml.Node{Kind: yaml.SequenceNode, Content: nodes})
		}
	}
	return doc
}

func addPair(m *yaml.Node, key string, value *yaml.Node) {
	m.Content = append(m.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: key}, value)
}

// itemNode has the attributes of an item that are to be written.
func itemNode(c *Config, e *Entity, item any, w writing) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode}
	for i := range e.Attributes {
		a := &e.Attributes[i]
		if a.Refused != "" || !a.applies(item) || a.replaced(item) {
			continue
		}
		v := a.Get(item)
		if v == nil || w == changed && reflect.DeepEqual(v, a.usual(c, item)) {
			continue
		}
		file := e.Name == usersEntity.Name || a.Name == "outputFile" && v != outputStderr && v != outputStdout
		if file && w == changed {
			v = relative(c, v.(string))
		}
		addPair(n, a.Name, a.node(c, item, v, w))
	}
	if len(n.Content) == 0 {
		n.Style = yaml.FlowStyle // {}
	}
	return n
}

// node is the attribute's value as it stands in a file.
func (a *Attribute) node(c *Config, item, v any, w writing) *yaml.Node {
	if a.Record != nil {
		return itemNode(c, a.Record, reflect.ValueOf(a.field(item)).Elem().Interface(), w)
	}
	if s, ok := v.(string); ok && a.Type == TypeString && isDecimal(s) {
		return untypedNode(s) // a port needs no quotes
	}
	return valueNode(v, w)
}

// replaced reports whether another attribute is there instead.
func (a *Attribute) replaced(item any) bool {
	c, ok := item.(*Connector)
	return ok && c.Hosts != nil && (a.Name == "host" || a.Name == "port")
}

// relative is the name of a file as a configuration in the folder of c.File has it.
func relative(c *Config, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	if rel, err := filepath.Rel(filepath.Dir(c.File), path); err == nil {
		return rel
	}
	return path
}

// valueNode is a value as it stands in a file.
func valueNode(v any, w writing) *yaml.Node {
	switch v := v.(type) {
	case nil:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}
	case Secret:
		if w == effective {
			return valueNode(fmt.Sprint(v), w)
		}
		return valueNode(*v.text, w)
	case string:
		return textNode(v)
	case bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: strconv.FormatBool(v)}
	case float64:
		return floatNode(v)
	case []string:
		n := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
		for _, s := range v {
			n.Content = append(n.Content, textNode(s))
		}
		return n
	case []any:
		n := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
		for _, x := range v {
			n.Content = append(n.Content, valueNode(x, w))
		}
		return n
	case map[string]any:
		n := &yaml.Node{Kind: yaml.MappingNode}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			n.Content = append(n.Content, textNode(key), valueNode(v[key], w))
		}
		if len(v) == 0 {
			n.Style = yaml.FlowStyle
		}
		return n
	default: // int64 and uint64
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: fmt.Sprint(v)}
	}
}

func textNode(s string) *yaml.Node {
	n := &yaml.Node{}
	n.SetString(s)
	return n
}

// floatNode keeps a whole number a floating-point one.
func floatNode(f float64) *yaml.Node {
	n := &yaml.Node{}
	_ = n.Encode(f) // never fails
	if strings.Trim(n.Value, "-0123456789") == "" {
		n.Value, n.Tag = n.Value+".0", "!!float"
	}
	return n
}
