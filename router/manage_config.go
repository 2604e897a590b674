package router

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/management"
	"github.com/meshway/meshway/internal/wire"
)

// What is configured, as management shows and changes it: the attributes of each entity come
// from the schema of the configuration.

// configured is one configured entity.
type configured struct {
	r    *Router
	item any // as config.Entity.Items gives it
	name string
	id   string
}

// configEntities are the configured entities of one kind.
type configEntities struct {
	*management.Table[*configured]
	r      *Router
	entity *config.Entity
	ids    numbers
}

// numbers gives names numbers, for as long as the router runs.
type numbers struct {
	mu   sync.Mutex
	of   map[string]uint64
	last uint64
}

func (n *numbers) number(name string) uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	if id, ok := n.of[name]; ok {
		return id
	}
	if n.of == nil {
		n.of = make(map[string]uint64)
	}
	n.last++
	n.of[name] = n.last
	return n.last
}

// others is what the field's tools call attributes besides.
var alternateNames = map[string]map[string]string{
	"address":   {"fallback": "enableFallback"},
	"autoLink":  {"addr": "address", "dir": "direction", "externalAddr": "externalAddress"},
	"linkRoute": {"dir": "direction"},
}

// configTable is a table of one kind of configured entities; more are columns of what is
// known of them beside their configuration.
func (r *Router) configTable(kind string, more ...management.Column[*configured]) management.Entities {
	t := &configEntities{r: r, entity: config.Lookup(kind)}
	columns := identified(func(c *configured) string { return c.name }, func(c *configured) string { return c.id })
	columns[0].Create = true
	alternates := alternateNames[kind]
	for i := range t.entity.Attributes {
		a := &t.entity.Attributes[i]
		if a.Name == "name" || a.Refused != "" {
			continue
		}
		c := attributeColumn(a)
		if kind == "connector" && a.Name == "role" {
			c.Values = append(slices.Clone(c.Values), string(config.RoleNormal))
		}
		c.Required = c.Required && !(kind == "connector" && a.Name == "role")
		at := len(columns)
		columns = append(columns, c)
		for _, name := range slices.Sorted(maps.Keys(alternates)) {
			if alternates[name] == a.Name {
				columns[at].Old = name
				c.Name, c.Required = name, false
				columns = append(columns, c)
			}
		}
	}
	t.Table = management.NewTable(management.Type{
		Name: strings.TrimPrefix(t.entity.TypeName(), management.Prefix), Base: management.BaseConfiguration,
		Help: t.entity.Help, Operations: []string{"CREATE", "READ", "DELETE"},
	}, append(columns, more...), func(management.Client) []*configured { return t.rows() })
	return t
}

// attributeColumn is a column of an attribute of the schema.
func attributeColumn(a *config.Attribute) management.Column[*configured] {
	c := management.Column[*configured]{
		Attribute: management.Attribute{Name: a.Name, Type: typeText, Required: a.Required, Create: true, Default: shownDefault(a), Help: a.Help},
		Get:       func(c *configured) any { return c.value(a) },
	}
	switch a.Type {
	case config.TypeInteger:
		c.Type = typeNumber
	case config.TypeBoolean:
		c.Type = typeTruth
	case config.TypeEnum:
		c.Values, c.Unbuilt = a.Values, slices.Sorted(maps.Keys(a.RefusedValues))
	case config.TypeMap, config.TypeRecord:
		c.Type = typeMap
	}
	return c
}

// value is what the attribute shows of the entity. The host of a listener is what was said
// of it: nothing, where it is loopback because nothing was.
func (c *configured) value(a *config.Attribute) any {
	if l, ok := c.item.(*config.Listener); ok && a.Name == "host" && l.HostByDefault {
		return ""
	}
	return shownValue(a, a.Get(c.item))
}

// shownValue is a value of the configuration as tools know it: numbers are ints, or longs,
// lists of words are one text, passwords are hidden.
func shownValue(a *config.Attribute, v any) any {
	switch v := v.(type) {
	case config.Secret:
		return "*******"
	case int64:
		return shownNumber(v)
	case []string:
		if a.Name == "failoverUrls" {
			return strings.Join(v, ", ")
		}
		return strings.Join(v, " ")
	case map[string]any:
		m := wire.Map{}
		for _, k := range slices.Sorted(maps.Keys(v)) {
			m = append(m, wire.Pair{Key: k, Value: shownValue(a, v[k])})
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = shownValue(a, v[i])
		}
		return list
	}
	return v
}

