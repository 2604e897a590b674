package amqp

import (
	"testing"

	"github.com/meshway/meshway/internal/wire"
)

// update lets the application tell the state of deliveries that came in.
func (p *peer) update(name string, settled bool, state wire.DeliveryState, ids ...uint32) {
	l := p.receiver(name)
	p.do(func(b *Batch) { l.Update(b, ids, settled, state) })
}

func unsettled(d *wire.Disposition) *wire.Disposition { d.Settled = false; return d }

// senderSays is what a sender tells of its deliveries.
func senderSays(first, last uint32, settled bool, kind wire.StateKind) *wire.Disposition {
	d := &wire.Disposition{Role: wire.RoleSender, First: first, Settled: settled, State: wire.DeliveryState{Kind: kind}}
	if last != first {
		d.Last = wire.Some(last)
	}
	return d
}

// Contiguous deliveries that came to the same are told by one frame, whatever
// their links.
func TestContiguousOutcomesAreOneFrame(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachSender("q", 0)
		p.attachSender("r", 1)
		p.write(message(0, 0, ""), message(1, 1, ""), message(0, 2, ""), message(0, 3, ""), message(1, 5, ""), message(0, 6, ""))
		q, r := p.receiver("q"), p.receiver("r")
		p.do(func(b *Batch) {
			q.Update(b, []uint32{0}, true, wire.Accepted)
			r.Update(b, []uint32{1}, true, wire.Accepted)
			q.Update(b, []uint32{2, 3}, true, wire.Accepted)
			r.Update(b, []uint32{5}, true, wire.Accepted) // 4 is missing
			q.Update(b, []uint32{6}, true, wire.Released)
		})
		p.want("three stretches", outcome(0, 3, wire.StateAccepted), outcome(5, 5, wire.StateAccepted), outcome(6, 6, wire.StateReleased))
	})
}

// Delivery-ids are those of a session: what looks contiguous may be of two.
func TestOutcomesOfTwoSessionsAreTwoFrames(t *testing.T) {
	opened(t, func(p *peer) {
		p.begin(1)
		p.attachSender("q", 0)
		p.write(on(1, sending("r", 0)))
		p.want("a link on each", on(1, takenFrom("r", 0)), on(1, credit(0, 0, 10)))
		p.write(message(0, 0, "x"), message(0, 1, "x").on(1))
		q, r := p.receiver("q"), p.receiver("r")
		p.do(func(b *Batch) {
			q.Update(b, []uint32{0}, true, wire.Accepted)
			r.Update(b, []uint32{1}, true, wire.Accepted)
		})
		p.want("each on its channel", on(0, outcome(0, 0, wire.StateAccepted)), on(1, outcome(1, 1, wire.StateAccepted)))
	})
}

// The ids are those of the session: a link speaks only of its own.
func TestALinkSaysNothingOfTheDeliveriesOfAnother(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachSender("in", 0)
		p.attachSender("other in", 1)
		p.attachReceiver("out", 2)
		p.attachReceiver("other out", 3)
		p.write(grant(2, 0, 10))
		p.send("out", "a", 5, Sent)
		p.want("one goes out", sent(2, 0, "a"))
		p.deliver(0, 0, 1)
		in, out := p.receiver("other in"), p.sender("other out")
		p.do(func(b *Batch) {
			if n := in.Update(b, []uint32{0}, true, wire.Accepted); n != 0 || out.Update(b, 0, true, wire.Accepted) {
				p.t.Error("what belongs to another link was settled")
			}
		})
		p.wantIdle("nothing is said")
		p.wantOutstanding("in", 1)
	})
}

// Ids of one direction say nothing of the other.
func TestOutcomesOfBothDirectionsAreTwoFrames(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachSender("in", 0)
		p.attachReceiver("out", 1)
		p.write(grant(1, 0, 10))
		p.send("out", "a", 5, Sent)
		p.send("out", "b", 6, Sent)
		p.want("two go out", sent(1, 0, "a"), sent(1, 1, "b"))
		p.deliver(0, 0, 1)
		in, out := p.receiver("in"), p.sender("out")
		p.do(func(b *Batch) {
			in.Update(b, []uint32{0}, true, wire.Accepted)
			out.Update(b, 1, true, wire.Accepted)
		})
		p.want("of one that came, and of one that went", outcome(0, 0, wire.StateAccepted), senderSays(1, 1, true, wire.StateAccepted))
	})
}

