package amqp

import (
	"strings"
	"testing"

	"github.com/meshway/meshway/internal/wire"
)

// start begins a long delivery, piece and abort go on with it.
func (p *peer) start(name string, settled bool, ref uint32, want Result) {
	p.t.Helper()
	l := p.sender(name)
	p.do(func(b *Batch) {
		if _, _, res := l.Start(b, &Outgoing{Format: 5, Settled: settled}, p.h, ref); res != want {
			p.t.Errorf("starting: %v, want %v", res, want)
		}
	})
}

func (p *peer) piece(name, payload string, last bool, wantN int, want Result) {
	p.t.Helper()
	l := p.sender(name)
	p.do(func(b *Batch) {
		if n, res := l.Continue(b, []byte(payload), nil, last); n != wantN || res != want {
			p.t.Errorf("continuing with %s: %d bytes, %v; want %d, %v", payloadText(payload), n, res, wantN, want)
		}
	})
}

func (p *peer) abort(name string) {
	l := p.sender(name)
	p.do(func(b *Batch) { l.Abort(b) })
}

// begun is the first frame of a long delivery as the engine sends it.
func begun(id uint32, payload string) frame {
	return with(&wire.Transfer{DeliveryID: wire.Some(id), MessageFormat: wire.Some[uint32](5), More: true}, payload)
}

// [2.6.14] A long message goes out as it comes, and its last frame says so.
func TestALongMessageGoesOutInPieces(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachReceiver("q", 0)
		p.write(grant(0, 0, 10))
		p.start("q", false, 7, Sent)
		p.wantIdle("there is nothing to send yet")
		p.piece("q", "one", false, 3, Sent)
		p.want("the first piece", begun(0, "one"))
		p.piece("q", "", false, 0, Sent)
		p.wantIdle("nothing is no piece")
		p.piece("q", "two", false, 3, Sent)
		p.piece("q", "", true, 0, Sent)
		p.want("the others", middle(0, "two"), last(0, ""))
		p.piece("q", "late", true, 0, Gone)
		p.send("q", "next", 8, Sent)
		p.want("the link is free", sent(0, 1, "next"))
		p.write(outcome(0, 1, wire.StateAccepted))
		p.heard("both were whole", "outcome 7,8 settled accepted")
	})
}

func TestALongMessageOfOnePiece(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachReceiver("q", 0)
		p.write(grant(0, 0, 10))
		p.start("q", false, 7, Sent)
		p.piece("q", "all", true, 3, Sent)
		f := begun(0, "all")
		f.body.(*wire.Transfer).More = false
		p.want("it might have been a short one", f)
	})
}

func TestTheLinkIsBusyWithALongMessage(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachReceiver("q", 0)
		p.attachReceiver("r", 1)
		p.write(grant(0, 0, 10), grant(1, 0, 10))
		p.start("q", false, 7, Sent)
		p.piece("q", "one", false, 3, Sent)
		p.wantSendable("credit", "q", true)
		p.send("q", "between", 8, Busy)
		p.start("q", false, 8, Busy)
		p.send("r", "aside", 9, Sent)
		p.want("other links are not", begun(0, "one"), sent(1, 1, "aside"))
		p.wantSendable("not yet", "q", false)
		p.piece("q", "two", true, 3, Sent)
		p.wantSendable("whoever was refused hears of the end", "q", true)
		p.send("q", "behind", 8, Sent)
		p.want("and comes next", last(0, "two"), sent(0, 2, "behind"))
	})
}

// The window is kept to the frame in the middle of a message as well.
func TestALongMessageWaitsForTheWindow(t *testing.T) {
	const per = 512 - maxTransferHeader
	long := strings.Repeat("x", 2*per+10)
	opened(t, func(p *peer) {
		p.attachReceiver("q", 0)
		p.write(takesOf(takes(0, 2), 0, 0, 10))
		p.wantSendable("credit", "q", true)
		p.start("q", false, 7, Sent)
		p.piece("q", long, true, 2*per, NoWindow)
		p.want("two frames", begun(0, long[:per]), middle(0, long[:per]))
		p.wantIdle("and no third")
		p.write(takes(2, 1))
		p.wantSendable("now there is room", "q", true)
		p.piece("q", long[2*per:], true, 10, Sent)
		p.want("for the third", last(0, long[:10]))
		p.start("q", false, 8, NoWindow)
	}, saying(func(o *wire.Open) { o.MaxFrameSize = wire.Some[uint32](512) }))
}

