package config

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// maxSeconds bounds times: Open carries idle-time-out in milliseconds, as a uint.
const maxSeconds = math.MaxUint32 / 1000

var listenerEntity = Entity{
	Name:    "listener",
	Section: "listeners",
	List:    true,
	Help:    "accepts connections",
	Attributes: []Attribute{
		{Name: "name", Type: TypeString, Computed: "HOST:PORT", Help: "name in messages and logs, unique among listeners",
			field: at(func(l *Listener) *string { return &l.Name }), check: checkName},
		{Name: "host", Type: TypeString, Computed: "loopback, 127.0.0.1", Help: "name or address to listen on; 0.0.0.0 is every IPv4 address, :: every address",
			field: at(func(l *Listener) *string { return &l.Host }), check: checkHost},
		{Name: "port", Type: TypeString, Default: "amqp", Help: "number, or service name such as amqp (5672) or amqps (5671); 0 lets the system choose, and the log says what",
			field: at(func(l *Listener) *string { return &l.Port }), check: checkPort},
		{Name: "socketAddressFamily", Old: "protocolFamily", Type: TypeEnum, Values: words(IPv4, IPv6), Computed: "as the host says", Help: "listen on this version of IP only",
			field: at(func(l *Listener) *Family { return &l.SocketAddressFamily })},
		{Name: "role", Type: TypeEnum, Values: words(RoleNormal, RoleInterRouter, RoleRouteContainer), Default: string(RoleNormal), Help: "who connects here: normal is clients; inter-router is other routers of the mesh; route-container is brokers, for auto-links and link routes",
			RefusedValues: map[string]string{
				"edge": "edge routers are not built yet; use normal",
			},
			field: at(func(l *Listener) *Role { return &l.Role })},
		{Name: "cost", Type: TypeInteger, Default: 1, Only: interRouter, Min: 1, Max: MaxCost, Help: costHelp,
			field: at(func(l *Listener) *uint32 { return &l.Cost })},
		{Name: "maxFrameSize", Type: TypeInteger, Default: 16384, Mesh: meshFrameSize, Min: 512, Max: math.MaxInt32, Unit: "bytes", Help: "largest frame that a peer may send",
			field: at(func(l *Listener) *uint32 { return &l.MaxFrameSize })},
		{Name: "maxSessions", Off: "0", Type: TypeInteger, Default: 32768, Only: endpoints, Min: 1, Max: 32768, Help: "most sessions on one connection",
			field: at(func(l *Listener) *int { return &l.MaxSessions })},
		{Name: "maxSessionFrames", Off: "0", Type: TypeInteger, Computed: "chosen by the router", Only: endpoints, Min: 1, Max: math.MaxInt32, Unit: "frames", Help: "incoming window of a session",
			field: at(func(l *Listener) *uint32 { return &l.MaxSessionFrames })},
		{Name: "idleTimeoutSeconds", Type: TypeInteger, Default: 16, Mesh: meshIdleSeconds, Max: maxSeconds, Unit: "seconds", Help: "close a connection on which nothing came for this long; 0 never",
			field: at(func(l *Listener) *time.Duration { return &l.IdleTimeout })},
		{Name: "initialHandshakeTimeoutSeconds", Type: TypeInteger, Default: 10, Max: maxSeconds, Unit: "seconds", Help: "close a connection on which no Open came by then; 0 never",
			field: at(func(l *Listener) *time.Duration { return &l.InitialHandshakeTimeout })},
		{Name: "stripAnnotations", Type: TypeEnum, Values: words(StripIn, StripOut, StripBoth, StripNone), Default: string(StripBoth), Only: endpoints, Help: stripHelp,
			field: at(func(l *Listener) *Strip { return &l.StripAnnotations })},
		{Name: "management", Type: TypeEnum, Values: words(ManagementFull, ManagementRead, ManagementNone), Computed: "full on loopback, read elsewhere", Only: endpoints, Help: "what clients may do with $management: look and change, look, or nothing",
			field: at(func(l *Listener) *Management { return &l.Management })},
		{Name: "linkCapacity", Type: TypeInteger, Default: 0, Only: endpoints, Max: 1 << 20, Unit: "deliveries", Help: linkCapacityHelp,
			field: at(func(l *Listener) *int { return &l.LinkCapacity })},
		{Name: "maxMessageSize", Type: TypeInteger, Default: 0, Only: endpoints, Max: math.MaxInt64, Unit: "bytes", Help: "largest message that is taken; 0 is no limit",
			field: at(func(l *Listener) *uint64 { return &l.MaxMessageSize })},
		{Name: "authenticatePeer", Type: TypeBoolean, Default: false, Help: "refuse peers that do not say who they are: those without SASL and anonymous ones",
			field: at(func(l *Listener) *bool { return &l.AuthenticatePeer })},
		{Name: "saslMechanisms", Type: TypeWords, Values: []string{"ANONYMOUS", "PLAIN"},
			Computed: "ANONYMOUS unless authenticatePeer is set, and PLAIN if there is a users file", Help: "SASL mechanisms that are offered",
			RefusedValues: refusedMechanisms,
			field:         at(func(l *Listener) *[]string { return &l.SASLMechanisms }), check: checkMechanisms},
		{Name: "openProperties", Type: TypeMap, Only: endpoints, Help: "properties that are added to the router's Open",
			field: at(func(l *Listener) *map[string]any { return &l.OpenProperties }), check: checkOpenProperties},
		{Name: "failoverUrls", Old: "failoverList", Type: TypeWords, Help: "other places where peers find this service, [(amqp|amqps|ws|wss)://]host[:port], sent to them in Open",
			field: at(func(l *Listener) *[]FailoverURL { return &l.FailoverURLs })},
		{Name: "traceFrames", Type: TypeBoolean, Default: false, Help: traceHelp,
			field: at(func(l *Listener) *bool { return &l.TraceFrames })},
		{Name: "http", Type: TypeBoolean, Default: false, Help: "speak HTTP instead of AMQP: /metrics for Prometheus, /healthz and /readyz for whoever watches the router; anybody who can connect may read them",
			field: at(func(l *Listener) *bool { return &l.HTTP })},
		{Name: "healthz", Type: TypeBoolean, Default: true, Help: "serve /healthz and /readyz; with http only",
			field: at(func(l *Listener) *bool { return &l.Healthz })},
		{Name: "metrics", Type: TypeBoolean, Default: true, Help: "serve /metrics; with http only",
			field: at(func(l *Listener) *bool { return &l.Metrics })},
		{Name: "profiling", Type: TypeBoolean, Default: false, Help: "serve /debug/pprof, which shows the inside of the process and can slow it down; with http only",
			field: at(func(l *Listener) *bool { return &l.Profiling })},

		{Name: "sslProfile", Refused: noTLS},
		{Name: "requireSsl", Refused: noTLS, Off: "no"},
		{Name: "requireEncryption", Refused: noTLS, Off: "no"},
		{Name: "trustedCertsFile", Old: "trustedCerts", Refused: noTLS, Harmless: true},
		{Name: "saslPlugin", Refused: noPlugin},
		{Name: "multiTenant", Refused: noTenants, Off: "no"},
		{Name: "policyVhost", Refused: noPolicy},
		{Name: "httpRootDir", Old: "httpRoot", Refused: noConsole, Harmless: true},
		{Name: "websockets", Refused: noWebSockets, Harmless: true, Off: "no"},
		{Name: "messageLoggingComponents", Old: "logMessage", Refused: noMessageLog, Harmless: true, Off: "none"},
	},
}