func TestOutcomesOverTheWrapAreOneFrame(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachSender("q", 0)
		p.deliver(0, 1<<32-2, 4)
		p.settle("q", wire.StateAccepted, 1<<32-2, 1<<32-1, 0, 1)
		p.want("from 2^32-2 to 1", outcome(1<<32-2, 1, wire.StateAccepted))
	})
}

func TestOutcomesThatDifferAreNotMerged(t *testing.T) {
	bad := wire.RejectedState(&wire.Error{Condition: "test:bad"})
	worse := wire.RejectedState(&wire.Error{Condition: "test:worse"})
	opened(t, func(p *peer) {
		p.attachSender("q", 0)
		p.deliver(0, 0, 8)
		l := p.receiver("q")
		p.do(func(b *Batch) {
			l.Update(b, []uint32{0}, true, wire.Accepted)
			l.Update(b, []uint32{1}, false, wire.Accepted)
			l.Update(b, []uint32{2}, true, wire.RejectedState(nil))
			l.Update(b, []uint32{3}, true, bad)
			l.Update(b, []uint32{4}, true, worse)
			l.Update(b, []uint32{5}, true, wire.Accepted)
		})
		rejected := func(id uint32, s wire.DeliveryState) *wire.Disposition {
			d := outcome(id, id, wire.StateRejected)
			d.State = s
			return d
		}
		p.want("each its own frame, in order", outcome(0, 0, wire.StateAccepted), unsettled(outcome(1, 1, wire.StateAccepted)),
			outcome(2, 2, wire.StateRejected), rejected(3, bad), rejected(4, worse), outcome(5, 5, wire.StateAccepted))
	})
}

// Error data and annotations are kept, byte for byte, though the frame in which
// they came is gone when they are told.
func TestTheDataOfAnOutcomeIsKept(t *testing.T) {
	state := wire.ModifiedState(true, true, wire.Map{{Key: wire.Symbol("x-opt-why"), Value: "because"}})
	opened(t, func(p *peer) {
		p.attachSender("q", 0)
		p.deliver(0, 0, 1)
		l := p.receiver("q")
		p.do(func(b *Batch) {
			mine := state.Clone()
			l.Update(b, []uint32{0}, true, mine)
			clear(mine.Fields)
		})
		d := outcome(0, 0, wire.StateModified)
		d.State = state
		p.want("as it was", d)
	})
}

// [2.7.6] Deliveries that nobody knows, or knows no more, are passed over.
func TestUnknownDeliveriesInDispositions(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachReceiver("out", 0)
		p.attachSender("in", 1)
		p.write(grant(0, 0, 10), message(1, 0, "x"))
		p.send("out", "a", 0, Sent)
		p.send("out", "b", 1, Sent)
		p.want("two messages", sent(0, 0, "a"), sent(0, 1, "b"))
		p.heard("one came", `in 0 "x"`)
		p.write(outcome(5, 5, wire.StateAccepted), outcome(2, 1000, wire.StateAccepted), senderSays(7, 9, true, 0), outcome(1<<31, 1<<32-1, wire.StateReleased))
		p.heard("they are of nobody")
		p.write(outcome(0, 0, wire.StateAccepted), outcome(0, 0, wire.StateReleased), outcome(0, 1, wire.StateAccepted))
		p.heard("settled once", "outcome 0 settled accepted", "outcome 1 settled accepted")
		p.write(senderSays(0, 1, true, wire.StateAccepted), outcome(0, 0, wire.StateAccepted))
		p.heard("and by role: what it received it cannot settle as a sender", "sender of in says 0 settled accepted")
		p.wantIdle("none of it is a violation")
	})
}

