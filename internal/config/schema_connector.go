package config

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"time"
)

var connectorEntity = Entity{
	Name:    "connector",
	Section: "connectors",
	List:    true,
	Help:    "opens a connection to another router or to a broker, and opens it again whenever it is lost",
	Attributes: []Attribute{
		{Name: "name", Type: TypeString, Computed: "HOST:PORT", Help: "name in messages and logs, unique among connectors",
			field: at(func(c *Connector) *string { return &c.Name }), check: checkName},
		{Name: "host", Type: TypeString, Default: "127.0.0.1", Help: "name or address of the other machine",
			field: at(func(c *Connector) *string { return &c.Host }), check: checkDialHost},
		{Name: "port", Type: TypeString, Default: "amqp", Help: "number, or service name such as amqp (5672), of the other router's inter-router listener, or of the broker",
			field: at(func(c *Connector) *string { return &c.Port }), check: checkDialPort},
		{Name: "hosts", Type: TypeWords, Only: containers, Computed: "host and port", Help: "several places where the broker may be, each HOST or HOST:PORT, tried in order; instead of host and port",
			field: at(func(c *Connector) *[]string { return &c.Hosts }), check: checkHosts},
		{Name: "role", Type: TypeEnum, Values: words(RoleInterRouter, RoleRouteContainer), Required: true, Help: "what is connected to: inter-router is a neighbour in the mesh; route-container is a broker, for auto-links and link routes",
			RefusedValues: map[string]string{
				"normal": "connectors of this role are not built; use inter-router",
				"edge":   "edge routers are not built yet; use inter-router",
			},
			field: at(func(c *Connector) *Role { return &c.Role })},
		{Name: "cost", Type: TypeInteger, Default: 1, Only: interRouter, Min: 1, Max: MaxCost, Help: costHelp,
			field: at(func(c *Connector) *uint32 { return &c.Cost })},
		{Name: "maxFrameSize", Type: TypeInteger, Default: 16384, Mesh: meshFrameSize, Min: 512, Max: math.MaxInt32, Unit: "bytes", Help: "largest frame that the other side may send",
			field: at(func(c *Connector) *uint32 { return &c.MaxFrameSize })},
		{Name: "maxSessions", Off: "0", Type: TypeInteger, Default: 32768, Only: containers, Min: 1, Max: 32768, Help: "most sessions on the connection",
			field: at(func(c *Connector) *int { return &c.MaxSessions })},
		{Name: "maxSessionFrames", Off: "0", Type: TypeInteger, Computed: "chosen by the router", Only: containers, Min: 1, Max: math.MaxInt32, Unit: "frames", Help: "incoming window of a session",
			field: at(func(c *Connector) *uint32 { return &c.MaxSessionFrames })},
		{Name: "linkCapacity", Type: TypeInteger, Default: 0, Only: containers, Max: 1 << 20, Unit: "deliveries", Help: linkCapacityHelp,
			field: at(func(c *Connector) *int { return &c.LinkCapacity })},
		{Name: "maxInFlight", Type: TypeInteger, Default: 1000, Only: containers, Min: 1, Max: 1 << 20, Unit: "deliveries", Help: "most unsettled deliveries towards the broker, over all links of the connection",
			field: at(func(c *Connector) *uint32 { return &c.MaxInFlight })},
		{Name: "stripAnnotations", Type: TypeEnum, Values: words(StripIn, StripOut, StripBoth, StripNone), Default: string(StripBoth), Only: containers, Help: stripHelp,
			field: at(func(c *Connector) *Strip { return &c.StripAnnotations })},
		{Name: "openProperties", Type: TypeMap, Only: containers, Help: "properties that are added to the router's Open",
			field: at(func(c *Connector) *map[string]any { return &c.OpenProperties }), check: checkOpenProperties},
		{Name: "idleTimeoutSeconds", Type: TypeInteger, Default: 16, Mesh: meshIdleSeconds, Max: maxSeconds, Unit: "seconds", Help: "close a connection on which nothing came for this long, whatever heartbeats say; 0 never",
			field: at(func(c *Connector) *time.Duration { return &c.IdleTimeout })},
		{Name: "saslMechanisms", Type: TypeWords, Values: mechanismsByStrength, Computed: "with a saslUsername PLAIN, and SCRAM-SHA-256 too with role route-container; else ANONYMOUS", Help: "the SASL mechanisms to log in by: a single one with role inter-router; else the strongest that the broker offers, and never one that is not named",
			RefusedValues: connectorMechanisms(),
			field:         at(func(c *Connector) *[]string { return &c.SASLMechanisms }), check: checkMechanisms},
		{Name: "saslUsername", Type: TypeString, Help: "who the router is to the other side, for PLAIN and SCRAM-SHA-256",
			field: at(func(c *Connector) *string { return &c.SASLUsername }), check: checkName},
		{Name: "saslPassword", Type: TypeString, Help: "password for saslUsername: env:NAME is in that environment variable, file:PATH in that file, relative to the folder of the configuration file, and pass:TEXT or anything else is the password itself",
			field: at(func(c *Connector) *Secret { return &c.SASLPassword }), check: checkSecretForm},
		{Name: "traceFrames", Type: TypeBoolean, Default: false, Help: traceHelp,
			field: at(func(c *Connector) *bool { return &c.TraceFrames })},

		{Name: "socketAddressFamily", Old: "protocolFamily", Refused: "the host decides it; give the address that is meant as host", Harmless: true},
		{Name: "sslProfile", Refused: noTLS},
		{Name: "verifyHostname", Old: "verifyHostName", Refused: noTLS, Harmless: true},
		{Name: "allowRedirect", Refused: "redirects are not followed; remove it", Harmless: true},
		{Name: "failoverUrls", Old: "failoverList", Refused: "it is what a peer says, nothing to configure; remove it"},
		{Name: "policyVhost", Refused: noPolicy},
		{Name: "messageLoggingComponents", Old: "logMessage", Refused: noMessageLog, Harmless: true, Off: "none"},
	},
}

