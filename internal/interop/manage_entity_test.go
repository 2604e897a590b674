package interop

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Stories of the operations on entities. What is done follows from the schema: an entity
// type that is new is covered without being named here.

// everyEntity does with each type all that it lets be done, and what it does not.
func everyEntity(m *manager) {
	s := m.schema()
	for _, name := range slices.Sorted(maps.Keys(s.EntityTypes)) {
		e := managedType{m, name, s.EntityTypes[name], m.rows(name)}
		e.rowsFitTheSchema()
		e.isRead()
		e.isCreatedAndDeleted()
		e.isUpdated()
	}
}

// managedType is an entity type, and the entities that there are.
type managedType struct {
	*manager
	name   string
	schema entitySchema
	found  []map[string]any
}

// of are the properties of a request about the type.
func (e managedType) of(more properties) properties {
	p := properties{"type": e.schema.FullyQualifiedType}
	maps.Copy(p, more)
	return p
}

// impossible wants an operation that the type has not refused as such: not there, or not
// allowed.
func (e managedType) impossible(operation string, body any) {
	key := properties{"identity": "1"}
	if operation == "CREATE" {
		key = nil
	}
	e.refused([]int{501, 403}, "", operation, e.of(key), body)
}

// rowsFitTheSchema: what a query shows is of the types that the schema says.
func (e managedType) rowsFitTheSchema() {
	for _, row := range e.found {
		for name, v := range row {
			at, known := e.schema.Attributes[name]
			switch {
			case name == "type":
				e.equal("type", v, e.schema.FullyQualifiedType)
			case !known:
				e.Errorf("%s has the attribute %s, which the schema has not", e.name, name)
			case !at.holds(v):
				e.Errorf("%s: %s is %v, which is %s; by the schema it is %v", e.name, name, v, amqpType(v), at.Type)
			case at.Graph && amqpType(v) != "ulong":
				e.Errorf("%s: %s is a counter and comes as %s, want ulong", e.name, name, amqpType(v))
			}
		}
		if amqpType(row["identity"]) != "string" {
			e.Errorf("%s: an entity has the identity %v", e.name, row["identity"])
		}
	}
}

// holds reports whether a value is one of the attribute's.
func (a attributeSchema) holds(v any) bool {
	if words := a.words(); words != nil {
		return slices.Contains(words, v)
	}
	switch a.Type {
	case "integer":
		return slices.Contains([]string{"int", "uint", "long", "ulong"}, amqpType(v))
	case "string", "boolean", "map", "list":
		return amqpType(v) == a.Type
	}
	return false
}

// isRead: an entity is found by its identity, by its name, and by both, with the type in
// either form, or without.
func (e managedType) isRead() {
	if !e.schema.has("READ") {
		e.impossible("READ", nil)
		return
	}
	e.wants(404, "READ", e.of(properties{"identity": "no such thing"}), nil)
	e.wants(404, "READ", e.of(properties{"name": "no such thing"}), nil)
	if len(e.found) == 0 {
		return
	}
	row := e.found[0]
	for _, p := range []properties{
		e.of(properties{"identity": row["identity"]}),
		{"type": e.name, "identity": row["identity"]},
		e.of(properties{"identity": row["identity"], "name": row["name"]}),
	} {
		got := e.wants(200, "READ", p, nil).(map[string]any)
		e.equal(e.name+": identity of what is read", got["identity"], row["identity"])
		for name := range got {
			if _, known := e.schema.Attributes[name]; !known && name != "type" {
				e.Errorf("%s: READ has the attribute %s, which the schema has not", e.name, name)
			}
		}
	}
	if name, ok := row["name"]; ok {
		code := 200
		if slices.ContainsFunc(e.found[1:], func(other map[string]any) bool { return other["name"] == name }) {
			code = 400 // links of two clients may go by one name
		}
		e.wants(code, "READ", e.of(properties{"name": name}), nil)
		e.wants(404, "READ", e.of(properties{"identity": "no such thing", "name": name}), nil)
	}
}

// sampleValues are what attributes are given that must have a value, or make an entity
// possible.
var sampleValues = map[string]any{
	"prefix": "sample", "pattern": "sample.#", "address": "sample", "connection": "containers", "host": "127.0.0.1",
}

// sample is attributes for a new entity: those that are required, and one way to say what it
// is for.
func (e managedType) sample() map[string]any {
	out := map[string]any{}
	for name, at := range e.schema.Attributes {
		_, hasPrefix := e.schema.Attributes["prefix"]
		switch {
		case !at.Create || name == "pattern" && hasPrefix:
		case name == "port":
			out[name] = strconv.Itoa(freePort(e.T))
		case sampleValues[name] != nil:
			out[name] = sampleValues[name]
		case at.Required && at.words() != nil:
			out[name] = at.words()[0]
		case at.Required:
			e.Errorf("%s needs the attribute %s, of which there is no sample here", e.name, name)
		}
	}
	return out
}

