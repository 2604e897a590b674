package config

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestFullFileWithBrokers(t *testing.T) {
	c, err := Parse("brokers.yaml", []byte(`
router: {id: A}
listeners:
  - {name: brokers, port: 5673, role: route-container, maxSessions: 7, linkCapacity: 9, idleTimeoutSeconds: 20}
connectors:
  - {name: broker-1, hosts: [b1.example, "b2.example:amqps", "[::1]:5674"], role: route-container, saslUsername: mesh, saslPassword: secret, maxInFlight: 50,
     maxSessions: 3, maxSessionFrames: 4, linkCapacity: 5, stripAnnotations: no, openProperties: {site: north}}
  - {host: b3.example, role: route-container, saslUsername: mesh, saslPassword: secret, saslMechanisms: PLAIN SCRAM-SHA-256}
addresses:
  - {prefix: orders, waypoint: true}
  - {prefix: chain, ingressPhase: 2, egressPhase: 4, waypoint: true}
  - {prefix: jobs, enableFallback: true}
  - {prefix: invoices, shards: {key: "application-property:customer", connections: [broker-1, "b3.example:5672"], onLoss: move}, presettledDirect: true}
  - {prefix: events, shards: {connections: [brokers, broker-1]}}
autoLinks:
  - {address: orders, direction: in, connection: broker-1}
  - {address: orders, direction: out, connection: broker-1}
  - {name: dead, address: jobs, direction: out, containerId: elsewhere, externalAddress: dlq, fallback: true, durable: unsettled-state, capabilities: [queue, shared]}
  - {address: chain, direction: in, phase: 3, connection: brokers}
linkRoutes:
  - {prefix: tx, direction: in, connection: broker-1}
  - {name: out, pattern: "tx/*/#", direction: out, containerId: elsewhere, addExternalPrefix: a., delExternalPrefix: tx/}
`))
	if err != nil {
		t.Fatal(err)
	}
	broker := Connector{
		Name: "broker-1", Host: "127.0.0.1", Port: "amqp", Hosts: []string{"b1.example:5672", "b2.example:5671", "[::1]:5674"}, Role: RoleRouteContainer, Cost: 1,
		MaxFrameSize: 16384, MaxSessions: 3, MaxSessionFrames: 4, LinkCapacity: 5, MaxInFlight: 50, StripAnnotations: StripNone, OpenProperties: map[string]any{"site": "north"},
		IdleTimeout: 16 * time.Second, SASLMechanisms: []string{"SCRAM-SHA-256", "PLAIN"}, SASLUsername: "mesh", SASLPassword: NewSecret("secret", "."),
	}
	second := Connector{
		Name: "b3.example:5672", Host: "b3.example", Port: "amqp", Role: RoleRouteContainer, Cost: 1, MaxFrameSize: 16384, MaxSessions: 32768, MaxInFlight: 1000,
		StripAnnotations: StripBoth, IdleTimeout: 16 * time.Second, SASLMechanisms: []string{"SCRAM-SHA-256", "PLAIN"}, SASLUsername: "mesh", SASLPassword: NewSecret("secret", "."),
	}
	want(t, c.Connectors, []Connector{broker, second})
	if l := c.Listeners[0]; l.Role != RoleRouteContainer || l.MaxSessions != 7 || l.LinkCapacity != 9 || l.MaxFrameSize != 16384 || l.IdleTimeout != 20*time.Second {
		t.Errorf("got %+v", l)
	}
	address := func(prefix string, set func(*Address)) Address {
		a := Address{Name: prefix, Prefix: prefix, Distribution: Balanced, OnLoss: OutcomeModified}
		set(&a)
		return a
	}
	want(t, c.Addresses, []Address{
		address("orders", func(a *Address) { a.Waypoint, a.EgressPhase = true, 1 }),
		address("chain", func(a *Address) { a.Waypoint, a.IngressPhase, a.EgressPhase = true, 2, 4 }),
		address("jobs", func(a *Address) { a.EnableFallback = true }),
		address("invoices", func(a *Address) {
			a.Waypoint, a.EgressPhase, a.PresettledDirect = true, 1, true
			a.Shards = &Shards{Key: ShardKey{ShardByProperty, "customer"}, Connections: []string{"broker-1", "b3.example:5672"}, OnLoss: ShardMove}
		}),
		address("events", func(a *Address) {
			a.Waypoint, a.EgressPhase = true, 1
			a.Shards = &Shards{Connections: []string{"brokers", "broker-1"}, OnLoss: ShardWait}
		}),
	})
	want(t, c.AutoLinks, []AutoLink{
		{Name: "in:orders@broker-1", Address: "orders", Direction: DirectionIn, Phase: 1, ExternalAddress: "orders", Connection: "broker-1", Durable: DurableNone},
		{Name: "out:orders@broker-1", Address: "orders", Direction: DirectionOut, Phase: 0, ExternalAddress: "orders", Connection: "broker-1", Durable: DurableNone},
		{Name: "dead", Address: "jobs", Direction: DirectionOut, ExternalAddress: "dlq", ContainerID: "elsewhere", Fallback: true, Durable: DurableUnsettled, Capabilities: []string{"queue", "shared"}},
		{Name: "in:chain@brokers:3", Address: "chain", Direction: DirectionIn, Phase: 3, ExternalAddress: "chain", Connection: "brokers", Durable: DurableNone},
	})
	want(t, c.LinkRoutes, []LinkRoute{
		{Name: "in:tx@broker-1", Prefix: "tx", Direction: DirectionIn, Connection: "broker-1"},
		{Name: "out", Pattern: "tx/*/#", Direction: DirectionOut, ContainerID: "elsewhere", AddExternalPrefix: "a.", DelExternalPrefix: "tx/"},
	})
}

