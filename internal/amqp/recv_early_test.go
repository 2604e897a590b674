package amqp

import (
	"testing"

	"github.com/meshway/meshway/internal/wire"
)

// What is said of a delivery before its last frame has come waits for that: clients are
// not ready for it before. What becomes of it if its sender is done first is told with the
// other ends of deliveries, in TestADeliveryThatEndsBeforeItsLastFrame.

// early begins a delivery of which more frames follow, lets the application act, and sees
// that nothing is said of it.
func (p *peer) early(act func(b *Batch, l *Receiver)) {
	p.t.Helper()
	p.attachSender("q", 0)
	p.write(first(0, 0, "a"))
	l := p.receiver("q")
	p.do(func(b *Batch) { act(b, l) })
	p.wantIdle("it has not come whole")
}

func rejectedFor(cond wire.Symbol) wire.DeliveryState {
	return wire.RejectedState(&wire.Error{Condition: cond})
}

func TestWhatIsSaidOfADeliveryBeforeItsLastFrameWaitsForThat(t *testing.T) {
	says := func(settled bool, state wire.DeliveryState) *wire.Disposition {
		return &wire.Disposition{Role: wire.RoleReceiver, Settled: settled, State: state}
	}
	modified := wire.ModifiedState(true, true, wire.Map{{Key: wire.Symbol("x"), Value: "y"}})
	failed := wire.ModifiedState(true, false, nil)
	zero := []uint32{0}
	for name, tt := range map[string]struct {
		act  func(b *Batch, l *Receiver)
		want *wire.Disposition
	}{
		"an outcome with all that is in it": {func(b *Batch, l *Receiver) { l.Update(b, zero, true, modified) }, says(true, modified)},
		"an outcome that lies in a buffer": {func(b *Batch, l *Receiver) {
			state := modified.Clone()
			l.Update(b, zero, true, state)
			clear(state.Fields) // which is used for something else meanwhile
		}, says(true, modified)},
		"an outcome, not settled":         {func(b *Batch, l *Receiver) { l.Update(b, zero, false, modified) }, says(false, modified)},
		"a settlement without an outcome": {func(b *Batch, l *Receiver) { l.Update(b, zero, true, wire.DeliveryState{}) }, says(true, wire.DeliveryState{})},
		"that its receiver was lost":      {func(b *Batch, l *Receiver) { l.Lost(b, zero, failed) }, says(true, failed)},
		"an outcome, and then settled": {func(b *Batch, l *Receiver) {
			l.Update(b, zero, false, modified)
			l.Update(b, zero, true, wire.DeliveryState{})
		}, says(true, modified)},
		"an outcome, which stands": {func(b *Batch, l *Receiver) {
			l.Update(b, zero, false, rejectedFor("a:b"))
			l.Update(b, zero, true, wire.Accepted)
		}, says(true, rejectedFor("a:b"))},
		"an outcome, which stands when its receiver is lost": {func(b *Batch, l *Receiver) {
			l.Update(b, zero, false, modified)
			l.Lost(b, zero, failed)
		}, says(true, modified)},
		"an outcome, and the same with more in it": {func(b *Batch, l *Receiver) {
			l.Update(b, zero, false, rejectedFor("a:b"))
			l.Update(b, zero, false, rejectedFor("c:d"))
		}, says(false, rejectedFor("c:d"))},
		"a settlement, behind which there is nothing": {func(b *Batch, l *Receiver) {
			if n := l.Update(b, zero, true, wire.Accepted) + l.Update(b, zero, true, wire.Released); n != 1 {
				t.Errorf("it was settled %d times", n)
			}
		}, says(true, wire.Accepted)},
		"an outcome, and then what is none": {func(b *Batch, l *Receiver) {
			l.Update(b, zero, false, wire.Released)
			l.Update(b, zero, false, wire.ReceivedState(1, 2))
		}, says(false, wire.Released)},
	} {
		t.Run(name, func(t *testing.T) {
			opened(t, func(p *peer) {
				p.early(tt.act)
				p.write(middle(0, "b"))
				p.wantIdle("nor has it now")
				p.write(last(0, "c"))
				got, ok := p.next()
				d, said := got.body.(*wire.Disposition)
				if !ok || !said || d.First != 0 || d.Last.OK || d.Settled != tt.want.Settled || !d.State.Equal(tt.want.State) {
					t.Fatalf("behind its last frame:\ngot  %v\nwant %+v", got, tt.want)
				}
				p.wantIdle("once")
			})
		})
	}
}

