package config

import (
	"fmt"
	"slices"
	"strings"
)

func (p *parser) checkAutoLinks() {
	names, ends := map[string]string{}, map[string]string{}
	var again []int // that a file of the predecessor's form names twice
	for i := range p.config.AutoLinks {
		l, where := &p.config.AutoLinks[i], fmt.Sprintf("%s[%d]", autoLinkEntity.Section, i)
		if p.sectionBroken(where) {
			continue
		}
		p.checkEnd(where, l.Connection, false)
		if l.Fallback && p.set[where+".phase"] {
			p.problem(p.lines[where+".phase"], where+".phase", "is given, and fallback is true: the fallback destination of an address has no phases; remove one of the two")
		}
		if l.Name != "" {
			p.unique(names, l.Name, where, "name")
		}
		if p.complete(autoLinkEntity, where) {
			p.checkShardLink(l, where)
			if p.checkOtherLinks(ends, l, where) {
				again = append(again, i)
			}
		}
	}
	for _, i := range slices.Backward(again) {
		p.config.AutoLinks = slices.Delete(p.config.AutoLinks, i, i+1)
	}
}

// complete reports whether the entry has what it must have, and nothing unreadable.
func (p *parser) complete(e Entity, where string) bool {
	return !slices.ContainsFunc(e.Attributes, func(a Attribute) bool {
		return a.Required && !p.set[where+"."+a.Name] || p.bad(where+"."+a.Name)
	})
}

// checkOtherLinks refuses what contradicts an earlier auto-link: another link
// between the same two ends, or the way back from where it came. In a file of the
// predecessor's form the former is to be left out, and the latter may be right: the
// container may have several stages of a chain.
func (p *parser) checkOtherLinks(ends map[string]string, l *AutoLink, where string) (leaveOut bool) {
	end := func(d Direction, fallback bool) string {
		return fmt.Sprintf("%s %q %d %t %q %q %q", d, l.Address, l.Phase, fallback, l.externalAddress(), l.Connection, l.ContainerID)
	}
	var back []string
	switch {
	case l.Direction == DirectionOut:
		back = []string{end(DirectionIn, false)} // what comes out of a fallback destination goes into none
	case !l.Fallback:
		back = []string{end(DirectionOut, false), end(DirectionOut, true)}
	}
	line := p.lineOf(where, "direction")
	if first, ok := ends[end(l.Direction, l.Fallback)]; ok {
		what := "is between the same address and the same place at the broker as %s; remove one"
		if p.legacy {
			p.doubt(line, where, what+": this one is left out", p.at(first, p.lines[first]))
		} else {
			p.problem(line, where, what, p.at(first, p.lines[first]))
		}
		return p.legacy
	}
	for _, other := range back {
		if first, ok := ends[other]; ok {
			p.doubt(p.lineOf(where, "phase"), where, "is the way back of %s, in the same phase: messages would go round for ever; remove the phase of both to get 1 with direction in and 0 with out, or give both fallback: true", p.at(first, p.lines[first]))
			return false
		}
	}
	ends[end(l.Direction, l.Fallback)] = where
	return false
}

func (p *parser) checkLinkRoutes() {
	names, routes := map[string]string{}, map[string]string{}
	for i := range p.config.LinkRoutes {
		l, where := &p.config.LinkRoutes[i], fmt.Sprintf("%s[%d]", linkRouteEntity.Section, i)
		if p.sectionBroken(where) {
			continue
		}
		p.oneOf(where, "prefix", "pattern")
		p.checkEnd(where, l.Connection, p.lax || !p.alone())
		if l.Name != "" {
			p.unique(names, l.Name, where, "name")
		}
		if p.readable(where, "prefix", "pattern") && p.complete(linkRouteEntity, where) {
			p.checkMatch(routes, fmt.Sprintf("%s %q %q %s", l.Direction, l.Connection, l.ContainerID, matchKey(l.Prefix, l.Pattern)), where)
			p.checkShadow(l, where)
		}
	}
}

