package router

import (
	"cmp"
	"sync"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/wire"
)

// Routed links: what is said on a link of a client is said on a link at a container, over
// any number of routers, each of which has a pair of links. In each router there is
//
//	routedSession   a session with routed links: of a client, or of a neighbour on its way
//	mirror          a session on the next hop that mirrors it, one for each place to go, and
//	                more where the peer takes no more links on one
//	routedLink      a link and its pair in the mirror
//	pipe            transfers that wait for the window of the session that they leave by
//
// Locks: a routedSession's mutex before a pipe's, before a connection's. Nobody holds those
// of two routedSessions.

// routedSession is a session with routed links, on the side of the client.
type routedSession struct {
	// Immutable after it is made.
	peer    *peer
	session *amqp.Session

	mu           sync.Mutex // guards all below, and the state of mirrors and links
	mirrors      []*mirror
	coordinators int // links among theirs by which transactions are declared
	over         bool
}

// mirror is the session on the next hop for those links of a session that go to the same
// router, and there to the same container: so they share one session at that, too.
type mirror struct {
	// Immutable after it is made.
	rs        *routedSession
	peer      *peer
	place                // that it leads to
	container *container // nil if that is at another router
	session   *amqp.Session
	pipes     [2]pipe // by the side that transfers come from

	// Guarded by rs.mu.
	begun   bool // the peer has answered our begin: how many links it takes is known
	full    bool // it has as many as that
	links   map[*routedLink]struct{}
	waiting []*routedLink // to be attached once it has begun
	over    bool
}

// The sides of a routed link.
const (
	sideUp   = 0 // the client's
	sideDown = 1 // the container's
)

// routedSessionOf is what the router knows of a session of the peer. It runs on the reader.
func (p *peer) routedSessionOf(s *amqp.Session) *routedSession {
	if rs := p.routed[s]; rs != nil {
		return rs
	}
	rs := &routedSession{peer: p, session: s}
	if p.routed == nil {
		p.routed = make(map[*amqp.Session]*routedSession)
	}
	p.routed[s] = rs
	t := p.router.linkRoutes
	t.mu.Lock()
	t.sessions[rs] = struct{}{}
	t.mu.Unlock()
	s.Watch(rs)
	return rs
}

// mirrorFor finds or begins the mirror for a link, at the first place that takes it. The
// caller holds mu.
func (rs *routedSession) mirrorFor(b *amqp.Batch, l *routedLink) (*mirror, *linkRoute, *wire.Error) {
	if m, route := rs.mirrorThatLeads(l, false); m != nil {
		return m, route, nil
	}
	var last *wire.Error // why the last place did not take it
	if m, route := rs.mirrorThatLeads(l, true); m != nil {
		if rs.coordinators == 0 {
			another, err := rs.mirror(b, l, linkWay{place: m.place, server: server{route, m.container}, by: m.peer.adj})
			if err == nil {
				return another, route, nil
			}
			last = err
		} else { // by another session of the same container it could not take part in transactions
			last = refusal(wire.CondResourceLimitExceeded, "%s takes no more links by a session, and transactions are declared on this one: use another session", m.where())
			l.tries.note(m.place, m.container, nil)
		}
	}
	for {
		way, err := rs.peer.router.linkRoutes.choose(l)
		if err != nil {
			return nil, nil, cmp.Or(last, l.tries.why, err)
		}
		m, err := rs.mirror(b, l, way)
		if err == nil {
			return m, way.route, nil
		}
		last = err
	}
}

// mirrorThatLeads is one that leads to where the link may go, full or not; nil if there is
// none. The caller holds mu.
func (rs *routedSession) mirrorThatLeads(l *routedLink, full bool) (*mirror, *linkRoute) {
	for _, m := range rs.mirrors {
		if m.full == full {
			if route, ok := rs.peer.router.linkRoutes.leads(m, l); ok {
				return m, route
			}
		}
	}
	return nil, nil
}

// mirror begins a mirror. Where that cannot be, the place counts as tried. The caller holds
// mu.
func (rs *routedSession) mirror(b *amqp.Batch, l *routedLink, way linkWay) (*mirror, *wire.Error) {
	m := &mirror{rs: rs, place: way.place, container: way.container, links: make(map[*routedLink]struct{})}
	err := m.begin(b, way, l.to.key)
	if err != nil {
		l.tries.note(way.place, way.container, err)
		return nil, err
	}
	rs.mirrors = append(rs.mirrors, m)
	return m, nil
}

