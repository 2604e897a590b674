package config

import (
	"fmt"
	"slices"
	"strings"
)

// checkWaypoint refuses what says two things about phases.
func (p *parser) checkWaypoint(a *Address, where string) {
	waypoint := where + ".waypoint"
	if a.EnableFallback && p.set[where+".enableFallback"] {
		for _, other := range []string{"waypoint", "ingressPhase", "egressPhase", "shards"} {
			if p.set[where+"."+other] && (other != "waypoint" || a.Waypoint) {
				p.problem(p.lines[where+".enableFallback"], where+".enableFallback", "is true, and there is %s; an address has a fallback destination or phases: remove one of the two", other)
				return
			}
		}
	}
	if a.PresettledDirect && !a.Waypoint && !p.bad(waypoint) && !p.bad(where+".shards") {
		p.problem(p.lineOf(where, "presettledDirect"), where+".presettledDirect", "has no effect without waypoint or shards; add one of them or remove it")
	}
}

// checkShards refuses what cannot be spread over brokers, and brokers that cannot
// be reached.
func (p *parser) checkShards(a *Address, where string) {
	shards := where + ".shards"
	if a.Shards == nil || !p.set[shards] || p.sectionBroken(shards) {
		return
	}
	switch {
	case p.set[where+".pattern"]:
		p.problem(p.lines[shards], shards, "is given with a pattern; the queues at the brokers have the names of the addresses, so give a prefix")
	case p.set[where+".waypoint"] && !a.Waypoint:
		p.problem(p.lines[where+".waypoint"], where+".waypoint", "is false, and shards are in the middle of an address; remove it")
	case p.set[where+".ingressPhase"], p.set[where+".egressPhase"]:
		p.problem(p.lines[shards], shards, "is given with phases; shards are between phase 0 and 1: remove ingressPhase and egressPhase")
	case a.Distribution == Multicast && p.set[where+".distribution"]:
		p.problem(p.lines[where+".distribution"], where+".distribution", "is multicast, and with shards every message goes to one of them; remove it")
	}
	if p.set[shards+".onLoss"] && a.Shards.Key == (ShardKey{}) && !p.has(shards+".key") {
		p.problem(p.lines[shards+".onLoss"], shards+".onLoss", "has no effect without key: shards are chosen by load then, among those that are there; remove it, or add key")
	}
	if p.set[shards+".connections"] {
		p.checkShardConnections(a.Shards.Connections, shards+".connections")
	}
}

// checkShardConnections wants every broker here where no other router could have
// it; elsewhere it looks for misspelt names only.
func (p *parser) checkShardConnections(names []string, path string) {
	roles, sure := p.connections()
	if !sure {
		return
	}
	here := slices.ContainsFunc(names, func(n string) bool { return roles[n] == RoleRouteContainer })
	known := leadingToBrokers(roles)
	for _, name := range names {
		role, ok := roles[name]
		wrong := ok && role != RoleRouteContainer
		missing := !ok && (p.alone() || !here && nearest(name, known) != "")
		if wrong || missing {
			p.doubt(p.lines[path], path, "%s", whyNoBroker(name, roles))
		}
	}
}

// checkShardLink wants the connection of an auto-link into an address that is spread by a key
// among those that it is spread over: no message would be for another one.
func (p *parser) checkShardLink(l *AutoLink, where string) {
	if l.Direction != DirectionOut || l.Fallback || l.Phase != 0 {
		return
	}
	a, entry := p.addressOf(l.Address)
	if a == nil || a.Shards == nil || a.Shards.Key == (ShardKey{}) || p.sectionBroken(entry+".shards") || slices.Contains(a.Shards.Connections, l.Connection) {
		return
	}
	attribute := "connection"
	if l.ContainerID != "" {
		attribute = "containerId"
	}
	p.doubt(p.lineOf(where, attribute), where+"."+attribute, "is none of the connections that %s spreads the address over, so no message would go there; name one of %s, or add this one to them",
		p.at(entry, p.lines[entry]), strings.Join(a.Shards.Connections, ", "))
}

// addressOf is the entry that is about an address, and where it stands; nil if there is none.
func (p *parser) addressOf(address string) (found *Address, where string) {
	name, best := matchKey("", address), ""
	for i := range p.config.Addresses {
		a, entry := &p.config.Addresses[i], fmt.Sprintf("%s[%d]", addressEntity.Section, i)
		key := matchKey(a.Prefix, a.Pattern)
		if p.readable(entry, "prefix", "pattern") && covers(key, name) && (found == nil || covers(best, key)) {
			found, where, best = a, entry, key
		}
	}
	return found, where
}
