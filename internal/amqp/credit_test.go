package amqp

import (
	"fmt"
	"testing"

	"github.com/meshway/meshway/internal/wire"
)

// wantCredit asks the engine, as a sender may at any time by a flow with echo
// [2.7.4], and compares its answer. Flows that told of credit before count no more.
func (p *peer) wantCredit(why string, handle, deliveryCount, n uint32) {
	p.t.Helper()
	p.write(&wire.Flow{Handle: wire.Some(handle), DeliveryCount: wire.Some(deliveryCount), Echo: true})
	var got frame
	for f, ok := p.next(); ok; f, ok = p.next() {
		if flow, isFlow := f.body.(*wire.Flow); !isFlow {
			p.t.Fatalf("%s: got %v, want nothing but flows", why, f)
		} else if flow.Handle == wire.Some(handle) {
			got = f
		}
	}
	if w := asFrame(credit(handle, deliveryCount, n)); !same(got, w) {
		p.t.Fatalf("%s:\ngot  %v\nwant %v", why, got, w)
	}
}

// deliver writes n whole messages on handle at once, with delivery-ids from id on.
func (p *peer) deliver(handle, id uint32, n int) {
	var frames []any
	for range n {
		frames = append(frames, message(handle, id, "x"))
		id++
	}
	p.write(frames...)
}

func window(n uint32) option { return handling(func(h *recorder) { h.window = n }) }

// setWindow lets the application change a link's window.
func (p *peer) setWindow(name string, n uint32) {
	l := p.receiver(name)
	p.do(func(b *Batch) { l.SetWindow(b, n) })
}

func (p *peer) revoke(name string) {
	l := p.receiver(name)
	p.do(func(b *Batch) { l.Revoke(b) })
}

func TestNoCreditWithoutAWindow(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachSender("q", 0)
		p.wantIdle("the handler has given none")
		p.setWindow("q", 3)
		p.want("now it has", credit(0, 0, 3))
		p.write(message(0, 0, "x"))
		p.heard("and it is good for a message", `q 0 "x"`)
	}, window(0))
}

func TestATransferWithoutCredit(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachSender("q", 0)
		p.write(message(0, 0, "x"))
		p.want("[2.6.7] the link goes", &wire.Detach{Closed: true, Error: refused(wire.CondTransferLimitExceeded)})
		p.heard("without a message", `fault link "q" amqp:link:transfer-limit-exceeded`, "detach q amqp:link:transfer-limit-exceeded")
		p.write(message(0, 1, "x"), message(0, 2, "x"))
		p.wantIdle("more of it is ignored")
		p.write(&wire.Detach{Closed: true})
		p.attachSender("q", 0)
	}, window(0))
}

// Credit is a window over what is not finished: what has been sent and not
// settled keeps its place in it.
func TestCreditIsTheWindowLessWhatIsUnfinished(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachSender("q", 0)
		p.deliver(0, 0, 3)
		p.wantCredit("three of ten are open", 0, 3, 7)
		p.settle("q", wire.StateAccepted, 1)
		p.want("the outcome", outcome(1, 1, wire.StateAccepted))
		p.wantCredit("two are", 0, 3, 8)
		p.settle("q", wire.StateReleased, 0, 2)
		p.want("the others", outcome(0, 0, wire.StateReleased), outcome(2, 2, wire.StateReleased))
		p.wantCredit("none is", 0, 3, 10)
		p.settle("q", wire.StateAccepted, 0, 1, 2)
		p.wantCredit("settled twice is settled once", 0, 3, 10)
	})
}

// The ways in which a delivery can finish give its place back, each once.
func TestWhateverEndsADeliveryGivesItsCreditBack(t *testing.T) {
	for name, frames := range map[string][]any{
		"presettled":                 {marked(message(0, 0, "x"))},
		"presettled, in two frames":  {marked(first(0, 0, "x")), last(0, "y")},
		"settled by its last frame":  {first(0, 0, "x"), marked(last(0, "y"))},
		"aborted":                    {first(0, 0, "x"), aborting(0, "")},
		"presettled and aborted":     {marked(first(0, 0, "x")), aborting(0, "")},
		"settled by the sender":      {message(0, 0, "x"), &wire.Disposition{Settled: true}},
		"settled by it, twice":       {message(0, 0, "x"), &wire.Disposition{Settled: true}, &wire.Disposition{Settled: true}},
		"settled by it, by a range":  {message(0, 0, "x"), &wire.Disposition{Settled: true, Last: wire.Some[uint32](1<<31 - 1)}},
		"resumed, which counts none": {with(&wire.Transfer{DeliveryID: wire.Some[uint32](0), Resume: true}, "x")},
	} {
		t.Run(name, func(t *testing.T) {
			opened(t, func(p *peer) {
				p.attachSender("q", 0)
				p.write(frames...)
				p.wantCredit("as much as before", 0, 1, 10)
			})
		})
	}
}

