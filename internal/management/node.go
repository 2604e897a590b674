package management

import (
	"math"
	"slices"
	"strings"

	"github.com/meshway/meshway/internal/wire"
)

var emptyMap = wire.Map{}

// nodeOperations are those of the agent itself.
var nodeOperations map[string]func(a *Agent, r *Request) (any, *Error)

func init() { // they refer to the agent's types, which list them
	nodeOperations = map[string]func(a *Agent, r *Request) (any, *Error){
		"QUERY":           (*Agent).query,
		"GET-TYPES":       (*Agent).getTypes,
		"GET-ATTRIBUTES":  (*Agent).getAttributes,
		"GET-OPERATIONS":  (*Agent).getOperations,
		"GET-ANNOTATIONS": (*Agent).getAnnotations,
		"GET-MGMT-NODES":  (*Agent).getNodes,
		"GET-SCHEMA":      (*Agent).getSchema,
		"GET-JSON-SCHEMA": (*Agent).getJSONSchema,
		"GET-LOG":         (*Agent).getLog,
		"DRAIN":           (*Agent).drain,
		"RELOAD":          (*Agent).reload,
		"SAVE-CONFIG":     (*Agent).save,
	}
}

// changing are those of them that do more than look.
var changing = map[string]bool{"DRAIN": true, "RELOAD": true, "SAVE-CONFIG": true}

// selfTable is the agent as an entity.
func selfTable() Entities {
	self := func(struct{}) any { return "self" }
	t := NewTable(Type{
		Name: "management", Base: BaseOperational, Singleton: true, Help: "the management agent itself",
		Operations: []string{"QUERY", "GET-TYPES", "GET-ANNOTATIONS", "GET-OPERATIONS", "GET-ATTRIBUTES", "GET-MGMT-NODES", "GET-SCHEMA", "GET-JSON-SCHEMA", "GET-LOG", "DRAIN", "RELOAD", "SAVE-CONFIG", "READ"},
	}, []Column[struct{}]{
		{Attribute{Name: "name", Type: "string", Unique: true, Help: "self"}, self},
		{Attribute{Name: "identity", Type: "string", Unique: true, Help: "self"}, self},
	}, func(Client) []struct{} { return make([]struct{}, 1) })
	return t
}

// drain is DRAIN: the router takes nothing new, lets what is in flight settle, and ends.
func (a *Agent) drain(*Request) (any, *Error) {
	if a.node.Drain == nil {
		return nil, NotImplemented("this router cannot be drained from here: stop its process")
	}
	a.node.Drain()
	return emptyMap, nil
}

// reload is RELOAD: the router takes its configuration file over, all of it or nothing; with
// the property dryRun it only says what would change. The answer is a list of changes.
func (a *Agent) reload(r *Request) (any, *Error) {
	if a.node.Reload == nil {
		return nil, NotImplemented("this router has no configuration file")
	}
	v, _ := r.Properties.Get("dryRun")
	dryRun, ok := v.(bool)
	if v != nil && !ok {
		return nil, BadRequest("dryRun is %s; it must be a boolean", typeName(v))
	}
	changes, err := a.node.Reload(dryRun)
	if err != nil {
		return nil, BadRequest("%v", err)
	}
	list := make([]any, 0, len(changes))
	for _, c := range changes {
		list = append(list, c)
	}
	return list, nil
}

// save is SAVE-CONFIG: the running configuration is written to its file, whose name is the
// answer.
func (a *Agent) save(*Request) (any, *Error) {
	if a.node.Save == nil {
		return nil, NotImplemented("this router has no configuration file")
	}
	file, err := a.node.Save()
	if err != nil {
		return nil, BadRequest("%v", err)
	}
	return file, nil
}

// entityType is the type that the operation is about: entityType, or type if that is not the
// agent's. Nil is none.
func (a *Agent) entityType(r *Request) (Entities, *Error) {
	list, err := r.texts("entityType", "type")
	if err != nil {
		return nil, err
	}
	name := list[0]
	if name == "" && list[1] != ManagementType && list[1] != "management" && list[1] != Prefix+"management" {
		name = list[1]
	}
	if name == "" || isBase(name) {
		return nil, nil
	}
	if t := a.find(name); t != nil {
		return t, nil
	}
	return nil, unknownType(name)
}

// isBase says that every type extends it, or that it is that of the agent's operations.
func isBase(name string) bool {
	n := strings.TrimPrefix(name, Prefix)
	return n == BaseEntity || n == BaseConfiguration || n == BaseOperational || name == ManagementType
}

// chosen are the types that the request is about.
func (a *Agent) chosen(r *Request) ([]Entities, *Error) {
	t, err := a.entityType(r)
	switch {
	case err != nil:
		return nil, err
	case t != nil:
		return []Entities{t}, nil
	}
	base, _ := r.text("entityType")
	base = strings.TrimPrefix(base, Prefix)
	if base == "" || base == BaseEntity || base == ManagementType {
		return a.types, nil
	}
	var list []Entities
	for _, t := range a.types {
		if t.Type().Base == base {
			list = append(list, t)
		}
	}
	return list, nil
}

