package router_test

import (
	"time"

	"github.com/meshway/meshway/internal/wire"
)

// What the simulation of routed links has a broker do that overruns its credit.

// mayOverrun says whether a sender is a broker's that overruns its credit.
func (w *routedWorld) mayOverrun(from *producer) bool {
	return w.overruns && from.app.Name == "broker"
}

// sayAgain has the sender of a link say states of what it has not settled, and settle some.
func (w *routedWorld) sayAgain(p *routedPair, out *producer) {
	out.app.do(func() {
		for _, o := range p.out {
			if !o.Begun || o.Aborted || o.Settled || o.LocalSettled || o.RemoteSettled || !out.Live() || w.rand.IntN(3) > 0 {
				continue
			}
			for range 1 + w.rand.IntN(3) {
				p.said[o] = []wire.DeliveryState{accepted, released, wire.ModifiedState(true, false, nil)}[w.rand.IntN(3)]
				o.Say(p.said[o])
			}
			if o.Complete && w.rand.IntN(3) == 0 {
				p.said[o] = released
				o.Settle(released)
			}
		}
	})
}

// grantMore has the broker speak of what it has sent, and clients give credit for that: all of
// them, or some.
func (w *routedWorld) grantMore() {
	w.enough = w.rand.IntN(2) == 0
	for _, p := range w.links {
		if p.receiver == nil || !p.receiver.Live() {
			continue
		}
		if _, out := w.atContainer(p); out != nil && w.mayOverrun(out) {
			w.sayAgain(p, out)
		}
		if w.enough || w.rand.IntN(2) == 0 {
			p.receiver.app.do(func() { p.receiver.SetCredit(10000) })
		}
	}
	w.advance(time.Second)
}