// [2.7.5] A message that its sender breaks off is aborted, settled by that, and
// the receiver's outcome comes too late.
func TestALongMessageIsBrokenOff(t *testing.T) {
	aborted := func(f frame) frame {
		t := f.body.(*wire.Transfer)
		t.More, t.Aborted = false, true
		return f
	}
	t.Run("in the middle", func(t *testing.T) {
		opened(t, func(p *peer) {
			p.attachReceiver("q", 0)
			p.write(grant(0, 0, 10))
			p.start("q", false, 7, Sent)
			p.piece("q", "one", false, 3, Sent)
			p.send("q", "next", 8, Busy)
			p.wantSendable("credit", "q", true)
			p.abort("q")
			p.want("it ends", begun(0, "one"), aborting(0, ""))
			p.wantSendable("the link is free", "q", true)
			p.write(outcome(0, 0, wire.StateAccepted))
			p.heard("the outcome is too late")
			p.abort("q")
			p.wantIdle("aborted once")
			p.send("q", "next", 8, Sent)
			p.want("the next one", sent(0, 1, "next"))
		})
	})
	t.Run("before its first frame", func(t *testing.T) {
		opened(t, func(p *peer) {
			p.attachReceiver("q", 0)
			p.write(grant(0, 0, 2))
			p.start("q", false, 7, Sent)
			p.abort("q")
			p.want("delivery-count and delivery-id stay in step", aborted(begun(0, "")))
			p.send("q", "next", 8, Sent)
			p.want("as the next one shows", sent(0, 1, "next"))
			p.send("q", "more", 9, NoCredit)
		})
	})
	t.Run("presettled", func(t *testing.T) {
		opened(t, func(p *peer) {
			p.attachReceiver("q", 0)
			p.write(grant(0, 0, 2))
			p.start("q", true, 7, Sent)
			p.piece("q", "one", false, 3, Sent)
			p.abort("q")
			p.want("aborted all the same", marked(begun(0, "one")), aborting(0, ""))
			if unsettled, _ := p.sender("q").Load(); unsettled != 0 {
				p.t.Errorf("%d deliveries are unsettled", unsettled)
			}
		})
	})
	t.Run("after the receiver settled it", func(t *testing.T) {
		opened(t, func(p *peer) {
			p.attachReceiver("q", 0)
			p.write(grant(0, 0, 2))
			p.start("q", false, 7, Sent)
			p.piece("q", "one", false, 3, Sent)
			p.want("a piece", begun(0, "one"))
			p.write(outcome(0, 0, wire.StateRejected))
			p.heard("the receiver has seen enough", "outcome 7 settled rejected")
			p.abort("q")
			p.want("the delivery still needs an end", aborting(0, ""))
			if unsettled, _ := p.sender("q").Load(); unsettled != 0 {
				p.t.Errorf("%d deliveries are unsettled", unsettled)
			}
		})
	})
	t.Run("while the window is shut", func(t *testing.T) {
		opened(t, func(p *peer) {
			p.attachReceiver("q", 0)
			p.write(takesOf(takes(0, 1), 0, 0, 10))
			p.start("q", false, 7, Sent)
			p.piece("q", "one", false, 3, Sent)
			p.want("a piece", begun(0, "one"))
			p.abort("q")
			p.wantIdle("no frame may say so now")
			p.send("q", "next", 8, Busy)
			p.piece("q", "two", true, 0, Gone)
			p.abort("q")
			p.wantIdle("and none may go before it")
			p.write(takesOf(takes(1, 3), 0, 0, 10))
			p.want("the window lets it be said", aborting(0, ""))
			p.wantSendable("the link is free", "q", true)
			p.send("q", "next", 8, Sent)
			p.want("the next one", sent(0, 1, "next"))
			p.start("q", false, 9, Sent)
			p.abort("q")
			p.want("the third frame of three", aborted(begun(2, "")))
			p.send("q", "more", 10, NoWindow)
		})
	})
}

func TestALongMessageGoesDownWithItsLink(t *testing.T) {
	for name, end := range map[string]any{
		"detached": &wire.Detach{Closed: true}, "session ended": &wire.End{}, "connection closed": &wire.Close{},
	} {
		t.Run(name, func(t *testing.T) {
			opened(t, func(p *peer) {
				p.attachReceiver("q", 0)
				p.write(grant(0, 0, 10))
				p.start("q", false, 7, Sent)
				p.piece("q", "one", false, 3, Sent)
				p.want("a piece", begun(0, "one"))
				p.write(end)
				p.next()
				p.heard("lost", "detach q", "lost 7")
				p.piece("q", "two", true, 0, Gone)
				p.abort("q")
				p.start("q", false, 8, Gone)
				if _, ok := p.next(); ok {
					p.t.Error("something was sent on a link that is over")
				}
			})
		})
	}
}

// When more waits for the socket than the mark, messages wait unencoded, and
// their senders hear when there is room.
func TestDeliveriesWaitForASlowSocket(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachReceiver("q", 0)
		p.attachReceiver("r", 1)
		p.attachReceiver("long", 2)
		p.write(grant(0, 0, 1000), grant(1, 0, 1000), grant(2, 0, 1000))
		p.wantSendable("credit", "q", true)
		p.wantSendable("credit", "r", true)
		p.wantSendable("credit", "long", true)
		p.start("long", false, 0, Sent)
		p.nc.in.set(func(s *memStream) { s.limit = 1000 })
		payload := strings.Repeat("x", 1000)
		n := uint32(0)
		for ; n < 500; n++ {
			var res Result
			p.do(func(b *Batch) { _, _, res = p.sender("q").Send(b, &Outgoing{Payload: []byte(payload)}, p.h, n) })
			if res == Full {
				break
			}
		}
		if n < outMark/1100 || n > 2*outMark/1000 {
			p.t.Fatalf("%d messages of 1000 bytes were encoded for a socket that takes none", n)
		}
		p.send("r", payload, 0, Full)
		p.start("r", false, 0, Full)
		p.piece("long", payload, false, 0, Full)
		p.do(func(b *Batch) { p.sender("r").session.conn.Close(b, nil) }) // control passes
		p.nc.in.set(func(s *memStream) { s.limit = 0 })
		for id := range n {
			p.want("all that was encoded arrives", sent(0, 1+id, payload))
		}
		p.want("and the close behind it", &wire.Close{})
		p.wantSendable("those who waited hear of it", "q", true)
		p.wantSendable("each", "r", true)
		p.wantSendable("and who is in the middle of a message", "long", true)
	})
}
