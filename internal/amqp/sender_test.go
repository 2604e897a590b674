package amqp

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/meshway/meshway/internal/wire"
)

// send lets the application send a message, and checks the result.
func (p *peer) send(name, payload string, ref uint32, want Result) {
	p.t.Helper()
	l := p.sender(name)
	p.do(func(b *Batch) {
		if _, _, res := l.Send(b, &Outgoing{Payload: []byte(payload)}, p.h, ref); res != want {
			p.t.Errorf("sending %s: %v, want %v", payloadText(payload), res, want)
		}
	})
}

// wantSendable checks that the link's handler was told, since the last call, that
// it may be worth trying again, or that it was not.
func (p *peer) wantSendable(why, name string, want bool) {
	p.t.Helper()
	synctest.Wait()
	p.h.keep(func() {
		if got := p.h.sendable[name] > 0; got != want {
			p.t.Errorf("%s: told that %s is sendable: %v, want %v", why, name, got, want)
		}
		p.h.sendable[name] = 0
	})
}

// takes is a flow by which the peer tells what it takes: expecting transfer next,
// it takes n frames.
func takes(next, n uint32) *wire.Flow {
	return &wire.Flow{NextIncomingID: wire.Some(next), IncomingWindow: n, OutgoingWindow: 1000}
}

// takesOf is takes with the credit of a link.
func takesOf(f *wire.Flow, handle, deliveryCount, n uint32) *wire.Flow {
	f.Handle, f.DeliveryCount, f.LinkCredit = wire.Some(handle), wire.Some(deliveryCount), wire.Some(n)
	return f
}

func TestASenderSendsAsMuchAsItHasCreditFor(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachReceiver("q", 0)
		p.send("q", "early", 0, NoCredit)
		p.wantIdle("nothing without credit [2.6.7]")
		p.write(grant(0, 0, 2))
		p.wantSendable("there is credit", "q", true)
		p.send("q", "one", 1, Sent)
		p.send("q", "two", 2, Sent)
		p.send("q", "three", 3, NoCredit)
		p.want("two messages", sent(0, 0, "one"), sent(0, 1, "two"))
		p.wantIdle("and no more")
		if unsettled, credit := p.sender("q").Load(); unsettled != 2 || credit != 0 {
			p.t.Errorf("the load is %d unsettled and credit of %d, want 2 and 0", unsettled, credit)
		}
	})
}

// [2.6.7] link-credit of the sender := delivery-count of the receiver + its
// link-credit - our delivery-count: a flow that crosses our transfers is not
// credit anew.
func TestCreditIsCountedFromWhatTheReceiverHasSeen(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachReceiver("q", 0)
		p.write(grant(0, 0, 5))
		for range 3 {
			p.send("q", "x", 0, Sent)
		}
		p.wantLoad("q", 2)
		p.write(grant(0, 0, 5))
		p.wantLoad("q", 2)
		p.write(grant(0, 2, 4))
		p.wantLoad("q", 3)
		p.write(grant(0, 1, 2))
		p.wantLoad("q", 0) // what is on its way is all that it takes
		p.write(grant(0, 1, 1))
		p.wantLoad("q", 0) // and more than it takes
		p.send("q", "x", 0, NoCredit)
		p.write(grant(0, 3, 1))
		p.wantLoad("q", 1)
	})
}

// wantLoad checks how much credit is left.
func (p *peer) wantLoad(name string, want uint32) {
	p.t.Helper()
	if _, credit := p.sender(name).Load(); credit != want {
		p.t.Fatalf("credit of %s is %d, want %d", name, credit, want)
	}
}

func TestFlowsThatLeaveThingsOut(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachReceiver("q", 0)
		f := grant(0, 0, 5)
		f.DeliveryCount = wire.Opt[uint32]{}
		p.write(f)
		p.wantLoad("q", 5) // [2.6.7] the count of our attach, 0
		p.send("q", "x", 0, Sent)
		f = grant(0, 0, 5)
		f.DeliveryCount = wire.Opt[uint32]{}
		p.write(f)
		p.wantLoad("q", 4) // it has not seen our attach yet, so none of our transfers
		f = grant(0, 1, 0)
		f.LinkCredit = wire.Opt[uint32]{}
		p.write(f)
		p.wantLoad("q", 4)
	})
}

