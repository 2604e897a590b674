package config

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Bounds of a map value: what a person writes is far below, and an alias used
// again and again cannot grow past them.
const (
	maxDepth = 32
	maxNodes = 10_000
)

// resolve follows an alias to what it stands for.
func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// kind says in words what a node is.
func kind(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return kind(n.Alias)
	}
	if n.Tag == "!!null" {
		return "empty"
	}
	return "the single value " + shown(n.Value)
}

// shown quotes a value for a message, cut to a reasonable length.
func shown(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "..."
	}
	return fmt.Sprintf("%q", s)
}

// knownTag is false for the tags that a file may invent.
func knownTag(n *yaml.Node) bool {
	switch n.ShortTag() {
	case "!!str", "!!int", "!!float", "!!bool", "!!null", "!!map", "!!seq", "!!timestamp", "":
		return true
	}
	return false
}

// readMap turns a mapping into plain values.
func readMap(n *yaml.Node) (any, error) {
	if n.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("is %s; it must be a mapping of names to values", kind(n))
	}
	r := mapReader{left: maxNodes}
	return r.value(n, 0)
}

type mapReader struct{ left int }

func (r *mapReader) value(n *yaml.Node, depth int) (any, error) {
	n = resolve(n)
	r.left--
	if r.left < 0 || depth > maxDepth {
		return nil, &lineError{n.Line, fmt.Sprintf("is too large: at most %d values, nested at most %d deep", maxNodes, maxDepth)}
	}
	if !knownTag(n) {
		return nil, &lineError{n.Line, fmt.Sprintf("has the tag %s, which means nothing here; remove it", n.Tag)}
	}
	switch n.Kind {
	case yaml.MappingNode:
		return r.mapping(n, depth)
	case yaml.SequenceNode:
		list := []any{}
		for _, item := range n.Content {
			v, err := r.value(item, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	}
	return scalar(n)
}

func (r *mapReader) mapping(n *yaml.Node, depth int) (any, error) {
	m := map[string]any{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := resolve(n.Content[i])
		if key.Kind != yaml.ScalarNode || key.Tag == "!!merge" {
			return nil, &lineError{key.Line, "has a key that is not a name"}
		}
		if _, ok := m[key.Value]; ok {
			return nil, &lineError{key.Line, fmt.Sprintf("has the key %q twice; remove one", key.Value)}
		}
		v, err := r.value(n.Content[i+1], depth+1)
		if err != nil {
			return nil, err
		}
		m[key.Value] = v
	}
	return m, nil
}

// scalar gives a single value the type that it looks like.
func scalar(n *yaml.Node) (any, error) {
	var v any
	if err := n.Decode(&v); err != nil {
		return nil, &lineError{n.Line, fmt.Sprintf("has the value %s, which does not fit its type: %s", shown(n.Value), strings.TrimPrefix(err.Error(), "yaml: "))}
	}
	switch v := v.(type) {
	case int:
		return int64(v), nil
	case string, bool, int64, uint64, float64, nil:
		return v, nil
	}
	return n.Value, nil // a date is the string that it was
}
