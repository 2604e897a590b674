package config

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
)

// crossCheck looks at what no attribute shows by itself. It passes over
// attributes that could not be read: they are reported already.
func (p *parser) crossCheck() {
	p.checkRouter()
	p.checkListeners()
	p.checkConnectors()
	p.checkAddresses()
	p.checkAutoLinks()
	p.checkLinkRoutes()
	p.checkUsers()
}

// has reports whether the file sets the attribute, readable or not.
func (p *parser) has(path string) bool {
	_, ok := p.lines[path]
	return ok
}

// at names an entry or attribute, with its line where it has one.
func (p *parser) at(path string, line int) string {
	if line == 0 {
		return p.label(path)
	}
	return fmt.Sprintf("%s (line %d)", p.label(path), line)
}

// bad reports whether the file sets the attribute to something unreadable.
func (p *parser) bad(path string) bool { return p.has(path) && !p.set[path] }

// lineOf is the line of the attribute, or of the entry if it is not set.
func (p *parser) lineOf(entry, attribute string) int {
	if n := p.lines[entry+"."+attribute]; n > 0 {
		return n
	}
	return p.lines[entry]
}

func (p *parser) checkListeners() {
	if len(p.config.Listeners)+len(p.config.Connectors) == 0 && !p.strange && !p.sectionBroken(listenerEntity.Section) && !p.sectionBroken(connectorEntity.Section) {
		p.doubt(p.lines[listenerEntity.Section], listenerEntity.Section, "there is none, so nobody could connect; for example: listeners: [{port: 5672}]")
	}
	names := map[string]string{}
	var earlier []int // which have a place
	for i := range p.config.Listeners {
		l := &p.config.Listeners[i]
		where := fmt.Sprintf("%s[%d]", listenerEntity.Section, i)
		if p.sectionBroken(where) {
			continue
		}
		if l.Name != "" {
			p.unique(names, l.Name, where, "name")
		}
		if l.Port != "0" && !p.bad(where+".port") && !p.bad(where+".host") {
			p.checkPlace(l, where, earlier)
			earlier = append(earlier, i)
		}
		p.checkFamily(l, where)
		p.checkHTTP(l, where)
		p.checkNeighbours(l.Role, where)
		p.checkWindow(l.MaxSessionFrames, l.MaxFrameSize, where)
		p.checkSASL(l, where)
	}
}

// checkPlace refuses a listener where one of those earlier ones listens.
func (p *parser) checkPlace(l *Listener, where string, earlier []int) {
	for _, i := range earlier {
		other := &p.config.Listeners[i]
		if !l.overlaps(other) {
			continue
		}
		first := fmt.Sprintf("%s[%d]", listenerEntity.Section, i)
		at := p.at(first, p.lineOf(first, "port"))
		if l.ListenAddress() == other.ListenAddress() {
			p.problem(p.lineOf(where, "port"), where+".port", "%s is used by %s too", shown(l.ListenAddress()), at)
		} else {
			p.problem(p.lineOf(where, "port"), where+".port", "%s and %s of %s are one place; give one of them another port",
				shown(l.ListenAddress()), shown(other.ListenAddress()), at)
		}
		return
	}
}

// sectionBroken reports whether something is wrong with a section, or an entry
// of one, as a whole.
func (p *parser) sectionBroken(name string) bool {
	return slices.ContainsFunc(p.problems, func(pr Problem) bool { return pr.path == name })
}

// unique reports a value that an earlier entry has too.
func (p *parser) unique(seen map[string]string, value, where, attribute string) {
	if first, ok := seen[value]; ok {
		p.problem(p.lineOf(where, attribute), where+"."+attribute, "%s is used by %s too", shown(value), p.at(first, p.lineOf(first, attribute)))
		return
	}
	seen[value] = where
}

func (p *parser) checkFamily(l *Listener, where string) {
	ip, err := netip.ParseAddr(l.bareHost())
	if err != nil || l.SocketAddressFamily == "" || p.bad(where+".host") {
		return
	}
	if (l.SocketAddressFamily == IPv4) != ip.Is4() {
		p.problem(p.lineOf(where, "socketAddressFamily"), where+".socketAddressFamily", "is %s, and the host %s is of the other family", l.SocketAddressFamily, ip)
	}
}

// checkWindow keeps the window of a session, in bytes, within what a signed
// 32-bit number holds: so the field's clients compute it.
func (p *parser) checkWindow(frames, size uint32, where string) {
	if p.bad(where + ".maxSessionFrames") {
		return // it has no effect, which is reported already
	}
	if bytes := uint64(frames) * uint64(size); bytes > math.MaxInt32 {
		p.problem(p.lineOf(where, "maxSessionFrames"), where+".maxSessionFrames", "times maxFrameSize (%d) is %d bytes; it must not pass %d", size, bytes, math.MaxInt32)
	}
}