func shownNumber(n int64) any {
	if n == int64(int32(n)) {
		return int32(n)
	}
	return n
}

func shownDefault(a *config.Attribute) any {
	switch v := a.Default.(type) {
	case int:
		return shownNumber(int64(v))
	case nil:
		return nil
	default:
		return shownValue(a, v)
	}
}

// rows are the entities that there are now.
func (t *configEntities) rows() (list []*configured) {
	cfg := t.r.Config()
	for _, item := range t.entity.Items(&cfg) {
		list = append(list, &configured{r: t.r, item: item, name: config.NameOf(item), id: t.identity(item)})
	}
	return list
}

// identity is by which tools find the entity.
func (t *configEntities) identity(item any) string {
	name := config.NameOf(item)
	place := ""
	switch x := item.(type) {
	case *config.Listener:
		place = "listener/" + cmp.Or(x.Host, "127.0.0.1") + ":" + x.Port
	case *config.Connector:
		place = "connector/" + x.DialAddresses()[0]
	default:
		return decimal(t.ids.number(name))
	}
	if name == "" || strings.HasSuffix(place, "/"+name) {
		return place
	}
	return place + ":" + name
}

// Create makes a new entity, and has the router take it over.
func (t *configEntities) Create(_ management.Client, values wire.Map) (any, error) {
	attributes := t.attributes(values)
	var before []string
	for _, c := range t.rows() {
		before = append(before, c.name)
	}
	err := t.r.reconfigure(func(c config.Config) (config.Config, error) { return c.Create(t.entity.Name, attributes) })
	if err != nil {
		return nil, management.BadRequest("%s%s: %v", t.aloneText(attributes), t.entity.Name, err)
	}
	for _, c := range t.rows() {
		if !slices.Contains(before, c.name) {
			return c, nil
		}
	}
	return nil, management.BadRequest("%s: it has gone already", t.entity.Name)
}

// aloneText stands in front of why a router by itself was given no way to or from other
// routers: scripts of the predecessor's users look for these words.
func (t *configEntities) aloneText(attributes map[string]any) string {
	role := attributes["role"]
	if t.r.Config().Router.Mode != config.Standalone || role != string(config.RoleInterRouter) && role != "edge" {
		return ""
	}
	return "role='standalone' not allowed to connect to or accept connections from other routers. "
}

// attributes are values as the configuration takes them.
func (t *configEntities) attributes(values wire.Map) map[string]any {
	out := make(map[string]any, len(values))
	for _, p := range values {
		key := p.Key.(string)
		if usual, ok := alternateNames[t.entity.Name][key]; ok {
			key = usual
		}
		out[key] = plainValue(p.Value)
	}
	if t.entity.Name == "connector" && (out["role"] == nil || out["role"] == "normal") {
		out["role"] = string(config.RoleRouteContainer) // what the predecessor's clients mean by it
	}
	if _, dials := out["host"]; dials && t.entity.Name == "connector" && out["host"] == "0.0.0.0" {
		out["host"] = "127.0.0.1" // as in the predecessor's files
	}
	return out
}

// plainValue is an AMQP value without AMQP's types.
func plainValue(v any) any {
	switch v := v.(type) {
	case wire.Symbol:
		return string(v)
	case wire.Map:
		m := make(map[string]any, len(v))
		for _, p := range v {
			switch k := p.Key.(type) {
			case string:
				m[k] = plainValue(p.Value)
			case wire.Symbol:
				m[string(k)] = plainValue(p.Value)
			}
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = plainValue(v[i])
		}
		return list
	}
	return v
}

// Delete removes an entity, and has the router do without it.
func (t *configEntities) Delete(_ management.Client, entity any) error {
	name := entity.(*configured).name
	err := t.r.reconfigure(func(c config.Config) (config.Config, error) { return c.Delete(t.entity.Name, name) })
	if err != nil {
		return management.BadRequest("%s: %v", t.entity.Name, err)
	}
	return nil
}

// reconfigure has the router run by another configuration.
func (r *Router) reconfigure(change func(config.Config) (config.Config, error)) error {
	_, err := r.Change(change)
	return err
}
