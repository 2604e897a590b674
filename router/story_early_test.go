package router_test

import (
	"testing"

	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/internal/wire"
)

// What becomes of a long message may be known before all of it has come. Its sender hears so
// behind its last frame: that nobody is told earlier is checked by the senders of every story.

// goesOn checks that the link can go on, and has all its credit.
func (p *producer) goesOn(s *stage, c *consumer) {
	s.t.Helper()
	next := p.send(text("next"))
	c.acceptAll()
	ended(s, "the next one", next, wire.StateAccepted)
	equal(s, "credit", p.credit(), capacity)
}

func TestAConsumerDecidesOnALongMessageBeforeItHasItAll(t *testing.T) {
	no := wire.RejectedState(&wire.Error{Condition: "test:no", Description: "not this one"})
	for name, state := range map[string]wire.DeliveryState{
		"accepted": accepted, "released": released, "rejected": no, "modified": wire.ModifiedState(true, true, nil),
	} {
		for _, address := range []string{"q", "multicast.q"} {
			t.Run(name+" at "+address, func(t *testing.T) {
				play(t, nil, func(s *stage) {
					c := s.app("receiver").consumer(address, 10)
					p := s.app("sender").producer(address)
					o := p.begin(long(300_000), 100_000)
					c.settle(0, state)
					equal(s, "told in the middle", o.State.Kind, wire.StateNone)
					p.write(o, 100_000)
					equal(s, "told a little later", o.State.Kind, wire.StateNone)
					p.write(o, o.Left())
					ended(s, "it has come whole", o, state.Kind)
					if name == "rejected" && !o.State.Equal(no) {
						t.Errorf("got %s, want %s", show(o.State), show(no))
					}
					p.goesOn(s, c)
				})
			})
		}
	}
}

// Its sender loses interest in it first, in any way: nothing is left, and nothing is said.
func TestASenderIsDoneWithALongMessageWhoseOutcomeWaits(t *testing.T) {
	for name, leave := range map[string]func(p *producer, o *meshtest.Out){
		"aborted":            func(_ *producer, o *meshtest.Out) { o.Abort() },
		"settled":            func(_ *producer, o *meshtest.Out) { o.Settle(wire.DeliveryState{}); o.Write(o.Left()) },
		"settled by the end": func(_ *producer, o *meshtest.Out) { o.SettleAtEnd = true; o.Write(o.Left()) },
		"detached":           func(p *producer, _ *meshtest.Out) { p.Detach(true, nil) },
		"session ended":      func(p *producer, _ *meshtest.Out) { p.Session.End(nil) },
		"killed":             func(p *producer, _ *meshtest.Out) { p.app.Kill() },
	} {
		t.Run(name, func(t *testing.T) {
			play(t, nil, func(s *stage) {
				c := s.app("receiver").consumer("q", 10)
				p := s.app("sender").producer("q")
				o := p.begin(long(300_000), 100_000)
				c.settle(0, released)
				p.app.do(func() { leave(p, o) })
				equal(s, "told", o.State.Kind, wire.StateNone)
				if !p.Usable() {
					p = s.app("another").producer("q")
				}
				p.goesOn(s, c)
			})
		})
	}
}

// It waited for its consumer, and that left.
func TestNobodyIsLeftForALongMessageThatIsStillComing(t *testing.T) {
	for _, address := range []string{"q", "multicast.q"} {
		t.Run(address, func(t *testing.T) {
			play(t, nil, func(s *stage) {
				c := s.app("receiver").consumer(address, 0)
				c.grant(1)
				c.grant(0)
				p := s.app("sender").producer(address)
				o := p.begin(long(200_000), 100_000)
				equal(s, "begun", o.Begun, true)
				equal(s, "deliveries", len(c.got), 0)
				c.detach()
				p.write(o, o.Left())
				ended(s, "what nobody took", o, wire.StateReleased)
				p.goesOn(s, s.app("other").consumer(address, 10))
			})
		})
	}
}

// An outcome passes from router to router behind the last frame, and none of them holds it
// for longer.
func TestMeshAConsumerDecidesOnALongMessageBeforeItHasItAll(t *testing.T) {
	playPair(t, "q", 10, func(s *meshStage, p *producer, c *consumer) {
		o := p.begin(long(5_000_000), 2_000_000)
		s.known()
		c.settle(0, released)
		s.known()
		p.write(o, o.Left())
		s.known()
		ended(s.stage, "it has come whole", o, wire.StateReleased)
		next := p.send(long(500_000))
		s.known()
		c.acceptAll()
		s.known()
		ended(s.stage, "the next one", next, wire.StateAccepted)
	})
}

func TestAContainerDecidesOnALongMessageBeforeItHasItAll(t *testing.T) {
	line(t, func(s *meshStage, b *broker) {
		p := s.at("A", "app").producer("tx/q")
		s.settleDown()
		o := p.begin(long(100<<10), 50<<10)
		s.settleDown()
		b.in[0].settle(0, released)
		s.settleDown()
		equal(s.stage, "told in the middle", o.State.Kind, wire.StateNone)
		p.write(o, o.Left())
		s.settleDown()
		equal(s.stage, "bytes at the container", b.in[0].got[0].Size, len(o.Payload))
		ended(s.stage, "it has come whole", o, wire.StateReleased)
		next := p.send(text("next"))
		s.settleDown()
		b.in[0].settle(1, accepted)
		s.settleDown()
		ended(s.stage, "the next one", next, wire.StateAccepted)
	})
}

// The other way round the container is the sender.
func TestAClientDecidesOnALongMessageOfAContainerBeforeItHasItAll(t *testing.T) {
	line(t, func(s *meshStage, b *broker) {
		c := s.at("A", "app").consumer("tx/q", 10)
		s.settleDown()
		var o *meshtest.Out
		b.app.do(func() {
			o = b.out[0].Start(&meshtest.Out{Payload: long(100 << 10)})
			o.Write(50 << 10)
		})
		s.settleDown()
		c.settle(0, released)
		s.settleDown()
		equal(s.stage, "told in the middle", o.State.Kind, wire.StateNone)
		b.app.do(func() { o.Write(o.Left()) })
		s.settleDown()
		ended(s.stage, "it has come whole", o, wire.StateReleased)
	})
}