func TestWhatIsNoOutcomeIsSaidInTheMiddleOfADelivery(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachSender("q", 0)
		p.write(first(0, 0, "a"))
		p.update("q", false, wire.ReceivedState(1, 2), 0)
		p.want("at once", &wire.Disposition{Role: wire.RoleReceiver, State: wire.ReceivedState(1, 2)})
		p.settle("q", wire.StateAccepted, 0)
		p.write(last(0, "b"))
		p.want("and the outcome behind it", outcome(0, 0, wire.StateAccepted))
	})
}

// Between routers it is said at once.
func TestAPeerThatIsReadyForItHearsEarly(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachSender("q", 0)
		p.write(first(0, 0, "a"))
		p.settle("q", wire.StateRejected, 0)
		p.want("in the middle", outcome(0, 0, wire.StateRejected))
		p.wantOutstanding("q", 0)
		p.write(middle(0, "b"), last(0, "c"))
		p.wantIdle("and nothing behind")
		p.write(first(0, 1, "a"))
		p.settle("q", wire.StateAccepted, 1)
		p.want("in the middle of the next", outcome(1, 1, wire.StateAccepted))
		p.write(aborting(0, ""))
		p.wantIdle("and nothing behind")
		p.wantOutstanding("q", 0)
	}, config(func(c *Config) { c.BetweenRouters = true }))
}

// What has come whole waits for nothing.
func TestTheOutcomeOfWhatHasComeWholeIsSaidAtOnce(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachSender("q", 0)
		p.write(message(0, 0, "x"), first(0, 1, "a"), last(0, "b"), first(0, 2, "a"))
		p.settle("q", wire.StateAccepted, 2, 1, 0)
		p.want("those that are whole", outcome(1, 1, wire.StateAccepted), outcome(0, 0, wire.StateAccepted))
		p.wantIdle("the other waits")
	})
}

// Dispositions say ranges: what waited is not said with them before its time, nor they again
// with it.
func TestOutcomesThatWaitComeRightAmongOthers(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachSender("q", 0)
		p.attachSender("r", 1)
		p.write(message(1, 0, "x"), first(0, 1, "a"), message(1, 2, "x"), message(1, 3, "x"))
		p.settle("q", wire.StateAccepted, 1)
		p.settle("r", wire.StateAccepted, 0, 2, 3)
		p.want("all but the one that has not come whole", outcome(0, 0, wire.StateAccepted), outcome(2, 3, wire.StateAccepted))
		p.write(message(1, 4, "x"), last(0, "b"), message(1, 5, "x"))
		p.want("then that", outcome(1, 1, wire.StateAccepted))
		p.settle("r", wire.StateAccepted, 4, 5)
		p.want("and those behind it", outcome(4, 5, wire.StateAccepted))
	})
}

// Each link has a delivery under way; what is said of them comes as their last frames do.
func TestEachLinkHoldsTheOutcomeOfItsOwnDelivery(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachSender("q", 0)
		p.attachSender("r", 1)
		p.write(first(0, 0, "a"), first(1, 1, "a"))
		p.settle("q", wire.StateAccepted, 0)
		p.settle("r", wire.StateReleased, 1)
		p.wantIdle("neither has come whole")
		p.write(last(1, "b"))
		p.want("the second first", outcome(1, 1, wire.StateReleased))
		p.write(last(0, "b"))
		p.want("then the other", outcome(0, 0, wire.StateAccepted))
	})
}