// Credit and windows are unsigned: the largest are as good as any.
func TestCreditAndWindowWithoutBounds(t *testing.T) {
	for name, n := range map[string]uint32{"2^32-1": 1<<32 - 1, "2^31": 1 << 31, "2^31-1": 1<<31 - 1} {
		t.Run(name, func(t *testing.T) {
			opened(t, func(p *peer) {
				p.attachReceiver("q", 0)
				p.write(takesOf(takes(0, n), 0, 0, n))
				p.send("q", "one", 0, Sent)
				p.want("one of many", sent(0, 0, "one"))
				p.wantLoad("q", n-1)
				p.write(takesOf(takes(0, n), 0, 0, n))
				p.wantLoad("q", n-1)
				p.send("q", "two", 0, Sent)
				p.write(takesOf(takes(2, n), 0, 2, n))
				p.wantLoad("q", n)
				p.want("two", sent(0, 1, "two"))
			})
		})
	}
}

// A receiver whose delivery-count is ahead of ours counts what we never sent.
func TestADeliveryCountAheadOfOurs(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachReceiver("q", 0)
		p.write(grant(0, 1<<31-1, 1<<31-1), grant(0, 100, 3))
		p.send("q", "x", 0, Sent)
		p.want("that is its own affair", sent(0, 0, "x"))
	})
}

// [2.5.6] remote-incoming-window "MUST be decremented after every transfer frame
// is sent".
func TestThePeersWindowIsKeptToTheFrame(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachReceiver("q", 0)
		p.attachReceiver("r", 1)
		p.write(takesOf(takes(0, 3), 0, 0, 10), takesOf(takes(0, 3), 1, 0, 10))
		p.wantSendable("credit", "q", true)
		p.send("q", "one", 0, Sent)
		p.send("r", "two", 0, Sent)
		p.send("q", "three", 0, Sent)
		p.send("r", "four", 0, NoWindow)
		p.send("q", "four", 0, NoWindow)
		p.want("three frames of both links together", sent(0, 0, "one"), sent(1, 1, "two"), sent(0, 2, "three"))
		p.wantIdle("the window is used up")
		p.write(takes(1, 3))
		p.wantSendable("one has arrived there", "q", true)
		p.wantSendable("and both may go on", "r", true)
		p.send("r", "four", 0, Sent)
		p.send("q", "five", 0, NoWindow)
		p.want("by one frame", sent(1, 3, "four"))
		p.write(takes(4, 0))
		p.wantSendable("a window of nothing is no news", "q", false)
		p.send("q", "five", 0, NoWindow)
		p.write(takes(4, 1))
		p.send("q", "five", 0, Sent)
		p.want("one more", sent(0, 4, "five"))
	})
}

// Some peers think about their window only when asked.
func TestAPeerWhoseWindowIsUsedUpIsAsked(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachReceiver("q", 0)
		p.write(takesOf(takes(0, 1), 0, 0, 10))
		p.send("q", "one", 0, Sent)
		p.want("one frame", sent(0, 0, "one"))
		p.send("q", "two", 0, NoWindow)
		ask := incoming(0, 256)
		ask.NextOutgoingID, ask.Echo = 1, true
		p.want("how much more?", ask)
		p.send("q", "two", 0, NoWindow)
		p.wantIdle("asked once is enough")
		p.write(takes(1, 1))
		p.send("q", "two", 0, Sent)
		p.want("it had forgotten", sent(0, 1, "two"))
	}, aboutWindows())
}

// [2.7.1] Messages are cut into frames that the peer takes, and each counts
// against its window.
func TestMessagesAreCutIntoThePeersFrames(t *testing.T) {
	const per = 512 - maxTransferHeader
	payload := strings.Repeat("a", per) + strings.Repeat("b", per) + "c"
	opened(t, func(p *peer) {
		p.attachReceiver("q", 0)
		p.write(takesOf(takes(0, 3), 0, 0, 10))
		p.send("q", payload, 0, Sent)
		p.want("three frames",
			opening(payload[:per]),
			with(&wire.Transfer{More: true}, payload[per:2*per]),
			with(&wire.Transfer{}, "c"))
		p.send("q", "x", 0, NoWindow)
		p.write(takes(3, 1))
		p.send("q", payload[:per], 0, Sent)
		p.want("just one", sent(0, 1, payload[:per]))
	}, saying(func(o *wire.Open) { o.MaxFrameSize = wire.Some[uint32](512) }))
}

