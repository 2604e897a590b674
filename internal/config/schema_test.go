package config

import (
	"net"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// Every field that can be configured has a row, and every row a field of its own.
func TestSchemaCoversTheStructs(t *testing.T) {
	targets := map[string]any{"router": &Router{}, "listener": &Listener{}, "connector": &Connector{}, "address": &Address{}, "autoLink": &AutoLink{}, "linkRoute": &LinkRoute{}, "shards": &Shards{}, "users": &Users{}, "log": &Log{}}
	for _, e := range append(Schema(), shardsEntity) {
		if e.Refused != "" {
			if len(e.Attributes) != 0 {
				t.Errorf("%s is refused and has attributes", e.Name)
			}
			continue
		}
		target := targets[e.Name]
		if target == nil {
			t.Errorf("%s has no struct", e.Name)
			continue
		}
		taken := map[uintptr]string{}
		for _, a := range e.Attributes {
			if a.Refused != "" {
				continue
			}
			p := reflect.ValueOf(a.field(target)).Pointer()
			if other := taken[p]; other != "" {
				t.Errorf("%s.%s and %s share a field", e.Name, a.Name, other)
			}
			taken[p] = a.Name
		}
		fields := 0
		for f := range reflect.TypeOf(target).Elem().Fields() {
			if !strings.HasSuffix(f.Name, "ByDefault") { // it says where another one's value is from
				fields++
			}
		}
		if len(taken) != fields {
			t.Errorf("%s has %d fields and %d attributes", e.Name, fields, len(taken))
		}
	}
}

func TestSchemaRowsAreComplete(t *testing.T) {
	for _, e := range append(Schema(), shardsEntity) {
		var names []string
		for _, a := range e.Attributes {
			where := e.Name + "." + a.Name
			if slices.Contains(names, a.Name) {
				t.Errorf("%s is there twice", where)
			}
			names = append(names, a.Name)
			switch {
			case a.Refused != "":
				if a.Type != "" || a.field != nil {
					t.Errorf("%s is refused and has more than a name", where)
				}
				continue
			case a.Help == "" || a.Type == "" || a.field == nil:
				t.Errorf("%s has no help, type or field", where)
			case a.Type == TypeInteger && a.Max == 0:
				t.Errorf("%s has no upper bound", where)
			case a.Default != nil && a.Computed != "":
				t.Errorf("%s has two defaults", where)
			case strings.HasSuffix(a.Help, "."):
				t.Errorf("%s: help is a phrase, without a full stop", where)
			}
			if n, ok := a.Default.(int); ok && (uint64(n) < a.Min || uint64(n) > a.Max) {
				t.Errorf("%s: the default %d is out of bounds", where, n)
			}
			if n, ok := a.Mesh.(int); a.Mesh != nil && (!ok || uint64(n) < a.Min || uint64(n) > a.Max) {
				t.Errorf("%s: the default %v of role inter-router is out of bounds", where, a.Mesh)
			}
			if (a.Mesh != nil || len(a.Only) > 0) && e.attribute("role") == nil {
				t.Errorf("%s depends on a role that %s does not have", where, e.Name)
			}
			if a.Required && (a.Default != nil || a.Computed != "") {
				t.Errorf("%s must be given and has a default", where)
			}
			if s, ok := a.Default.(string); ok && a.Type == TypeEnum && !slices.Contains(a.Values, s) {
				t.Errorf("%s: the default %q is none of its values", where, s)
			}
		}
	}
}

func TestListenNetworkAndAddress(t *testing.T) {
	tests := []struct {
		listener         Listener
		network, address string
	}{
		{Listener{Port: "5672"}, "tcp", "127.0.0.1:5672"},
		{Listener{Port: "amqp"}, "tcp", "127.0.0.1:5672"},
		{Listener{Port: "https"}, "tcp", "127.0.0.1:443"}, // known to this machine, or else to Go
		{Listener{Port: "AMQPS", Host: "localhost"}, "tcp", "localhost:5671"},
		{Listener{Port: "1", SocketAddressFamily: IPv6}, "tcp6", "[::1]:1"},
		{Listener{Port: "1", Host: "0.0.0.0"}, "tcp4", "0.0.0.0:1"},
		{Listener{Port: "1", Host: "::"}, "tcp", "[::]:1"},
		{Listener{Port: "1", Host: "[::]", SocketAddressFamily: IPv6}, "tcp6", "[::]:1"},
		{Listener{Port: "1", Host: "fe80::1%eth0"}, "tcp", "[fe80::1%eth0]:1"},
		{Listener{Port: "1", Host: "name", SocketAddressFamily: IPv4}, "tcp4", "name:1"},
	}
	for _, tt := range tests {
		if tt.listener.Host == "" && tt.network == "tcp" {
			tt.network = "tcp4" // loopback is an IPv4 address
		}
		if n, a := tt.listener.ListenNetwork(), tt.listener.ListenAddress(); n != tt.network || a != tt.address {
			t.Errorf("%+v: got %s %s, want %s %s", tt.listener, n, a, tt.network, tt.address)
		}
		if err := checkHost(tt.listener.bareHost()); err != nil {
			t.Errorf("%s: %v", tt.listener.Host, err)
		}
	}
}

func TestDefaultListenerCanBeBound(t *testing.T) {
	l := DefaultListener()
	l.Port = "0"
	ln, err := net.Listen(l.ListenNetwork(), l.ListenAddress())
	if err != nil {
		t.Fatal(err)
	}
	_ = ln.Close()
}

func TestHostNamesBecomeIDs(t *testing.T) {
	for name, want := range map[string]string{
		"host.example":           "host.example",
		"my host/a\tb":           "my-host-a-b",
		strings.Repeat("é", 100): strings.Repeat("é", 63),
	} {
		id := cleanID(name)
		if id != want || checkID(id) != nil {
			t.Errorf("%q: got %q, want %q", name, id, want)
		}
	}
}

func TestMatchKeys(t *testing.T) {
	same := [][2]Address{
		{{Prefix: "a"}, {Pattern: "a/#"}},
		{{Prefix: "a/b/"}, {Pattern: "a.b.#"}},
		{{Pattern: "#"}, {Pattern: "#/#"}},
		{{Pattern: "*/#/*"}, {Pattern: "#.*.*"}},
	}
	for _, s := range same {
		if matchKey(s[0].Prefix, s[0].Pattern) != matchKey(s[1].Prefix, s[1].Pattern) {
			t.Errorf("%+v and %+v match the same: got keys %q and %q", s[0], s[1], matchKey(s[0].Prefix, s[0].Pattern), matchKey(s[1].Prefix, s[1].Pattern))
		}
	}
	seen := map[string]Address{}
	for _, a := range []Address{{Prefix: "a"}, {Pattern: "a"}, {Pattern: "*"}, {Pattern: "#"}, {Pattern: "*/#"}, {Pattern: "*/*"}, {Pattern: "*/*/#"}, {Pattern: "a/*/b"}, {Pattern: "a/#/b"}, {Prefix: "ab"}} {
		if other, ok := seen[matchKey(a.Prefix, a.Pattern)]; ok {
			t.Errorf("%+v and %+v match different addresses and have the same key", a, other)
		}
		seen[matchKey(a.Prefix, a.Pattern)] = a
	}
}