// A range costs what is alive in it, however much it claims: each of these would
// take seconds if it were gone through id by id.
func TestHugeRangesCostNothing(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachReceiver("out", 0)
		p.attachSender("in", 1)
		p.write(grant(0, 0, 1000), message(1, 7, "x"))
		for ref := range uint32(3) {
			p.send("out", "a", ref, Sent)
		}
		p.h.take()
		var b []any
		for range 20000 {
			b = append(b, &wire.Disposition{Role: wire.RoleReceiver, First: 0, Last: wire.Some[uint32](1<<31 - 1), State: wire.ReceivedState(0, 1)})
			b = append(b, &wire.Disposition{Role: wire.RoleReceiver, First: 3, Last: wire.Some[uint32](1<<31 + 2), Settled: true, State: wire.Accepted})
			b = append(b, &wire.Disposition{Role: wire.RoleReceiver, First: 10, Last: wire.Some[uint32](1<<31 + 8), State: wire.Accepted})
			b = append(b, &wire.Disposition{Role: wire.RoleSender, First: 8, Last: wire.Some[uint32](1<<31 + 7), Settled: true})
		}
		p.h.quiet = true
		p.write(b...)
		p.listen()
		p.h.quiet = false
		p.write(outcome(0, 1<<31-1, wire.StateAccepted), senderSays(0, 1<<31-1, true, 0))
		p.heard("and what is alive is found", "outcome 0,1,2 settled accepted", "sender of in says 7 settled none")
	})
}

func TestARangeBackwards(t *testing.T) {
	for name, d := range map[string]*wire.Disposition{
		"of outcomes": outcome(5, 4, wire.StateAccepted), "of the sender": senderSays(5, 4, true, 0), "by half the circle": outcome(0, 1<<31, wire.StateAccepted),
	} {
		t.Run(name, func(t *testing.T) {
			opened(t, func(p *peer) {
				p.write(d)
				p.want("it can mean nothing", &wire.End{Error: refused(wire.CondInvalidField)})
			})
		})
	}
}

// [2.6.12] States that are no outcome pass, in both directions, as often as they come.
func TestStatesThatAreNoOutcomePass(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachReceiver("out", 0)
		p.attachSender("in", 1)
		p.write(grant(0, 0, 10), message(1, 0, "x"))
		p.send("out", "a", 5, Sent)
		p.want("a message", sent(0, 0, "a"))
		p.h.take()
		received := &wire.Disposition{Role: wire.RoleReceiver, State: wire.ReceivedState(3, 4)}
		p.write(received, received, unsettled(outcome(0, 0, wire.StateAccepted)), outcome(0, 0, wire.StateAccepted))
		p.heard("to the origin", "outcome 5 received", "outcome 5 received", "outcome 5 accepted", "outcome 5 settled accepted")
		p.update("in", false, wire.ReceivedState(1, 2), 0)
		p.want("to the sender", &wire.Disposition{Role: wire.RoleReceiver, State: wire.ReceivedState(1, 2)})
		p.write(senderSays(0, 0, false, wire.StateReceived))
		p.heard("from the sender", "sender of in says 0 received")
		p.wantOutstanding("in", 1)
		p.settle("in", wire.StateAccepted, 0)
		p.want("and the outcome", outcome(0, 0, wire.StateAccepted))
	})
}

// A state that nobody here knows passes as it is.
func TestAnUnknownStatePasses(t *testing.T) {
	strange := []byte{0x00, 0x80, 0, 0, 0, 1, 0, 0, 0, 2, 0xc0, 3, 1, 0x53, 9}
	var state wire.DeliveryState
	opened(t, func(p *peer) {
		p.attachReceiver("out", 0)
		p.attachSender("in", 1)
		p.write(grant(0, 0, 10), message(1, 0, "x"))
		p.send("out", "a", 5, Sent)
		p.want("a message", sent(0, 0, "a"))
		p.h.take()
		in, err := parseState(strange)
		if err != nil {
			p.t.Fatal(err)
		}
		p.write(&wire.Disposition{Role: wire.RoleReceiver, State: in})
		p.heard("it arrives", "outcome 5 other")
		p.update("in", false, state, 0)
		p.want("it leaves", &wire.Disposition{Role: wire.RoleReceiver, State: in})
	}, handling(func(h *recorder) { h.onOutcome = func(_ *Batch, _ []uint32, o Outcome) { state = o.State.Clone() } }))
}

func parseState(b []byte) (wire.DeliveryState, error) {
	s, _, err := wire.ParseState(b)
	return s, err
}

