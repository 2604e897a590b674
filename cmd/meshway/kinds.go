package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/meshway/meshway/internal/client"
)

// kind is something that routers know of, and how it is shown.
type kind struct {
	name    string   // as it is typed, in the plural
	also    []string // other names
	help    string
	entity  string // its type
	config  string // the type that is created and deleted; "" is none
	columns []column
	sort    string // attribute to sort by
	only    func(client.Entity) bool
	noise   func(client.Entity) bool // left out of the narrow table
	none    string                   // said when there is none at all
}

// column is a column of a table.
type column struct {
	title string
	wide  bool // only with -o wide
	right bool // numbers
	show  func(client.Entity) string
}

func attribute(title, name string) column {
	return column{title: title, show: func(e client.Entity) string { return e.Text(name) }}
}

func numeric(title, name string) column {
	c := attribute(title, name)
	c.right = true
	return c
}

// more is a column of the wide table only.
func more(c column) column {
	c.wide = true
	return c
}

func shown(title string, show func(client.Entity) string) column {
	return column{title: title, show: show}
}

// since shows seconds as people say them.
func since(title, name string) column {
	return column{title: title, right: true, show: func(e client.Entity) string {
		if !e.Has(name) {
			return ""
		}
		return age(e.Number(name))
	}}
}

// age is a time in the two units that matter.
func age(seconds float64) string {
	d := time.Duration(seconds) * time.Second
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", d/time.Minute, d/time.Second%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d/time.Minute%60)
	}
	return fmt.Sprintf("%dd%02dh", d/(24*time.Hour), d/time.Hour%24)
}

// hostPort is where a listener or a connector is.
func hostPort(e client.Entity) string {
	if hosts := e.Text("hosts"); hosts != "" {
		return hosts
	}
	return cmp.Or(e.Text("host"), "*") + ":" + e.Text("port")
}

// listens is where a listener takes connections: what the system has given it, if it says so.
func listens(e client.Entity) string { return cmp.Or(e.Text("listenAddress"), hostPort(e)) }

// plainAddress is an address without the letters in front of it.
func plainAddress(key string) string {
	switch {
	case len(key) > 2 && key[0] == 'M' && key[1] >= '0' && key[1] <= '9':
		return key[2:]
	case len(key) > 1 && strings.ContainsRune("LRTHACDEFS", rune(key[0])):
		return key[1:]
	}
	return key
}

// fallbackPhase is the phase by which routers show the fallback consumers of an address.
const fallbackPhase = "1"

// fallbackKey is the key of the fallback consumers of an address.
func fallbackKey(address string) string { return "M" + fallbackPhase + address }

// addressClass says what the letter in front of an address means.
func addressClass(key string) string {
	if key == "" {
		return ""
	}
	switch key[0] {
	case 'M':
		if len(key) > 1 && key[1] != '0' {
			return "phase " + key[1:2]
		}
		return "mobile"
	case 'L':
		return "local"
	case 'R':
		return "router"
	case 'T':
		return "topological"
	case 'H':
		return "edge"
	case 'C', 'E':
		return "link route in"
	case 'D', 'F':
		return "link route out"
	case 'A':
		return "area"
	case 'S':
		return "shard"
	}
	return ""
}

func isRole(role string) func(client.Entity) bool {
	return func(e client.Entity) bool { return e.Text("role") == role }
}