// [2.6.7] delivery-count "wraps around and compares according to RFC-1982".
func TestDeliveryCountWraps(t *testing.T) {
	opened(t, func(p *peer) {
		a := sending("q", 0)
		a.InitialDeliveryCount = wire.Some[uint32](1<<32 - 4)
		p.write(a)
		p.want("credit begins where the sender does", takenFrom("q", 0), credit(0, 1<<32-4, 10))
		for i := range uint32(4) {
			p.deliver(0, 3*i, 3)
			p.wantCredit("three are open", 0, 3*i-1, 7) // -1 is 2^32-4 + 3
			p.settle("q", wire.StateAccepted, 3*i, 3*i+1, 3*i+2)
			p.want("and settled", outcome(3*i, 3*i+2, wire.StateAccepted))
			p.wantCredit("all credit is back", 0, 3*i-1, 10)
		}
		p.deliver(0, 100, 11)
		p.want("the eleventh is too many", &wire.Detach{Closed: true, Error: refused(wire.CondTransferLimitExceeded)})
	})
}

// A sender that says 1 may count from 0 where it computes its credit: it sends one too many, once,
// and is told the credit in its own counting from then on. One without any credit is not excused.
func TestASenderThatSaysOneAndCountsFromZero(t *testing.T) {
	opened(t, func(p *peer) {
		a := sending("q", 0)
		a.InitialDeliveryCount = wire.Some[uint32](1)
		p.write(a)
		p.want("credit as it says", takenFrom("q", 0), credit(0, 1, 10))
		p.deliver(0, 0, 11)
		p.wantIdle("11 less 0 are eleven")
		p.wantCredit("and no more now", 0, 11, 0)
		for i := range uint32(11) {
			p.settle("q", wire.StateAccepted, i)
		}
		p.skip()
		p.wantCredit("counted from 0", 0, 11, 10)
		p.deliver(0, 11, 10)
		p.wantCredit("ten are open", 0, 21, 0)
		p.deliver(0, 21, 1)
		p.want("that was too much", &wire.Detach{Closed: true, Error: refused(wire.CondTransferLimitExceeded)})
	})
	for _, c := range []struct{ initial, window uint32 }{{0, 10}, {2, 10}, {11, 10}, {1, 0}} {
		opened(t, func(p *peer) {
			a := sending("q", 0)
			a.InitialDeliveryCount = wire.Some(c.initial)
			p.write(a)
			p.want("the answer", takenFrom("q", 0))
			p.skip()
			p.deliver(0, 0, int(c.window)+1)
			p.want("no excuse", &wire.Detach{Closed: true, Error: refused(wire.CondTransferLimitExceeded)})
		}, window(c.window))
	}
}

// However small the window and however late deliveries are settled, a sender that
// uses all credit it hears of goes on for ever: nobody has to ask.
func TestCreditNeverRunsDry(t *testing.T) {
	for _, n := range []uint32{1, 2, 3, 4, 10, 250} {
		for _, lag := range []uint32{0, min(1, n-1), n / 2, n - 1} {
			t.Run(fmt.Sprintf("window %d, settled %d behind", n, lag), func(t *testing.T) {
				opened(t, func(p *peer) {
					p.h.quiet = true
					p.write(sending("q", 0))
					next, settled, limit, told := uint32(0), uint32(0), uint32(0), 0
					for next < 10*n {
						for f, ok := p.next(); ok; f, ok = p.next() {
							if flow, ok := f.body.(*wire.Flow); ok && flow.Handle.OK {
								limit = flow.DeliveryCount.V + flow.LinkCredit.V
								told++
							}
						}
						if next == limit {
							p.t.Fatalf("%d sent, %d settled, and no credit", next, settled)
						}
						for ; next < limit; next++ {
							p.write(message(0, next, ""))
						}
						var list []uint32
						for ; settled+lag < next; settled++ {
							list = append(list, settled)
						}
						p.settle("q", wire.StateAccepted, list...)
					}
					if n >= 10 && lag == 0 && told > 45 {
						p.t.Errorf("credit of %d was told %d times for %d messages", n, told, next)
					}
				}, window(n))
			})
		}
	}
}

// [2.6.7] "If the link-credit is reduced by the Receiver when transfers are
// in-flight, the Receiver MAY [...] handle the excess messages normally".
func TestWhatWasSentBeforeCreditWasRevokedIsTaken(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachSender("q", 0)
		p.deliver(0, 0, 2)
		p.heard("two are open", `q 0 "x"`, `q 1 "x"`)
		p.revoke("q")
		p.want("nothing more is wanted", credit(0, 2, 0))
		p.deliver(0, 2, 8)
		p.heard("but eight were on their way", `q 2 "x"`, `q 3 "x"`, `q 4 "x"`, `q 5 "x"`, `q 6 "x"`, `q 7 "x"`, `q 8 "x"`, `q 9 "x"`)
		p.wantCredit("nothing", 0, 10, 0)
	})
}

