package config

import "time"

// Config is a whole configuration: defaults filled in, bounds checked.
type Config struct {
	// File is where it was read from; empty for the embedded defaults.
	File string
	// Warnings are what was taken although it may be wrong: deprecated spellings
	// and what has no effect, in a file of the predecessor's form, and what was
	// made at run time before what it needs.
	Warnings Problems

	Router     Router
	Listeners  []Listener
	Connectors []Connector
	Addresses  []Address
	AutoLinks  []AutoLink
	LinkRoutes []LinkRoute
	Users      Users
	Log        Log
}

// Router is the node itself.
type Router struct {
	ID                  string // unique in a mesh; the host's name by default
	Mode                Mode
	Heartbeat           time.Duration // time between heartbeats to a neighbour; Interior only
	DefaultDistribution Distribution  // of addresses that no Address entry matches
	MetricsAddresses    int           // most addresses that have metrics of their own
	WorkerThreads       int           // most processors that it uses at a time; 0 is all
	Metadata            string        // a text for those who look at the router
}

// Listener accepts connections. What only another role has is at its default,
// without effect.
type Listener struct {
	Name                    string
	Host                    string // name or literal, without brackets; empty is loopback
	HostByDefault           bool   // nothing was said of Host, which is filled in
	Port                    string // number or service name; 0 lets the system choose
	SocketAddressFamily     Family
	Role                    Role
	Cost                    uint32        // of an adjacency by it, at least 1; RoleInterRouter only
	MaxFrameSize            uint32        // bytes, for max-frame-size in Open
	MaxSessions             int           // channel-max is one less
	MaxSessionFrames        uint32        // incoming window of a session in frames; 0 leaves it to the router
	IdleTimeout             time.Duration // close when nothing came for this long; 0 never
	InitialHandshakeTimeout time.Duration // close when no Open came by then; 0 never
	StripAnnotations        Strip
	Management              Management
	LinkCapacity            int    // most deliveries in flight on one incoming link; 0 follows the consumers
	MaxMessageSize          uint64 // bytes; 0 is no limit
	AuthenticatePeer        bool   // refuse peers that skip SASL
	SASLMechanisms          []string
	OpenProperties          map[string]any // values: string, int64, uint64, float64, bool, nil, []any, map[string]any
	FailoverURLs            []FailoverURL
	TraceFrames             bool // each frame of its connections is logged
	HTTP                    bool // it speaks HTTP, and what is only for AMQP is without effect
	Healthz                 bool // with HTTP: /healthz and /readyz
	Metrics                 bool // with HTTP: /metrics
	Profiling               bool // with HTTP: /debug/pprof
}

// Connector opens a connection to another router or to a broker. What only
// another role has is at its default, without effect.
type Connector struct {
	Name             string
	Host             string   // name or literal, without brackets
	Port             string   // number or service name, not 0
	Hosts            []string // host:port with numbers, tried in order, instead of Host and Port; RoleRouteContainer only, nil otherwise
	Role             Role
	Cost             uint32 // of the adjacency by it, at least 1; RoleInterRouter only
	MaxFrameSize     uint32 // bytes, for max-frame-size in Open
	MaxSessions      int    // channel-max is one less; RoleRouteContainer only, as those below
	MaxSessionFrames uint32 // incoming window of a session in frames; 0 leaves it to the router
	LinkCapacity     int    // most deliveries in flight on one incoming link; 0 follows the consumers
	MaxInFlight      uint32 // most unsettled deliveries towards the broker, over all links
	StripAnnotations Strip
	OpenProperties   map[string]any // values as in Listener
	IdleTimeout      time.Duration  // close when nothing came for this long; 0 never
	SASLMechanisms   []string       // strongest first; exactly one with RoleInterRouter
	SASLUsername     string         // for all but ANONYMOUS
	SASLPassword     Secret         // for all but ANONYMOUS
	TraceFrames      bool           // each frame of its connections is logged
}

// Users names the file that SASL PLAIN checks against.
type Users struct {
	File string // absolute, or relative to the working directory; empty is none
}

// Log says what is logged and how.
type Log struct {
	Level   Level
	Format  Format
	Modules map[string]Level // of those modules that have their own; nil is none

	OutputFile          string // "stderr", "stdout", or a file: absolute, or relative to the working directory
	OutputFileMegabytes int    // size at which a file is full
	OutputFileBackups   int    // full files that are kept
}

// ModuleLevels are the levels of modules as the logger takes them.
func (l *Log) ModuleLevels() map[string]string {
	levels := make(map[string]string)
	for module, level := range l.Modules {
		levels[module] = string(level)
	}
	return levels
}

// FailoverURL is another place where clients find this service; it is sent to
// them in Open.
type FailoverURL struct {
	Scheme string // amqp, amqps, ws, wss; empty if the file names none
	Host   string
	Port   string
}

// Mode is how a router takes part in a mesh.
type Mode string

// The modes.
const (
	Standalone Mode = "standalone" // by itself
	Interior   Mode = "interior"   // with neighbours, one of the mesh
)

// Role is what the peers of a listener or a connector are.
type Role string

// The roles.
const (
	RoleNormal      Role = "normal"       // clients
	RoleInterRouter Role = "inter-router" // other routers of the mesh
	// RoleRouteContainer is brokers, and other containers that auto-links and
	// link routes lead to.
	RoleRouteContainer Role = "route-container"
)

// Distribution is how the deliveries of an address are spread over its consumers.
type Distribution string

// The distributions.
const (
	Balanced    Distribution = "balanced"
	Closest     Distribution = "closest"
	Multicast   Distribution = "multicast"
	Unavailable Distribution = "unavailable" // attaches and messages are refused
)

// Management is what clients may do with the router's management.
type Management string

// What they may do.
const (
	ManagementFull Management = "full" // look and change
	ManagementRead Management = "read" // look
	ManagementNone Management = "none"
)

// Strip says on which way the router's own annotations are removed.
type Strip string

// The ways.
const (
	StripIn   Strip = "in"
	StripOut  Strip = "out"
	StripBoth Strip = "both"
	StripNone Strip = "no"
)

// In reports whether annotations are removed from what comes in.
func (s Strip) In() bool { return s == StripIn || s == StripBoth }

// Out reports whether annotations are removed from what goes out.
func (s Strip) Out() bool { return s == StripOut || s == StripBoth }

// Outcome is what a sender hears of a delivery whose path was lost after it had
// been sent on.
type Outcome string

// The outcomes.
const (
	OutcomeModified Outcome = "modified"
	OutcomeReleased Outcome = "released"
)

// Family restricts a listener to one version of IP; empty is as the host says.
type Family string

// The families.
const (
	IPv4 Family = "IPv4"
	IPv6 Family = "IPv6"
)

// Level is the least severity that is logged.
type Level string

// The levels.
const (
	LevelDebug Level = "debug"
	LevelInfo  Level = "info"
	LevelWarn  Level = "warn"
	LevelError Level = "error"
)

// Format is how a log line looks.
type Format string

// The formats; auto is console on a terminal and JSON otherwise.
const (
	FormatConsole Format = "console"
	FormatJSON    Format = "json"
	FormatAuto    Format = "auto"
)
