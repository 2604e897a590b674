package management

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/meshway/meshway/internal/wire"
)

// getSchema describes all entity types: what is false or empty is left out.
func (a *Agent) getSchema(*Request) (any, *Error) {
	types := make(wire.Map, 0, len(a.types))
	for _, t := range a.types {
		types = append(types, wire.Pair{Key: t.Type().Name, Value: t.Type().schema()})
	}
	return wire.Map{{Key: "prefix", Value: strings.TrimSuffix(Prefix, ".")}, {Key: "entityTypes", Value: types}}, nil
}

func (t *Type) schema() wire.Map {
	attributes := wire.Map{}
	for i := range t.Attributes {
		if at := &t.Attributes[i]; at.Name != "type" {
			attributes = append(attributes, wire.Pair{Key: at.Name, Value: at.schema()})
		}
	}
	operations := make([]any, len(t.Operations))
	for i, op := range t.Operations {
		operations[i] = op
	}
	m := wire.Map{
		{Key: "attributes", Value: attributes},
		{Key: "operations", Value: operations},
		{Key: "description", Value: t.Help},
		{Key: "fullyQualifiedType", Value: t.Long()},
	}
	if t.Singleton {
		m = append(m, wire.Pair{Key: "singleton", Value: true})
	}
	return m
}

func (at *Attribute) schema() wire.Map {
	var typ any = at.Type
	if len(at.Values) > 0 {
		list := make([]any, len(at.Values))
		for i, v := range at.Values {
			list[i] = v
		}
		typ = list
	}
	m := wire.Map{{Key: "type", Value: typ}}
	put := func(key string, there bool, v any) {
		if there {
			m = append(m, wire.Pair{Key: key, Value: v})
		}
	}
	put("default", at.Default != nil, at.Default)
	put("required", at.Required, true)
	put("unique", at.Unique, true)
	put("create", at.Create, true)
	put("update", at.Update, true)
	put("hidden", at.Secret, true)
	put("graph", at.Counter, true)
	put("description", at.Help != "", at.Help)
	return m
}

// getJSONSchema is getSchema as text.
func (a *Agent) getJSONSchema(r *Request) (any, *Error) {
	indent, there, err := r.count("indent")
	if err != nil {
		return nil, err
	}
	schema, _ := a.getSchema(r)
	var text []byte
	var jerr error
	if there && indent > 0 {
		text, jerr = json.MarshalIndent(plain(schema), "", strings.Repeat(" ", min(indent, 8)))
	} else {
		text, jerr = json.Marshal(plain(schema))
	}
	if jerr != nil {
		return nil, &Error{StatusInternalError, jerr.Error()}
	}
	return string(text), nil
}

// plain is a value with Go's maps in it.
func plain(v any) any {
	switch v := v.(type) {
	case wire.Map:
		m := make(map[string]any, len(v))
		for _, p := range v {
			m[fmt.Sprint(p.Key)] = plain(p.Value)
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = plain(v[i])
		}
		return list
	}
	return v
}