// kinds are all that `meshway get` knows.
var kinds = []kind{
	{name: "connections", also: []string{"connection", "conn", "conns"}, entity: "connection", sort: "identity",
		help: "connections of clients, brokers and other routers", columns: []column{
			numeric("ID", "identity"), attribute("HOST", "host"), attribute("CONTAINER", "container"), attribute("ROLE", "role"), attribute("DIR", "dir"),
			attribute("USER", "user"), more(attribute("SASL", "sasl")), shown("SECURITY", security), since("UP", "uptimeSeconds"),
			since("LAST", "lastDlvSeconds"), more(attribute("ACTIVE", "active")), more(attribute("STATUS", "operStatus"))}},
	{name: "links", also: []string{"link"}, entity: "router.link", sort: "identity", noise: func(e client.Entity) bool { return e.Text("linkType") == "inter-router" },
		help: "links, by which messages come and go", columns: []column{
			numeric("ID", "identity"), numeric("CONN", "connectionId"), attribute("TYPE", "linkType"), attribute("DIR", "linkDir"),
			shown("ADDRESS", func(e client.Entity) string { return plainAddress(e.Text("owningAddr")) }), numeric("CREDIT", "creditAvailable"),
			numeric("UNDEL", "undeliveredCount"), numeric("UNSETT", "unsettledCount"), numeric("DELIV", "deliveryCount"), numeric("RATE", "settleRate"),
			more(numeric("PRESETT", "presettledCount")), more(numeric("ACC", "acceptedCount")), more(numeric("REJ", "rejectedCount")), more(numeric("REL", "releasedCount")),
			more(numeric("MOD", "modifiedCount")), more(numeric("DROPPED", "droppedPresettledCount")), more(numeric(">1S", "deliveriesDelayed1Sec")),
			more(numeric(">10S", "deliveriesDelayed10Sec")), numeric("STUCK", "deliveriesStuck"), more(numeric("DRY", "zeroCreditSeconds")), more(attribute("NAME", "linkName"))}},
	{name: "addresses", also: []string{"address", "addr", "addrs"}, entity: "router.address", sort: "key",
		help: "addresses in use", columns: []column{
			shown("ADDRESS", func(e client.Entity) string { return plainAddress(e.Text("key")) }), shown("CLASS", func(e client.Entity) string { return addressClass(e.Text("key")) }),
			attribute("DISTRIBUTION", "distribution"), numeric("LOCAL", "subscriberCount"), numeric("REMOTE", "remoteCount"), more(attribute("ROUTERS", "remoteHostRouters")),
			more(numeric("INPROC", "inProcess")), numeric("IN", "deliveriesIngress"), numeric("OUT", "deliveriesEgress"), numeric("TRANSIT", "deliveriesTransit"),
			more(numeric("TO-CONT", "deliveriesEgressRouteContainer")), more(numeric("FROM-CONT", "deliveriesIngressRouteContainer")),
			more(numeric("FALLBACK", "deliveriesRedirectedToFallback")), more(numeric("PRIO", "priority"))}},
	{name: "routers", also: []string{"router", "nodes", "node"}, entity: "router.node", sort: "id",
		help: "routers of the mesh, and the way to each", none: "; a standalone router lists none, and tells of itself with: meshway get status", columns: []column{
			attribute("ROUTER", "id"), shown("NEXT", nextHop), numeric("COST", "cost"), attribute("NEIGHBOURS", "linkState"), attribute("DRAINING", "draining"),
			more(attribute("ADDRESS", "address")), more(numeric("PROTOCOL", "protocolVersion"))}},
	{name: "status", also: []string{"stats", "general"}, entity: "router", sort: "id",
		help: "what a router is, and what it has done", columns: []column{
			attribute("ROUTER", "id"), attribute("MODE", "mode"), attribute("VERSION", "version"), since("UP", "uptimeSeconds"), numeric("CONNS", "connectionCount"),
			numeric("LINKS", "linkCount"), numeric("ADDRS", "addrCount"), numeric("IN", "deliveriesIngress"), numeric("OUT", "deliveriesEgress"), numeric("TRANSIT", "deliveriesTransit"),
			numeric("STUCK", "deliveriesStuck"), numeric("BLOCKED", "linksBlocked"), more(numeric("ACC", "acceptedDeliveries")), more(numeric("REJ", "rejectedDeliveries")),
			more(numeric("REL", "releasedDeliveries")), more(numeric("MOD", "modifiedDeliveries")), more(numeric("DROPPED", "droppedPresettledDeliveries")), more(numeric("MEMORY", "memoryUsage"))}},
	{name: "brokers", also: []string{"broker"}, entity: "connector", config: "connector", sort: "name", only: isRole("route-container"),
		help: "connectors to brokers", columns: []column{
			attribute("NAME", "name"), shown("HOST", hostPort), attribute("STATUS", "connectionStatus"), attribute("MESSAGE", "connectionMsg"), more(attribute("USER", "saslUsername")),
			more(numeric("MAX-IN-FLIGHT", "maxInFlight"))}},
	{name: "listeners", also: []string{"listener"}, entity: "listener", config: "listener", sort: "port",
		help: "where clients, brokers and routers connect", columns: []column{
			attribute("NAME", "name"), shown("HOST", listens), attribute("ROLE", "role"), attribute("SASL", "saslMechanisms"), attribute("AUTHENTICATE", "authenticatePeer"),
			attribute("MANAGEMENT", "management"), more(numeric("COST", "cost")), more(numeric("CAPACITY", "linkCapacity")), more(numeric("IDLE", "idleTimeoutSeconds"))}},
	{name: "connectors", also: []string{"connector"}, entity: "connector", config: "connector", sort: "name",
		help: "whom the router connects to", columns: []column{
			attribute("NAME", "name"), shown("HOST", hostPort), attribute("ROLE", "role"), numeric("COST", "cost"), attribute("STATUS", "connectionStatus"), attribute("MESSAGE", "connectionMsg"),
			more(attribute("USER", "saslUsername"))}},
	{name: "auto-links", also: []string{"auto-link", "autolinks", "autolink", "autoLink"}, entity: "router.config.autoLink", config: "router.config.autoLink", sort: "address",
		help: "links that the router attaches to brokers", columns: []column{
			attribute("NAME", "name"), attribute("ADDRESS", "address"), attribute("DIR", "direction"), numeric("PHASE", "phase"), attribute("CONNECTION", "connection"),
			attribute("EXTERNAL", "externalAddress"), attribute("STATUS", "operStatus"), attribute("ERROR", "lastError"), more(attribute("CONTAINER", "containerId")), more(attribute("LINK", "linkRef"))}},
	{name: "link-routes", also: []string{"link-route", "linkroutes", "linkroute", "linkRoute"}, entity: "router.config.linkRoute", config: "router.config.linkRoute", sort: "prefix",
		help: "addresses whose links are routed as they are", columns: []column{
			attribute("NAME", "name"), attribute("PREFIX", "prefix"), attribute("PATTERN", "pattern"), attribute("DIR", "direction"), attribute("CONNECTION", "connection"),
			attribute("CONTAINER", "containerId"), attribute("STATUS", "operStatus"), more(attribute("ADD", "addExternalPrefix")), more(attribute("REMOVE", "delExternalPrefix"))}},
	{name: "address-configs", also: []string{"address-config", "configured-addresses"}, entity: "router.config.address", config: "router.config.address", sort: "prefix",
		help: "what is configured for addresses", columns: []column{
			attribute("NAME", "name"), attribute("PREFIX", "prefix"), attribute("PATTERN", "pattern"), attribute("DISTRIBUTION", "distribution"), attribute("WAYPOINT", "waypoint"),
			numeric("PRIO", "priority"), attribute("FALLBACK", "fallback"), attribute("SHARDS", "shards"), more(numeric("IN-PHASE", "ingressPhase")), more(numeric("OUT-PHASE", "egressPhase"))}},
	{name: "logs", also: []string{"log-modules"}, entity: "log", sort: "module", help: "what each module logs",
		columns: []column{attribute("MODULE", "module"), attribute("ENABLE", "enable"), attribute("OUTPUT", "outputFile")}},
	{name: "log-stats", also: []string{"log-stat"}, entity: "logStats", sort: "name", help: "how much each module has logged",
		columns: []column{attribute("MODULE", "name"), numeric("ERROR", "errorCount"), numeric("WARNING", "warningCount"), numeric("INFO", "infoCount"), numeric("DEBUG", "debugCount")}},
	{name: "ssl-profiles", also: []string{"ssl-profile", "sslProfile"}, entity: "sslProfile", config: "sslProfile", sort: "name", help: "certificates and keys",
		columns: []column{attribute("NAME", "name"), attribute("CERTIFICATE", "certFile"), attribute("CA", "caCertFile"), attribute("PROTOCOLS", "protocols")}},
	{name: "policies", also: []string{"policy"}, entity: "policy", sort: "name", help: "what is counted of the policy",
		columns: []column{numeric("CURRENT", "connectionsCurrent"), numeric("PROCESSED", "connectionsProcessed"), numeric("DENIED", "connectionsDenied"), numeric("LINKS-DENIED", "linksDenied"), attribute("VHOSTS", "enableVhostPolicy")}},
	{name: "vhosts", also: []string{"vhost"}, entity: "vhost", config: "vhost", sort: "hostname", help: "what users of a host may do",
		columns: []column{attribute("HOSTNAME", "hostname"), numeric("MAX-CONNS", "maxConnections"), numeric("PER-USER", "maxConnectionsPerUser"), numeric("PER-HOST", "maxConnectionsPerHost"), attribute("UNKNOWN-USERS", "allowUnknownUser")}},
}

