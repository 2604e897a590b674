package management

import (
	"strings"

	"github.com/meshway/meshway/internal/wire"
)

// entityOperations are those on one entity.
var entityOperations map[string]func(a *Agent, r *Request) (int, any, error)

func init() {
	entityOperations = map[string]func(a *Agent, r *Request) (int, any, error){
		"CREATE": (*Agent).create,
		"READ":   (*Agent).read,
		"UPDATE": (*Agent).update,
		"DELETE": (*Agent).delete,
	}
}

// whole is all attributes of an entity.
func (w row) whole() wire.Map {
	attributes := w.of.Type().Attributes
	m := make(wire.Map, 0, len(attributes))
	for _, at := range attributes {
		if v := w.value(at.Name); v != nil {
			m = append(m, wire.Pair{Key: at.Name, Value: v})
		}
	}
	return m
}

// named is what a request says of which entity it means.
type named struct{ typ, identity, name string }

func (n named) String() string {
	var parts []string
	for _, p := range [][2]string{{"type", n.typ}, {"identity", n.identity}, {"name", n.name}} {
		if p[1] != "" {
			parts = append(parts, p[0]+" "+p[1])
		}
	}
	return strings.Join(parts, ", ")
}

// target finds the entity that a request names.
func (a *Agent) target(r *Request) (row, error) {
	list, bad := r.texts("type", "identity", "name")
	if bad != nil {
		return row{}, bad
	}
	n := named{list[0], list[1], list[2]}
	types := a.types
	if n.typ != "" && !isBase(n.typ) {
		t := a.find(n.typ)
		if t == nil {
			return row{}, unknownType(n.typ)
		}
		if err := supports(t, r.Operation); err != nil {
			return row{}, err
		}
		types = []Entities{t}
	}
	if n.identity == "" && n.name == "" {
		if len(types) == 1 && types[0].Type().Singleton {
			n.identity = "*"
		} else {
			return row{}, BadRequest("no name or identity: say which entity is meant")
		}
	}
	found := a.findEntity(r.Client, types, n)
	switch {
	case len(found) == 0:
		return row{}, NotFound("there is no entity with %s", n)
	case len(found) > 1:
		return row{}, BadRequest("%d entities have %s: give the type, and the identity, too", len(found), n)
	}
	if err := supports(found[0].of, r.Operation); err != nil {
		return row{}, err
	}
	return found[0], nil
}

// findEntity finds the entities that the request can mean.
func (a *Agent) findEntity(c Client, types []Entities, n named) (found []row) {
	for _, t := range types {
		var candidates []any
		if f, ok := t.(Finder); ok && n.identity != "*" {
			candidates = f.Find(c, n.identity, n.name)
		} else {
			candidates = t.List(c)
		}
		for _, e := range candidates {
			w := row{t, e}
			if n.identity == "*" || w.is("identity", n.identity) && w.is("name", n.name) {
				found = append(found, w)
			}
		}
	}
	return found
}

// is says whether the attribute has the value that is wanted, if one is.
func (w row) is(attribute, want string) bool {
	if want == "" {
		return true
	}
	have, _ := textOf(w.of.Value(w.entity, attribute))
	return have == want
}

// supports says why an operation cannot be done with entities of the type.
func supports(t Entities, operation string) error {
	if g, ok := t.(Guard); ok {
		if err := g.Forbid(operation); err != nil {
			return err
		}
	}
	for _, op := range t.Type().Operations {
		if op == operation {
			return nil
		}
	}
	return NotImplemented("%s has no operation %q", t.Type().Name, operation)
}

func (a *Agent) read(r *Request) (int, any, error) {
	w, err := a.target(r)
	if err != nil {
		return 0, nil, err
	}
	return StatusOK, w.whole(), nil
}

func (a *Agent) create(r *Request) (int, any, error) {
	values, bad := r.values()
	if bad != nil {
		return 0, nil, bad
	}
	name, bad := r.text("type")
	if bad != nil {
		return 0, nil, bad
	}
	if v, ok := values.Get("type"); ok && name == "" {
		name, _ = textOf(v)
	}
	if name == "" {
		return 0, nil, BadRequest("no type: say what is to be created")
	}
	t := a.find(name)
	if t == nil {
		return 0, nil, unknownType(name)
	}
	if err := supports(t, r.Operation); err != nil {
		return 0, nil, err
	}
	creator, ok := t.(Creator)
	if !ok {
		return 0, nil, NotImplemented("%s has no operation CREATE", t.Type().Name)
	}
	values, err := attributesFor(r, t.Type(), values)
	if err != nil {
		return 0, nil, err
	}
	e, err := creator.Create(r.Client, values)
	if err != nil {
		return 0, nil, err
	}
	return StatusCreated, row{t, e}.whole(), nil
}