func (p *parser) checkSASL(l *Listener, where string) {
	mechanisms := where + ".saslMechanisms"
	if p.bad(mechanisms) || p.bad(where+".authenticatePeer") || p.sectionBroken(usersEntity.Section) || p.bad("users.file") {
		return
	}
	line := p.lineOf(where, "saslMechanisms")
	users := p.config.Users.File != ""
	if !users {
		p.leaveOut(l, "PLAIN", mechanisms, "there is no users file to check passwords against")
	}
	if l.AuthenticatePeer {
		p.leaveOut(l, "ANONYMOUS", mechanisms, "it says nothing about who a peer is, and authenticatePeer is true")
	}
	if slices.Contains(l.SASLMechanisms, "PLAIN") && !users {
		p.problem(line, mechanisms, "names PLAIN, and there is no users file to check passwords against; make one with `meshway user add NAME`, and add: users: {file: users.yaml}")
	}
	if !l.AuthenticatePeer {
		return
	}
	if slices.Contains(l.SASLMechanisms, "ANONYMOUS") {
		p.problem(line, mechanisms, "names ANONYMOUS, which says nothing about who a peer is, and authenticatePeer is true; remove one of the two")
	}
	if !p.has(mechanisms) && !users {
		p.problem(p.lineOf(where, "authenticatePeer"), where+".authenticatePeer", "is true, and there is no users file to check passwords against; make one with `meshway user add NAME`, and add: users: {file: users.yaml}")
	}
}

// leaveOut takes a mechanism by which nobody could log in out of the list in a file of
// the predecessor's form, where it is one of several.
func (p *parser) leaveOut(l *Listener, mechanism, path, why string) {
	if i := slices.Index(l.SASLMechanisms, mechanism); p.legacy && i >= 0 && len(l.SASLMechanisms) > 1 {
		p.doubt(p.lines[path], path, "%s is left out: %s", mechanism, why)
		l.SASLMechanisms = slices.Delete(slices.Clone(l.SASLMechanisms), i, i+1)
	}
}

func (p *parser) checkAddresses() {
	names, keys := map[string]string{}, map[string]string{}
	for i := range p.config.Addresses {
		a := &p.config.Addresses[i]
		where := fmt.Sprintf("%s[%d]", addressEntity.Section, i)
		if a.Name != "" {
			p.unique(names, a.Name, where, "name")
		}
		p.oneOf(where, "prefix", "pattern")
		if p.readable(where, "prefix", "pattern") {
			p.checkMatch(keys, matchKey(a.Prefix, a.Pattern), where)
		}
		p.checkWaypoint(a, where)
		p.checkShards(a, where)
	}
}

// readable reports whether an entry has exactly one of two attributes, and it was
// read.
func (p *parser) readable(where, a, b string) bool {
	return p.set[where+"."+a] != p.set[where+"."+b] && !p.bad(where+"."+a) && !p.bad(where+"."+b)
}

// oneOf wants exactly one of two attributes.
func (p *parser) oneOf(where, a, b string) {
	p.notBoth(where, a, b)
	if !p.has(where+"."+a) && !p.has(where+"."+b) && !p.sectionBroken(where) {
		p.problem(p.lines[where], where, "has neither %s nor %s; give one", a, b)
	}
}

// notBoth wants at most one of two attributes.
func (p *parser) notBoth(where, a, b string) {
	if p.has(where+"."+a) && p.has(where+"."+b) {
		p.problem(p.lines[where], where, "has both %s and %s; remove one", a, b)
	}
}

// checkMatch reports an entry that matches what an earlier one does: which of
// the two wins would be chance.
func (p *parser) checkMatch(seen map[string]string, key, where string) {
	if first, ok := seen[key]; ok {
		attribute := p.matchAttribute(where)
		p.problem(p.lineOf(where, attribute), where+"."+attribute, "matches the same addresses as %s; remove one", p.at(first, p.lines[first]))
		return
	}
	seen[key] = where
}

// matchAttribute is the one of prefix and pattern that the entry has.
func (p *parser) matchAttribute(where string) string {
	if p.has(where + ".prefix") {
		return "prefix"
	}
	return "pattern"
}

// checkUsers refuses a users file that is wrong, and one that nothing would look at: whoever
// wrote it expects that passwords are asked for.
func (p *parser) checkUsers() {
	section := usersEntity.Section
	if !p.has(section) || p.sectionBroken(section) || p.bad("users.file") {
		return
	}
	if p.config.Users.File == "" {
		p.problem(p.lines[section], section, "names no file; for example: users: {file: users.yaml}")
		return
	}
	if p.users != nil {
		if err := p.users(inFolder(p.folder, p.config.Users.File)); err != nil {
			p.problem(p.lineOf(section, "file"), "users.file", "%s", err)
		}
	}
	for i := range p.config.Listeners {
		l, where := &p.config.Listeners[i], fmt.Sprintf("%s[%d].saslMechanisms", listenerEntity.Section, i)
		if l.HTTP {
			continue
		}
		if !p.has(where) || p.bad(where) || slices.Contains(l.SASLMechanisms, "PLAIN") {
			return
		}
	}
	if !p.strange && !p.sectionBroken(listenerEntity.Section) {
		p.doubt(p.lineOf(section, "file"), "users.file", "is used by no listener; add PLAIN to the saslMechanisms of one")
	}
}
