package config

import (
	"cmp"
	"math"
	"net"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Lookup finds an entity by its name, its section, or the long type name that the
// field's management tools use; nil if there is none.
func Lookup(name string) *Entity {
	for _, e := range Schema() {
		if name == e.Name || name == e.Section || name == e.TypeName() || name == strings.TrimPrefix(e.TypeName(), typePrefix) {
			return &e
		}
	}
	return nil
}

const typePrefix = "org.apache.qpid.dispatch."

// TypeName is what the field's management tools call the entity.
func (e *Entity) TypeName() string {
	switch e.Name {
	case addressEntity.Name, autoLinkEntity.Name, linkRouteEntity.Name, "exchange", "binding":
		return typePrefix + "router.config." + e.Name
	}
	return typePrefix + e.Name
}

// Items are pointers to the entities of this kind that c has, in their order; the
// one there is, if it is no list.
func (e *Entity) Items(c *Config) []any {
	switch e.Name {
	case routerEntity.Name:
		return []any{&c.Router}
	case usersEntity.Name:
		return []any{&c.Users}
	case logEntity.Name:
		return []any{&c.Log}
	case listenerEntity.Name:
		return pointers(c.Listeners)
	case connectorEntity.Name:
		return pointers(c.Connectors)
	case addressEntity.Name:
		return pointers(c.Addresses)
	case autoLinkEntity.Name:
		return pointers(c.AutoLinks)
	case linkRouteEntity.Name:
		return pointers(c.LinkRoutes)
	}
	return nil
}

func pointers[T any](list []T) []any {
	p := make([]any, len(list))
	for i := range list {
		p[i] = &list[i]
	}
	return p
}

// NameOf is the name of an item, or what its name is by default; empty where there is
// only one of its kind.
func NameOf(item any) string {
	name := ""
	switch x := item.(type) {
	case *Listener:
		name = x.Name
	case *Connector:
		name = x.Name
	case *Address:
		name = x.Name
	case *AutoLink:
		name = x.Name
	case *LinkRoute:
		name = x.Name
	}
	return cmp.Or(name, usualName(item))
}

// usualName is the name of an item that was given none.
func usualName(item any) string {
	switch x := item.(type) {
	case *Listener:
		return x.ListenAddress()
	case *Connector:
		return x.DialAddresses()[0]
	case *Address:
		return x.Prefix + x.Pattern // one of them is empty
	case *AutoLink:
		return x.defaultName()
	case *LinkRoute:
		return x.defaultName()
	}
	return ""
}

// Attribute finds an attribute by its name or its old spelling; nil if there is none.
func (e *Entity) Attribute(name string) *Attribute {
	i := slices.IndexFunc(e.Attributes, func(a Attribute) bool { return a.Name == name || a.Old != "" && a.Old == name })
	if i < 0 {
		return nil
	}
	return &e.Attributes[i]
}

// Settable reports whether a configuration may have the attribute.
func (e *Entity) Settable(a *Attribute) bool { return e.Refused == "" && a.Refused == "" }

// Get is the value of the attribute of an item that [Entity.Items] gave, as it stands
// in a file: string, int64, bool, []string or map[string]any; nil if there is none. A
// [Secret] comes as such.
func (a *Attribute) Get(item any) any {
	if a.field == nil {
		return nil
	}
	switch field := a.field(item).(type) {
	case *Secret:
		if field.IsZero() {
			return nil
		}
		return *field
	case *time.Duration:
		return int64(*field / a.unit())
	case *ShardKey:
		return text(field.String())
	case *[]FailoverURL:
		return list(failoverWords(*field))
	case *[]string:
		return list(*field)
	case *map[string]any:
		if *field == nil {
			return nil
		}
		return *field
	case *map[string]Level:
		if *field == nil {
			return nil
		}
		m := map[string]any{}
		for name, level := range *field {
			m[name] = string(level)
		}
		return m
	default:
		return a.getBasic(reflect.ValueOf(field).Elem())
	}
}

// getBasic takes the fields that are a string, a number or a boolean under their own
// type, and pointers to something.
func (a *Attribute) getBasic(v reflect.Value) any {
	switch {
	case v.Kind() == reflect.Pointer && v.IsNil():
		return nil
	case v.Kind() == reflect.Pointer && a.Record != nil:
		m := map[string]any{}
		for i := range a.Record.Attributes {
			if value := a.Record.Attributes[i].Get(v.Interface()); value != nil {
				m[a.Record.Attributes[i].Name] = value
			}
		}
		return m
	case v.Kind() == reflect.Pointer:
		return a.getBasic(v.Elem())
	case v.Kind() == reflect.String:
		return text(v.String())
	case v.Kind() == reflect.Bool:
		return v.Bool()
	case v.IsZero() && a.Min > 0:
		return nil // what is not set is out of bounds
	case v.CanInt():
		return v.Int()
	default:
		return int64(min(v.Uint(), math.MaxInt64))
	}
}

// text is nil for nothing.
func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// list is nil for none.
func list(words []string) any {
	if words == nil {
		return nil
	}
	return words
}

func failoverWords(urls []FailoverURL) []string {
	var words []string
	for _, u := range urls {
		w := net.JoinHostPort(u.Host, u.Port)
		if u.Scheme != "" {
			w = u.Scheme + "://" + w
		}
		words = append(words, w)
	}
	return words
}

// unit is that of a time.
func (a *Attribute) unit() time.Duration {
	if a.Unit == "milliseconds" {
		return time.Millisecond
	}
	return time.Second
}

// usual is the value that the attribute of this item has when nothing is said about
// it, as Get gives it. What follows from other attributes is computed by the same
// functions as where a file is read.
func (a *Attribute) usual(c *Config, item any) any {
	if a.Name == "name" {
		return usualName(item)
	}
	switch x := item.(type) {
	case *Listener:
		switch a.Name {
		case "host":
			if !x.HostByDefault {
				return nil // loopback that was asked for is written down
			}
			return x.Host
		case "saslMechanisms":
			return x.defaultMechanisms(c.Users)
		case "management":
			return string(x.defaultManagement())
		}
	case *Connector:
		if a.Name == "saslMechanisms" {
			return x.defaultMechanisms()
		}
	case *Address:
		if a.Name == "egressPhase" {
			return int64(x.defaultEgressPhase())
		}
	case *AutoLink:
		switch a.Name {
		case "phase":
			return int64(x.defaultPhase())
		case "externalAddress":
			return x.Address
		}
	}
	return plain(a.DefaultFor(roleOf(item)))
}

// DefaultFor is the default with a role, as it stands in a file; nil if it is computed
// or there is none.
func (a *Attribute) DefaultFor(role Role) any {
	if a.Mesh != nil && role == RoleInterRouter {
		return a.Mesh
	}
	return a.Default
}

// roleOf is the role of a listener or connector.
func roleOf(item any) Role {
	switch x := item.(type) {
	case *Listener:
		return x.Role
	case *Connector:
		return x.Role
	}
	return ""
}

// applies reports whether the attribute has an effect on the item.
func (a *Attribute) applies(item any) bool {
	return (len(a.Only) == 0 || slices.Contains(a.Only, roleOf(item))) && a.fitsProtocol(item)
}

// plain turns a default as it is written in a table into what Get gives.
func plain(v any) any {
	if n, ok := v.(int); ok {
		return int64(n)
	}
	return v
}