// [2.8.3] On a link that settles second an outcome that is not settled is passed on as it is, and the
// sender settles. One whose receiver has settled it already is settled: there is nobody left for
// whom the sender's word would mean anything, and senders that ask for this mode need not know of its third step.
func TestTheThreeWayExchangeAsReceiver(t *testing.T) {
	second := handling(func(h *recorder) { h.answer.RcvSettleMode = wire.RcvSecond })
	opened(t, func(p *peer) {
		p.attachSender("q", 0)
		p.deliver(0, 0, 4)
		p.update("q", false, wire.Accepted, 0, 1)
		p.want("the outcome is told, unsettled", unsettled(outcome(0, 1, wire.StateAccepted)))
		p.wantCredit("and keeps its place in the window", 0, 4, 6)
		p.h.take()
		p.write(senderSays(0, 0, true, wire.StateAccepted))
		p.heard("the sender settles", "sender of q says 0 settled accepted")
		p.wantCredit("so it is over", 0, 4, 7)
		p.settle("q", wire.StateReleased, 1, 2)
		p.want("settled at once where the receiver has; an outcome does not change", outcome(1, 1, wire.StateAccepted), outcome(2, 2, wire.StateReleased))
		p.wantCredit("and over", 0, 4, 9)
		p.write(senderSays(1, 2, true, wire.StateAccepted))
		p.heard("what the sender says of it then is nobody's business")
		p.write(senderSays(3, 3, true, wire.StateReleased))
		p.heard("a sender may settle before any outcome", "sender of q says 3 settled released")
		p.settle("q", wire.StateAccepted, 3)
		p.wantIdle("then there is none")
		p.wantCredit("and it is over as well", 0, 4, 10)
	}, second)
}

// in is a message that says when its receiver is to settle it.
func in(id uint32, mode wire.ReceiverSettleMode, payload string) frame {
	return with(&wire.Transfer{DeliveryID: wire.Some(id), DeliveryTag: tag(id), RcvSettleMode: wire.Some(mode)}, payload)
}

// [2.7.5] "If the negotiated link value is first, then it is illegal to set this field to
// second." "If the message is being sent settled by the Sender, the value of this field is
// ignored."
func TestADeliveryIsNotSettledSecondOnALinkThatSettlesFirst(t *testing.T) {
	settled := func(f frame) frame { f.body.(*wire.Transfer).Settled = wire.Some(true); return f }
	later := func(f frame) frame { f.body.(*wire.Transfer).DeliveryID = wire.Opt[uint32]{}; return f }
	opened(t, func(p *peer) {
		p.attachSender("q", 0)
		p.write(settled(in(0, wire.RcvSecond, "a")), first(0, 1, "b"), settled(later(in(1, wire.RcvSecond, ""))), in(2, wire.RcvFirst, "c"))
		p.wantIdle("it is ignored in what its sender settles")
	})
	for name, frames := range map[string][]any{
		"in its only frame":  {in(0, wire.RcvSecond, "x")},
		"in its later frame": {first(0, 0, "x"), later(in(0, wire.RcvSecond, ""))},
	} {
		t.Run(name, func(t *testing.T) {
			opened(t, func(p *peer) {
				p.attachSender("q", 0)
				p.write(frames...)
				p.want("the link goes", &wire.Detach{Closed: true, Error: refused(wire.CondNotAllowed)})
			})
		})
	}
}

// [2.6.12] And as the sender: the outcome unsettled, our settlement, the receiver's.
func TestTheThreeWayExchangeAsSender(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachReceiver("q", 0)
		p.write(grant(0, 0, 10))
		p.send("q", "a", 5, Sent)
		p.send("q", "b", 6, Sent)
		p.want("two messages", sent(0, 0, "a"), sent(0, 1, "b"))
		p.write(unsettled(outcome(0, 1, wire.StateAccepted)))
		p.heard("the outcome", "outcome 5,6 accepted")
		l := p.sender("q")
		p.do(func(b *Batch) {
			l.Update(b, 0, true, wire.Accepted)
			l.Update(b, 1, true, wire.Accepted)
			l.Update(b, 1, true, wire.Released)
			l.Update(b, 9, true, wire.Released)
		})
		p.want("settled by us", senderSays(0, 1, true, wire.StateAccepted))
		p.write(outcome(0, 1, wire.StateAccepted))
		p.heard("theirs has nothing to tell")
		if n, _ := l.Load(); n != 0 {
			p.t.Errorf("%d deliveries are unsettled", n)
		}
	})
}