// query is QUERY: a table of attributes of entities.
func (a *Agent) query(r *Request) (any, *Error) {
	types, err := a.chosen(r)
	if err != nil {
		return nil, err
	}
	names, err := a.asked(r, types)
	if err != nil {
		return nil, err
	}
	offset, _, err := r.count("offset")
	if err != nil {
		return nil, err
	}
	count, limited, err := r.count("count")
	if err != nil {
		return nil, err
	}
	if !limited {
		count = math.MaxInt32 // all, and if those are too many the answer says so
	}
	rows := a.pages.get(a.node.Now(), r, offset, count, func() []row { return list(r.Client, types) })
	if len(rows) > mostRows {
		return nil, BadRequest("there are %d entities, and one answer holds %d: ask in pages, with offset and count", len(rows), mostRows)
	}
	results := make([]any, len(rows))
	for i, row := range rows {
		results[i] = row.values(names)
	}
	columns := make([]any, len(names))
	for i, n := range names {
		columns[i] = n
	}
	return wire.Map{{Key: "attributeNames", Value: columns}, {Key: "results", Value: results}}, nil
}

// mostRows is how many entities one answer holds.
const mostRows = 20000

// asked are the attributes that a QUERY wants.
func (a *Agent) asked(r *Request, types []Entities) (names []string, err *Error) {
	body, err := r.values()
	if err != nil {
		return nil, err
	}
	v, _ := body.Get("attributeNames")
	asked, ok := v.([]any)
	if v != nil && !ok {
		if array, isArray := v.(wire.Array); isArray {
			asked, ok = array.Elems, true
		}
		if !ok {
			return nil, BadRequest("attributeNames is %s; it must be a list of strings", typeName(v))
		}
	}
	if len(asked) == 0 {
		return allAttributes(types), nil
	}
	if len(asked) > mostAttributes {
		return nil, BadRequest("attributeNames has %d names; at most %d make sense", len(asked), mostAttributes)
	}
	for _, v := range asked {
		name, ok := textOf(v)
		if !ok {
			return nil, BadRequest("attributeNames has an element that is %s; all must be strings", typeName(v))
		}
		if !slices.ContainsFunc(types, func(t Entities) bool { return t.Type().attribute(name) != nil }) {
			if len(types) == 1 {
				return nil, NotFound("%s has no attribute %q", types[0].Type().Name, name)
			}
			return nil, NotFound("no entity type has an attribute %q", name)
		}
		names = append(names, name)
	}
	return names, nil
}

const mostAttributes = 1000

// allAttributes are the attributes of the types, each once, in their order.
func allAttributes(types []Entities) (names []string) {
	seen := make(map[string]bool)
	for _, t := range types {
		for _, at := range t.Type().Attributes {
			if !seen[at.Name] {
				seen[at.Name] = true
				names = append(names, at.Name)
			}
		}
	}
	return names
}

// row is an entity and the type that knows it.
type row struct {
	of     Entities
	entity any
}

func (w row) values(names []string) []any {
	list := make([]any, len(names))
	for i, n := range names {
		list[i] = w.value(n)
	}
	return list
}

// value is what clients see of an attribute.
func (w row) value(name string) any {
	at := w.of.Type().attribute(name)
	if at == nil {
		return nil
	}
	v := w.of.Value(w.entity, name)
	if at.Secret && v != nil {
		return hidden
	}
	return v
}

const hidden = "*******"

// list is all entities of the types.
func list(c Client, types []Entities) (rows []row) {
	for _, t := range types {
		for _, e := range t.List(c) {
			rows = append(rows, row{t, e})
		}
	}
	return rows
}

// each answers with a map of type names to what f says of them.
func (a *Agent) each(r *Request, f func(t *Type) []any) (any, *Error) {
	types, err := a.chosen(r)
	if err != nil {
		return nil, err
	}
	m := make(wire.Map, 0, len(types))
	for _, t := range types {
		m = append(m, wire.Pair{Key: t.Type().Long(), Value: f(t.Type())})
	}
	return m, nil
}

func (a *Agent) getTypes(r *Request) (any, *Error) { return a.each(r, (*Type).bases) }

func (a *Agent) getAttributes(r *Request) (any, *Error) {
	return a.each(r, func(t *Type) (list []any) {
		for _, at := range t.Attributes {
			list = append(list, at.Name)
		}
		return list
	})
}

func (a *Agent) getOperations(r *Request) (any, *Error) {
	return a.each(r, func(t *Type) []any {
		list := make([]any, len(t.Operations))
		for i, op := range t.Operations {
			list[i] = op
		}
		return list
	})
}

func (a *Agent) getAnnotations(*Request) (any, *Error) { return emptyMap, nil }

func (a *Agent) getNodes(*Request) (any, *Error) {
	list := []any{}
	if a.node.Nodes != nil {
		for _, n := range a.node.Nodes() {
			list = append(list, n)
		}
	}
	return list, nil
}

// logKept is how many lines GET-LOG can ask for.
const logKept = 1000

func (a *Agent) getLog(r *Request) (any, *Error) {
	limit, _, err := r.count("limit")
	if err != nil {
		return nil, err
	}
	list := []any{}
	if a.node.Log == nil {
		return list, nil
	}
	for _, e := range a.node.Log(min(limit, logKept)) {
		var file, line any
		if e.File != "" {
			file, line = e.File, int32(e.Line)
		}
		list = append(list, []any{e.Module, e.Level, e.Text, file, line, int32(e.Time.Unix())})
	}
	return list, nil
}