func security(e client.Entity) string {
	if e.Text("isEncrypted") != "true" {
		return "none"
	}
	return cmp.Or(e.Text("sslProto"), "encrypted")
}

// nextHop says how a router is reached.
func nextHop(e client.Entity) string {
	switch hop := e.Text("nextHop"); {
	case hop == "(self)":
		return "-"
	case hop == "":
		return "(direct)"
	default:
		return hop
	}
}

// kindNames are the names by which kinds are completed.
func kindNames() []string {
	var names []string
	for _, k := range kinds {
		names = append(names, k.name)
	}
	return names
}

// findKind finds a kind by any of its names, or its type.
func findKind(name string) (*kind, error) {
	var all []string
	for i := range kinds {
		k := &kinds[i]
		whole := k.only == nil && (k.entity == name || client.Long(k.entity) == name)
		if k.name == name || whole || slices.Contains(k.also, name) {
			return k, nil
		}
		all = append(append(all, k.name), k.also...)
	}
	return nil, usageError{fmt.Errorf("there is no kind %q%s (there are %s)", name, meant(name, all), strings.Join(kindNames(), ", "))}
}

// kindTable is the kinds for the help of commands.
func kindTable() string {
	var b strings.Builder
	for _, k := range kinds {
		fmt.Fprintf(&b, "  %-16s %s\n", k.name, k.help)
	}
	return strings.TrimRight(b.String(), "\n")
}

// completeKinds completes the first argument with those kinds that a command can do something to.
func completeKinds(able func(kind) bool) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		var list []cobra.Completion
		for _, k := range kinds {
			if len(args) == 0 && able(k) {
				list = append(list, cobra.CompletionWithDesc(k.name, k.help))
			}
		}
		return list, cobra.ShellCompDirectiveNoFileComp
	}
}

func (k kind) isShown() bool { return true }

func (k kind) isCreated() bool { return k.config != "" }

func (k kind) isDeleted() bool { return k.isCreated() || k.entity == "connection" }
