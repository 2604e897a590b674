package router_test

import (
	"strings"
	"testing"
	"time"

	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/internal/wire"
)

func TestALongMessageGoesOutWhileItComesIn(t *testing.T) {
	play(t, nil, func(s *stage) {
		c := s.app("receiver").consumer("q", 5)
		p := s.app("sender").producer("q")
		payload := long(300_000)
		o := p.begin(payload, 150_000)
		if n := c.got[0].Size; n < 100_000 || c.got[0].Complete {
			s.t.Errorf("%d of 150,000 bytes have come", n)
		}
		p.write(o, 300_000)
		equal(s, "complete", c.got[0].Complete, true)
		equal(s, "the same bytes", string(c.got[0].bytes) == string(payload), true)
		c.acceptAll()
		ended(s, "it", o, wire.StateAccepted)
	})
}

func TestALongMessageOfASilentSenderIsBrokenOffWhenOthersWait(t *testing.T) {
	for name, presettled := range map[string]bool{"unsettled": false, "presettled": true} {
		t.Run(name, func(t *testing.T) {
			play(t, nil, func(s *stage) {
				c := s.app("receiver").consumer("q", 5)
				p, other := s.app("sender").producer("q"), s.app("other").producer("q")
				o := &meshtest.Out{Payload: long(200_000), Settled: presettled}
				p.app.do(func() { p.Start(o).Write(100_000) })
				other.post(text("waits"))
				s.advance(9 * time.Second)
				equal(s, "after 9 s, deliveries", len(c.got), 1)
				s.advance(2 * time.Second)
				equal(s, "after 11 s, aborted", c.got[0].Aborted, true)
				equal(s, "after 11 s", textOf(c.got[len(c.got)-1].bytes), "waits")
				p.write(o, 200_000)
				if !presettled {
					failed(s, "what was broken off", o)
				}
				p.post(text("next"))
				equal(s, "what still comes of it is thrown away, deliveries", len(c.got), 3)
				equal(s, "what follows it", textOf(c.got[2].bytes), "next")
				equal(s, "credit", p.credit(), capacity)
			})
		})
	}
}

func TestALongMessageMayTakeItsTimeWhenNobodyWaits(t *testing.T) {
	play(t, nil, func(s *stage) {
		c := s.app("receiver").consumer("q", 5)
		p := s.app("sender").producer("q")
		o := p.begin(long(200_000), 100_000)
		s.advance(10 * time.Minute)
		p.write(o, 200_000)
		equal(s, "complete", c.got[0].Complete, true)
	})
}

func TestLongMessagesToOneConsumerTakeTurns(t *testing.T) {
	play(t, nil, func(s *stage) {
		c := s.app("receiver").consumer("q", 5)
		first, second := s.app("one").producer("q"), s.app("two").producer("q")
		a := first.begin(long(200_000), 100_000)
		b := second.begin(long(300_000), 100_000)
		second.write(b, 100_000)
		equal(s, "while the first is not complete, deliveries", len(c.got), 1)
		first.write(a, 200_000)
		equal(s, "behind it, deliveries", len(c.got), 2)
		equal(s, "the first is complete", c.got[0].Complete, true)
		second.write(b, 300_000)
		equal(s, "the second is complete", c.got[1].Complete, true)
		equal(s, "size of the first", c.got[0].Size, len(a.Payload))
		equal(s, "size of the second", c.got[1].Size, len(b.Payload))
	})
}

func TestALongMessageGoesOnWhenTheOneBeforeItIsBrokenOff(t *testing.T) {
	for name, broken := range map[string]func(*producer, *meshtest.Out){
		"by its sender": func(p *producer, o *meshtest.Out) { p.app.do(o.Abort) },
		"with its link": func(p *producer, _ *meshtest.Out) { p.detach() },
		"by a crash":    func(p *producer, _ *meshtest.Out) { p.app.kill() },
	} {
		play(t, nil, func(s *stage) {
			c := s.app("receiver").consumer("q", 5)
			first := s.app("one").producer("q")
			o := first.begin(long(200_000), 100_000)
			s.app("two").producer("q").post(long(300_000))
			equal(s, name+": while the first is not complete, deliveries", len(c.got), 1)
			broken(first, o)
			equal(s, name+": the first is broken off", c.got[0].Aborted, true)
			equal(s, name+": behind it, deliveries", len(c.got), 2)
			equal(s, name+": the second is complete", c.got[len(c.got)-1].Complete, true)
		})
	}
}

