package config

// Type is what an attribute's value looks like in the file.
type Type string

// The types.
const (
	TypeString  Type = "string"  // any scalar, as it is written
	TypeInteger Type = "integer" // decimal
	TypeBoolean Type = "boolean" // true/false, yes/no, on/off
	TypeEnum    Type = "enum"    // one of Values
	TypeWords   Type = "words"   // a list, or one string with blanks or commas between
	TypeMap     Type = "map"     // of strings to any value
	TypeRecord  Type = "record"  // attributes, those of Record
)

// Entity is one kind of thing that can be configured.
type Entity struct {
	Name    string // as the field calls it: "listener"
	Section string // its key in the file: "listeners"
	List    bool   // any number of them; else at most one
	Help    string
	// Refused is why a file with this section is refused; such an entity has
	// no attributes here.
	Refused string
	// Harmless is set where a file of the predecessor's form is warned instead:
	// nobody misses what is not done.
	Harmless   bool
	Attributes []Attribute
}

// Attribute is one thing that can be said about an entity.
type Attribute struct {
	Name    string
	Old     string // a deprecated spelling, known so that it can be corrected
	Type    Type
	Values  []string // of an enumeration, or the words that are allowed
	Default any      // string, int, bool or []string, as in the file; nil is none
	// Computed says in words what the default is when it depends on something
	// else; Default is nil then.
	Computed string
	// Mesh is the default with role inter-router where that differs; the
	// entity has a role then.
	Mesh     any
	Required bool   // the file must set it
	Only     []Role // those with which alone it has an effect; nil is every one
	Min, Max uint64 // bounds of an integer, both included
	Unit     string
	Fixed    bool // cannot change while the router runs
	Help     string
	// Refused is why a file that sets this attribute is refused.
	Refused string
	// Harmless is set where a file of the predecessor's form is warned instead.
	Harmless bool
	// Off is the value by which files of the predecessor's form ask for nothing.
	Off string
	// RefusedValues gives the reason for each value that the full model knows
	// and this version does not do.
	RefusedValues map[string]string

	// Record has the attributes of a value that is a mapping by itself.
	Record *Entity

	field func(entity any) any // pointer to where the value goes
	check func(value any) error
}

// Schema returns every entity, in the order in which they are documented.
func Schema() []Entity {
	return append([]Entity{routerEntity, listenerEntity, connectorEntity, addressEntity, autoLinkEntity, linkRouteEntity, usersEntity, logEntity}, refusedSections...)
}

// at makes an Attribute's field accessor out of a typed one.
func at[E, V any](f func(*E) *V) func(any) any {
	return func(entity any) any { return f(entity.(*E)) }
}

// words lists the constants of an enumeration as they are written in the file.
func words[T ~string](values ...T) []string {
	var w []string
	for _, v := range values {
		w = append(w, string(v))
	}
	return w
}

// attribute finds by the name that a file must use.
func (e *Entity) attribute(name string) *Attribute {
	if a := e.Attribute(name); a != nil && a.Name == name {
		return a
	}
	return nil
}

// setDefaults fills a new entity.
func (e *Entity) setDefaults(entity any) {
	for i := range e.Attributes {
		a := &e.Attributes[i]
		if a.Default != nil {
			a.setDefault(entity, a.Default)
		}
	}
}

// setDefault assigns a default of the tables, which are tested to fit.
func (a *Attribute) setDefault(entity, v any) {
	if err := a.assign(entity, canonical(v)); err != nil {
		panic("config: default of " + a.Name + ": " + err.Error())
	}
}

// canonical turns a default as it is written in a table into what the parser
// of values produces.
func canonical(v any) any {
	if n, ok := v.(int); ok {
		return uint64(n)
	}
	return v
}

// Reasons that several attributes share.
const (
	noTLS        = "TLS is not built yet; remove it, and do not expose this router beyond a network that you trust"
	noPolicy     = "policy is not built yet; remove it, and restrict who can connect by other means"
	noEffect     = "it has no effect between routers; remove it"
	noHello      = "link state is sent when it changes, and neighbours are watched by heartbeats; remove it, and see router.heartbeatMilliseconds"
	noMessageLog = "messages are not logged; remove it"
	noConsole    = "there is no web console; remove it"
	noWebSockets = "AMQP over WebSocket is not built; remove it, and have clients connect to a listener without http"
	noTenants    = "multi-tenancy is not built; remove it"
	noPlugin     = "SASL plug-ins are not built; remove it, and use a users file"
	ownSASL      = "SASL is built in and needs no file of its own; remove it"
	ownLogLines  = "log lines have one form; choose it with log.format"
)