// The roles that an attribute has an effect with.
var (
	interRouter = []Role{RoleInterRouter}
	containers  = []Role{RoleRouteContainer}
	endpoints   = []Role{RoleNormal, RoleRouteContainer}
)

const (
	traceHelp        = "log each frame of connections that are made from now on, at most 500 lines a second for all"
	stripHelp        = "remove the router's own annotations from what comes in, goes out, both, or not at all"
	linkCapacityHelp = "most deliveries in flight on one link into the router; 0 lets that follow the consumers of its address, 250 for each and 8192 at most"
)

var refusedMechanisms = map[string]string{
	"EXTERNAL":      "client certificates need TLS, which is not built yet",
	"SCRAM-SHA-1":   "SCRAM is not built yet; use PLAIN",
	"SCRAM-SHA-256": "SCRAM is not built yet; use PLAIN",
	"SCRAM-SHA-512": "SCRAM is not built yet; use PLAIN",
	"GSSAPI":        "Kerberos is not built; use PLAIN",
	"DIGEST-MD5":    "it is obsolete and not built; use PLAIN",
	"CRAM-MD5":      "it is obsolete and not built; use PLAIN",
}

func checkName(v any) error {
	if v.(string) == "" {
		return errors.New("is empty; give a name or remove the line")
	}
	return checkText(v.(string))
}

func checkMechanisms(v any) error {
	names := v.([]string)
	if len(names) == 0 {
		return errors.New("names no mechanism; remove the line to get the default")
	}
	for i, n := range names {
		if slices.Contains(names[:i], n) {
			return fmt.Errorf("names %s twice", n)
		}
	}
	return nil
}

// reservedProperties are those that the router itself puts in Open.
var reservedProperties = []string{"product", "version", "failover-server-list", "network-host", "port", "scheme", "hostname"}

func checkOpenProperties(v any) error {
	m := v.(map[string]any)
	for _, key := range slices.Sorted(maps.Keys(m)) {
		switch {
		case key == "":
			return errors.New("has a key that is empty")
		case strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r > '~' }):
			return fmt.Errorf("key %q is not printable ASCII, as keys of properties must be", key)
		case strings.HasPrefix(key, "qd.") || strings.HasPrefix(key, "x-opt-qd."):
			return fmt.Errorf("key %q is reserved: keys that start with qd. or x-opt-qd. belong to the router", key)
		case slices.Contains(reservedProperties, key):
			return fmt.Errorf("key %q is reserved: the router sets it", key)
		}
	}
	return nil
}
