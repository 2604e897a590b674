package router_test

import (
	"slices"
	"time"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/wire"
)

// The laws that hold when everybody has done what there was to do. Nobody runs
// meanwhile, so that applications can be looked at without their locks.

// atRest checks all of them.
func (w *world) atRest() {
	defer w.looked()
	l := &w.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	w.noteRead(l.active)
	waiting := make(map[*simAddress]*waitingLetters)
	for _, a := range l.addresses {
		waiting[a] = new(waitingLetters)
	}
	kept := l.active[:0]
	for _, m := range l.active {
		m.idled = m.idled || !m.out.Complete && time.Since(m.moved) >= patience
		w.checkLetter(m)
		m.orphan = m.from.gone && !m.from.parted && !m.settledBySender() && len(m.copies) == 0 && !m.to.uncertain() && m.to.distribution != config.Multicast
		waiting[m.to].add(m, m.out.Complete && w.surelyWaits(m))
		if !w.done(m) {
			kept = append(kept, m)
		}
	}
	clear(l.active[len(kept):])
	l.active = kept
	for _, a := range l.addresses {
		w.checkAddress(a, waiting[a])
	}
	l.unproved = slices.DeleteFunc(l.unproved, func(m *letter) bool {
		if m.to.uncertain() {
			return false
		}
		if why := w.unexplained(m); why != "" {
			l.violation("%v: heard %v of %v: %s", m.from, show(m.state), m, why)
		}
		return true
	})
}

// waitingLetters are an example each of letters that wait at an address.
type waitingLetters struct {
	now    *letter // waits
	always *letter // waits, and did so when everybody rested last
}

func (x *waitingLetters) add(m *letter, waits bool) {
	if waits {
		x.now = m
	}
	if waits && m.waited {
		x.always = m
	}
	m.waited = waits
}

// done says that nothing more is to be checked of a letter.
func (w *world) done(m *letter) bool {
	if m.out.Begun && !m.out.Complete && !m.out.Aborted && !m.from.gone {
		return false
	}
	if !m.over && !m.settledBySender() && !m.out.LocalSettled && !m.out.Aborted && !m.from.gone {
		return false
	}
	if len(m.copies) == 0 && m.settledBySender() {
		return m.to.distribution == config.Multicast && m.to.sure == 0
	}
	for _, c := range m.copies {
		if !c.ended && !c.in.RemoteSettled && !c.in.Settled && !c.in.Aborted && !c.to.gone {
			return false
		}
	}
	return m.to.distribution != config.Multicast
}

// uncertain says that a receiver of the address may not have read what it was
// sent, or not have been able to tell.
func (a *simAddress) uncertain() bool {
	for _, r := range a.receivers {
		if r.app.stalled && !r.app.gone {
			return true
		}
	}
	return false
}

// present says that a receiver is there and reads.
func (r *recvLink) present() bool {
	return r.attached && !r.leaving && !r.gone && !r.app.stalled && !r.app.gone
}

// free says that a receiver could take a delivery now.
func (r *recvLink) free() bool {
	return r.present() && r.Credit() > 0 && r.Session.WindowOpen() && r.Partial() == nil
}

// present says that a sender is there and reads.
func (s *sendLink) present() bool {
	return !s.leaving && !s.gone && !s.app.stalled && !s.app.gone
}

// surelyWaits says that a letter with all its bytes sent is in the router, for
// nobody has it and nothing has become of it.
func (w *world) surelyWaits(m *letter) bool {
	if len(m.copies) > 0 || m.heard || m.to.distribution == config.Multicast || m.to.uncertain() || m.from.app.stalled {
		return false
	}
	if m.settledBySender() {
		return !w.mayBeLost(m)
	}
	return m.from.present()
}

