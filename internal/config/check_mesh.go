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
		if !p.bad(where+".port") && !p.bad(where+".host") {
			p.unique(places, c.DialAddress(), where, "port")
			p.checkOwnPort(c, where)
		}
		p.checkNeighbours(c.Role, where)
		p.checkLogin(c, where)
	}
}

// checkOwnPort refuses a connector that would reach a listener of this router:
// where both name the same address of loopback, that is certain.
func (p *parser) checkOwnPort(c *Connector, where string) {
	to, err := netip.ParseAddrPort(c.DialAddress())
	if err != nil || !to.Addr().IsLoopback() {
		return
	}
	for i := range p.config.Listeners {
		from, err := netip.ParseAddrPort(p.config.Listeners[i].ListenAddress())
		own := fmt.Sprintf("%s[%d]", listenerEntity.Section, i)
		if err == nil && from == to && !p.bad(own+".port") && !p.bad(own+".host") {
			p.problem(p.lineOf(where, "port"), where+".port", "%s is where this router listens itself (%s, line %d); give another router's", to, own, p.lineOf(own, "port"))
			return
		}
	}
}

// checkLogin wants a name and a password for PLAIN, and neither without it.
func (p *parser) checkLogin(c *Connector, where string) {
	mechanisms, username, password := where+".saslMechanisms", where+".saslUsername", where+".saslPassword"
	if p.bad(username) || p.bad(password) {
		return
	}
	named := p.set[username]
	switch line := p.lineOf(where, "saslMechanisms"); {
	case len(c.SASLMechanisms) > 1:
		p.problem(line, mechanisms, "names %d mechanisms; a connector logs in by one", len(c.SASLMechanisms))
	case named && slices.Contains(c.SASLMechanisms, "ANONYMOUS"):
		p.problem(line, mechanisms, "is ANONYMOUS, which says nothing about who a peer is, and there is a saslUsername; remove one of the two")
	case !named && slices.Contains(c.SASLMechanisms, "PLAIN"):
		p.problem(line, mechanisms, "is PLAIN, and there is no saslUsername; add it and saslPassword")
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