// opening is the first frame of an unsettled message whose delivery is the first of all.
func opening(payload string) frame {
	return with(&wire.Transfer{DeliveryID: wire.Some[uint32](0), DeliveryTag: []byte{0, 0, 0, 0}, MessageFormat: wire.Some[uint32](0), More: true}, payload)
}

// The window of some peers is never as large as a message: it gets the frames that there is
// room for, and is asked about each further one just once.
func TestAMessageIsLargerThanTheWindowEverIs(t *testing.T) {
	const per = 512 - maxTransferHeader
	payload := strings.Repeat("a", per) + strings.Repeat("b", per) + strings.Repeat("c", per) + "d"
	opened(t, func(p *peer) {
		p.attachReceiver("q", 0)
		p.write(takesOf(takes(0, 2), 0, 0, 10))
		p.wantSendable("credit", "q", true)
		lent := []byte(payload)
		l := p.sender("q")
		p.do(func(b *Batch) {
			if _, _, res := l.Send(b, &Outgoing{Payload: lent}, p.h, 7); res != Sent {
				p.t.Errorf("it was not taken: %v", res)
			}
		})
		clear(lent) // it was only lent
		ask := incoming(0, 256)
		ask.Echo = true
		p.want("two frames, and how much more?", opening(payload[:per]), middle(0, payload[per:2*per]), ask)
		p.send("q", "behind", 8, Busy)
		p.write(takes(2, 0))
		p.wantIdle("nothing more")
		p.write(takes(2, 1))
		p.want("one frame, and how much more?", middle(0, payload[2*per:3*per]), ask)
		p.wantSendable("the link is still busy", "q", false)
		p.write(takes(3, 5))
		p.want("the rest", last(0, "d"))
		p.wantSendable("the link is free", "q", true)
		p.send("q", "behind", 8, Sent)
		p.want("in order", sent(0, 1, "behind"))
		p.write(outcome(0, 1, wire.StateAccepted))
		p.heard("one outcome for each", "outcome 7,8 settled accepted")
	}, saying(func(o *wire.Open) { o.MaxFrameSize = wire.Some[uint32](512) }), aboutWindows())
}

// What is left of such a message goes with its link.
func TestALinkEndsInTheMiddleOfAMessageForWhichThereWasNoWindow(t *testing.T) {
	const per = 512 - maxTransferHeader
	opened(t, func(p *peer) {
		p.attachReceiver("q", 0)
		p.write(takesOf(takes(0, 1), 0, 0, 10))
		p.send("q", strings.Repeat("a", per+1), 7, Sent)
		p.want("one frame", opening(strings.Repeat("a", per)))
		p.write(&wire.Detach{Handle: 0, Closed: true})
		p.want("the link ends", &wire.Detach{Handle: 0, Closed: true})
		p.write(takes(1, 10))
		p.wantIdle("nothing comes behind it")
	}, saying(func(o *wire.Open) { o.MaxFrameSize = wire.Some[uint32](512) }))
}

// [2.6.12] A delivery-tag stands for its delivery until that is settled.
func TestNoTwoDeliveriesOfASessionHaveOneTag(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachReceiver("q", 0)
		p.attachReceiver("r", 1)
		p.write(grant(0, 0, 500), grant(1, 0, 500))
		seen := map[string]uint32{}
		for i := range uint32(600) {
			p.send([]string{"q", "r"}[i%2], "x", i, Sent)
			f, _ := p.next()
			x, ok := f.body.(*wire.Transfer)
			if !ok {
				p.t.Fatalf("message %d: got %v, want a transfer", i, f)
			}
			if before, used := seen[string(x.DeliveryTag)]; used || len(x.DeliveryTag) == 0 {
				p.t.Fatalf("delivery %d has the tag % x, that of delivery %d", i, x.DeliveryTag, before)
			}
			seen[string(x.DeliveryTag)] = i
		}
	})
}

func TestAnEmptyMessageIsAFrame(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachReceiver("q", 0)
		p.write(grant(0, 0, 10))
		p.send("q", "", 0, Sent)
		p.want("with nothing in it", sent(0, 0, ""))
	})
}

