package router_test

import (
	"time"

	"github.com/meshway/meshway/internal/wire"
)

// A letter that its sender has settled is the router's to deliver from when it has read that, also
// if the sender is lost then.

// noteRead notes which letters the router knows to be settled. It is for a moment of rest: what
// has left the line then was acted upon. The caller holds the ledger's lock.
func (w *world) noteRead(letters []*letter) {
	for _, m := range letters {
		m.read = m.read || m.out.Complete && (m.out.Settled || m.forgotten && m.out.LocalSettled) && m.from.app.isRead() && !m.from.killed
	}
	for _, a := range w.all {
		a.doomed = a.doomed || a.tired && a.isRead()
	}
}

// isRead says that the router has read all that the application wrote. The caller holds the
// ledger's lock.
func (a *simApp) isRead() bool { return !a.gone && !a.wasOver && a.conn.Unread() == 0 }

// mayBeForgotten says that the letter's sender was killed, or let its link go, before the router had
// surely read all of it, and that it was settled.
func (m *letter) mayBeForgotten() bool { return (m.from.killed || m.from.leaving) && !m.read }

// settleMany sends many letters and settles them without waiting for an outcome. Then the
// application may have nothing left to do: it is killed in a later step.
func (a *simApp) settleMany() bool {
	s, ok := pick(a.rng, a.senders())
	if !ok || !s.Live() || s.writing != nil || s.mode == wire.SndSettled || s.Credit() < 4 {
		return false
	}
	for range min(8, int(s.Credit())) {
		s.send(60)
	}
	l := &a.w.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range s.open {
		if !m.over && !m.settled && !m.heard && m.out.Complete && !m.out.LocalSettled {
			m.forgotten = true
			l.note("%v: settles %v without waiting", s, m)
			m.out.Settle(wire.DeliveryState{})
		}
	}
	a.tired = a.rng.IntN(2) == 0
	a.will = s
	return true
}

// bequeath counts what waits of an application that leaves, and must go on. The caller holds the
// ledger's lock.
func (l *ledger) bequeath(a *simApp) {
	for _, m := range l.active {
		if m.from.app == a && m.read && m.forgotten && len(m.copies) == 0 {
			l.stats.bequeathed++
		}
	}
}

// bequeathAll has everybody settle many letters and let go of their link, when nothing is broken any
// more and nobody else leaves: all of them must come.
func (w *meshWorld) bequeathAll() {
	w.pass(settledIn)
	for _, a := range w.slots {
		a.client.Do(func() {
			a.will = nil
			if !a.client.Over() {
				a.steps++
				a.rng = a.chance()
				a.settleMany()
			}
		})
	}
	w.pass(time.Second)
	for _, a := range w.slots {
		a.client.Do(func() {
			w.ledger.mu.Lock()
			w.ledger.bequeath(a)
			w.ledger.mu.Unlock()
			if s := a.will; s != nil && s.Usable() {
				s.detach(false)
			}
		})
	}
	w.pass(time.Second)
}
