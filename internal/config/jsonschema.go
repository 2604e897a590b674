package config

import "encoding/json"

// JSONSchema describes the native form of a configuration file to editors and checkers, as
// JSON Schema 2020-12. What this version refuses is not in it.
func JSONSchema() []byte {
	properties := map[string]any{}
	for _, e := range Schema() {
		if e.Refused != "" {
			continue
		}
		section := e.jsonSchema()
		if e.List {
			section = map[string]any{"type": "array", "items": section}
		}
		section["description"] = e.Help
		properties[e.Section] = section
	}
	text, err := json.MarshalIndent(map[string]any{
		"$schema":              "https://json-schema.org/draft/2020-12/schema",
		"title":                "Configuration of a Meshway router",
		"type":                 "object",
		"properties":           properties,
		"additionalProperties": false,
	}, "", "  ")
	if err != nil {
		panic("config: " + err.Error()) // strings, numbers and maps of our own
	}
	return text
}

func (e *Entity) jsonSchema() map[string]any {
	properties, required := map[string]any{}, []string{}
	for i := range e.Attributes {
		a := &e.Attributes[i]
		if a.Refused != "" {
			continue
		}
		if a.Required {
			required = append(required, a.Name)
		}
		properties[a.Name] = a.jsonSchema()
	}
	s := map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		s["required"] = required
	}
	return s
}

func (a *Attribute) jsonSchema() map[string]any {
	s := map[string]any{}
	switch a.Type {
	case TypeInteger:
		s["type"], s["minimum"], s["maximum"] = "integer", a.Min, a.Max
	case TypeBoolean:
		s["enum"] = []any{true, false, "yes", "no", "on", "off"}
	case TypeEnum:
		s["enum"] = a.Values
	case TypeWords:
		item := map[string]any{"type": []string{"string", "number"}}
		if len(a.Values) > 0 {
			item = map[string]any{"enum": a.Values}
		}
		s["anyOf"] = []any{map[string]any{"type": "array", "items": item}, map[string]any{"type": "string"}}
	case TypeMap:
		s["type"] = "object"
	case TypeRecord:
		s = a.Record.jsonSchema()
	default: // whatever is written is taken as text
		s["type"] = []string{"string", "number", "boolean"}
	}
	s["description"] = a.Help
	if a.Default != nil {
		s["default"] = a.Default
	}
	return s
}