// [2.8.10] Everything that is counted for what goes out wraps at once.
func TestOutgoingSerialNumbersWrap(t *testing.T) {
	const start = 1<<32 - 2
	opened(t, func(p *peer) {
		p.attachReceiver("q", 0)
		l := p.sender("q")
		p.conn.mu.Lock()
		l.deliveryCount, l.limit = start, start
		l.session.nextDelivery, l.session.nextOutgoingID = start, start
		p.conn.mu.Unlock()
		p.write(takesOf(takes(start, 5), 0, start, 4))
		p.wantLoad("q", 4)
		for ref := range uint32(4) {
			p.send("q", "x", ref, Sent)
		}
		p.send("q", "x", 9, NoCredit)
		p.want("over the wrap", sent(0, start, "x"), sent(0, start+1, "x"), sent(0, 0, "x"), sent(0, 1, "x"))
		p.write(takesOf(takes(start+1, 5), 0, start+1, 4))
		p.wantLoad("q", 1)
		p.send("q", "x", 4, Sent)
		p.want("five frames of the window, then a sixth", sent(0, 2, "x"))
		p.write(takesOf(takes(start+1, 5), 0, start+1, 100))
		p.send("q", "x", 5, Sent)
		p.send("q", "x", 6, NoWindow)
		p.want("not a seventh", sent(0, 3, "x"))
		p.write(outcome(start, 1, wire.StateAccepted))
		p.heard("a range over the wrap", "outcome 0,1,2,3 settled accepted")
		p.write(outcome(2, 3, wire.StateReleased))
		p.heard("and one behind it", "outcome 4,5 settled released")
	})
}

// [2.8.2] What the sender's settle mode makes of presettled and of unsettled messages.
func TestSenderSettleModes(t *testing.T) {
	tests := map[string]struct {
		mode      wire.SenderSettleMode
		presettle bool
		settled   bool
	}{
		"settled, a presettled one":    {wire.SndSettled, true, true},
		"settled, an unsettled one":    {wire.SndSettled, false, true},
		"unsettled, a presettled one":  {wire.SndUnsettled, true, false},
		"unsettled, an unsettled one":  {wire.SndUnsettled, false, false},
		"mixed mode, a presettled one": {wire.SndMixed, true, true},
		"mixed mode, an unsettled one": {wire.SndMixed, false, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			opened(t, func(p *peer) {
				p.attachReceiver("q", 0)
				p.write(grant(0, 0, 1))
				l := p.sender("q")
				p.do(func(b *Batch) {
					_, settled, res := l.Send(b, &Outgoing{Settled: tt.presettle, Payload: []byte("x")}, p.h, 7)
					if res != Sent || settled != tt.settled {
						p.t.Errorf("%v, settled %v", res, settled)
					}
				})
				f := sent(0, 0, "x")
				if tt.settled {
					f = marked(f)
				}
				p.want("on the wire", f)
				p.write(outcome(0, 0, wire.StateAccepted))
				if tt.settled || tt.presettle {
					p.heard("nobody waits for an outcome")
				} else {
					p.heard("the outcome", "outcome 7 settled accepted")
				}
				if unsettled, _ := l.Load(); unsettled != 0 {
					p.t.Errorf("%d deliveries are still unsettled", unsettled)
				}
			}, handling(func(h *recorder) { h.answer.SndSettleMode = tt.mode }))
		})
	}
}

func TestALinkThatIsOverSendsNothing(t *testing.T) {
	for name, end := range map[string]wire.Performative{"detached": &wire.Detach{Closed: true}, "its session ended": &wire.End{}} {
		t.Run(name, func(t *testing.T) {
			opened(t, func(p *peer) {
				p.attachReceiver("q", 0)
				p.write(grant(0, 0, 10))
				p.send("q", "x", 5, Sent)
				p.want("a message", sent(0, 0, "x"))
				p.write(end)
				if _, ok := p.next(); !ok {
					p.t.Fatal("there is no answer")
				}
				p.heard("first the link, then what was open on it", "detach q", "lost 5")
				p.send("q", "y", 6, Gone)
				p.wantLoad("q", 0)
				p.wantIdle("nothing goes out")
			})
		})
	}
}