// attributesFor checks the attributes of a CREATE. What comes back has neither type nor
// nulls, and the name if the request has one.
func attributesFor(r *Request, t *Type, values wire.Map) (wire.Map, error) {
	name, bad := r.text("name")
	if bad != nil {
		return nil, bad
	}
	if v, ok := values.Get("name"); ok && name != "" {
		if s, _ := textOf(v); s != name {
			return nil, BadRequest("the name is %q in the request's properties and %v in its body", name, v)
		}
		name = ""
	}
	out := make(wire.Map, 0, len(values)+1)
	if name != "" {
		out = append(out, wire.Pair{Key: "name", Value: name})
	}
	for _, p := range values {
		key := p.Key.(string)
		at := t.attribute(key)
		switch {
		case key == "type":
			if s, _ := textOf(p.Value); !t.matches(s) {
				return nil, BadRequest("the type is %v in the request's body, and another one in its properties", p.Value)
			}
			continue
		case at == nil:
			return nil, BadRequest("%s has no attribute %q", t.Name, key)
		case p.Value == nil:
			continue
		case !at.Create:
			return nil, BadRequest("%s: %q is set by the router", t.Name, key)
		}
		v, err := at.convert(p.Value)
		if err != nil {
			return nil, err
		}
		out = append(out, wire.Pair{Key: key, Value: v})
	}
	for i := range t.Attributes {
		at := &t.Attributes[i]
		if at.Required && at.Name != "type" {
			_, ok := out.Get(at.Name)
			if _, instead := out.Get(at.Old); !ok && !instead {
				return nil, BadRequest("%s needs the attribute %q", t.Name, at.Name)
			}
		}
	}
	return out, nil
}

func (a *Agent) update(r *Request) (int, any, error) {
	values, bad := r.values()
	if bad != nil {
		return 0, nil, bad
	}
	w, err := a.target(r)
	if err != nil {
		return 0, nil, err
	}
	updater, ok := w.of.(Updater)
	if !ok {
		return 0, nil, NotImplemented("%s has no operation UPDATE", w.of.Type().Name)
	}
	changes, err := w.changes(values)
	if err != nil {
		return 0, nil, err
	}
	e, err := updater.Update(r.Client, w.entity, changes)
	if err != nil {
		return 0, nil, err
	}
	return StatusOK, row{w.of, e}.whole(), nil
}

// changes checks the attributes of an UPDATE: what cannot be changed may be there if it is
// as it was.
func (w row) changes(values wire.Map) (out wire.Map, _ error) {
	t := w.of.Type()
	for _, p := range values {
		key := p.Key.(string)
		at := t.attribute(key)
		if at == nil {
			return nil, BadRequest("%s has no attribute %q", t.Name, key)
		}
		v := p.Value
		if v != nil {
			converted, bad := at.convert(v)
			if bad != nil {
				return nil, bad
			}
			v = converted
		}
		if !at.Update {
			if key == "type" || w.same(key, v) {
				continue
			}
			return nil, BadRequest("%s: %q cannot be changed", t.Name, key)
		}
		out = append(out, wire.Pair{Key: key, Value: v})
	}
	return out, nil
}

// same says whether the attribute has that value already.
func (w row) same(attribute string, v any) bool {
	have := w.value(attribute)
	if i, ok := integer(v); ok {
		j, ok := integer(have)
		return ok && i == j
	}
	if s, ok := textOf(v); ok {
		t, ok := textOf(have)
		return ok && s == t
	}
	switch v.(type) {
	case nil, bool:
		return v == have
	}
	return false
}

func (a *Agent) delete(r *Request) (int, any, error) {
	w, err := a.target(r)
	if err != nil {
		return 0, nil, err
	}
	deleter, ok := w.of.(Deleter)
	if !ok {
		return 0, nil, NotImplemented("%s has no operation DELETE", w.of.Type().Name)
	}
	if err := deleter.Delete(r.Client, w.entity); err != nil {
		return 0, nil, err
	}
	return StatusNoContent, emptyMap, nil
}
