package management

import (
	"strings"

	"github.com/meshway/meshway/internal/wire"
)

// Prefix stands in front of the names of entity types in their long form.
const Prefix = "org.apache.qpid.dispatch."

// ManagementType is the type of the agent itself.
const ManagementType = "org.amqp.management"

// Base types, by their short names.
const (
	BaseEntity        = "entity"
	BaseConfiguration = "configurationEntity"
	BaseOperational   = "operationalEntity"
)

// Attribute says of one attribute what the schema tells.
type Attribute struct {
	Name     string
	Type     string   // string, integer, boolean, map, list, properties, path; empty with Values
	Values   []string // of an enumeration
	Unbuilt  []string // words besides, of which CREATE and UPDATE say why they are refused
	Default  any
	Required bool
	Old      string // another name by which a request may give it
	Unique   bool
	Create   bool // CREATE may set it
	Update   bool // UPDATE may change it
	Counter  bool // it only rises
	Secret   bool // it is never shown
	Help     string
}

// Type is what clients can know of an entity type.
type Type struct {
	Name       string // short: "router.link"
	Help       string
	Base       string // BaseConfiguration or BaseOperational
	Singleton  bool
	Attributes []Attribute
	Operations []string // in capitals, besides QUERY
}

// Long is the name of the type in its long form.
func (t *Type) Long() string { return longName(t.Name) }

func longName(name string) string {
	if name == ManagementType {
		return name
	}
	return Prefix + name
}

// bases are the long names of the types that it extends, the nearest first.
func (t *Type) bases() []any {
	if t.Name == "management" {
		return []any{ManagementType, longName(t.Base), longName(BaseEntity)}
	}
	return []any{longName(t.Base), longName(BaseEntity)}
}

func (t *Type) attribute(name string) *Attribute {
	for i := range t.Attributes {
		if t.Attributes[i].Name == name {
			return &t.Attributes[i]
		}
	}
	return nil
}

// Entities is an entity type and those of it that there are. An entity is whatever the
// implementation wants; it is not kept beyond a listing.
type Entities interface {
	// Type describes them. What it returns does not change.
	Type() *Type
	// List is all entities that the client can see, in a lasting order.
	List(c Client) []any
	// Value is the value of an attribute of an entity; nil if it has none.
	Value(entity any, attribute string) any
}

// Creator is implemented by entity types with CREATE.
type Creator interface {
	// Create makes an entity of checked values, and returns it.
	Create(c Client, values wire.Map) (entity any, err error)
}

// Updater is implemented by entity types with UPDATE.
type Updater interface {
	// Update changes an entity, and returns it as it is then.
	Update(c Client, entity any, values wire.Map) (any, error)
}

// Deleter is implemented by entity types with DELETE.
type Deleter interface {
	// Delete ends an entity.
	Delete(c Client, entity any) error
}

// Guard is implemented by entity types of which some operations are forbidden, with a
// reason, instead of unknown.
type Guard interface {
	// Forbid says why the operation is not allowed, or returns nil.
	Forbid(operation string) *Error
}

// Finder is implemented by entity types that find an entity faster than by listing all.
type Finder interface {
	// Find returns those with that identity or name, as far as they are given.
	Find(c Client, identity, name string) []any
}

// Column is an attribute and how its value is found.
type Column[E any] struct {
	Attribute
	Get func(E) any
}

// Table is an entity type whose entities are Go values of type E. Its columns must have
// "name" and "identity"; "type" is added.
type Table[E any] struct {
	typ    Type
	get    map[string]func(E) any
	list   func(Client) []E
	guards map[string]string
}

// NewTable makes a table. list returns the entities that a client can see.
func NewTable[E any](t Type, columns []Column[E], list func(Client) []E) *Table[E] {
	tab := &Table[E]{typ: t, list: list, get: make(map[string]func(E) any, len(columns)+1)}
	for _, c := range columns {
		tab.typ.Attributes = append(tab.typ.Attributes, c.Attribute)
		tab.get[c.Name] = c.Get
	}
	long := t.Long()
	tab.typ.Attributes = append(tab.typ.Attributes, Attribute{Name: "type", Type: "string", Required: true, Create: true, Help: "the type's long name"})
	tab.get["type"] = func(E) any { return long }
	return tab
}

// Refuse has an operation answered with 403 and a reason.
func (t *Table[E]) Refuse(operation, why string) *Table[E] {
	if t.guards == nil {
		t.guards = make(map[string]string)
	}
	t.guards[operation] = why
	return t
}

// Forbid is for [Guard].
func (t *Table[E]) Forbid(operation string) *Error {
	if why, ok := t.guards[operation]; ok {
		return Forbidden("%s", why)
	}
	return nil
}

// Type is for [Entities].
func (t *Table[E]) Type() *Type { return &t.typ }

// List is for [Entities].
func (t *Table[E]) List(c Client) []any {
	list := t.list(c)
	out := make([]any, len(list))
	for i, e := range list {
		out[i] = e
	}
	return out
}

// Value is for [Entities].
func (t *Table[E]) Value(entity any, attribute string) any {
	get := t.get[attribute]
	if get == nil {
		return nil
	}
	return get(entity.(E))
}

// matches says whether a request means the type: by its long or short name.
func (t *Type) matches(name string) bool {
	return name == t.Name || name == t.Long() || strings.EqualFold(name, t.Long())
}
