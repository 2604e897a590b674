package router

import (
	"errors"
	"slices"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/wire"
)

// A link that is refused for a reason which is not its client's is attached at the next
// place, and each place is tried once. The router that chose a place tries the others: that
// of the client among brokers and routers, that of the broker among containers of one name.
// Those between them have nothing to choose, and pass on what they hear.

// tries are the places where a link was refused.
type tries struct {
	places     []place
	containers []*container // of this router
	lacking    []string     // brokers that do not have what is asked for, wherever they are asked
	why        *wire.Error  // of the last one
}

// note notes a place, and its container if that is one of this router.
func (t *tries) note(p place, c *container, why *wire.Error) {
	if why != nil {
		t.why = why
	}
	if c != nil {
		t.containers = append(t.containers, c)
	} else {
		t.places = append(t.places, p)
	}
	if p.broker != "" && why != nil && (why.Condition == wire.CondNotFound || why.Condition == wire.CondResourceDeleted) {
		t.lacking = append(t.lacking, p.broker)
	}
}

// had says whether a place at another router was tried.
func (t *tries) had(p place) bool {
	return slices.Contains(t.places, p) || slices.Contains(t.lacking, p.broker)
}

// triedElsewhere says whether another container may take what one refuses for a reason: not
// if the reason is what the client asked for, or who it is.
func triedElsewhere(why *wire.Error) bool {
	if why == nil {
		return true
	}
	switch why.Condition {
	case wire.CondNotFound, wire.CondResourceDeleted, wire.CondResourceLimitExceeded, wire.CondInternalError,
		wire.CondConnectionForced, condNoRoute, condLinkLost:
		return true
	}
	return false
}

// lasting says whether somebody keeps something for the link when it is gone: a durable
// source, that is a subscription, or one that never expires.
func (l *routedLink) lasting() bool {
	s := l.ask.Source
	return l.ask.Role == wire.RoleReceiver && s != nil && (s.Durable != wire.DurableNone || s.ExpiryPolicy.V == wire.ExpireNever)
}

// coordinates says whether transactions are declared by the link.
func (l *routedLink) coordinates() bool {
	return l.ask.Role == wire.RoleSender && l.ask.Target != nil && l.ask.Target.Coordinator
}

// mayGoElsewhere notes that the link's place has refused it, and says whether another one is
// left. The caller holds the routedSession's mutex.
func (l *routedLink) mayGoElsewhere(why *wire.Error) bool {
	r := l.rs.peer.router
	if l.answered || !triedElsewhere(why) || r.draining.Load() {
		return false
	}
	l.tries.note(l.mirror.place, l.mirror.container, why)
	return r.linkRoutes.left(l)
}

// join makes the link one of a mirror's. It returns the link that loses its name at the
// container by that; nil if none does. The caller holds the routedSession's mutex.
func (l *routedLink) join(m *mirror, route *linkRoute) (old *routedLink) {
	l.mirror, l.route, l.name = m, route, routedName{}
	if m.container != nil {
		l.name = routedName{m.container, l.ask.Name, l.sends == sideUp}
	}
	l.ends[sideDown] = newRoutedEnd(l, sideDown, m)
	l.joined = true
	m.links[l] = struct{}{}
	if l.coordinates() {
		l.rs.coordinators++
	}
	l.count(+1)
	l.timer.Reset(attachTime)
	return l.register()
}

// stolen ends a link whose name another one has taken, if there is one.
func (l *routedLink) stolen(b *amqp.Batch) {
	if l != nil {
		l.cut(b, refusal(wire.CondStolen, "the link %q was attached again", l.name.name))
	}
}

// leaveMirror undoes join. The caller holds the routedSession's mutex.
func (l *routedLink) leaveMirror() {
	if !l.joined {
		return
	}
	m := l.mirror
	l.joined = false
	delete(m.links, l)
	if l.coordinates() {
		l.rs.coordinators--
	}
	if l.attached && !m.over {
		m.full = false
	}
	l.count(-1)
	m.peer.links.removeRaw(l.ends[sideDown])
	if m.container != nil {
		m.container.gate.leave(l)
	}
	l.unregister()
}

// enter attaches the link by its mirror; where that does not take it, elsewhere; and where
// nobody does its client is told.
func (l *routedLink) enter(b *amqp.Batch, m *mirror) {
	l.rs.mu.Lock()
	err := l.attachDown(b, m)
	if err == nil {
		l.rs.mu.Unlock()
		return
	}
	l.leaveMirror()
	l.rs.mu.Unlock()
	if err := l.again(b); err != nil {
		l.ends[sideUp].raw.Detach(b, true, err)
	}
}

// enterNow is enter for a link that had to wait for its turn.
func (l *routedLink) enterNow(b *amqp.Batch) {
	l.rs.mu.Lock()
	m := l.mirror
	l.rs.mu.Unlock()
	l.enter(b, m)
}

// attachDown attaches the link's other end: at once, or when it is known how many links the
// mirror takes. An error says that the mirror does not take it. The caller holds the
// routedSession's mutex.
func (l *routedLink) attachDown(b *amqp.Batch, m *mirror) *wire.Error {
	switch {
	case l.over || l.mirror != m || l.attached: // another one has its name, or it is elsewhere already
		return nil
	case m.over:
		l.tries.note(m.place, m.container, lostLink("the way to "+m.where(), nil))
		return l.tries.why
	case !m.begun && len(m.links) > 1:
		m.waiting = append(m.waiting, l)
		return nil
	}
	e := l.ends[sideDown]
	if m.container != nil && !m.container.gate.pass(l, e) {
		return nil
	}
	if err := m.session.AttachRaw(b, e.raw, l.downward()); err != nil {
		refused := refusal(wire.CondResourceLimitExceeded, "%s: %v", m.where(), err)
		if m.container != nil {
			m.container.gate.vain(e)
		}
		if m.full = errors.Is(err, amqp.ErrNoHandle); !m.full {
			l.tries.note(m.place, m.container, refused)
		}
		return refused
	}
	m.peer.links.addRaw(e)
	if l.early != nil {
		e.raw.Flow(b, l.early)
	}
	l.attached = true
	return nil
}

// again attaches a link, which has left its mirror, at the next place. An error says that
// none is left: the link is forgotten then, and its client is to be told.
func (l *routedLink) again(b *amqp.Batch) *wire.Error {
	rs := l.rs
	rs.mu.Lock()
	defer func(before *mirror) { rs.abandon(b, before) }(l.mirror)
	if l.over || rs.over {
		l.forget()
		rs.mu.Unlock()
		return nil
	}
	l.attached = false
	m, route, err := rs.mirrorFor(b, l)
	if err != nil {
		l.forget()
		rs.mu.Unlock()
		return err
	}
	old := l.join(m, route)
	rs.mu.Unlock()
	old.stolen(b)
	l.enter(b, m)
	return nil
}

// abandon ends a mirror that no link goes by: nothing is kept at a place that was tried in
// vain.
func (rs *routedSession) abandon(b *amqp.Batch, m *mirror) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if m.over || len(m.links) > 0 {
		return
	}
	rs.drop(m)
	m.pipes[sideDown].cut(b)
	m.pipes[sideUp].end(b, m.session, nil)
}
