package client

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Entity is what an agent knows of one thing: attributes by name. What it does not know is
// nil, or missing.
type Entity map[string]any

// Text is an attribute for people: nil is empty, numbers are decimal, lists are parted by
// commas.
func (e Entity) Text(name string) string { return Text(e[name]) }

// Number is an attribute of any numeric type, 0 if it is nil or something else.
func (e Entity) Number(name string) float64 {
	n, _ := Number(e[name])
	return n
}

// Has reports whether the attribute is known.
func (e Entity) Has(name string) bool { return e[name] != nil }

// List is an attribute that is a list, as texts.
func (e Entity) List(name string) []string {
	var list []string
	for _, item := range items(e[name]) {
		list = append(list, Text(item))
	}
	return list
}

// Map is an attribute that is a map, by the text of its keys.
func (e Entity) Map(name string) map[string]any { return stringMap(e[name]) }

// Number converts any numeric type, and says whether v is one.
func Number(v any) (float64, bool) {
	switch v := v.(type) {
	case int:
		return float64(v), true
	case int8:
		return float64(v), true
	case int16:
		return float64(v), true
	case int32:
		return float64(v), true
	case int64:
		return float64(v), true
	case uint:
		return float64(v), true
	case uint8:
		return float64(v), true
	case uint16:
		return float64(v), true
	case uint32:
		return float64(v), true
	case uint64:
		return float64(v), true
	case float32:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

// Text is a value for people, on one line.
func Text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case float32, float64:
		n, _ := Number(v)
		return strconv.FormatFloat(n, 'g', -1, 64)
	}
	if m := stringMap(v); m != nil {
		var b strings.Builder
		for i, key := range slices.Sorted(maps.Keys(m)) {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(key + "=" + Text(m[key]))
		}
		return b.String()
	}
	if list, ok := listOf(v); ok {
		texts := make([]string, len(list))
		for i, item := range list {
			texts[i] = Text(item)
		}
		return strings.Join(texts, ",")
	}
	return fmt.Sprint(v)
}

// items is a list or an array; nil if it is neither.
func items(v any) []any {
	list, _ := listOf(v)
	return list
}

// listOf is a list, or an array of one of the types that agents send.
func listOf(v any) ([]any, bool) {
	switch v := v.(type) {
	case []any:
		return v, true
	case []string:
		return boxed(v), true
	case []int32:
		return boxed(v), true
	case []int64:
		return boxed(v), true
	case []uint64:
		return boxed(v), true
	}
	return nil, false
}

func boxed[T any](list []T) []any {
	out := make([]any, len(list))
	for i, item := range list {
		out[i] = item
	}
	return out
}

// stringMap is a map by the text of its keys; nil if v is none.
func stringMap(v any) map[string]any {
	switch v := v.(type) {
	case map[string]any:
		return v
	case map[any]any:
		m := make(map[string]any, len(v))
		for key, value := range v {
			m[Text(key)] = value
		}
		return m
	}
	return nil
}
