package config

import (
	"errors"
	"math"
	"time"
)

var connectorEntity = Entity{
	Name:    "connector",
	Section: "connectors",
	List:    true,
	Help:    "opens a connection to another router, and opens it again whenever it is lost",
	Attributes: []Attribute{
		{Name: "name", Type: TypeString, Computed: "HOST:PORT", Help: "name in messages and logs, unique among connectors",
			field: at(func(c *Connector) *string { return &c.Name }), check: checkName},
		{Name: "host", Type: TypeString, Default: "127.0.0.1", Help: "name or address of the other router's machine",
			field: at(func(c *Connector) *string { return &c.Host }), check: checkDialHost},
		{Name: "port", Type: TypeString, Default: "amqp", Help: "number, or service name such as amqp (5672), of the other router's inter-router listener",
			field: at(func(c *Connector) *string { return &c.Port }), check: checkDialPort},
		{Name: "role", Type: TypeEnum, Values: words(RoleInterRouter), Required: true, Help: "what is connected to: inter-router is a neighbour in the mesh",
			RefusedValues: map[string]string{
				"normal":          "connectors of this role are not built; use inter-router",
				"edge":            "edge routers are not built yet; use inter-router",
				"route-container": noBrokers,
			},
			field: at(func(c *Connector) *Role { return &c.Role })},
		{Name: "cost", Type: TypeInteger, Default: 1, Min: 1, Max: MaxCost, Help: costHelp,
			field: at(func(c *Connector) *uint32 { return &c.Cost })},
		{Name: "maxFrameSize", Type: TypeInteger, Default: meshFrameSize, Min: 512, Max: math.MaxInt32, Unit: "bytes", Help: "largest frame that the other router may send",
			field: at(func(c *Connector) *uint32 { return &c.MaxFrameSize })},
		{Name: "idleTimeoutSeconds", Type: TypeInteger, Default: meshIdleSeconds, Max: maxSeconds, Unit: "seconds", Help: "close a connection on which nothing came for this long, whatever heartbeats say; 0 never",
			field: at(func(c *Connector) *time.Duration { return &c.IdleTimeout })},
		{Name: "saslMechanisms", Type: TypeWords, Values: []string{"ANONYMOUS", "PLAIN"}, Computed: "PLAIN with a saslUsername, else ANONYMOUS", Help: "the SASL mechanism to log in by, a single one",
			RefusedValues: refusedMechanisms,
			field:         at(func(c *Connector) *[]string { return &c.SASLMechanisms }), check: checkMechanisms},
		{Name: "saslUsername", Type: TypeString, Help: "who the router is to the other one, for PLAIN",
			field: at(func(c *Connector) *string { return &c.SASLUsername }), check: checkName},
		{Name: "saslPassword", Type: TypeString, Help: "password for saslUsername: env:NAME is in that environment variable, file:PATH in that file, relative to the folder of the configuration file, and pass:TEXT or anything else is the password itself",
			field: at(func(c *Connector) *Secret { return &c.SASLPassword }), check: checkSecretForm},

		{Name: "hosts", Refused: "several hosts for one connector are not built yet; write a connector for each"},
		{Name: "socketAddressFamily", Old: "protocolFamily", Refused: "the host decides it; give the address that is meant as host"},
		{Name: "sslProfile", Refused: noTLS},
		{Name: "verifyHostname", Old: "verifyHostName", Refused: noTLS},
		{Name: "maxSessions", Refused: noEffect},
		{Name: "maxSessionFrames", Refused: noEffect},
		{Name: "linkCapacity", Refused: noEffect},
		{Name: "stripAnnotations", Refused: noEffect},
		{Name: "openProperties", Refused: noEffect},
		{Name: "maxInFlight", Refused: noBrokers},
		{Name: "allowRedirect", Refused: "redirects are not followed; remove it"},
		{Name: "failoverUrls", Old: "failoverList", Refused: "it is what a peer says, nothing to configure; remove it"},
		{Name: "policyVhost", Refused: noPolicy},
		{Name: "messageLoggingComponents", Old: "logMessage", Refused: noMessageLog},
	},
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
		return errors.New(`is "0"; give the port on which the other router listens`)
	}
	return err
}