// checkShadow refuses a link route that leaves an address entry nothing: links
// are looked up among link routes first.
func (p *parser) checkShadow(l *LinkRoute, where string) {
	general, attribute := matchKey(l.Prefix, l.Pattern), p.matchAttribute(where)
	for i := range p.config.Addresses {
		a, entry := &p.config.Addresses[i], fmt.Sprintf("%s[%d]", addressEntity.Section, i)
		if p.readable(entry, "prefix", "pattern") && covers(general, matchKey(a.Prefix, a.Pattern)) {
			p.doubt(p.lineOf(where, attribute), where+"."+attribute, "matches every address that %s is about, and link routes go first; remove one of the two, or make this one narrower", p.at(entry, p.lines[entry]))
			return
		}
	}
}

// checkEnd wants a connection that exists, or a container id; neither is
// elsewhere, if that is allowed.
func (p *parser) checkEnd(where, connection string, elsewhere bool) {
	if elsewhere {
		p.notBoth(where, "connection", "containerId")
	} else {
		p.oneOf(where, "connection", "containerId")
	}
	if path := where + ".connection"; p.set[path] {
		p.checkConnection(connection, path)
	}
}

// checkConnection wants the name of a connector or listener that leads to a broker.
func (p *parser) checkConnection(name, path string) {
	if roles, sure := p.connections(); sure && roles[name] != RoleRouteContainer {
		p.doubt(p.lines[path], path, "%s", whyNoBroker(name, roles))
	}
}

// whyNoBroker says what is wrong with a connection that does not lead to a broker.
func whyNoBroker(name string, roles map[string]Role) string {
	if role, ok := roles[name]; ok {
		return fmt.Sprintf("%s has the role %s; only connections of role %s lead to a broker", shown(name), role, RoleRouteContainer)
	}
	known := leadingToBrokers(roles)
	text := fmt.Sprintf("no connector or listener is named %s", shown(name))
	switch near := nearest(name, known); {
	case near != "":
		return text + fmt.Sprintf("; did you mean %s?", near)
	case len(known) == 0:
		return text + fmt.Sprintf("; add a connector of role %s with that name", RoleRouteContainer)
	default:
		return text + "; those that lead to a broker are " + strings.Join(known, ", ")
	}
}

// leadingToBrokers are the names of connectors and listeners for brokers.
func leadingToBrokers(roles map[string]Role) []string {
	var names []string
	for name, role := range roles {
		if role == RoleRouteContainer {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// connections are the roles of connectors and listeners by name; sure is false
// if one of them could not be read, and so may be the one that is meant.
func (p *parser) connections() (roles map[string]Role, sure bool) {
	roles, sure = map[string]Role{}, !p.strange && !p.sectionBroken(connectorEntity.Section) && !p.sectionBroken(listenerEntity.Section)
	add := func(section string, i int, name, place string, role Role) {
		where := fmt.Sprintf("%s[%d]", section, i)
		for _, attribute := range []string{"name", "host", "port", "hosts", "role"} {
			sure = sure && !p.bad(where+"."+attribute)
		}
		sure = sure && !p.sectionBroken(where)
		if name == "" {
			name = place
		}
		if roles[name] != RoleRouteContainer {
			roles[name] = role
		}
	}
	for i := range p.config.Connectors {
		c := &p.config.Connectors[i]
		if p.bad(fmt.Sprintf("%s[%d].hosts", connectorEntity.Section, i)) {
			sure = false
			continue
		}
		add(connectorEntity.Section, i, c.Name, c.DialAddresses()[0], c.Role)
	}
	for i := range p.config.Listeners {
		l := &p.config.Listeners[i]
		add(listenerEntity.Section, i, l.Name, l.ListenAddress(), l.Role)
	}
	return roles, sure
}
