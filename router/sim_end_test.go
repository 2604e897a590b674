package router_test

import (
	"context"
	"slices"
	"testing/synctest"
	"time"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/wire"
)

// settleDown makes every application do what is left to do: read, write to the
// end, take what waits, say what became of it. Then nothing may be open any more.
func (w *world) settleDown() {
	w.ledger.mu.Lock()
	w.ledger.note("everybody settles down")
	w.ledger.mu.Unlock()
	for range settleRounds {
		for _, a := range w.slots {
			if !a.gone {
				a.client.Do(a.finish)
			}
		}
		time.Sleep(time.Second)
		synctest.Wait()
		w.atRest()
	}
	w.checkCredit(false)
	w.ledger.mu.Lock()
	defer w.ledger.mu.Unlock()
	for _, m := range w.ledger.letters {
		w.checkEnded(m)
	}
	for _, a := range w.slots {
		for _, s := range a.sessions {
			if out, in := s.Unsettled(); s.Usable() && (out > 0 || in > 0) {
				w.ledger.violation("%s: at the end, %d sent and %d received deliveries are not settled", a.name, out, in)
			}
		}
	}
}

// settleRounds is how often everybody does so: a stream needs a round for each
// that waits before it.
const settleRounds = 8

// finish does one application's part.
func (a *simApp) finish() {
	if a.stalled {
		a.setStall(false)
	}
	if a.client.Over() {
		return
	}
	for _, s := range a.usable() {
		s.Grant(100_000)
	}
	for _, s := range a.senders() {
		s.lazy = false
		s.writeRest()
	}
	a.settleAsSenderFinally()
	for _, r := range a.receivers() {
		if !r.Draining() {
			r.SetCredit(1000)
		}
		for _, c := range append([]*letterCopy(nil), r.unsettled...) {
			switch {
			case len(c.said) == 0:
				r.settle(c, c.outcome())
			case !r.second: // else its sender settles
				r.settle(c, c.said[0])
			}
		}
	}
}

// settleAsSenderFinally settles all that was heard of.
func (a *simApp) settleAsSenderFinally() {
	for _, s := range a.senders() {
		for _, m := range s.open {
			if m.heard && !m.over && !m.settled && !m.out.LocalSettled && !m.out.Aborted {
				m.out.Settle(m.state)
			}
		}
	}
}

// checkEnded checks one letter when all is done: it has its outcome, or was
// received if it has none.
func (w *world) checkEnded(m *letter) {
	l := &w.ledger
	switch {
	case !m.out.Complete || m.from.gone || m.from.leaving:
		// Nobody waits for its outcome; who got it was told.
	case !m.settledBySender() && !m.heard:
		l.violation("%v: at the end, %v has no outcome", m.from, m)
	}
	if !m.settledBySender() && !m.letGo() || !m.out.Complete {
		return
	}
	if m.to.distribution == config.Multicast || len(m.copies) > 0 {
		return // what each subscriber gets is checked at every rest
	}
	if !w.mayBeLost(m) {
		l.violation("%v: at the end, %v was not received by anybody", m.from, m)
	}
}

// letGo says whether its sender left in peace without knowing what became of the letter, which
// must go on then.
func (m *letter) letGo() bool { return m.from.parted && !m.from.laden && !m.heard }

// mayBeLost says whether a presettled letter that nobody received could be lost:
// at some moment nobody was sure to be there for it, or whoever had it died.
func (w *world) mayBeLost(m *letter) bool {
	return m.crowded || m.idled || m.from.killed && !m.read || m.limited() ||
		m.to.wasBare(m.sentAt, w.ledger.clock) || m.to.lostOne(m.sentAt)
}

// limited says that the letter is too large for some receiver that its address ever had.
func (m *letter) limited() bool { return slices.ContainsFunc(m.to.receivers, m.exceeds) }

// exceeds says that the letter may be too large for the receiver, with annotations that it gets.
func (m *letter) exceeds(r *recvLink) bool {
	return r.limit > 0 && len(m.payload)+annotationRoom > r.limit
}

// annotationRoom is about how much longer a letter may get.
const annotationRoom = 300

// tooLarge says that the letter was rejected for its size, and that this may be so: somebody was
// there who took less, and nobody who takes any size and did not leave. Some of it may have been
// sent before it was known how long it is, and in a mesh the consumers of its egress count.
func (m *letter) tooLarge() bool {
	e, err := m.state.RejectedError()
	if m.state.Kind != wire.StateRejected || err != nil || e == nil || e.Condition != wire.CondMessageSizeExceeded || !m.limited() {
		return false
	}
	return m.to.distribution == config.Multicast || len(m.payload) >= streamsFrom || m.from.app.w.ledger.mesh ||
		!slices.ContainsFunc(m.to.receivers, func(r *recvLink) bool {
			return r.limit == 0 && r.attached && r.attachedAt < m.sentAt && !r.leaving && !r.gone
		})
}

// lostOne says whether a receiver has been found dead since then: something may
// have been on its way to it that it never read.
func (a *simAddress) lostOne(since uint64) bool {
	for _, r := range a.receivers {
		if r.killed && (r.deadAt == 0 || r.deadAt >= since) {
			return true
		}
	}
	return false
}

// leave ends every link and then every connection, one way or another: nothing
// may be left of them in the router.
func (w *world) leave() {
	w.ledger.mu.Lock()
	w.ledger.note("everybody leaves")
	w.ledger.mu.Unlock()
	for i, a := range w.slots {
		a.client.Do(func() {
			if i%2 == 0 {
				a.detachAll(true)
				a.detachAll(false)
			} else {
				a.detachAll(false)
				a.detachAll(true)
			}
		})
	}
	synctest.Wait()
	time.Sleep(time.Second) // addresses go with the tick
	synctest.Wait()
	for _, what := range w.router.Residue() {
		w.fail("left when every link is gone: %s", what)
	}
	for i, a := range w.slots {
		if i%2 == 0 {
			a.client.Do(func() { a.close() })
		}
	}
	synctest.Wait()
}

func (a *simApp) detachAll(senders bool) {
	l := &a.w.ledger
	if senders {
		for _, s := range a.senders() {
			l.mu.Lock()
			l.ends(s, true)
			l.mu.Unlock()
			s.Detach(true, nil)
		}
		return
	}
	for _, r := range a.receivers() {
		l.mu.Lock()
		l.leaving(r, false)
		l.mu.Unlock()
		r.Detach(true, nil)
	}
}

// halt shuts the router down in the middle of everything. Who reads is told so,
// and nothing hangs.
func (w *world) halt() {
	w.ledger.mu.Lock()
	w.ledger.note("the router is shut down")
	w.ledger.halted = true
	w.ledger.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = w.router.Shutdown(ctx) // its error counts what was in flight
	synctest.Wait()
	for _, a := range w.slots {
		err := a.client.Err()
		if e, ok := err.(*wire.Error); !a.stalled && a.gone && !a.wasOver && (!ok || e.Condition != wire.CondConnectionForced) {
			w.fail("%s: its connection ended with %v, not %s", a.name, err, wire.CondConnectionForced)
		}
		if !a.gone && !a.stalled {
			w.fail("%s: its connection stands after the router's end", a.name)
		}
	}
	for _, a := range w.all {
		a.client.Kill()
	}
	if n := w.router.Peers(); n != 0 {
		w.fail("%d connections are left", n)
	}
	synctest.Wait()
}
