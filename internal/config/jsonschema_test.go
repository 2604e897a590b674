package config

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
)

// jsonObject is what the JSON Schema says of the attributes of an entity.
type jsonObject struct {
	Required             []string
	AdditionalProperties *bool
	Properties           map[string]struct {
		Minimum, Maximum *uint64
		Enum             []any
	}
}

// What an editor takes by the schema the loader takes too, and what the one marks the other
// refuses.
func TestTheJSONSchemaAndTheLoaderAgree(t *testing.T) {
	var schema struct {
		AdditionalProperties *bool
		Properties           map[string]json.RawMessage
	}
	if err := json.Unmarshal(JSONSchema(), &schema); err != nil {
		t.Fatal(err)
	}
	if schema.AdditionalProperties == nil || *schema.AdditionalProperties {
		t.Error("the schema takes sections that there are not")
	}
	for _, e := range Schema() {
		if e.Refused != "" {
			continue
		}
		var list struct{ Items *jsonObject }
		object := new(jsonObject)
		raw := schema.Properties[e.Section]
		if err := json.Unmarshal(raw, object); err != nil {
			t.Fatalf("%s: %v", e.Section, err)
		}
		if err := json.Unmarshal(raw, &list); err == nil && list.Items != nil {
			object = list.Items
		}
		if object.AdditionalProperties == nil || *object.AdditionalProperties {
			t.Errorf("%s: the schema takes attributes that there are not", e.Section)
		}
		for i := range e.Attributes {
			a := &e.Attributes[i]
			if a.Refused != "" {
				continue
			}
			p, known := object.Properties[a.Name]
			if !known || a.Required != slices.Contains(object.Required, a.Name) {
				t.Errorf("%s.%s: in the schema %v, required there %v, want %v", e.Section, a.Name, known, slices.Contains(object.Required, a.Name), a.Required)
			}
			takes := func(v any) bool { _, err := a.read(givenNode(v)); return err == nil }
			if a.Type == TypeInteger && (p.Minimum == nil || p.Maximum == nil || !takes(fmt.Sprint(*p.Minimum)) || !takes(fmt.Sprint(*p.Maximum)) || takes(fmt.Sprint(*p.Maximum+1))) {
				t.Errorf("%s.%s: the schema says %v to %v, the loader %s", e.Section, a.Name, p.Minimum, p.Maximum, a.bounds())
			}
			for _, word := range p.Enum {
				if !takes(word) {
					t.Errorf("%s.%s: the schema takes %v, the loader does not", e.Section, a.Name, word)
				}
			}
			if a.Type == TypeEnum && len(p.Enum) != len(a.Values) {
				t.Errorf("%s.%s: the schema has the words %v, the loader %v", e.Section, a.Name, p.Enum, a.Values)
			}
		}
	}
}