func (e managedType) isCreatedAndDeleted() {
	if !e.schema.has("CREATE") {
		e.impossible("CREATE", map[string]any{})
		e.notDeleted()
		return
	}
	if e.name == "router.connection.linkRoute" && strings.HasPrefix(e.to.address, "_topo") {
		e.refused([]int{400}, "connection to the very router", "CREATE", e.of(nil), e.sample())
		return
	}
	const name = "a sample"
	values := e.sample()
	e.wrongValuesAreRefused(values)
	e.lookersMayNotCreate(values)
	made := e.wants(201, "CREATE", e.of(properties{"name": name}), values).(map[string]any)
	e.equal(e.name+": name", made["name"], name)
	for at, v := range values {
		e.equal(e.name+": "+at, made[at], v)
	}
	e.equal(e.name+": type", made["type"], e.schema.FullyQualifiedType)
	identity := made["identity"]
	e.equal(e.name+": what is created and what is listed", e.only(e.name, "name", name)["identity"], identity)
	e.refused([]int{400}, "", "CREATE", e.of(properties{"name": name}), values) // there is one
	e.wants(200, "READ", e.of(properties{"name": name}), nil)
	e.isDeleted(name, identity)
}

func (e managedType) isDeleted(name string, identity any) {
	if !e.schema.has("DELETE") {
		e.impossible("DELETE", nil)
		return
	}
	e.wants(204, "DELETE", e.of(properties{"identity": identity}), nil)
	e.wants(404, "READ", e.of(properties{"name": name}), nil)
	e.wants(404, "DELETE", e.of(properties{"identity": identity}), nil)
	e.equal(e.name+": how many are left", len(e.rows(e.name)), len(e.found))
}

func (e managedType) notDeleted() {
	if e.schema.has("DELETE") {
		e.Errorf("%s can be deleted and not created", e.name)
	}
	e.impossible("DELETE", nil)
}

// wrongValuesAreRefused: no attribute takes a value of another type, an unknown one none,
// and what the router sets nobody else does.
func (e managedType) wrongValuesAreRefused(sample map[string]any) {
	with := func(name string, v any) map[string]any {
		values := maps.Clone(sample)
		values[name] = v
		return values
	}
	e.refused([]int{400}, "no attribute", "CREATE", e.of(nil), with("noSuchAttribute", "x"))
	for name, at := range e.schema.Attributes {
		switch {
		case !at.Create:
			e.refused([]int{400}, name, "CREATE", e.of(nil), with(name, "x"))
		case at.Required:
			short := maps.Clone(sample)
			delete(short, name)
			e.refused([]int{400}, name, "CREATE", e.of(nil), short)
		}
		if at.Create && name != "name" {
			e.refused([]int{400}, name, "CREATE", e.of(nil), with(name, at.wrong()))
		}
	}
}

// wrong is a value that the attribute cannot have.
func (a attributeSchema) wrong() any {
	switch {
	case a.words() != nil:
		return "none of the words"
	case a.Type == "integer":
		return "many"
	case a.Type == "boolean":
		return "perhaps"
	}
	return []any{true}
}

// lookersMayNotCreate: a client of a listener that only lets look is refused.
func (e managedType) lookersMayNotCreate(values map[string]any) {
	looker := e.sendingSide(e.listener(lookListener)).manager(e.to.address)
	looker.refused([]int{403}, "management: read", "CREATE", e.of(nil), values)
	looker.refused([]int{403}, "management: read", "DELETE", e.of(properties{"identity": "1"}), nil)
	looker.wants(200, "QUERY", properties{"entityType": e.name}, nil)
	looker.close()
}

// isUpdated: what can be changed takes the value that it has; the rest can be said as it is,
// and not otherwise.
func (e managedType) isUpdated() {
	if !e.schema.has("UPDATE") {
		for name, at := range e.schema.Attributes {
			if at.Update {
				e.Errorf("%s has no UPDATE, and %s can be updated", e.name, name)
			}
		}
		e.impossible("UPDATE", map[string]any{})
		return
	}
	if len(e.found) == 0 {
		e.Errorf("there is no %s, so that none can be updated", e.name)
		return
	}
	row := e.found[0]
	key := e.of(properties{"identity": row["identity"]})
	e.refused([]int{400}, "no attribute", "UPDATE", key, map[string]any{"noSuchAttribute": "x"})
	e.wants(200, "UPDATE", key, map[string]any{})
	for name, at := range e.schema.Attributes {
		if !at.Update {
			e.refused([]int{400}, name, "UPDATE", key, map[string]any{name: at.other()})
			continue
		}
		got := e.wants(200, "UPDATE", key, map[string]any{name: row[name]}).(map[string]any)
		e.equal(e.name+": "+name+", changed to what it is", got[name], row[name])
		e.refused([]int{400}, name, "UPDATE", key, map[string]any{name: []any{"x"}})
	}
	e.wants(404, "UPDATE", e.of(properties{"identity": "no such thing"}), map[string]any{})
}

// other is a right value that no entity of these tests has.
func (a attributeSchema) other() any {
	switch {
	case a.words() != nil:
		return "none of the words"
	case a.Type == "integer":
		return number{"long", 123456789}
	case a.Type == "boolean":
		return "perhaps"
	}
	return "another value"
}
