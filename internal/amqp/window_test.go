package amqp

import (
	"fmt"
	"strings"
	"testing"

	"github.com/meshway/meshway/internal/wire"
)

// incoming is a session's flow as the engine sends it: what it expects next, and
// how many frames it takes.
func incoming(next, n uint32) *wire.Flow {
	return &wire.Flow{NextIncomingID: wire.Some(next), IncomingWindow: n}
}

// wantWindow asks for the session's window by a flow with echo, and compares.
// Flows that told of it before count no more.
func (p *peer) wantWindow(why string, next, n uint32) {
	p.t.Helper()
	p.write(&wire.Flow{NextIncomingID: wire.Some[uint32](0), IncomingWindow: 1000, NextOutgoingID: next, Echo: true})
	var got frame
	for f, ok := p.any(); ok; f, ok = p.any() {
		if flow, isFlow := f.body.(*wire.Flow); !isFlow {
			p.t.Fatalf("%s: got %v, want nothing but flows", why, f)
		} else if !flow.Handle.OK {
			got = f
		}
	}
	if w := asFrame(incoming(next, n)); !same(got, w) {
		p.t.Fatalf("%s:\ngot  %v\nwant %v", why, got, w)
	}
}

func frames(n uint32) option { return config(func(c *Config) { c.MaxSessionFrames = n }) }

// hold lets the application keep n bytes of a link, or let them go.
func (p *peer) hold(name string, n int) { p.receiver(name).Hold(n) }
func (p *peer) unhold(name string, n int) {
	l := p.receiver(name)
	p.do(func(b *Batch) { l.Unhold(b, n) })
}

// [2.5.6] incoming-window: "the maximum number of incoming transfer frames that
// the endpoint can currently receive".
func TestMoreFramesThanTheIncomingWindow(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachSender("q", 0)
		p.write(first(0, 0, "1"), middle(0, "2"), middle(0, "3"), middle(0, "4"), last(0, "5"), message(0, 1, "6"))
		p.want("the sixth frame ends the session", &wire.End{Error: refused(wire.CondWindowViolation)})
		p.heard("and is not seen", `q 0 more "1"`, `q 0 next more "2"`, `q 0 next more "3"`, `q 0 next more "4"`, `q 0 next "5"`,
			"fault session 0 amqp:session:window-violation", "detach q lost 0 amqp:session:window-violation")
		p.write(&wire.End{})
		p.begin(0)
	}, frames(5))
}

func TestTheWindowIsExtendedAsFramesPass(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachSender("q", 0)
		p.deliver(0, 0, 2)
		p.wantIdle("three of five are left")
		p.deliver(0, 2, 1)
		p.want("two are: it is time", incoming(3, 5))
		p.deliver(0, 3, 5)
		p.want("exactly five more may come", incoming(8, 5))
		p.write(with(&wire.Transfer{Handle: 0, DeliveryID: wire.Some[uint32](8), Aborted: true}, ""),
			with(&wire.Transfer{Handle: 0, DeliveryID: wire.Some[uint32](9), Resume: true}, "old"))
		p.deliver(0, 10, 1)
		p.want("aborted and resumed ones count, too", incoming(11, 5))
	}, frames(5), aboutWindows(), window(100))
}

// [2.5.6] "It MUST update the next-incoming-id directly from the next-outgoing-id of
// the frame": what a peer takes for its number counts, and the window is as large as
// it was.
func TestAPeersFlowSaysWhereItCounts(t *testing.T) {
	for name, at := range map[string]uint32{"ahead": 100, "behind": 1, "over the wrap": 1<<32 - 2} {
		t.Run(name, func(t *testing.T) {
			opened(t, func(p *peer) {
				p.attachSender("q", 0)
				p.deliver(0, 0, 2)
				p.write(&wire.Flow{NextIncomingID: wire.Some[uint32](0), IncomingWindow: 1000, NextOutgoingID: at})
				p.wantIdle("three of five frames are left, as before")
				p.deliver(0, 2, 1)
				p.want("the window begins where the peer is", incoming(at+1, 5))
				p.write(first(0, 3, "1"), middle(0, "2"), middle(0, "3"), middle(0, "4"), middle(0, "5"), middle(0, "6"))
				p.windows = false
				p.want("and five frames are five", &wire.End{Error: refused(wire.CondWindowViolation)})
			}, frames(5), aboutWindows(), window(100))
		})
	}
}

// Many a frame is on its way when a link ends: it uses the window all the same.
func TestFramesOnADeadLinkCount(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachSender("q", 0)
		p.deliver(0, 0, 1)
		l := p.receiver("q")
		p.do(func(b *Batch) { l.Detach(b, nil) })
		p.want("it ends", &wire.Detach{Closed: true})
		p.deliver(0, 1, 2)
		p.want("but three frames came", incoming(3, 5))
		p.deliver(0, 3, 5)
		p.want("and five more", incoming(8, 5))
		p.heard("of one message", `q 0 "x"`)
	}, frames(5), aboutWindows())
}

