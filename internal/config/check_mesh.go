package config

import (
	"fmt"
	"net/netip"
	"slices"
)

// checkRouter refuses what only a router with neighbours has.
func (p *parser) checkRouter() {
	if p.set["router.heartbeatMilliseconds"] && p.alone() {
		p.problem(p.lines["router.heartbeatMilliseconds"], "router.heartbeatMilliseconds", "has no effect with mode %s, only with %s; remove it", Standalone, Interior)
	}
}

// alone reports whether the router is surely to be by itself.
func (p *parser) alone() bool {
	return p.config.Router.Mode == Standalone && !p.strange && !p.bad("router.mode") && !p.sectionBroken(routerEntity.Section)
}

// checkNeighbours refuses a way to other routers that a router by itself never
// goes.
func (p *parser) checkNeighbours(role Role, where string) {
	if role == RoleInterRouter && p.set[where+".role"] && p.alone() {
		p.problem(p.lines[where+".role"], where+".role", "is %s, and a router of mode %s has no neighbours; set router.mode to %s", role, Standalone, Interior)
	}
}

func (p *parser) checkConnectors() {
	names, places := map[string]string{}, map[string]string{}
	for i := range p.config.Connectors {
		c := &p.config.Connectors[i]
		where := fmt.Sprintf("%s[%d]", connectorEntity.Section, i)
		if p.sectionBroken(where) {
			continue
		}
		if c.Name != "" {
			p.unique(names, c.Name, where, "name")
		}
		p.notBoth(where, "hosts", "host")
		p.notBoth(where, "hosts", "port")
		if !p.bad(where+".port") && !p.bad(where+".host") && !p.bad(where+".hosts") {
			p.checkPlaces(c, where, names, places)
			p.checkOwnPort(c, where)
		}
		p.checkNeighbours(c.Role, where)
		p.checkWindow(c.MaxSessionFrames, c.MaxFrameSize, where)
		p.checkLogin(c, where)
	}
}

// checkPlaces wants one connector for a neighbour, and names for several to the
// same broker.
func (p *parser) checkPlaces(c *Connector, where string, names, places map[string]string) {
	place := c.DialAddresses()[0]
	switch first, taken := places[place]; {
	case c.Role == RoleRouteContainer && c.Name == "":
		p.unique(names, place, where, "name")
	case c.Role == RoleRouteContainer:
	case taken && c.Name != "" && p.lax:
		p.doubt(p.lineOf(where, "port"), where+".port", "leads to %s as %s does; one of the two connections carries everything, and the other stands by", place, p.at(first, p.lineOf(first, "port")))
	default:
		p.unique(places, place, where, "port")
	}
}

// checkOwnPort refuses a connector that would reach a listener of this router:
// where both name the same address of loopback, that is certain.
func (p *parser) checkOwnPort(c *Connector, where string) {
	attribute := "port"
	if p.has(where + ".hosts") {
		attribute = "hosts"
	}
	for _, place := range c.DialAddresses() {
		if to, err := netip.ParseAddrPort(place); err == nil && to.Addr().IsLoopback() {
			p.checkNotOwn(to, where, attribute)
		}
	}
}

func (p *parser) checkNotOwn(to netip.AddrPort, where, attribute string) {
	for i := range p.config.Listeners {
		from, err := netip.ParseAddrPort(p.config.Listeners[i].ListenAddress())
		own := fmt.Sprintf("%s[%d]", listenerEntity.Section, i)
		if err == nil && from == to && !p.bad(own+".port") && !p.bad(own+".host") {
			p.doubt(p.lineOf(where, attribute), where+"."+attribute, "%s is where this router listens itself, %s; give another machine's or process's", to, p.at(own, p.lineOf(own, "port")))
			return
		}
	}
}

// checkLogin wants a name and a password for all but ANONYMOUS, and neither for
// that.
func (p *parser) checkLogin(c *Connector, where string) {
	mechanisms, username, password := where+".saslMechanisms", where+".saslUsername", where+".saslPassword"
	if p.bad(username) || p.bad(password) {
		return
	}
	named := p.set[username]
	secret := slices.IndexFunc(c.SASLMechanisms, func(m string) bool { return m != "ANONYMOUS" })
	switch line := p.lineOf(where, "saslMechanisms"); {
	case c.Role == RoleInterRouter && len(c.SASLMechanisms) > 1:
		p.problem(line, mechanisms, "names %d mechanisms; a connector to a router logs in by one", len(c.SASLMechanisms))
	case c.Role == RoleInterRouter && slices.Contains(c.SASLMechanisms, "SCRAM-SHA-256"):
		p.problem(line, mechanisms, "SCRAM-SHA-256: no router offers it; use PLAIN")
	case named && slices.Contains(c.SASLMechanisms, "ANONYMOUS"):
		p.problem(line, mechanisms, "has ANONYMOUS, which says nothing about who a peer is, and there is a saslUsername; remove one of the two")
	case !named && secret >= 0:
		p.problem(line, mechanisms, "has %s, and there is no saslUsername; add it and saslPassword", c.SASLMechanisms[secret])
	case named && c.SASLPassword.IsZero():
		p.problem(p.lines[username], username, "has no password; add saslPassword")
	case !named && !c.SASLPassword.IsZero():
		p.problem(p.lines[password], password, "is nobody's; add saslUsername")
	case named:
		p.checkPassword(c, password)
	}
}

// checkPassword tries to get at the password, so that a router which could not
// log in does not start.
func (p *parser) checkPassword(c *Connector, path string) {
	if _, err := c.SASLPassword.Reveal(); err != nil {
		p.problem(p.lines[path], path, "%s", err)
	}
}