// A sender that computes its credit without a sign has 4 billion of it, instead of less
// than none, when the flow that takes it back crosses a transfer.
func TestASenderThatGoesOnAfterCreditWasRevokedIsToldAgain(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachSender("q", 0)
		p.deliver(0, 0, 2)
		p.revoke("q")
		p.want("nothing more is wanted", credit(0, 2, 0))
		p.deliver(0, 2, 1)
		p.want("not even what was on its way", credit(0, 3, 0))
		p.deliver(0, 3, 7)
		p.wantCredit("still nothing", 0, 10, 0)
		p.h.take()
		for sent := uint32(0); sent < revokedSlack; sent += 128 {
			p.deliver(0, 10+sent, 128)
			p.wantCredit("nor to a sender that was faster than the flows", 0, 10+sent+128, 0)
			p.h.take()
		}
		p.deliver(0, 10+revokedSlack, 1)
		p.want("for ever is too long", &wire.Detach{Closed: true, Error: refused(wire.CondTransferLimitExceeded)})
	})
}

func TestCreditRevokedAndGivenAgain(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachSender("q", 0)
		p.deliver(0, 0, 4)
		p.revoke("q")
		p.want("revoked", credit(0, 4, 0))
		p.settle("q", wire.StateAccepted, 0)
		p.want("an outcome", outcome(0, 0, wire.StateAccepted))
		p.wantCredit("gives none back now", 0, 4, 0)
		p.setWindow("q", 5)
		p.want("five, less the three that are open", credit(0, 4, 2))
		p.deliver(0, 4, 6)
		p.wantCredit("all that had ever been granted may come", 0, 10, 0)
		p.settle("q", wire.StateAccepted, 1, 2, 3, 4, 5, 6)
		p.want("seven of nine", outcome(1, 6, wire.StateAccepted))
		p.wantCredit("and with three open, two are free again", 0, 10, 2)
		p.revoke("q")
		p.want("taken back once more", credit(0, 10, 0))
		p.revoke("q")
		p.wantIdle("which is no news the second time")
		p.deliver(0, 10, 2)
		p.wantCredit("the two had been granted", 0, 12, 0)
	})
}

func TestAWindowThatShrinksTakesNothingBack(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachSender("q", 0)
		p.setWindow("q", 2)
		p.wantIdle("what was told stands")
		p.deliver(0, 0, 10)
		p.wantCredit("it is used up", 0, 10, 0)
		p.settle("q", wire.StateAccepted, 0, 1, 2, 3, 4, 5, 6, 7)
		p.want("eight of ten", outcome(0, 7, wire.StateAccepted))
		p.wantCredit("two are open, and two is the window", 0, 10, 0)
		p.settle("q", wire.StateAccepted, 8)
		p.want("another", outcome(8, 8, wire.StateAccepted))
		p.wantCredit("room for one", 0, 10, 1)
		p.setWindow("q", 100)
		p.want("a larger window is told at once", credit(0, 10, 99))
	})
}

// Shutdown: no credit for anybody, whatever a handler still asks for.
func TestStopCredit(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachSender("q", 0)
		p.attachSender("r", 1)
		p.attachSender("kept", 2)
		p.deliver(1, 0, 1)
		p.begin(1)
		p.do(func(b *Batch) { p.conn.StopCredit(b, p.receiver("kept")) })
		p.want("every link but that hears of it", credit(0, 0, 0), credit(1, 1, 0))
		if n := p.conn.Unsettled(); n != 1 {
			p.t.Errorf("%d deliveries are unsettled, want 1", n)
		}
		p.settle("r", wire.StateAccepted, 0)
		p.want("what is open may end", outcome(0, 0, wire.StateAccepted))
		p.setWindow("q", 20)
		p.setWindow("r", 20)
		p.wantIdle("and gives no new credit")
		p.write(on(1, sending("late", 0)))
		p.want("nor does a new link get any", on(1, takenFrom("late", 0)))
		p.wantIdle("")
		if n := p.conn.Unsettled(); n != 0 {
			p.t.Errorf("%d deliveries are unsettled, want none", n)
		}
	})
}

// [2.6.7] "Only the Sender may independently modify" delivery-count: it may give
// credit back by moving it on, and do no harm by anything else.
func TestASenderThatMovesItsDeliveryCount(t *testing.T) {
	told := func(count uint32) *wire.Flow {
		return &wire.Flow{Handle: wire.Some[uint32](0), DeliveryCount: wire.Some(count)}
	}
	opened(t, func(p *peer) {
		p.attachSender("q", 0)
		p.deliver(0, 0, 2)
		p.write(told(10))
		p.want("the eight it did not use are gone, and as many are given anew, unasked", credit(0, 10, 8))
		p.write(told(3))
		p.wantCredit("back is no direction", 0, 10, 8)
		p.write(told(19))
		p.wantCredit("nor is beyond what was granted", 0, 10, 8)
		p.write(told(10 + 1<<31))
		p.wantCredit("by however much", 0, 10, 8)
	})
}

func TestADetachedLinkComesBackWithFreshCredit(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachSender("q", 0)
		p.deliver(0, 0, 10)
		p.write(&wire.Detach{Closed: true})
		p.want("with ten open", &wire.Detach{Closed: true})
		p.h.take()
		p.attachSender("q", 0)
		p.deliver(0, 10, 10)
		p.wantCredit("the old ten do not count", 0, 10, 0)
		p.settle("q", wire.StateAccepted, 0, 1, 2, 10)
		p.want("nor can they be settled", outcome(10, 10, wire.StateAccepted))
	})
}