// mechanismsByStrength is the order in which a connector tries them.
var mechanismsByStrength = []string{"SCRAM-SHA-256", "PLAIN", "ANONYMOUS"}

// connectorMechanisms are those that a connector cannot log in by.
func connectorMechanisms() map[string]string {
	refused := maps.Clone(refusedMechanisms)
	delete(refused, "SCRAM-SHA-256")
	return refused
}

// What routers use among themselves, where clients get something else. Large
// frames make large messages cheap; a silent neighbour is found by heartbeats,
// so that the idle time-out is there for what heartbeats do not see.
const (
	meshFrameSize   = 65536
	meshIdleSeconds = 60
)

// MaxCost is the most that an adjacency can be configured to cost: what a router
// that carries no transit traffic announces is one more.
const MaxCost = 1<<30 - 1

const costHelp = "what the adjacency costs; the larger of what both ends say counts"

func checkDialPort(v any) error {
	n, err := PortNumber(v.(string))
	if err == nil && n == 0 {
		return errors.New(`is "0"; give the port on which the other side listens`)
	}
	return err
}

// checkHosts takes what splits into hosts and ports.
func checkHosts(v any) error {
	list := v.([]string)
	if len(list) == 0 {
		return errors.New("names no host; remove the line, or give HOST:PORT for each")
	}
	seen := map[string]bool{}
	for _, s := range list {
		host, port, err := splitHostPort(s)
		if err != nil {
			return fmt.Errorf("%s %w; each must look like HOST or HOST:PORT", shown(s), err)
		}
		if err := checkDialHost(host); err != nil {
			return fmt.Errorf("%s %w", shown(s), err)
		}
		if port != "" {
			if err := checkDialPort(port); err != nil {
				return fmt.Errorf("%s has a port that %w", shown(s), err)
			}
		}
		place := dialPlace(s)
		if seen[place] {
			return fmt.Errorf("%s is named twice", shown(s))
		}
		seen[place] = true
	}
	return nil
}

// dialPlace is one of the hosts in its one form, host:port with a number.
func dialPlace(s string) string {
	host, port, _ := splitHostPort(s)
	if port == "" {
		port = "amqp"
	}
	return hostPort(host, port)
}