// [2.8.3] A receiver that settles second waits for the sender to settle: so do we, where
// nobody behind us wants to hear of an outcome.
func TestAReceiverThatSettlesSecondIsAnswered(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachReceiver("q", 0)
		p.write(grant(0, 0, 10))
		l := p.sender("q")
		p.do(func(b *Batch) { l.Send(b, &Outgoing{Settled: true, Payload: []byte("x")}, p.h, 7) })
		p.want("one whose sender has settled it", sent(0, 0, "x"))
		p.write(unsettled(&wire.Disposition{Role: wire.RoleReceiver, State: wire.ReceivedState(0, 0)}))
		p.wantIdle("what is no outcome changes nothing")
		p.write(unsettled(outcome(0, 0, wire.StateAccepted)))
		p.want("settled by us", senderSays(0, 0, true, wire.StateAccepted))
		p.write(outcome(0, 0, wire.StateAccepted))
		p.wantIdle("and that is all")
	}, handling(func(h *recorder) { h.answer.SndSettleMode = wire.SndUnsettled }))
}

// [3.4] An outcome that the sender has heard stands, whatever becomes of the receiver
// afterwards.
func TestAnOutcomeThatWasToldStands(t *testing.T) {
	for name, end := range map[string]func(*Receiver, *Batch){
		"another outcome":      func(l *Receiver, b *Batch) { l.Update(b, []uint32{0}, true, wire.Released) },
		"the receiver is lost": func(l *Receiver, b *Batch) { l.Lost(b, []uint32{0}, wire.ModifiedState(true, false, nil)) },
	} {
		t.Run(name, func(t *testing.T) {
			opened(t, func(p *peer) {
				p.attachSender("q", 0)
				p.deliver(0, 0, 1)
				l := p.receiver("q")
				p.do(func(b *Batch) { l.Update(b, []uint32{0}, false, wire.Accepted) })
				p.want("accepted, and not settled yet", unsettled(outcome(0, 0, wire.StateAccepted)))
				p.do(func(b *Batch) { end(l, b) })
				p.want("accepted it stays", outcome(0, 0, wire.StateAccepted))
			})
		})
	}
}

func TestTheSenderTellsItsStateUnsettled(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachReceiver("q", 0)
		p.write(grant(0, 0, 10))
		p.send("q", "a", 5, Sent)
		p.want("a message", sent(0, 0, "a"))
		l := p.sender("q")
		p.do(func(b *Batch) { l.Update(b, 0, false, wire.ReceivedState(0, 7)) })
		p.want("it passes", &wire.Disposition{Role: wire.RoleSender, State: wire.ReceivedState(0, 7)})
		p.write(outcome(0, 0, wire.StateAccepted))
		p.heard("and ends nothing", "outcome 5 settled accepted")
	})
}

// Many outcomes that do not merge are told early rather than kept.
func TestManyOutcomesThatDoNotMerge(t *testing.T) {
	const n = 1000 // more than maxDispositionRuns
	opened(t, func(p *peer) {
		p.h.quiet = true
		p.write(sending("q", 0))
		p.want("the link", takenFrom("q", 0), credit(0, 0, 2*n))
		for id := uint32(0); id < 2*n; id += 100 {
			p.deliver(0, id, 100)
			p.listen()
		}
		l := p.receiver("q")
		p.do(func(b *Batch) {
			for id := range uint32(n) {
				l.Update(b, []uint32{2 * id}, true, wire.Accepted)
			}
			p.conn.mu.Lock()
			defer p.conn.mu.Unlock()
			if kept := len(p.conn.disp); kept > maxDispositionRuns {
				p.t.Errorf("%d outcomes are kept, want at most %d", kept, maxDispositionRuns)
			}
		})
		for id := range uint32(n) {
			p.want("every second", outcome(2*id, 2*id, wire.StateAccepted))
		}
	}, window(2*n))
}