// For the application the delivery is over; for the sender's credit it is when its last frame
// has come, and that needs none.
func TestADeliveryWhoseOutcomeWaits(t *testing.T) {
	opened(t, func(p *peer) {
		p.early(func(b *Batch, l *Receiver) {
			l.Forwarded(b, 0, "to somebody", 7, 0)
			l.Update(b, []uint32{0}, true, wire.Accepted)
			if l.Forwarded(b, 0, "to another", 8, 0) {
				t.Error("it is settled, and goes on")
			}
		})
		p.wantOutstanding("q", 1)
		p.h.take()
		p.write(senderSays(0, 0, false, wire.StateReleased), last(0, "b"))
		p.want("the outcome, and the credit of the only delivery that the window allows", outcome(0, 0, wire.StateAccepted), credit(0, 1, 1))
		p.heard("what its sender says of it is nobody's business", `q 0 next "b"`)
		p.wantOutstanding("q", 0)
		p.write(message(0, 1, "next"))
		p.heard("so that the next can come", `q 1 "next"`)
	}, handling(func(h *recorder) { h.window = 1 }))
}

// [2.8.3] On a link that settles second the outcome waits as well, and all that follows it.
func TestAnOutcomeWaitsWhereTheSenderSettlesFirst(t *testing.T) {
	second := handling(func(h *recorder) { h.answer.RcvSettleMode = wire.RcvSecond })
	opened(t, func(p *peer) {
		p.early(func(b *Batch, l *Receiver) { l.Update(b, []uint32{0}, false, wire.Accepted) })
		p.write(last(0, "b"))
		p.want("it is told, unsettled", unsettled(outcome(0, 0, wire.StateAccepted)))
		p.wantOutstanding("q", 1)
		p.write(senderSays(0, 0, true, wire.StateAccepted))
		p.wantOutstanding("q", 0)
	}, second)
	opened(t, func(p *peer) {
		p.early(func(b *Batch, l *Receiver) { l.Update(b, []uint32{0}, true, wire.Accepted) })
		p.write(senderSays(0, 0, true, wire.StateNone), last(0, "b"))
		p.wantIdle("it has heard nothing, and need not")
		p.wantOutstanding("q", 0)
	}, second)
	opened(t, func(p *peer) {
		p.early(func(b *Batch, l *Receiver) { l.Update(b, []uint32{0}, true, wire.Accepted) })
		p.write(last(0, "b"))
		p.want("settled, if its receiver has", outcome(0, 0, wire.StateAccepted))
		p.wantOutstanding("q", 0)
	}, second)
}