func want[T any](t *testing.T, got, want []T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}

// What may be right is taken: another router of the mesh may have a connection,
// and several links may lead to one address.
func TestBrokersOfOthersAreTaken(t *testing.T) {
	const interior = "router: {mode: interior}\nlisteners: [{port: 1}]\n"
	const broker = "connectors: [{name: broker-1, host: b, role: route-container}]\n"
	tests := []struct{ name, file string }{
		{"shards that only other routers reach", interior + "addresses: [{prefix: a, shards: {connections: [north, south]}}]"},
		{"shards of which another router has one", interior + broker + "addresses: [{prefix: a, shards: {connections: [broker-1, broker-2]}}]"},
		{"a link route that another router has the broker of", interior + "linkRoutes: [{prefix: a, direction: in}]"},
		{"a container that no name is known of", "listeners: [{port: 1, role: route-container}]\nautoLinks: [{address: a, direction: in, containerId: any}]"},
		{"two queues into one address", interior + broker + "autoLinks:\n  - {address: a, direction: in, connection: broker-1}\n  - {address: a, direction: in, connection: broker-1, externalAddress: b}"},
		{"one queue in two phases", interior + broker + "autoLinks:\n  - {address: a, direction: in, connection: broker-1}\n  - {address: a, direction: in, connection: broker-1, phase: 2}"},
		{"a link route into part of an address", interior + broker + "addresses: [{prefix: a}]\nlinkRoutes: [{prefix: a/b, direction: in, connection: broker-1}]"},
		{"link routes in both directions", interior + broker + "linkRoutes: [{prefix: a, direction: in, connection: broker-1}, {prefix: a, direction: out, connection: broker-1}]"},
		{"into a fallback destination and out of it", interior + broker + "autoLinks:\n  - {address: a, direction: out, connection: broker-1, fallback: true}\n  - {address: a, direction: in, connection: broker-1, fallback: true}"},
		{"out of a fallback destination and into it", interior + broker + "autoLinks:\n  - {address: a, direction: in, connection: broker-1, fallback: true}\n  - {address: a, direction: out, connection: broker-1, fallback: true}"},
		{"two connections to one broker", interior + "connectors: [{name: x, host: b, role: route-container}, {name: y, host: b, role: route-container}]"},
	}
	for _, tt := range tests {
		if _, err := Parse("f", []byte(tt.file)); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestBadBrokers(t *testing.T) {
	// Entries start in line 4.
	with := func(section string, entries ...string) string {
		return "listeners: [{port: 1}]\nconnectors: [{name: broker-1, host: b, role: route-container}, {name: broker-2, host: c, role: route-container}]\n" + section + ":\n  - " + strings.Join(entries, "\n  - ")
	}
	interior := func(file string) string { return "router: {mode: interior}\n" + file }
	shards := func(attributes string) string {
		return with("addresses", "{prefix: a, shards: {connections: [broker-1, broker-2], "+attributes+"}}")
	}
	tests := []struct{ name, file, want string }{
		// Connections.
		{"hosts and host", with("connectors", ""), "f:3: connectors: is given twice, first in line 2; remove one"},
		{"several places and one", "connectors: [{role: route-container, host: a, hosts: [b]}]", "f:1: connectors[0]: has both hosts and host; remove one"},
		{"several places and a port", "connectors: [{role: route-container, port: 1, hosts: [b]}]", "f:1: connectors[0]: has both hosts and port; remove one"},
		{"no place", "connectors: [{role: route-container, hosts: []}]", "f:1: connectors[0].hosts: names no host; remove the line, or give HOST:PORT for each"},
		{"the same place twice", "connectors: [{role: route-container, hosts: [b, 'b:5672']}]", `f:1: connectors[0].hosts: "b:5672" is named twice`},
		{"a place to listen", "connectors: [{role: route-container, hosts: ['0.0.0.0:1']}]", `f:1: connectors[0].hosts: "0.0.0.0:1" is "0.0.0.0", which is where to listen; give the name or address of the other machine`},
		{"port 0", "connectors: [{role: route-container, hosts: ['b:0']}]", `f:1: connectors[0].hosts: "b:0" has a port that is "0"; give the port on which the other side listens`},
		{"a URL", "connectors: [{role: route-container, hosts: ['amqp://b:1']}]", `f:1: connectors[0].hosts: "amqp://b:1" has no port after the colon, or too many colons; each must look like HOST or HOST:PORT`},
		{"several neighbours in one", interior("connectors: [{role: inter-router, hosts: [b, c]}]"), "f:2: connectors[0].hosts: has no effect with role inter-router, only with route-container; remove it"},
		{"in flight to a neighbour", interior("connectors: [{role: inter-router, host: b, maxInFlight: 5}]"), "f:2: connectors[0].maxInFlight: has no effect with role inter-router, only with route-container; remove it"},
		{"nothing in flight", "connectors: [{role: route-container, host: b, maxInFlight: 0}]", `f:1: connectors[0].maxInFlight: is "0"; it must be a whole number from 1 to 1048576 (deliveries)`},
		{"cost of a broker", "connectors: [{role: route-container, host: b, cost: 2}]", "f:1: connectors[0].cost: has no effect with role route-container, only with inter-router; remove it"},
		{"two without a name", "connectors:\n  - {role: route-container, host: b}\n  - {role: route-container, host: b}", `f:3: connectors[1].name: "b:5672" is used by connectors[0] (line 2) too`},
		{"itself, as the second place", "listeners: [{port: 7}]\nconnectors: [{role: route-container, hosts: [b, '127.0.0.1:7']}]", "f:2: connectors[0].hosts: 127.0.0.1:7 is where this router listens itself, listeners[0] (line 1); give another machine's or process's"},
		{"SCRAM without a name", "connectors: [{role: route-container, host: b, saslMechanisms: [ANONYMOUS, SCRAM-SHA-256]}]", "f:1: connectors[0].saslMechanisms: has SCRAM-SHA-256, and there is no saslUsername; add it and saslPassword"},
		{"window too large", "connectors: [{role: route-container, host: b, maxSessionFrames: 131073}]", "f:1: connectors[0].maxSessionFrames: times maxFrameSize (16384) is 2147500032 bytes; it must not pass 2147483647"},

		// Auto-links.
		{"no address", with("autoLinks", "{direction: in, connection: broker-1}"), "f:4: autoLinks[0].address: is missing; it must be a single value"},
		{"no direction", with("autoLinks", "{address: a, connection: broker-1}"), "f:4: autoLinks[0].direction: is missing; it must be one of in, out"},
		{"empty address", with("autoLinks", "{address: '', direction: in, connection: broker-1}"), "f:4: autoLinks[0].address: is empty; give an address"},
		{"nowhere", with("autoLinks", "{address: a, direction: in}"), "f:4: autoLinks[0]: has neither connection nor containerId; give one"},
		{"two ends", with("autoLinks", "{address: a, direction: in, connection: broker-1, containerId: c}"), "f:4: autoLinks[0]: has both connection and containerId; remove one"},
		{"misspelt connection", with("autoLinks", "{address: a, direction: in, connection: borker-1}"), `f:4: autoLinks[0].connection: no connector or listener is named "borker-1"; did you mean broker-1?`},
		{"unknown connection", with("autoLinks", "{address: a, direction: in, connection: warehouse}"), `f:4: autoLinks[0].connection: no connector or listener is named "warehouse"; those that lead to a broker are broker-1, broker-2`},
		{"no connection to any broker", "listeners: [{port: 1}]\nautoLinks: [{address: a, direction: in, connection: warehouse}]", `f:2: autoLinks[0].connection: no connector or listener is named "warehouse"; add a connector of role route-container with that name`},
		{"connection to clients", "listeners: [{name: devices, port: 1}]\nautoLinks: [{address: a, direction: in, connection: devices}]", `f:2: autoLinks[0].connection: "devices" has the role normal; only connections of role route-container lead to a broker`},
		{"connection that could not be read", "connectors: [{name: warehouse, role: route-container, port: -1}]\nautoLinks: [{address: a, direction: in, connection: warehouse}]", `f:1: connectors[0].port: is "-1"; it must be a whole number from 0 to 65535, or a service name`},
		{"hosts that could not be read", "connectors: [{role: route-container, hosts: []}]\nautoLinks: [{address: a, direction: in, connection: 'b:5672'}]", "f:1: connectors[0].hosts: names no host; remove the line, or give HOST:PORT for each"},
		{"phase out of range", with("autoLinks", "{address: a, direction: in, connection: broker-1, phase: 10}"), `f:4: autoLinks[0].phase: is "10"; it must be a whole number from 0 to 9`},
		{"fallback with a phase", with("autoLinks", "{address: a, direction: out, connection: broker-1, phase: 1, fallback: true}"), "f:4: autoLinks[0].phase: is given, and fallback is true: the fallback destination of an address has no phases; remove one of the two"},
		{"the same twice", with("autoLinks", "{address: a, direction: in, connection: broker-1}", "{address: a, direction: in, connection: broker-1, phase: 1, externalAddress: a, durable: configuration}"), "f:5: autoLinks[1]: is between the same address and the same place at the broker as autoLinks[0] (line 4); remove one"},
		{"in a circle", with("autoLinks", "{address: a, direction: out, connection: broker-1}", "{address: a, direction: in, connection: broker-1, phase: 0}"), "f:5: autoLinks[1]: is the way back of autoLinks[0] (line 4), in the same phase: messages would go round for ever; remove the phase of both to get 1 with direction in and 0 with out, or give both fallback: true"},
		{"out of a fallback destination and into it again", with("autoLinks", "{address: a, direction: out, connection: broker-1, fallback: true}", "{address: a, direction: in, connection: broker-1, phase: 0}"), "f:5: autoLinks[1]: is the way back of autoLinks[0] (line 4), in the same phase: messages would go round for ever; remove the phase of both to get 1 with direction in and 0 with out, or give both fallback: true"},
		{"the same name", with("autoLinks", "{name: n, address: a, direction: in, connection: broker-1}", "{name: n, address: b, direction: in, connection: broker-1}"), `f:5: autoLinks[1].name: "n" is used by autoLinks[0] (line 4) too`},
		{"capability with a blank", with("autoLinks", "{address: a, direction: in, connection: broker-1, capabilities: ['my queue']}"), `f:4: autoLinks[0].capabilities: names "my queue", which is not printable ASCII without blanks, as capabilities must be`},
		{"capability twice", with("autoLinks", "{address: a, direction: in, connection: broker-1, capabilities: queue queue}"), "f:4: autoLinks[0].capabilities: names queue twice"},
		{"old spelling", with("autoLinks", "{addr: a, direction: in, connection: broker-1}"), "f:4: autoLinks[0].addr: is the old name of address; use that"},

		// Link routes.
		{"neither prefix nor pattern", with("linkRoutes", "{direction: in, connection: broker-1}"), "f:4: linkRoutes[0]: has neither prefix nor pattern; give one"},
		{"both prefix and pattern", with("linkRoutes", "{prefix: a, pattern: b, direction: in, connection: broker-1}"), "f:4: linkRoutes[0]: has both prefix and pattern; remove one"},
		{"neither end, and no other router", with("linkRoutes", "{prefix: a, direction: in}"), "f:4: linkRoutes[0]: has neither connection nor containerId; give one"},
		{"both ends", interior(with("linkRoutes", "{prefix: a, direction: in, connection: broker-1, containerId: c}")), "f:5: linkRoutes[0]: has both connection and containerId; remove one"},
		{"misspelt connection of a link route", interior(with("linkRoutes", "{prefix: a, direction: in, connection: broker1}")), `f:5: linkRoutes[0].connection: no connector or listener is named "broker1"; did you mean broker-1?`},
		{"equal link routes", with("linkRoutes", "{prefix: a, direction: in, connection: broker-1}", "{pattern: a/#, direction: in, connection: broker-1}"), "f:5: linkRoutes[1].pattern: matches the same addresses as linkRoutes[0] (line 4); remove one"},
		{"in the shade of a prefix", with("linkRoutes", "{prefix: a, direction: in, connection: broker-1}") + "\naddresses: [{prefix: a/b}]", "f:4: linkRoutes[0].prefix: matches every address that addresses[0] (line 5) is about, and link routes go first; remove one of the two, or make this one narrower"},
		{"in the shade of a pattern", with("linkRoutes", "{pattern: '*/#', direction: out, connection: broker-1}") + "\naddresses: [{pattern: b.*.c}]", "f:4: linkRoutes[0].pattern: matches every address that addresses[0] (line 5) is about, and link routes go first; remove one of the two, or make this one narrower"},
		{"distribution", with("linkRoutes", "{prefix: a, direction: in, connection: broker-1, distribution: linkBalanced}"), "f:4: linkRoutes[0].distribution: the links of a link route are always spread over the connections that lead to its broker; remove it"},

		// Phases and fallback.
		{"fallback of a waypoint", with("addresses", "{prefix: a, enableFallback: true, waypoint: true}"), "f:4: addresses[0].enableFallback: is true, and there is waypoint; an address has a fallback destination or phases: remove one of the two"},
		{"fallback with phases", with("addresses", "{prefix: a, enableFallback: true, egressPhase: 1}"), "f:4: addresses[0].enableFallback: is true, and there is egressPhase; an address has a fallback destination or phases: remove one of the two"},
		{"past no waypoint", with("addresses", "{prefix: a, presettledDirect: true}"), "f:4: addresses[0].presettledDirect: has no effect without waypoint or shards; add one of them or remove it"},

		// Shards.
		{"shards of a pattern", with("addresses", "{pattern: a.*, shards: {connections: [broker-1, broker-2]}}"), "f:4: addresses[0].shards: is given with a pattern; the queues at the brokers have the names of the addresses, so give a prefix"},
		{"shards that are no waypoint", with("addresses", "{prefix: a, waypoint: false, shards: {connections: [broker-1, broker-2]}}"), "f:4: addresses[0].waypoint: is false, and shards are in the middle of an address; remove it"},
		{"shards with phases", with("addresses", "{prefix: a, egressPhase: 3, shards: {connections: [broker-1, broker-2]}}"), "f:4: addresses[0].shards: is given with phases; shards are between phase 0 and 1: remove ingressPhase and egressPhase"},
		{"shards with a fallback", with("addresses", "{prefix: a, enableFallback: true, shards: {connections: [broker-1, broker-2]}}"), "f:4: addresses[0].enableFallback: is true, and there is shards; an address has a fallback destination or phases: remove one of the two"},
		{"copies to shards", with("addresses", "{prefix: a, distribution: multicast, shards: {connections: [broker-1, broker-2]}}"), "f:4: addresses[0].distribution: is multicast, and with shards every message goes to one of them; remove it"},
		{"shards as a word", with("addresses", "{prefix: a, shards: broker-1}"), `f:4: addresses[0].shards: is the single value "broker-1"; it must be attributes, each as "name: value"`},
		{"shards without value", with("addresses", "{prefix: a, shards: }"), `f:4: addresses[0].shards: is empty; it must be attributes, each as "name: value"`},
		{"misspelt in shards", with("addresses", "{prefix: a, shards: {conections: [broker-1, broker-2]}}"), "f:4: addresses[0].shards.conections: is not known; did you mean connections?"},
		{"no connections", with("addresses", "{prefix: a, shards: {key: to}}"), "f:4: addresses[0].shards.connections: is missing; it must be a list"},
		{"one shard", with("addresses", "{prefix: a, shards: {connections: [broker-1]}}"), "f:4: addresses[0].shards.connections: names 1; at least two are needed to spread something (for one, use waypoint and auto-links)"},
		{"one shard twice", with("addresses", "{prefix: a, shards: {connections: [broker-1, broker-1]}}"), `f:4: addresses[0].shards.connections: names "broker-1" twice`},
		{"keys without end", shards("key: to, onLoss: forget"), `f:4: addresses[0].shards.onLoss: is "forget"; it must be one of wait, move`},
		{"loss of no key", shards("onLoss: move"), "f:4: addresses[0].shards.onLoss: has no effect without key: shards are chosen by load then, among those that are there; remove it, or add key"},
		{"misspelt key", shards("key: groupid"), `f:4: addresses[0].shards.key: is "groupid"; it must be one of group-id, subject, to, or application-property:NAME; without it shards are chosen by load (did you mean group-id?)`},
		{"key of no property", shards("key: 'application-property:'"), "f:4: addresses[0].shards.key: names no property after the colon; give application-property:NAME"},
		{"shard that nobody has", with("addresses", "{prefix: a, shards: {connections: [broker-1, broker-9, warehouse]}}"), `f:4: addresses[0].shards.connections: no connector or listener is named "broker-9"; did you mean broker-1?` + "\n" +
			`f:4: addresses[0].shards.connections: no connector or listener is named "warehouse"; those that lead to a broker are broker-1, broker-2`},
		{"shards that are all misspelt", interior(with("addresses", "{prefix: a, shards: {connections: [borker-1, far-away]}}")), `f:5: addresses[0].shards.connections: no connector or listener is named "borker-1"; did you mean broker-1?`},
		{"auto-links past the shards", interior(with("addresses", "{prefix: a, shards: {key: to, connections: [broker-1, north]}}", "{prefix: a/b}")) + "\nautoLinks:\n" +
			"  - {address: a/x, direction: out, connection: broker-1}\n  - {address: a/x, direction: in, connection: broker-2}\n  - {address: a/b/x, direction: out, connection: broker-2}\n" +
			"  - {address: a, direction: out, connection: broker-2}\n  - {address: a/x, direction: out, containerId: any}",
			"f:11: autoLinks[3].connection: is none of the connections that addresses[0] (line 5) spreads the address over, so no message would go there; name one of broker-1, north, or add this one to them\n" +
				"f:12: autoLinks[4].containerId: is none of the connections that addresses[0] (line 5) spreads the address over, so no message would go there; name one of broker-1, north, or add this one to them"},
		{"shard at clients", "router: {mode: interior}\nlisteners: [{name: devices, port: 1}]\naddresses: [{prefix: a, shards: {connections: [devices, far-away]}}]", `f:3: addresses[0].shards.connections: "devices" has the role normal; only connections of role route-container lead to a broker`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := Parse("f", []byte(tt.file)); err == nil || err.Error() != tt.want {
				t.Errorf("got\n%v\nwant\n%s", err, tt.want)
			}
		})
	}
}

func TestWhatOnePatternCovers(t *testing.T) {
	tests := []struct {
		general, specific string
		want              bool
	}{
		{"a", "a", true}, {"a", "b", false}, {"#", "a", true}, {"#", "#", true}, {"*", "a", true}, {"*", "#", false}, {"a", "*", false},
		{"a/#", "a", true}, {"a/#", "a/b/c", true}, {"a/#", "b/a", false}, {"a/*", "a/#", false}, {"a/#", "a/*/c/#", true}, {"a/*/#", "a/#/*", true},
		{"#/c", "a/b/c", true}, {"#/c", "a/#/c", true}, {"#/c", "a/c/#", false}, {"#/b/#", "a/b/c", true}, {"#/b/#", "a/*/c", false}, {"*/*", "a", false},
	}
	for _, tt := range tests {
		if got := covers(matchKey("", tt.general), matchKey("", tt.specific)); got != tt.want {
			t.Errorf("%s covers %s: got %v", tt.general, tt.specific, got)
		}
	}
}