// begin begins the mirror's session.
func (m *mirror) begin(b *amqp.Batch, way linkWay, key string) *wire.Error {
	m.peer = way.peer()
	if m.peer == nil {
		return noRoute(key, "router "+m.rs.peer.router.cfg.Router.ID+" has no way to router "+way.router)
	}
	if m.peer.conn.Backlog() > bulkMark {
		return refusal(wire.CondResourceLimitExceeded, "the connection to %s takes nothing just now: attach again later", m.peer.conn.Peer().ContainerID)
	}
	s, err := m.peer.conn.BeginAlone(b, m)
	if err != nil {
		return refusal(wire.CondResourceLimitExceeded, "a session to %s: %v", m.peer.conn.Peer().ContainerID, err)
	}
	m.session = s
	return nil
}

// drop takes a mirror out, and its links. The caller holds mu.
func (rs *routedSession) drop(m *mirror) (links []*routedLink) {
	m.over = true
	for i, o := range rs.mirrors {
		if o == m {
			rs.mirrors = append(rs.mirrors[:i:i], rs.mirrors[i+1:]...)
			break
		}
	}
	for l := range m.links {
		l.forget()
		links = append(links, l)
	}
	m.waiting = nil
	return links
}

// dropAll takes out all mirrors, and the links of each. The caller holds mu.
func (rs *routedSession) dropAll() (mirrors []*mirror, links [][]*routedLink) {
	mirrors, rs.mirrors = rs.mirrors, nil
	for _, m := range mirrors {
		links = append(links, rs.drop(m))
	}
	return mirrors, links
}

// OnBegun never comes: the session is the peer's.
func (rs *routedSession) OnBegun(*amqp.Batch, *amqp.Session) {}

// OnEnd ends the mirrors, as the session ended.
func (rs *routedSession) OnEnd(b *amqp.Batch, s *amqp.Session, e *wire.Error, _ bool) {
	delete(rs.peer.routed, rs.session)
	t := rs.peer.router.linkRoutes
	t.mu.Lock()
	delete(t.sessions, rs)
	t.mu.Unlock()
	rs.mu.Lock()
	rs.over = true
	mirrors, links := rs.dropAll()
	rs.mu.Unlock()
	for i, m := range mirrors {
		m.pipes[sideDown].cut(b)
		if s.Orderly() {
			m.pipes[sideUp].end(b, m.session, e)
			continue
		}
		m.pipes[sideUp].cut(b)
		lost := lostLink("the client's connection", e)
		for _, l := range links[i] {
			l.detachDown(b, false, lost)
		}
		m.session.End(b, lost)
	}
}

func lostLink(what string, cause *wire.Error) *wire.Error {
	if cause == nil {
		return refusal(condLinkLost, "%s was closed", what)
	}
	return refusal(condLinkLost, "%s is lost: %v", what, cause)
}

// OnBegun attaches the links that waited for it.
func (m *mirror) OnBegun(b *amqp.Batch, _ *amqp.Session) {
	m.rs.mu.Lock()
	m.begun = true
	waiting := m.waiting
	m.waiting = nil
	m.rs.mu.Unlock()
	for _, l := range waiting {
		l.enter(b, m)
	}
}

// OnEnd ends what the session at the container, or on the way to it, mirrors: all of
// it, if the container has ended its session and there is nothing else on the client's. Links
// that have no answer yet are attached elsewhere, if they can be.
func (m *mirror) OnEnd(b *amqp.Batch, _ *amqp.Session, e *wire.Error, byPeer bool) {
	rs := m.rs
	why := e
	if !byPeer || why == nil {
		why = lostLink("the way to "+m.where(), e)
	}
	rs.mu.Lock()
	if m.over {
		rs.mu.Unlock()
		return
	}
	asking := m.withoutAnswer(why)
	links := rs.drop(m)
	rs.mu.Unlock()
	m.pipes[sideUp].cut(b)
	for _, l := range asking {
		if err := l.again(b); err != nil {
			links = append(links, l)
		}
	}
	rs.mu.Lock()
	whole := byPeer && len(rs.mirrors) == 0 && rs.session.Links() == len(links)
	rs.mu.Unlock()
	if whole {
		m.pipes[sideDown].end(b, rs.session, e)
		return
	}
	m.pipes[sideDown].cut(b)
	for _, l := range links {
		l.ends[sideUp].raw.Detach(b, true, why)
	}
}

// withoutAnswer takes out the links that have no answer and may be attached elsewhere, now
// that the mirror is lost. The caller holds rs.mu.
func (m *mirror) withoutAnswer(why *wire.Error) (list []*routedLink) {
	for l := range m.links {
		if l.mayGoElsewhere(why) {
			list = append(list, l)
		}
	}
	for _, l := range list {
		l.leaveMirror()
	}
	return list
}

// where names the place that a mirror goes to.
func (m *mirror) where() string {
	if m.container != nil {
		return "container " + m.container.id
	}
	return "router " + m.router
}
