package router

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/meshway/meshway/broker-link"
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
		Get:       func(c *configured) any { return shownValue(a, a.Get(c.item)) },
	}
	switch a.Type {
	case config.TypeInteger:
		c.Type = typeNumber
	case config.TypeBoolean:
		c.Type = typeTruth
	case config.TypeEnum:
		c.Values = a.Values
	case config.TypeMap, config.TypeRecord:
		c.Type = typeMap
	}
	return c
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
		return nil, management.BadRequest("%s: %v", t.entity.Name, err)
	}
	for _, c := range t.rows() {
		if !slices.Contains(before, c.name) {
			return c, nil
		}
	}
	return nil, management.BadRequest("%s: it has gone already", t.entity.Name)
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

// connectorColumns are what is known of a connector besides.
var connectorColumns = []management.Column[*configured]{
	text("connectionStatus", "SUCCESS, or CONNECTING while it is tried", func(c *configured) string { s, _ := c.connector(); return s }),
	text("failoverUrls", "where the peer may be, in the order in which it will be tried, beginning with where it is: what is configured, and what the peer has named", (*configured).failoverURLs),
	text("connectionMsg", "which connection that is, or why there is none", func(c *configured) string { _, m := c.connector(); return m }),
}

// failoverURLs are the places of a connector in the order in which they will be tried,
// beginning with that of the connection, as URLs.
func (c *configured) failoverURLs() string {
	var urls []string
	for _, place := range c.places() {
		urls = append(urls, "amqp://"+place)
	}
	return strings.Join(urls, ", ")
}

// places are those where the connector's peer may be.
func (c *configured) places() []string {
	for _, k := range c.r.brokers.all() {
		if k.cfg.Name == c.name {
			return k.link.Places()
		}
	}
	if x := c.r.mesh; x != nil {
		x.mu.Lock()
		k := x.connectors[c.name]
		x.mu.Unlock()
		if k != nil {
			return k.places()
		}
	}
	return nil
}

// connector says how the connector stands.
func (c *configured) connector() (status, message string) {
	for _, p := range c.r.eachPeer() {
		if p.dialled != "" && p.place == c.name && p.conn.Peer() != nil {
			return "SUCCESS", fmt.Sprintf("[C%d] Connection Opened: dir=out host=%s container_id=%s", p.id, p.dialled, p.conn.Peer().ContainerID)
		}
	}
	for _, k := range c.r.brokers.all() {
		if k.cfg.Name == c.name {
			if s := k.link.Status(); s.LastError != "" {
				return "CONNECTING", "Connection to " + s.Host + " failed: " + s.LastError
			}
		}
	}
	if why, ok := c.r.undialled.Load(c.name); ok {
		return "CONNECTING", why.(string)
	}
	return "CONNECTING", ""
}

// autoLinkColumns and linkRouteColumns are what is known of those besides.
var (
	autoLinkColumns = []management.Column[*configured]{
		column(typeText, "linkRef", "the identity of its link", func(c *configured) any { return c.autoLinkRef() }),
		text("operStatus", "inactive, attaching, failed or active", func(c *configured) string { return c.autoLink().State.String() }),
		text("lastError", "why it failed last", func(c *configured) string { return withoutCondition(c.autoLink().LastError) }),
	}
	linkRouteColumns = []management.Column[*configured]{
		always[*configured](typeText, "distribution", "always linkBalanced", "linkBalanced"),
		text("operStatus", "active if a container for it is connected here, else inactive", (*configured).routeStatus),
	}
)

// autoLink is how the auto-link stands.
func (c *configured) autoLink() brokerlink.AttachStatus {
	for _, l := range c.r.autoLinks.named(c.name) {
		return l.status()
	}
	return brokerlink.AttachStatus{}
}

// withoutCondition is a peer's error in its own words, which tools compare.
func withoutCondition(text string) string {
	if condition, words, ok := strings.Cut(text, ": "); ok && words != "" && !strings.Contains(condition, " ") && strings.Contains(condition, ":") {
		return words
	}
	return text
}

// autoLinkRef is the identity of the auto-link's link; nil if there is none.
func (c *configured) autoLinkRef() any {
	cfg := c.item.(*config.AutoLink)
	for _, row := range c.r.linkRows() {
		p := row.peer()
		if p.container != nil && row.name() == cfg.Name+"@"+p.container.connection && (row.in != nil) == (cfg.Direction == config.DirectionIn) {
			return decimal(row.tally().id)
		}
	}
	return nil
}

// named are the auto-links of that name.
func (s *autoLinks) named(name string) (list []*autoLink) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.list {
		if l.cfg.Name == name {
			list = append(list, l)
		}
	}
	return list
}

// reconfigure has the router run by another configuration.
func (r *Router) reconfigure(change func(config.Config) (config.Config, error)) error {
	_, err := r.Change(change)
	return err
}