// The window itself may end before the wrap and be extended over it.
func TestTheWindowIsExtendedOverTheWrap(t *testing.T) {
	dialogue(t, func(p *peer) {
		p.open()
		p.write(&wire.Begin{NextOutgoingID: 1<<32 - 6, IncomingWindow: 100})
		p.want("the session", beginAnswer(0))
		p.h.take()
		p.attachSender("q", 0)
		p.deliver(0, 0, 3)
		p.want("from 2^32-3 to 1", incoming(1<<32-3, 5))
	}, frames(5), aboutWindows(), window(100))
}

// Transfer-ids are serial numbers: the window goes on over the wrap. [2.8.10]
func TestTransferIDsWrap(t *testing.T) {
	dialogue(t, func(p *peer) {
		p.open()
		p.write(&wire.Begin{NextOutgoingID: 1<<32 - 3, IncomingWindow: 100})
		p.want("the session", beginAnswer(0))
		p.h.take()
		p.attachSender("q", 0)
		p.deliver(0, 0, 3)
		p.want("the last three of the circle", incoming(0, 5))
		p.deliver(0, 3, 5)
		p.want("and on from 0", incoming(5, 5))
		p.write(first(0, 8, "1"), middle(0, "2"), middle(0, "3"), middle(0, "4"), middle(0, "5"), middle(0, "6"))
		p.windows = false // a flow may be on its way
		p.want("not beyond", &wire.End{Error: refused(wire.CondWindowViolation)})
	}, frames(5), aboutWindows(), window(100))
}

// The window is as many frames as fit into what a connection may hold, by the
// size of recent ones, where nothing else bounds it.
func TestTheWindowFollowsTheSizeOfFrames(t *testing.T) {
	for name, tt := range map[string]struct {
		size    int
		atLeast uint32
		atMost  uint32
	}{"small": {10, 4096, maxWindow}, "middling": {1000, 900, 1100}, "large": {60000, minWindow, 32}} {
		t.Run(name, func(t *testing.T) {
			opened(t, func(p *peer) {
				p.h.quiet = true
				p.write(sending("q", 0))
				p.want("the link", takenFrom("q", 0))
				payload := strings.Repeat("x", tt.size)
				for id := range uint32(300) {
					p.write(marked(message(0, id, payload)))
					p.listen()
				}
				var n uint32
				for f, ok := p.any(); ok; f, ok = p.any() {
					if flow, ok := f.body.(*wire.Flow); ok {
						n = flow.IncomingWindow
					}
				}
				if n < tt.atLeast || n > tt.atMost {
					p.t.Errorf("after frames of %d bytes the window is %d frames, want %d to %d", tt.size, n, tt.atLeast, tt.atMost)
				}
			}, window(10_000), aboutWindows(), config(func(c *Config) { c.MaxFrameSize, c.WideWindows = 65536, true }))
		})
	}
}

// While the application holds what it may, the window is not extended; it is once
// that has left.
func TestTheWindowWaitsForWhatIsHeld(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachSender("q", 0)
		p.hold("q", heldLimit)
		p.deliver(0, 0, 5)
		p.wantIdle("no room for more than was promised")
		p.wantWindow("none, asked as well", 5, 0)
		p.unhold("q", 1)
		p.want("there is some", incoming(5, 5))
		p.hold("q", 1)
		p.deliver(0, 5, 6)
		p.want("not for six", &wire.End{Error: refused(wire.CondWindowViolation)})
	}, frames(5), aboutWindows())
}

// What was granted may be on its way: a window that is told again, with less room
// than there was, takes none of it back.
func TestAWindowThatWasGrantedIsNotTakenBack(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachSender("q", 0)
		p.deliver(0, 0, 1)
		p.hold("q", heldLimit)
		p.wantWindow("four of five are left, full as it is", 1, 4)
		p.deliver(0, 1, 4)
		p.wantIdle("they are taken")
		p.wantWindow("and no more", 5, 0)
	}, frames(5), aboutWindows())
}

// holdOnOneOfTwo has a link "q" on session 0 and a link "r" on session 1, and as much held by the
// first as a connection may hold.
func (p *peer) holdOnOneOfTwo() {
	p.t.Helper()
	p.begin(1)
	p.attachSender("q", 0)
	p.write(on(1, sending("r", 0)))
	p.want("a link on each session", on(1, takenFrom("r", 0)), on(1, credit(0, 0, 10)))
	p.hold("q", heldLimit)
}

// What one session's links hold closes the windows of all sessions: so all must
// hear when there is room again.
func TestRoomThatOneSessionMadeIsToldToAll(t *testing.T) {
	opened(t, func(p *peer) {
		p.holdOnOneOfTwo()
		for id := range uint32(5) {
			p.write(message(0, id, "x").on(1))
		}
		p.wantIdle("session 1 has used up its window, and what fills the connection came by the other")
		p.unhold("q", heldLimit)
		p.want("there is room", on(1, incoming(5, 5)))
	}, frames(5), aboutWindows())
}

