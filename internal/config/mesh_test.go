package config

import (
	"net"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestFullFileOfAnInteriorRouter(t *testing.T) {
	t.Setenv("MESH_PASSWORD", "from outside")
	c, err := Parse("mesh.yaml", []byte(`
router: {id: A, mode: interior, heartbeatMilliseconds: 2500}
listeners:
  - {port: amqp}
  - {name: mesh, host: "::", port: 55672, role: inter-router, cost: 1073741823, socketAddressFamily: IPv6, authenticatePeer: true, initialHandshakeTimeoutSeconds: 5}
  - {port: 55673, role: inter-router, maxFrameSize: 512, idleTimeoutSeconds: 9}
connectors:
  - {name: to-b, host: b.example, port: amqps, role: inter-router, cost: 2, maxFrameSize: 1024, idleTimeoutSeconds: 0, saslMechanisms: PLAIN, saslUsername: A, saslPassword: "env:MESH_PASSWORD"}
  - {host: "[::1]", port: 1, role: inter-router, saslUsername: A, saslPassword: 007}
  - {role: inter-router, host: c.example}
  - {role: inter-router, port: 2, saslMechanisms: [ANONYMOUS]}
users: {file: u}
`))
	if err != nil {
		t.Fatal(err)
	}
	if want := (Router{ID: "A", Mode: Interior, Heartbeat: 2500 * time.Millisecond, DefaultDistribution: Balanced, MetricsAddresses: 100}); c.Router != want {
		t.Errorf("got %+v, want %+v", c.Router, want)
	}
	mesh := Listener{
		Name: "mesh", Host: "::", Port: "55672", SocketAddressFamily: IPv6, Role: RoleInterRouter, Cost: MaxCost, MaxFrameSize: 65536, MaxSessions: 32768,
		IdleTimeout: time.Minute, InitialHandshakeTimeout: 5 * time.Second, StripAnnotations: StripBoth, Management: ManagementRead, AuthenticatePeer: true, SASLMechanisms: []string{"PLAIN"}, Healthz: true, Metrics: true,
	}
	if !reflect.DeepEqual(c.Listeners[1], mesh) {
		t.Errorf("got\n%+v\nwant\n%+v", c.Listeners[1], mesh)
	}
	if l := c.Listeners[0]; l.Role != RoleNormal || l.MaxFrameSize != 16384 || l.IdleTimeout != 16*time.Second {
		t.Errorf("the listener for clients has what one for routers has: %+v", l)
	}
	if l := c.Listeners[2]; l.Cost != 1 || l.MaxFrameSize != 512 || l.IdleTimeout != 9*time.Second {
		t.Errorf("the role's defaults have replaced what the file says, or it has no cost: %+v", l)
	}
	plain, anonymous := []string{"PLAIN"}, []string{"ANONYMOUS"}
	connectors := []Connector{
		{Name: "to-b", Host: "b.example", Port: "amqps", Role: RoleInterRouter, Cost: 2, MaxFrameSize: 1024, MaxSessions: 32768, MaxInFlight: 1000, StripAnnotations: StripBoth, IdleTimeout: 0,
			SASLMechanisms: plain, SASLUsername: "A", SASLPassword: NewSecret("env:MESH_PASSWORD", ".")},
		{Name: "[::1]:1", Host: "::1", Port: "1", Role: RoleInterRouter, Cost: 1, MaxFrameSize: 65536, MaxSessions: 32768, MaxInFlight: 1000, StripAnnotations: StripBoth, IdleTimeout: time.Minute,
			SASLMechanisms: plain, SASLUsername: "A", SASLPassword: NewSecret("007", ".")},
		{Name: "c.example:5672", Host: "c.example", Port: "amqp", Role: RoleInterRouter, Cost: 1, MaxFrameSize: 65536, MaxSessions: 32768, MaxInFlight: 1000, StripAnnotations: StripBoth, IdleTimeout: time.Minute, SASLMechanisms: anonymous},
		{Name: "127.0.0.1:2", Host: "127.0.0.1", Port: "2", Role: RoleInterRouter, Cost: 1, MaxFrameSize: 65536, MaxSessions: 32768, MaxInFlight: 1000, StripAnnotations: StripBoth, IdleTimeout: time.Minute, SASLMechanisms: anonymous},
	}
	if !reflect.DeepEqual(c.Connectors, connectors) {
		t.Errorf("got\n%+v\nwant\n%+v", c.Connectors, connectors)
	}
}

// A router behind an address that nobody can connect to may still connect to
// others.
func TestConnectorsNeedNoListener(t *testing.T) {
	c, err := Parse("f", []byte("router: {mode: interior}\nconnectors: [{host: b, role: inter-router}]"))
	if err != nil || len(c.Listeners) != 0 || len(c.Connectors) != 1 {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestDialAddress(t *testing.T) {
	tests := []struct{ host, port, want string }{
		{"b.example", "AMQP", "b.example:5672"},
		{"[fe80::1%eth0]", "1", "[fe80::1%eth0]:1"},
		{"::1", "0065", "[::1]:65"},
	}
	for _, tt := range tests {
		c := defaultConnector()
		c.Host, c.Port = tt.host, tt.port
		if got := c.DialAddress(); got != tt.want {
			t.Errorf("%s, %s: got %s, want %s", tt.host, tt.port, got, tt.want)
		}
		if _, _, err := net.SplitHostPort(c.DialAddress()); err != nil {
			t.Error(err)
		}
	}
}

// Only what certainly is this router itself is refused: another process may
// listen on one address of a port, and a name may stand for several.
func TestAConnectorThatMayReachAnotherRouterIsTaken(t *testing.T) {
	tests := []struct{ name, listener, connector string }{
		{"another port", "{host: 127.0.0.1, port: 7}", "{host: 127.0.0.1, port: 8, role: inter-router}"},
		{"another address of loopback", "{host: 127.0.0.1, port: 7}", "{host: 127.0.0.2, port: 7, role: inter-router}"},
		{"a port that the system chooses", "{host: 127.0.0.1, port: 0}", "{host: 127.0.0.1, port: 7, role: inter-router}"},
		{"a listener on every address", "{host: 0.0.0.0, port: 7}", "{host: 127.0.0.1, port: 7, role: inter-router}"},
		{"an address that other machines may have", "{host: 192.0.2.1, port: 7}", "{host: 192.0.2.1, port: 7, role: inter-router}"},
		{"a name", "{host: localhost, port: 7}", "{host: localhost, port: 7, role: inter-router}"},
	}
	for _, tt := range tests {
		if _, err := Parse("f", []byte("router: {mode: interior}\nlisteners: ["+tt.listener+"]\nconnectors: ["+tt.connector+"]")); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestBadMesh(t *testing.T) {
	t.Setenv("EMPTY_PASSWORD", "")
	interior := func(entries ...string) string {
		return "router: {mode: interior}\nlisteners: [{port: 1}]\nconnectors:\n  - " + strings.Join(entries, "\n  - ")
	}
	listener := func(attributes string) string {
		return "router: {mode: interior}\nlisteners:\n  - {port: 1, role: inter-router, " + attributes + "}"
	}
	const costs = "; it must be a whole number from 1 to 1073741823"
	const heartbeats = "; it must be a whole number from 10 to 10000 (milliseconds)"
	tests := []struct{ name, file, want string }{
		// Who has neighbours.
		{"listener for routers at a router by itself", "listeners:\n  - {port: 1}\n  - {port: 2, role: inter-router}", "f:3: listeners[1].role: is inter-router, and a router of mode standalone has no neighbours; set router.mode to interior"},
		{"connector at a router by itself", "router: {mode: standalone}\nlisteners: [{port: 1}]\nconnectors:\n  - {host: b, role: inter-router}", "f:4: connectors[0].role: is inter-router, and a router of mode standalone has no neighbours; set router.mode to interior"},
		{"mode that does not exist, with a connector", "listeners: [{port: 1}]\nrouter: {mode: interor}\nconnectors: [{host: b, role: inter-router}]", `f:2: router.mode: is "interor"; it must be one of standalone, interior (did you mean interior?)`},
		{"misspelt router, with a connector", "listeners: [{port: 1}]\nrooter: {mode: interior}\nconnectors: [{host: b, role: inter-router}]", "f:2: rooter: is not known; did you mean router?"},
		{"router that is no mapping, with a connector", "listeners: [{port: 1}]\nrouter: interior\nconnectors: [{host: b, role: inter-router}]", `f:2: router: is the single value "interior"; it must be attributes, each as "name: value"`},
		{"slash in an interior router's id", "listeners: [{port: 1}]\nrouter: {mode: interior, id: site/A}", "f:2: router.id: contains a slash, which separates parts of addresses; use another character"},
		{"heartbeats of a router by itself", "listeners: [{port: 1}]\nrouter: {heartbeatMilliseconds: 100}", "f:2: router.heartbeatMilliseconds: has no effect with mode standalone, only with interior; remove it"},
		{"heartbeats without a pause", "listeners: [{port: 1}]\nrouter: {mode: interior, heartbeatMilliseconds: 9}", `f:2: router.heartbeatMilliseconds: is "9"` + heartbeats},
		{"heartbeats too rare", "listeners: [{port: 1}]\nrouter: {mode: interior, heartbeatMilliseconds: 10001}", `f:2: router.heartbeatMilliseconds: is "10001"` + heartbeats},
		{"the predecessor's heartbeats", "listeners: [{port: 1}]\nrouter: {mode: interior, helloIntervalSeconds: 1}", "f:2: router.helloIntervalSeconds: " + noHello},

		// Cost.
		{"no cost", listener("cost: 0"), `f:3: listeners[0].cost: is "0"` + costs},
		{"cost that leaves no room for draining", listener("cost: 1073741824"), `f:3: listeners[0].cost: is "1073741824"` + costs},
		{"cost beyond 31 bits", listener("cost: 2147483648"), `f:3: listeners[0].cost: is "2147483648"` + costs},
		{"negative cost of a connector", interior("{role: inter-router, host: b, cost: -1}"), `f:4: connectors[0].cost: is "-1"` + costs},
		{"no cost of a connector", interior("{role: inter-router, host: b, cost: 0}"), `f:4: connectors[0].cost: is "0"` + costs},
		{"connector's cost beyond 31 bits", interior("{role: inter-router, host: b, cost: 2147483648}"), `f:4: connectors[0].cost: is "2147483648"` + costs},
		{"cost of a listener for clients", "listeners:\n  - {cost: 1}", "f:2: listeners[0].cost: has no effect with role normal, only with inter-router; remove it"},

		// What clients have and routers do not.
		{"sessions", listener("maxSessions: 5"), "f:3: listeners[0].maxSessions: " + onlyNormal},
		{"window", listener("maxSessionFrames: 131073"), "f:3: listeners[0].maxSessionFrames: " + onlyNormal},
		{"annotations", listener("stripAnnotations: both"), "f:3: listeners[0].stripAnnotations: " + onlyNormal},
		{"capacity", listener("linkCapacity: 250"), "f:3: listeners[0].linkCapacity: " + onlyNormal},
		{"message size", listener("maxMessageSize: 0"), "f:3: listeners[0].maxMessageSize: " + onlyNormal},
		{"properties", listener("openProperties: {a: 1}"), "f:3: listeners[0].openProperties: " + onlyNormal},
		{"misspelt role, with a cost", "router: {mode: interior}\nlisteners: [{role: interrouter, cost: 2}]", `f:2: listeners[0].role: is "interrouter"; it must be one of normal, inter-router, route-container (did you mean inter-router?)`},

		// Where to connect.
		{"no role", interior("{host: b}"), "f:4: connectors[0].role: is missing; it must be one of inter-router, route-container"},
		{"misspelt name of the role", interior("{host: b, rol: inter-router}"), "f:4: connectors[0].rol: is not known; did you mean role?"},
		{"role of clients", interior("{host: b, role: normal}"), "f:4: connectors[0].role: normal: connectors of this role are not built; use inter-router"},
		{"role of edges", interior("{host: b, role: edge}"), "f:4: connectors[0].role: edge: edge routers are not built yet; use inter-router"},
		{"role that does not exist", interior("{host: b, role: peer}"), `f:4: connectors[0].role: is "peer"; it must be one of inter-router, route-container`},
		{"port out of range, with a default that is our own", "router: {mode: interior}\nlisteners: [{}]\nconnectors: [{role: inter-router, port: 65536}]", `f:3: connectors[0].port: is "65536"; it must be a whole number from 0 to 65535, or a service name`},
		{"entry that is a word, with a default that is our own", "router: {mode: interior}\nlisteners: [{}]\nconnectors: [b]", `f:3: connectors[0]: is the single value "b"; it must be attributes, each as "name: value"`},
		{"entry that is a word, beside a good one", interior("b", "{role: inter-router, host: b, port: 1}"), `f:4: connectors[0]: is the single value "b"; it must be attributes, each as "name: value"`},
		{"connectors without value", "listeners: [{}]\nconnectors:", "f:2: connectors: is empty; it must be a list, each entry with a dash in front"},
		{"connectors without value, and no listener", "router: {mode: interior}\nconnectors:", "f:2: connectors: is empty; it must be a list, each entry with a dash in front"},
		{"no host", interior("{role: inter-router, host: ''}"), "f:4: connectors[0].host: is empty; give the name or address of the other machine"},
		{"every IPv4 address", interior("{role: inter-router, host: 0.0.0.0}"), `f:4: connectors[0].host: is "0.0.0.0", which is where to listen; give the name or address of the other machine`},
		{"every address", interior("{role: inter-router, host: '[::]'}"), `f:4: connectors[0].host: is "[::]", which is where to listen; give the name or address of the other machine`},
		{"star", interior("{role: inter-router, host: '*'}"), `f:4: connectors[0].host: is "*", which is where to listen; give the name or address of the other machine`},
		{"port in the host", interior("{role: inter-router, host: 'b:1'}"), `f:4: connectors[0].host: is "b:1", which is no address; a port goes into the attribute port`},
		{"port 0", interior("{role: inter-router, host: b, port: 0}"), `f:4: connectors[0].port: is "0"; give the port on which the other side listens`},
		{"port out of range", interior("{role: inter-router, host: b, port: 65536}"), `f:4: connectors[0].port: is "65536"; it must be a whole number from 0 to 65535, or a service name`},
		{"same place twice", interior("{role: inter-router, host: b}", "{name: again, role: inter-router, host: b, port: 5672}"), `f:5: connectors[1].port: "b:5672" is used by connectors[0] (line 4) too`},
		{"same name twice", interior("{name: n, role: inter-router, host: b}", "{name: n, role: inter-router, host: c}"), `f:5: connectors[1].name: "n" is used by connectors[0] (line 4) too`},
		{"connector to this router", interior("{role: inter-router, port: 1}"), "f:4: connectors[0].port: 127.0.0.1:1 is where this router listens itself, listeners[0] (line 2); give another machine's or process's"},
		{"connector to this router by default", "router: {mode: interior}\nlisteners: [{}]\nconnectors: [{role: inter-router}]", "f:3: connectors[0].port: 127.0.0.1:5672 is where this router listens itself, listeners[0] (line 2); give another machine's or process's"},
		{"connector to this router over IPv6", "router: {mode: interior}\nlisteners: [{port: 1}, {host: '::1', port: 5671}]\nconnectors: [{host: '[0:0::1]', port: amqps, role: inter-router}]", "f:3: connectors[0].port: [::1]:5671 is where this router listens itself, listeners[1] (line 2); give another machine's or process's"},

		// How to log in.
		{"PLAIN without a name", interior("{role: inter-router, host: b, saslMechanisms: PLAIN}"), "f:4: connectors[0].saslMechanisms: has PLAIN, and there is no saslUsername; add it and saslPassword"},
		{"name without a password", interior("{role: inter-router, host: b, saslUsername: A}"), "f:4: connectors[0].saslUsername: has no password; add saslPassword"},
		{"password without a name", interior("{role: inter-router, host: b, saslPassword: s3cret}"), "f:4: connectors[0].saslPassword: is nobody's; add saslUsername"},
		{"ANONYMOUS with a name", interior("{role: inter-router, host: b, saslMechanisms: ANONYMOUS, saslUsername: A, saslPassword: s3cret}"), "f:4: connectors[0].saslMechanisms: has ANONYMOUS, which says nothing about who a peer is, and there is a saslUsername; remove one of the two"},
		{"two mechanisms", interior("{role: inter-router, host: b, saslMechanisms: [PLAIN, ANONYMOUS], saslUsername: A, saslPassword: s3cret}"), "f:4: connectors[0].saslMechanisms: names 2 mechanisms; a connector to a router logs in by one"},
		{"SCRAM", interior("{role: inter-router, host: b, saslMechanisms: SCRAM-SHA-256, saslUsername: A, saslPassword: s3cret}"), "f:4: connectors[0].saslMechanisms: SCRAM-SHA-256: no router offers it; use PLAIN"},
		{"EXTERNAL, which needs no password", interior("{role: inter-router, host: b, saslMechanisms: EXTERNAL}"), "f:4: connectors[0].saslMechanisms: EXTERNAL: client certificates need TLS, which is not built yet"},
		{"empty name", interior("{role: inter-router, host: b, saslUsername: '', saslPassword: s3cret}"), "f:4: connectors[0].saslUsername: is empty; give a name or remove the line"},
		{"empty password", interior("{role: inter-router, host: b, saslUsername: A, saslPassword: ''}"), "f:4: connectors[0].saslPassword: is empty; give a password, or remove the line"},
		{"list of passwords", interior("{role: inter-router, host: b, saslUsername: A, saslPassword: [s3cret]}"), "f:4: connectors[0].saslPassword: is a list; it must be a single value"},
		{"variable without a name", interior("{role: inter-router, host: b, saslUsername: A, saslPassword: 'env:'}"), "f:4: connectors[0].saslPassword: names nothing after the colon; give env:NAME or file:PATH"},
		{"variable that is not set", interior("{role: inter-router, host: b, saslUsername: A, saslPassword: env:NO_SUCH_VARIABLE}"), `f:4: connectors[0].saslPassword: the environment variable "NO_SUCH_VARIABLE" is not set; set it where the router is started`},
		{"variable that is empty", interior("{role: inter-router, host: b, saslUsername: A, saslPassword: env:EMPTY_PASSWORD}"), `f:4: connectors[0].saslPassword: the environment variable "EMPTY_PASSWORD" is empty; give a password`},
		{"file that is not there", interior("{role: inter-router, host: b, saslUsername: A, saslPassword: file:no-such-file}"), `f:4: connectors[0].saslPassword: the file "no-such-file": there is no such file`},
		{"folder as password file", interior("{role: inter-router, host: b, saslUsername: A, saslPassword: file:/}"), `f:4: connectors[0].saslPassword: the file "/": it is no regular file; give one`},
		{"users that nobody can be asked for", "router: {mode: interior}\nconnectors: [{host: b, role: inter-router}]\nusers: {file: u}", "f:3: users.file: is used by no listener; add PLAIN to the saslMechanisms of one"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := Parse("f", []byte(tt.file)); err == nil || err.Error() != tt.want {
				t.Errorf("got\n%v\nwant\n%s", err, tt.want)
			}
		})
	}
}

const onlyNormal = "has no effect with role inter-router, only with normal and route-container; remove it"