// On a routed link all passes as it was said; what must not be early waits there too, and the
// last of it is said.
func TestWhatIsSaidEarlyOnARoutedLinkWaitsForTheLastFrame(t *testing.T) {
	zero := []uint32{0}
	discharged := wire.TransactionalState([]byte("x"), wire.Accepted)
	for name, tt := range map[string]struct {
		act  func(b *Batch, l *RawLink)
		rest []any
		want []any
	}{
		"an outcome":           {func(b *Batch, l *RawLink) { l.Tell(b, zero, true, wire.Released) }, []any{last(0, "b")}, []any{outcome(0, 0, wire.StateReleased)}},
		"one in a transaction": {func(b *Batch, l *RawLink) { l.Tell(b, zero, false, discharged) }, []any{last(0, "b")}, []any{&wire.Disposition{Role: wire.RoleReceiver, State: discharged}}},
		"two": {func(b *Batch, l *RawLink) {
			l.Tell(b, zero, false, wire.Released)
			l.Tell(b, zero, true, wire.Accepted)
		}, []any{last(0, "b")}, []any{outcome(0, 0, wire.StateAccepted)}},
		"one behind settlement": {func(b *Batch, l *RawLink) { l.Tell(b, zero, true, wire.Released); l.Tell(b, zero, true, wire.Accepted) }, []any{last(0, "b")}, []any{outcome(0, 0, wire.StateReleased)}},
		"settled, no outcome": {func(b *Batch, l *RawLink) {
			l.Tell(b, zero, false, wire.Released)
			l.Tell(b, zero, true, wire.DeliveryState{})
		}, []any{last(0, "b")}, []any{outcome(0, 0, wire.StateReleased)}},
		"before an abort":                        {func(b *Batch, l *RawLink) { l.Tell(b, zero, true, wire.Released) }, []any{aborting(0, "")}, nil},
		"before an abort that says more":         {func(b *Batch, l *RawLink) { l.Tell(b, zero, true, wire.Released) }, []any{with(&wire.Transfer{Aborted: true, More: true}, "")}, nil},
		"before it is settled":                   {func(b *Batch, l *RawLink) { l.Tell(b, zero, false, wire.Released) }, []any{marked(middle(0, "b")), last(0, "c")}, nil},
		"before it is settled by its last frame": {func(b *Batch, l *RawLink) { l.Tell(b, zero, true, wire.Released) }, []any{marked(last(0, "b"))}, nil},
		"before its sender says that it is":      {func(b *Batch, l *RawLink) { l.Tell(b, zero, true, wire.Released) }, []any{senderSays(0, 0, true, wire.StateNone), last(0, "b")}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			opened(t, func(p *peer) {
				link := raw(p)
				p.write(sending("q", 0))
				p.do(func(b *Batch) {
					_ = link(0).Answer(b, &wire.Attach{})
					link(0).Flow(b, credit(0, 0, 10))
				})
				p.want("answered, with credit", &wire.Attach{Name: "q", Role: wire.RoleReceiver}, credit(0, 0, 10))
				p.write(first(0, 0, "a"))
				p.do(func(b *Batch) { link(0).Tell(b, zero, false, wire.ReceivedState(1, 2)) })
				p.want("what is no outcome passes", &wire.Disposition{Role: wire.RoleReceiver, State: wire.ReceivedState(1, 2)})
				p.do(func(b *Batch) { tt.act(b, link(0)) })
				p.wantIdle("it has not come whole")
				p.write(tt.rest...)
				p.want("the rest has come", tt.want...)
				p.wantIdle("once")
				p.write(first(0, 1, "x"), last(0, "y"))
				p.wantIdle("the next one is another")
				p.do(func(b *Batch) { link(0).Tell(b, []uint32{0, 1}, true, wire.Accepted) })
				p.want("with an outcome of its own", map[bool][]any{
					true:  {outcome(0, 1, wire.StateAccepted)},
					false: {outcome(1, 1, wire.StateAccepted)},
				}[name == "one in a transaction"]...)
				if n := link(0).Unsettled(); n != 0 {
					t.Errorf("%d are left unsettled", n)
				}
			})
		})
	}
}

// One whose credit was given back before counts again, once it is a presettled one: however it
// ends, it is finished then.
func TestAnExcusedDeliveryThatIsSettledInTheMiddleIsFinishedOnce(t *testing.T) {
	for name, ends := range map[string]frame{"its last frame": last(0, "c"), "aborted": aborting(0, "")} {
		t.Run(name, func(t *testing.T) {
			opened(t, func(p *peer) {
				p.attachSender("q", 0)
				p.h.quiet = true
				p.write(first(0, 0, "a"))
				l := p.receiver("q")
				p.do(func(b *Batch) { l.Forwarded(b, 0, "x", 0, 0) })
				p.do(func(b *Batch) { l.Excuse(b, func(context any) bool { return context == "x" }) })
				p.write(marked(middle(0, "b")), ends)
				p.listen()
				p.wantOutstanding("q", 0)
				if l.excused != 0 {
					t.Errorf("%d deliveries are excused, and none is unsettled", l.excused)
				}
			})
		})
	}
}
