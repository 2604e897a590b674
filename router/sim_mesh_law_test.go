package router_test

import (
	"slices"
	"testing/synctest"
	"time"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/wire"
)

// What must hold in a mesh when everything is mended and everybody has done what was
// left to do.

// finish mends everything, has everybody settle down and leave, and checks the laws.
func (w *meshWorld) finish() {
	for len(w.broken)+len(w.dead) > 0 {
		w.heal()
	}
	w.pass(time.Second)
	w.calmDown(true)
	if w.ledger.failed() {
		return
	}
	w.bequeathAll()
	w.note("everybody settles down")
	for round := range meshRounds {
		for _, a := range w.slots {
			if !a.isGone() {
				a.client.Do(a.finish)
			}
		}
		w.pass(time.Second)
		if round >= 3 && w.open() == 0 { // some could not do all at first
			break
		}
	}
	w.pass(5 * time.Second)
	w.checkLetters()
	w.checkMeshCredit()
	if why := w.agree(10 * time.Second); why != "" {
		w.fail("at the end: %s", why)
	}
	if w.ledger.failed() {
		w.describeMesh()
		return
	}
	w.leaveMesh()
}

const meshRounds = 30

// open is how many deliveries are not over.
func (w *meshWorld) open() (n int) {
	for _, a := range w.slots {
		a.client.Do(func() {
			for _, s := range a.usable() {
				out, in := s.Unsettled()
				n += out + in
			}
			for _, s := range a.senders() {
				if s.Writing() {
					n++
				}
			}
		})
	}
	return n
}

func (w *meshWorld) checkLetters() {
	defer w.looked()
	l := &w.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range l.letters {
		if m.out.Complete {
			w.checkMeshLetter(m)
		}
	}
	for _, a := range w.slots {
		for _, s := range a.sessions {
			if out, in := s.Unsettled(); s.Usable() && (out > 0 || in > 0) {
				l.violation("%s: at the end, %d sent and %d received deliveries are not settled", a.name, out, in)
			}
		}
	}
}

// checkMeshLetter checks that a letter has its outcome, and that there is a reason for it.
func (w *meshWorld) checkMeshLetter(m *letter) {
	l := &w.ledger
	switch {
	case m.settledBySender():
		if w.surelyReceived(m) && len(m.copies) == 0 {
			l.violation("%v: at the end, %v was not received by anybody", m.from, m)
		}
	case m.from.gone || m.from.leaving || m.out.LocalSettled:
		if !m.heard {
			break
		}
		fallthrough
	case m.heard:
		if why := w.meshUnexplained(m); why != "" {
			l.violation("%v: heard %v of %v: %s", m.from, show(m.state), m, why)
		}
	default:
		l.violation("%v: at the end, %v has no outcome", m.from, m)
	}
	if m.to.distribution == config.Multicast {
		w.checkReach(m)
	}
}

// until is when the letter's outcome was known, or now.
func (m *letter) until(l *ledger) uint64 {
	if m.heard {
		return m.heardAt
	}
	return l.clock
}

// untouched says that while the letter was on its way nothing happened that could lose it:
// no fault, and nobody left who could have had it.
func (w *meshWorld) untouched(m *letter) bool {
	return !w.ledger.wasDisturbed(m.sentAt, m.until(&w.ledger)) && !m.to.someLeft(m.sentTime) && !m.idled
}

// surelyReceived says that there is no reason why the letter should have been dropped.
func (w *meshWorld) surelyReceived(m *letter) bool {
	return w.untouched(m) && m.to.steady(m.sentTime) && !m.limited() && !m.crowded && !m.mayBeForgotten() &&
		(m.to.distribution != config.Multicast || len(m.payload) < streamsFrom)
}

// meshUnexplained says why the outcome of a letter cannot be, or "".
func (w *meshWorld) meshUnexplained(m *letter) string {
	if m.tooLarge() {
		return ""
	}
	touched := !w.untouched(m)
	if m.to.distribution == config.Multicast {
		return w.meshUnexplainedFanout(m, touched)
	}
	if touched && m.is(m.loss()) {
		return ""
	}
	if len(m.copies) == 0 {
		switch {
		case m.is(released) && (touched || m.crowded || !m.to.steady(m.sentTime) || m.heardTime.Sub(m.sentTime) >= stuckFor):
			return ""
		case m.is(accepted) && touched && m.to.someSettled():
			return ""
		}
		return "nobody had it"
	}
	c := m.copies[0]
	switch {
	case slices.ContainsFunc(c.said, m.is), c.in.Settled && m.is(accepted):
		return ""
	}
	return "the receiver did not say so, and nothing was lost"
}

