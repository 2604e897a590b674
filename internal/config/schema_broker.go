package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

var autoLinkEntity = Entity{
	Name:    "autoLink",
	Section: "autoLinks",
	List:    true,
	Help:    "is a link that the router attaches by itself to a broker, or another container, whenever a connection to it stands",
	Attributes: []Attribute{
		{Name: "name", Type: TypeString, Computed: "DIRECTION:ADDRESS@CONNECTION", Help: "name in messages and logs, unique among auto-links",
			field: at(func(l *AutoLink) *string { return &l.Name }), check: checkName},
		{Name: "address", Old: "addr", Type: TypeString, Required: true, Help: "address in the mesh",
			field: at(func(l *AutoLink) *string { return &l.Address }), check: checkAddress},
		{Name: "direction", Old: "dir", Type: TypeEnum, Values: directions, Required: true, Help: "way of the messages: in is from the broker into the mesh, out is from the mesh to the broker",
			field: at(func(l *AutoLink) *Direction { return &l.Direction })},
		{Name: "phase", Type: TypeInteger, Computed: "1 with direction in, 0 with out", Max: maxPhase, Help: "phase of the address that the link takes messages from or puts them in",
			field: at(func(l *AutoLink) *uint8 { return &l.Phase })},
		{Name: "externalAddress", Old: "externalAddr", Type: TypeString, Computed: "the address", Help: "address of the queue, or whatever it is, at the broker",
			field: at(func(l *AutoLink) *string { return &l.ExternalAddress }), check: checkAddress},
		{Name: "connection", Type: TypeString, Help: "name of a connector or listener of role route-container: the link is on each connection by it; this or containerId",
			field: at(func(l *AutoLink) *string { return &l.Connection }), check: checkName},
		{Name: "containerId", Type: TypeString, Help: "the link is on each connection of role route-container whose peer has this container id; this or connection",
			field: at(func(l *AutoLink) *string { return &l.ContainerID }), check: checkName},
		{Name: "fallback", Type: TypeBoolean, Default: false, Help: "the link is to the fallback destination of the address: it gets, or gives, what no receiver of the address can take; it has no phase",
			field: at(func(l *AutoLink) *bool { return &l.Fallback })},
		{Name: "durable", Type: TypeEnum, Values: words(DurableNone, DurableConfiguration, DurableUnsettled), Default: string(DurableNone), Help: "what the broker is asked to keep of the terminus when the link is lost",
			field: at(func(l *AutoLink) *Durability { return &l.Durable })},
		{Name: "capabilities", Type: TypeWords, Help: "capabilities that the terminus at the broker is asked for, such as queue or topic",
			field: at(func(l *AutoLink) *[]string { return &l.Capabilities }), check: checkCapabilities},
	},
}

var linkRouteEntity = Entity{
	Name:    "linkRoute",
	Section: "linkRoutes",
	List:    true,
	Help:    "hands the links of clients whose addresses match on to a broker, or another container, as if they were attached there; the most specific match wins",
	Attributes: []Attribute{
		{Name: "name", Type: TypeString, Computed: "DIRECTION:PREFIX@CONNECTION", Help: "name in messages and logs, unique among link routes",
			field: at(func(l *LinkRoute) *string { return &l.Name }), check: checkName},
		{Name: "prefix", Type: TypeString, Help: `matches addresses whose first tokens these are; tokens end at "/" or "."; $coordinator is transactions`,
			field: at(func(l *LinkRoute) *string { return &l.Prefix }), check: checkPrefix},
		{Name: "pattern", Type: TypeString, Help: `matches whole addresses; "*" stands for one token, "#" for any number of them`,
			field: at(func(l *LinkRoute) *string { return &l.Pattern }), check: checkPattern},
		{Name: "direction", Old: "dir", Type: TypeEnum, Values: directions, Required: true, Help: "which links: in is senders of clients, out is receivers of clients",
			field: at(func(l *LinkRoute) *Direction { return &l.Direction })},
		{Name: "connection", Type: TypeString, Help: "name of a connector or listener of role route-container that leads to the broker; this or containerId, and with mode interior neither if another router has the connection",
			field: at(func(l *LinkRoute) *string { return &l.Connection }), check: checkName},
		{Name: "containerId", Type: TypeString, Help: "container id of the broker, on any connection of role route-container; this or connection",
			field: at(func(l *LinkRoute) *string { return &l.ContainerID }), check: checkName},
		{Name: "addExternalPrefix", Type: TypeString, Help: "text put in front of the address at the broker",
			field: at(func(l *LinkRoute) *string { return &l.AddExternalPrefix }), check: checkAddress},
		{Name: "delExternalPrefix", Type: TypeString, Help: "text taken off the front of the address before it goes to the broker",
			field: at(func(l *LinkRoute) *string { return &l.DelExternalPrefix }), check: checkAddress},

		{Name: "distribution", Refused: "the links of a link route are always spread over the connections that lead to its broker; remove it", Off: "linkBalanced"},
	},
}

var directions = words(DirectionIn, DirectionOut)

// checkAddress takes whatever can be an address at some container.
func checkAddress(v any) error {
	switch s := v.(string); {
	case s == "":
		return errors.New("is empty; give an address")
	case len(s) > maxAddress:
		return fmt.Errorf("is longer than %d bytes", maxAddress)
	default:
		return checkText(s)
	}
}

// checkCapabilities wants symbols, each once.
func checkCapabilities(v any) error {
	names := v.([]string)
	for i, n := range names {
		switch {
		case n == "" || strings.ContainsFunc(n, func(r rune) bool { return r < '!' || r > '~' }):
			return fmt.Errorf("names %s, which is not printable ASCII without blanks, as capabilities must be", shown(n))
		case slices.Contains(names[:i], n):
			return fmt.Errorf("names %s twice", n)
		}
	}
	return nil
}
