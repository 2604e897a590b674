package router

import (
	"sync"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/wire"
)

// Routed links: what is said on a link of a client is said on a link at a container, over
// any number of routers, each of which has a pair of links. In each router there is
//
//	routedSession   a session with routed links: of a client, or of a neighbour on its way
//	mirror          the session on the next hop that mirrors it, one for each place to go
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

	mu      sync.Mutex // guards all below, and the state of mirrors and links
	mirrors []*mirror
	over    bool
}

// mirror is the session on the next hop for those links of a session that go to the same
// router, and there to the same container: so they share one session at that, too.
type mirror struct {
	// Immutable after it is made.
	rs        *routedSession
	peer      *peer
	egress    string     // id of the router whose container it is
	container *container // nil if that is another router
	session   *amqp.Session
	pipes     [2]pipe // by the side that transfers come from

	// Guarded by rs.mu.
	begun   bool // the peer has answered our begin: how many links it takes is known
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

// mirrorFor finds or begins the mirror for a link route. The caller holds mu, and is the
// session's reader.
func (rs *routedSession) mirrorFor(b *amqp.Batch, key, egress string) (*mirror, *linkRoute, *wire.Error) {
	t := rs.peer.router.linkRoutes
	id := rs.peer.router.cfg.Router.ID
	for _, m := range rs.mirrors {
		if egress != "" && m.egress != egress || m.container == nil && egress == id {
			continue
		}
		if route, ok := t.serves(m, key); ok {
			return m, route, nil
		}
	}
	way, err := t.choose(key, egress, rs.peer.adj)
	if err != nil {
		return nil, nil, err
	}
	p := way.peer()
	if p.conn.Backlog() > bulkMark {
		return nil, nil, refusal(wire.CondResourceLimitExceeded, "the connection to %s takes nothing just now: attach again later", p.conn.Peer().ContainerID)
	}
	m := &mirror{rs: rs, peer: p, egress: way.egress, container: way.container, links: make(map[*routedLink]struct{})}
	s, berr := p.conn.BeginAlone(b, m)
	if berr != nil {
		return nil, nil, refusal(wire.CondResourceLimitExceeded, "a session to %s: %v", p.conn.Peer().ContainerID, berr)
	}
	m.session = s
	rs.mirrors = append(rs.mirrors, m)
	return m, way.route, nil
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
	mirrors := rs.mirrors
	links := make([][]*routedLink, len(mirrors))
	for i, m := range mirrors {
		links[i] = rs.drop(m)
	}
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
			l.detachEnd(b, sideDown, false, lost)
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
	var refused []*routedLink
	var why []*wire.Error
	for _, l := range waiting {
		if l.over {
			continue
		}
		if err := l.attachDown(b); err != nil {
			l.forget()
			refused, why = append(refused, l), append(why, err)
		}
	}
	m.rs.mu.Unlock()
	for i, l := range refused {
		l.ends[sideUp].raw.Detach(b, true, why[i])
	}
}

// OnEnd ends what the session at the container, or on the way to it, mirrors: all of
// it, if the container has ended its session and there is nothing else on the client's.
func (m *mirror) OnEnd(b *amqp.Batch, _ *amqp.Session, e *wire.Error, byPeer bool) {
	rs := m.rs
	rs.mu.Lock()
	if m.over {
		rs.mu.Unlock()
		return
	}
	links := rs.drop(m)
	whole := byPeer && len(rs.mirrors) == 0 && rs.session.Links() == len(links)
	rs.mu.Unlock()
	m.pipes[sideUp].cut(b)
	if whole {
		m.pipes[sideDown].end(b, rs.session, e)
		return
	}
	m.pipes[sideDown].cut(b)
	why := e
	if !byPeer || why == nil {
		why = lostLink("the way to "+m.where(), e)
	}
	for _, l := range links {
		l.detachEnd(b, sideUp, true, why)
	}
}

// where names the place that a mirror goes to.
func (m *mirror) where() string {
	if m.container != nil {
		return "container " + m.container.id
	}
	return "router " + m.egress
}