func TestSmallMessagesPassALongOneToAnotherConsumer(t *testing.T) {
	play(t, nil, func(s *stage) {
		one, two := s.app("receiver1").consumer("q", 10), s.app("receiver2").consumer("q", 10)
		s.app("slow").producer("q").begin(long(200_000), 100_000)
		s.app("quick").producer("q").post(series("x", 5)...)
		equal(s, "deliveries", len(one.got)+len(two.got), 6)
	})
}

func TestALongMessageToASlowConsumerHoldsItsSenderBack(t *testing.T) {
	play(t, nil, func(s *stage) {
		a := s.app("receiver")
		a.wire.Set(meshtest.Line{}, meshtest.Line{Buffer: 16 << 10})
		c := a.consumer("q", 5)
		p := s.app("sender").producer("q")
		a.stall(true)
		o := p.send(long(8 << 20))
		if left := o.Left(); left < 4<<20 {
			s.t.Errorf("the router has taken all but %d of %d bytes for a consumer that does not read", left, len(o.Payload))
		}
		quick := s.app("quick").consumer("other", 5)
		s.app("third").producer("other").post(text("x"))
		equal(s, "others meanwhile", quick.bodies(), "x")
		a.stall(false)
		equal(s, "complete", c.got[0].Complete, true)
		equal(s, "left", o.Left(), 0)
	})
}

// What has left is given back while the rest still comes: the router's memory does not grow by
// what has passed.
func TestALongMessageThatHasHalfPassedHoldsNoneOfThat(t *testing.T) {
	const size, most = 64 << 20, 16 << 20
	play(t, nil, func(s *stage) {
		a, payload := s.app("receiver"), long(size)
		a.wire.Set(meshtest.Line{}, meshtest.Line{Buffer: 64 << 10}) // what is on its way to it is in use as well
		before, passed, grown := uint64(0), 0, int64(0)
		a.do(func() {
			a.sessions[0].AttachReceiver(meshtest.ReceiverOptions{
				Source: meshtest.From("q"), Snd: wire.SndMixed, Credit: 1,
				OnTransfer: func(_ *meshtest.In, p []byte) {
					if passed += len(p); grown == 0 && passed >= size/2 {
						grown = int64(heap() - before)
					}
				},
			})
		})
		p := s.app("sender").producer("q")
		before = heap()
		p.send(payload)
		equal(s, "bytes that came", passed, len(payload))
		if grown > most {
			t.Errorf("when half of %d bytes had passed, %d more were in use than before; at most %d may be", size, grown, most)
		}
	})
}

func TestALongMessageThroughASmallWindow(t *testing.T) {
	play(t, nil, func(s *stage) {
		a := s.app("receiver")
		a.begin(meshtest.SessionOptions{Window: 2})
		c := a.consumer("q", 5)
		s.app("sender").producer("q").post(long(100_000), text("next"))
		equal(s, "complete", c.got[0].Complete, true)
		equal(s, "size", c.got[0].Size, len(long(100_000)))
		equal(s, "what follows", textOf(c.got[1].bytes), "next")
	})
}

// A message of more frames than the window ever has is told in as many windows as it takes, also
// when none is open at the moment at which it could go.
func TestAMessageOfManyFramesFindsAClosedWindow(t *testing.T) {
	for _, address := range []string{"q", "multicast/m"} {
		play(t, nil, func(s *stage) {
			slow := s.appAt("receiver", listenHost+":5672", meshtest.ClientOptions{MaxFrame: 512})
			session := slow.begin(meshtest.SessionOptions{Window: 1, KeepWindow: true})
			c := slow.consumer(address, 10)
			p := s.app("sender").producer(address)
			p.send(text("first"))
			many := strings.Repeat("x", 10_000)
			o := p.send(text(many))
			last := p.send(text("last"))
			equal(s, address+": came", c.bodies(), "first")
			for range 30 {
				slow.do(func() { session.Grant(1) })
			}
			equal(s, address+": came in the end", c.bodies(), "first "+many+" last")
			c.acceptAll()
			ended(s, address+": the long one", o, wire.StateAccepted)
			ended(s, address+": the last", last, wire.StateAccepted)
		})
	}
}

func TestAConnectionThatBeginsTooMuchAtATimeLosesALink(t *testing.T) {
	play(t, nil, func(s *stage) {
		c := s.app("receiver").consumer("q", 1000)
		lost := 0
		for _, p := range s.app("sender").producers("q", 290) {
			p.begin(long(70_000), 60_000)
			if p.end != nil {
				lost++
				equal(s, "why it ended", p.end.Condition, wire.CondResourceLimitExceeded)
			}
		}
		if lost == 0 || lost > 20 {
			s.t.Errorf("%d of 290 links with 60,000 bytes of a message each were ended, want those beyond 16 MiB", lost)
		}
		equal(s, "deliveries of what has not come whole", len(c.got), 0)
	})
}