// Where what is held counts by session, a session is not held up by what another's links hold.
func TestWhereSessionsHoldByThemselvesOneDoesNotShutTheOther(t *testing.T) {
	for name, set := range map[string]func(*Config){
		"as configured":   func(c *Config) { c.HoldBySession = true },
		"between routers": func(c *Config) { c.BetweenRouters = true },
	} {
		t.Run(name, func(t *testing.T) {
			opened(t, func(p *peer) {
				p.holdOnOneOfTwo()
				p.wantWindow("what was granted to the one that holds all stays", 0, 5)
				p.hold("r", 1)
				p.write(on(1, &wire.Flow{NextIncomingID: wire.Some[uint32](0), IncomingWindow: 1000, Echo: true}))
				p.want("the other has its own", on(1, incoming(0, 5)))
				for id := range uint32(3) {
					p.write(message(0, id, "x").on(1))
				}
				p.want("and is given more", on(1, incoming(3, 5)))
			}, frames(5), aboutWindows(), config(set))
		})
	}
}

// Forwarded and Finish let go of what was held, as Unhold does.
func TestWhateverLetsGoExtendsTheWindow(t *testing.T) {
	for name, letGo := range map[string]func(*Receiver, *Batch){
		"forwarded":      func(l *Receiver, b *Batch) { l.Forwarded(b, 0, nil, 0, heldLimit) },
		"forwarded late": func(l *Receiver, b *Batch) { l.Forwarded(b, 77, nil, 0, heldLimit) },
		"finished":       func(l *Receiver, b *Batch) { l.Finish(b, heldLimit) },
		"unheld":         func(l *Receiver, b *Batch) { l.Unhold(b, heldLimit) },
	} {
		t.Run(name, func(t *testing.T) {
			opened(t, func(p *peer) {
				p.attachSender("q", 0)
				p.hold("q", heldLimit)
				p.deliver(0, 0, 5)
				p.wantIdle("the window is shut")
				l := p.receiver("q")
				p.do(func(b *Batch) { letGo(l, b) })
				for f, ok := p.any(); ; f, ok = p.any() {
					if !ok {
						p.t.Fatal("the window stays shut")
					}
					if same(f, asFrame(incoming(5, 5))) || f.body.(*wire.Flow).IncomingWindow == 5 {
						break
					}
				}
			}, frames(5), aboutWindows())
		})
	}
}

// [2.7.4] A flow that carries nothing but the session's state; with echo it is
// answered by the same.
func TestEchoOfASessionsFlow(t *testing.T) {
	opened(t, func(p *peer) {
		p.write(&wire.Flow{IncomingWindow: 10})
		p.wantIdle("nobody asked")
		p.write(&wire.Flow{IncomingWindow: 10, Echo: true})
		p.want("asked once, answered once, and not asked back", incoming(0, 5))
		p.write(&wire.Flow{Handle: wire.Some[uint32](3)})
		p.want("[2.7.4] a handle that is not attached ends the session", &wire.End{Error: refused(wire.CondUnattachedHandle)})
	}, frames(5), aboutWindows())
}

// Sessions are bounded each by itself.
func TestEverySessionHasItsOwnWindow(t *testing.T) {
	opened(t, func(p *peer) {
		for ch := uint16(1); ch < 4; ch++ {
			p.begin(ch)
		}
		for ch := range uint16(4) {
			p.write(on(ch, sending(fmt.Sprint("q", ch), 0)))
			p.want("a link on each", on(ch, takenFrom(fmt.Sprint("q", ch), 0)), on(ch, credit(0, 0, 10)))
		}
		for ch := range uint16(4) {
			var five []any
			for id := range uint32(5) {
				five = append(five, message(0, id, "x").on(ch))
			}
			p.write(five...)
			p.want("five frames each", on(ch, incoming(5, 5)))
		}
	}, frames(5), aboutWindows())
}

// [2.7.4] Delivery-count, link-credit, available and drain: "When the handle field is not set,
// this field MUST NOT be set." Whoever gives credit so waits for messages that never come.
func TestAFlowWithoutAHandleSaysNothingOfALink(t *testing.T) {
	for name, f := range map[string]wire.Flow{
		"delivery-count": {DeliveryCount: wire.Some[uint32](0)},
		"link-credit":    {LinkCredit: wire.Some[uint32](10)},
		"available":      {Available: wire.Some[uint32](0)},
		"drain":          {Drain: true},
	} {
		t.Run(name, func(t *testing.T) {
			opened(t, func(p *peer) {
				p.begin(1)
				p.write(&f)
				p.want("the session goes", &wire.End{Error: refused(wire.CondInvalidField)})
				p.write(on(1, sending("q", 0)))
				p.want("another lives", on(1, takenFrom("q", 0)))
			}, noCredit())
		})
	}
	t.Run("false is what is not set", func(t *testing.T) {
		opened(t, func(p *peer) {
			// As above, with drain written out.
			p.write(rawFrame(performative(wire.CodeFlow, 0xc0, 10, 9, 0x40, 0x43, 0x43, 0x43, 0x40, 0x40, 0x40, 0x40, 0x42)...))
			p.wantIdle("it is in order")
		})
	})
}