// stuckFor is how long a letter in transit waits for a neighbour that takes nothing.
const stuckFor = 5 * time.Second

func (w *meshWorld) meshUnexplainedFanout(m *letter, touched bool) string {
	possible := []wire.DeliveryState{released}
	if touched {
		possible = append(possible, m.loss(), accepted)
	}
	least := released
	for _, c := range m.copies {
		said := c.said
		if c.in.Settled {
			said = []wire.DeliveryState{accepted}
		}
		possible = append(possible, said...)
		if len(said) > 0 && rank[said[0].Kind] > rank[least.Kind] {
			least = said[0]
		}
		if len(said) == 0 && !touched && c.in.Complete && !m.exceeds(c.to) {
			return "a receiver that is there did not say anything"
		}
	}
	switch {
	case !slices.ContainsFunc(possible, m.is):
		return "no receiver said so, and none was lost"
	case !touched && rank[m.state.Kind] < rank[least.Kind] && !m.is(least):
		return "a receiver said " + show(least)
	}
	return ""
}

// checkReach checks that a letter to several came to all who were there for it.
func (w *meshWorld) checkReach(m *letter) {
	if !w.surelyReceived(m) || m.to.volume > mostVolume {
		return
	}
	for _, r := range m.to.receivers {
		if r.attached && !r.leaving && r.attachedTime.Before(m.sentTime.Add(-settledIn)) && m.copyOf(r) == nil {
			w.ledger.violation("%v was there, and did not get %v", r, m)
		}
	}
}

// mostVolume is how many bytes to an address surely fit the backlog of each subscriber.
const mostVolume = 200 << 10

// settledIn is how long the mesh may take to learn of a receiver.
const settledIn = 3 * time.Second

// someLeft says that a receiver left after the letter was sent, or so short a time before
// it that it was sent there nevertheless.
func (a *simAddress) someLeft(sent time.Time) bool {
	return slices.ContainsFunc(a.receivers, func(r *recvLink) bool {
		return r.leaving && r.leavingTime.After(sent.Add(-settledIn))
	})
}

// steady says that a receiver had been there for long when the letter was sent.
func (a *simAddress) steady(sent time.Time) bool {
	return slices.ContainsFunc(a.receivers, func(r *recvLink) bool {
		return r.attached && r.attachedTime.Before(sent.Add(-settledIn)) && (!r.leaving || r.leavingTime.After(sent))
	})
}

// checkMeshCredit checks that every sender has the whole of its window where somebody
// takes what it sends.
func (w *meshWorld) checkMeshCredit() {
	for _, a := range w.slots {
		if !a.isGone() {
			a.client.Do(func() {
				for _, s := range a.senders() {
					s.Flow(true)
				}
			})
		}
	}
	w.pass(time.Second)
	defer w.looked()
	l := &w.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range w.slots {
		if a.gone || a.client.Over() {
			continue
		}
		for _, s := range a.senders() {
			want := a.window
			if s.addr != nil {
				present, able := s.addr.ability()
				switch {
				case !present && s.addr.made():
					continue // other routers do not know who is there
				case !present:
					want = 0
				case !able:
					continue
				}
			}
			if got := int(s.Room()); s.Live() && got != want {
				l.violation("%v: at the end its credit is %d, not %d", s, got, want)
			}
		}
	}
}

// leaveMesh ends every link: nothing may be left of them at any router.
func (w *meshWorld) leaveMesh() {
	w.note("everybody leaves")
	for i, a := range w.slots {
		a.client.Do(func() {
			a.detachAll(i%2 == 0)
			a.detachAll(i%2 != 0)
		})
	}
	synctest.Wait()
	w.pass(2 * time.Second)
	for _, id := range w.hosts {
		for _, what := range w.stage.routers[id].Residue() {
			w.fail("left at %s when every link is gone: %s", id, what)
		}
	}
	if w.ledger.failed() {
		w.describeMesh()
	}
}

// describeMesh writes what the routers know into the trace.
func (w *meshWorld) describeMesh() {
	for _, id := range w.hosts {
		if r := w.stage.routers[id]; r != nil {
			w.note("state: %s", r.MeshState())
			for _, what := range append(r.Residue(), r.Consumers()...) {
				w.note("state of %s: %s", id, what)
			}
		}
	}
}