// checkAddress checks that nothing waits for somebody who could take it, and that
// drains were answered.
func (w *world) checkAddress(a *simAddress, waiting *waitingLetters) {
	l := &w.ledger
	for _, r := range a.receivers {
		if waiting.now != nil && r.free() && r.limit == 0 {
			l.violation("%v waits, and %v could take it (credit %d)", waiting.now, r, r.Credit())
		}
		if waiting.always != nil && r.returned > 0 && r.present() && r.limit == 0 {
			l.violation("%v was drained: %d came back, and %v waits", r, r.returned, waiting.always)
		}
		if r.present() && r.Draining() && r.Partial() == nil && r.Session.WindowOpen() {
			l.violation("%v: its drain is not answered (credit %d)", r, r.Credit())
		}
		r.returned = 0
		if r.killed && r.gone && r.deadAt == 0 {
			r.deadAt = l.tick()
		}
	}
}

// checkLetter checks that what one side did has reached the other.
func (w *world) checkLetter(m *letter) {
	l := &w.ledger
	if !m.out.Begun && len(m.copies) > 0 {
		l.violation("%v was received before it was sent", m)
	}
	for _, c := range m.copies {
		if c.to.present() {
			w.checkCopy(m, c)
		}
	}
	if m.to.distribution == config.Multicast {
		w.checkFanned(m)
	} else if len(m.copies) > 0 {
		w.checkHeard(m, m.copies[0])
	}
}

// checkCopy checks what a receiver knows of a delivery.
func (w *world) checkCopy(m *letter, c *letterCopy) {
	l := &w.ledger
	over := c.ended || c.in.RemoteSettled || c.in.Settled || c.in.Aborted
	windowOpen := c.to.Session.WindowOpen()
	switch {
	case m.out.Aborted && !c.in.Aborted && windowOpen:
		l.violation("%v: %v was broken off by its sender, and is not aborted", c.to, m)
	case m.out.Complete && !c.in.Complete && !c.in.Aborted && windowOpen:
		l.violation("%v: %v was sent whole, and %d bytes of it have come", c.to, m, c.in.Size)
	case over || m.settled || !c.in.Complete && !windowOpen:
	case c.to.mode == wire.SndUnsettled && m.settledBySender():
		// It may have gone as a presettled one to somebody who wants none of these:
		// what becomes of it is then between the two of them.
	case m.from.gone:
		l.violation("%v: the sender of %v is gone, and it is not settled", c.to, m)
	case m.out.LocalSettled || m.out.Settled && m.out.Complete:
		l.violation("%v: %v was settled by its sender, and is not settled", c.to, m)
	}
}

// checkHeard checks that the sender of a letter which one receiver got knows what
// became of it.
func (w *world) checkHeard(m *letter, c *letterCopy) {
	l := &w.ledger
	if m.settledBySender() || !m.from.present() || m.out.LocalSettled || !m.out.Complete {
		return // nothing is said of what has not come whole
	}
	settled := c.ended && len(c.said) > 0 || c.in.Settled && c.in.Complete
	switch {
	case c.to.app.stalled && !c.to.gone:
	case (settled || len(c.said) > 0 || c.to.gone) && !m.heard:
		l.violation("%v: %v has no outcome (said %d times, receiver gone: %v)", m.from, m, len(c.said), c.to.gone)
	case (settled || c.to.gone) && !m.over && m.from.first:
		l.violation("%v: %v was not settled (receiver gone: %v)", m.from, m, c.to.gone)
	}
}

// checkFanned checks a letter to several: everybody who was there and can take it
// has it, and the sender knows what became of it once all have said so.
func (w *world) checkFanned(m *letter) {
	l := &w.ledger
	if !m.out.Complete || m.idled || m.mayBeForgotten() {
		return
	}
	silent := false
	for _, r := range m.to.receivers {
		if r.gone || r.attachedAt == 0 || r.attachedAt > m.sentAt {
			continue
		}
		c := m.copyOf(r)
		if c == nil && r.free() && !m.heard && !m.exceeds(r) && m.from.app.sent < heavy && m.to.sent < backlog {
			l.violation("%v is there and could take %v", r, m)
		}
		silent = silent || c == nil || !c.in.Settled && len(c.said) == 0
	}
	for _, c := range m.copies {
		silent = silent || !c.in.Settled && len(c.said) == 0 && !c.to.gone || !c.in.Complete
	}
	if m.settledBySender() || m.heard || silent || m.to.uncertain() || !m.from.present() || m.out.LocalSettled {
		return
	}
	for _, r := range m.to.receivers {
		if !r.gone && r.attachedAt > m.sentAt && m.copyOf(r) == nil {
			return // whether it gets one is not known
		}
	}
	l.violation("%v: %v has no outcome, and all who have it said what became of it", m.from, m)
}

