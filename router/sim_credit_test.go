package router_test

import (
	"testing/synctest"

	"github.com/meshway/meshway/internal/config"
)

// checkCredit asks the router for every sender's credit and compares it with what
// it must be: nothing where nobody can take anything, else the window less what
// is not over. long means that time has passed in which no receiver did anything.
func (w *world) checkCredit(long bool) {
	for _, a := range w.slots {
		if a.gone || a.stalled {
			continue
		}
		a.client.Do(func() {
			for _, s := range a.senders() {
				s.Flow(true)
			}
		})
	}
	synctest.Wait()
	defer w.looked()
	l := &w.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range w.slots {
		if a.gone || a.stalled || a.client.Over() {
			continue
		}
		for _, s := range a.senders() {
			if s.Live() {
				w.checkSender(s, long)
			}
		}
	}
}

func (w *world) checkSender(s *sendLink, long bool) {
	credit := int(s.Room())
	if s.addr != nil {
		switch present, able := s.addr.ability(); {
		case !present:
			if credit > 0 {
				w.ledger.violation("%v: has credit %d, and its address has no receiver", s, credit)
			}
			return
		case !able && long && !s.addr.uncertain():
			if credit > 0 {
				w.ledger.violation("%v: has credit %d, and no receiver has taken anything for seconds", s, credit)
			}
			return
		case !able:
			return // it may have been taken back by now
		}
	}
	least, most := s.inRouter()
	low, high := s.app.window-s.Unsettled()-most, s.app.window-s.Unsettled()-least
	if credit < low || credit > high {
		w.ledger.violation("%v: credit is %d; the window is %d, %d are unsettled, %d to %d presettled ones wait: it must be from %d to %d",
			s, credit, s.app.window, s.Unsettled(), least, most, low, high)
	}
}

// ability says whether the address may have a receiver at all, and whether it has
// one that gives credit.
func (a *simAddress) ability() (present, able bool) {
	for _, r := range a.receivers {
		if r.gone {
			continue
		}
		present = true
		able = able || r.attached && !r.leaving && r.Credit() > 0 && !r.app.stalled
	}
	return present, able
}

// inRouter is how many presettled deliveries of the link are not finished: those
// that wait, and one whose end has not come.
func (s *sendLink) inRouter() (least, most int) {
	for _, m := range s.app.w.ledger.active {
		if m.from != s || !m.out.Begun || m.out.Aborted || !m.out.Settled {
			continue
		}
		switch {
		case !m.out.Complete:
			least, most = least+1, most+1
		case len(m.copies) > 0 || m.to.distribution == config.Multicast:
		case len(m.payload) >= streamed || m.to.uncertain() || s.app.w.mayBeLost(m):
			most++
		default:
			least, most = least+1, most+1
		}
	}
	return least, most
}

// streamed is the size from which a message may count as finished while it waits:
// it fills more than the smallest frame, and becomes a stream when a window closes.
const streamed = 400