// backlog is how many copies may wait for one receiver.
const backlog = 1024

// copyOf is the receiver's copy of the letter, nil when it has none.
func (m *letter) copyOf(r *recvLink) *letterCopy {
	for _, c := range m.copies {
		if c.to == r {
			return c
		}
	}
	return nil
}

// unexplained says why the outcome of a letter cannot be, or "".
func (w *world) unexplained(m *letter) string {
	if m.tooLarge() {
		return ""
	}
	if m.to.distribution == config.Multicast {
		return w.unexplainedFanout(m)
	}
	if m.idled && m.is(m.loss()) {
		return "" // broken off
	}
	if len(m.copies) == 0 {
		switch {
		case m.is(released) && (m.crowded || m.to.wasBare(m.sentAt, m.heardAt)):
			return ""
		case m.to.lostOne(m.sentAt) && (m.is(m.loss()) || m.is(accepted) && m.to.someSettled()):
			return ""
		}
		return "nobody had it"
	}
	c := m.copies[0]
	for _, s := range c.said {
		if m.is(s) {
			return ""
		}
	}
	switch {
	case c.in.Settled && m.is(accepted):
		return ""
	case c.to.leaving && m.is(m.loss()):
		return ""
	}
	return "the receiver did not say so, and was not lost"
}

// someSettled says that a receiver of the address wants deliveries settled: that
// they left is all that their senders hear.
func (a *simAddress) someSettled() bool {
	for _, r := range a.receivers {
		if r.mode == wire.SndSettled {
			return true
		}
	}
	return false
}

// is says whether the sender heard that state, or what stands for it where the
// sender's source does not list it.
func (m *letter) is(s wire.DeliveryState) bool {
	if s.Kind == wire.StateModified && len(m.from.outcomes) > 0 {
		s = released
	}
	return m.state.Equal(s)
}

// loss is what a sender hears of a letter that was lost on its way out.
func (m *letter) loss() wire.DeliveryState {
	if m.to.onLoss == wire.StateReleased {
		return released
	}
	return wire.ModifiedState(true, false, nil)
}

// unexplainedFanout is for a letter to several: rejected goes before accepted, that
// before modified, that before released.
func (w *world) unexplainedFanout(m *letter) string {
	possible := []wire.DeliveryState{released}
	if m.to.lostOne(m.sentAt) || m.idled {
		possible = append(possible, m.loss())
		if m.to.someSettled() {
			possible = append(possible, accepted)
		}
	}
	least := released
	for _, c := range m.copies {
		if c.to.leaving || m.idled {
			possible = append(possible, m.loss())
		}
		said := c.said
		if c.in.Settled {
			said = []wire.DeliveryState{accepted}
		}
		if len(said) == 0 && !c.to.leaving && !m.idled && !m.exceeds(c.to) {
			return "a receiver that is there did not say anything"
		}
		possible = append(possible, said...)
		if len(said) > 0 && !c.to.leaving && rank[said[0].Kind] > rank[least.Kind] {
			least = said[0]
		}
	}
	switch {
	case !slices.ContainsFunc(possible, m.is):
		return "no receiver said so, and none was lost"
	case rank[m.state.Kind] < rank[least.Kind] && !m.idled && !m.is(least):
		return "a receiver said " + show(least)
	}
	return ""
}

// rank orders the outcomes of several copies.
var rank = map[wire.StateKind]int{wire.StateRejected: 4, wire.StateAccepted: 3, wire.StateModified: 2, wire.StateReleased: 1}
