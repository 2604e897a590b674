package router_test

import (
	"testing"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/internal/wire"
)

// What a lost path does to a delivery: the table of the design, row by row.

// ways is how a consumer is lost.
var ways = map[string]func(*consumer){
	"detached":      func(c *consumer) { c.detach() },
	"session ended": func(c *consumer) { c.app.do(func() { c.Session.End(nil) }) },
	"closed":        func(c *consumer) { c.app.do(func() { c.app.Close(nil) }) },
	"killed":        func(c *consumer) { c.app.kill() },
}

func lostInEachWay(t *testing.T, story func(s *stage, lose func(*consumer))) {
	t.Helper()
	for name, lose := range ways {
		t.Run(name, func(t *testing.T) {
			play(t, nil, func(s *stage) { story(s, lose) })
		})
	}
}

// failed checks that the sender heard that a delivery failed.
func failed(s *stage, what string, o *meshtest.Out) {
	s.t.Helper()
	ended(s, what, o, wire.StateModified)
	if m, err := o.State.Modified(); err != nil || !m.DeliveryFailed || m.UndeliverableHere {
		s.t.Errorf("%s: modified says %+v (%v), want delivery-failed", what, m, err)
	}
}

func TestLostWaiting(t *testing.T) {
	lostInEachWay(t, func(s *stage, lose func(*consumer)) {
		c := s.app("receiver").closed("q")
		o := s.app("sender").producer("q").send(text("x"))
		lose(c)
		ended(s, "what no frame was sent of", o, wire.StateReleased)
	})
}

func TestLostSentAndNotSettled(t *testing.T) {
	lostInEachWay(t, func(s *stage, lose func(*consumer)) {
		c := s.app("receiver").consumer("q", 1)
		o := s.app("sender").producer("q").send(text("x"))
		equal(s, "received", c.bodies(), "x")
		lose(c)
		failed(s, "what was sent on", o)
	})
}

func TestLostAtAnAddressThatSaysReleased(t *testing.T) {
	lostInEachWay(t, func(s *stage, lose func(*consumer)) {
		c := s.app("receiver").consumer("released", 1)
		o := s.app("sender").producer("released").send(text("x"))
		lose(c)
		ended(s, "what was sent on", o, wire.StateReleased)
	})
}

func TestLostForASenderThatDoesNotKnowModified(t *testing.T) {
	lostInEachWay(t, func(s *stage, lose func(*consumer)) {
		c := s.app("receiver").consumer("q", 1)
		p := s.app("sender").producerWith(meshtest.SenderOptions{Snd: wire.SndMixed, Target: meshtest.To("q"),
			Source: &wire.Source{Outcomes: []wire.Symbol{"amqp:accepted:list", "amqp:released:list"}}})
		o := p.send(text("x"))
		lose(c)
		ended(s, "what was sent on", o, wire.StateReleased)
	})
}

func TestLostHalfSent(t *testing.T) {
	lostInEachWay(t, func(s *stage, lose func(*consumer)) {
		c := s.app("receiver").consumer("q", 5)
		p := s.app("sender").producer("q")
		o := p.begin(long(200_000), 100_000)
		equal(s, "begun", len(c.got), 1)
		lose(c)
		other := s.app("other").consumer("q", 5)
		p.write(o, 200_000)
		failed(s, "what was half sent, once it has come whole", o)
		equal(s, "the rest of it at another", len(other.got), 0)
		after := p.send(text("after"))
		equal(s, "what follows", other.bodies(), "after")
		other.acceptAll()
		ended(s, "what follows", after, wire.StateAccepted)
		equal(s, "credit", p.credit(), capacity)
	})
}

func TestLostPresettled(t *testing.T) {
	lostInEachWay(t, func(s *stage, lose func(*consumer)) {
		c := s.app("receiver").consumer("q", 5)
		p := s.app("sender").producer("q")
		p.post(texts("a", "b")...)
		equal(s, "received", c.bodies(), "a b")
		lose(c)
		s.app("other").consumer("q", 5)
		equal(s, "credit is not lost with it", p.credit(), capacity)
	})
}

func TestLostByAReceiverThatWantsThemSettled(t *testing.T) {
	lostInEachWay(t, func(s *stage, lose func(*consumer)) {
		c := s.app("receiver").consumerWith(meshtest.ReceiverOptions{Source: meshtest.From("q"), Snd: wire.SndSettled, Credit: 5})
		p := s.app("sender").producer("q")
		whole := p.send(text("x"))
		ended(s, "what has left whole", whole, wire.StateAccepted)
		half := p.begin(long(200_000), 100_000)
		lose(c)
		p.write(half, half.Left())
		failed(s, "what has left half", half)
	})
}

func TestAnOutcomeThatWasHeardStandsWhenTheReceiverIsLost(t *testing.T) {
	for name, mode := range map[string]wire.ReceiverSettleMode{"first": wire.RcvFirst, "second": wire.RcvSecond} {
		t.Run(name, func(t *testing.T) {
			lostInEachWay(t, func(s *stage, lose func(*consumer)) {
				c := s.app("receiver").consumerWith(meshtest.ReceiverOptions{Source: meshtest.From("q"), Snd: wire.SndMixed, Rcv: wire.RcvSecond, Credit: 5})
				p := s.app("sender").producerWith(meshtest.SenderOptions{Snd: wire.SndMixed, Target: meshtest.To("q"), Rcv: mode})
				o := p.send(text("x"))
				c.app.do(func() { c.got[0].Settle(accepted, false) })
				equal(s, "heard", o.State.Kind, wire.StateAccepted)
				lose(c)
				equal(s, "heard after the loss", o.State.Kind, wire.StateAccepted)
				p.app.do(func() { o.Settle(accepted) })
				s.app("other").consumer("q", 1)
				equal(s, "credit", p.credit(), capacity)
			})
		})
	}
}

// gone is how a sender is lost.
var gone = map[string]func(*producer){
	"detached":      func(p *producer) { p.detach() },
	"session ended": func(p *producer) { p.app.do(func() { p.Session.End(nil) }) },
	"closed":        func(p *producer) { p.app.do(func() { p.app.Close(nil) }) },
	"killed":        func(p *producer) { p.app.kill() },
}

func goneInEachWay(t *testing.T, story func(s *stage, leave func(*producer))) {
	t.Helper()
	for name, leave := range gone {
		t.Run(name, func(t *testing.T) {
			play(t, nil, func(s *stage) { story(s, leave) })
		})
	}
}

// kept is how a sender goes that has what is not settled still, and will send it again.
var kept = map[string]func(*producer){
	"detached, not closed":  func(p *producer) { p.app.do(func() { p.Detach(false, nil) }) },
	"detached by a failure": func(p *producer) { p.app.do(func() { p.Detach(true, mishap) }) },
	"session failed":        func(p *producer) { p.app.do(func() { p.Session.End(mishap) }) },
	"connection failed":     func(p *producer) { p.app.do(func() { p.app.Close(mishap) }) },
	"killed":                func(p *producer) { p.app.kill() },
}

var mishap = &wire.Error{Condition: wire.CondInternalError}

// sendAndLeave has deliveries wait for a receiver without credit, has their sender go, and
// returns the receiver.
func sendAndLeave(s *stage, source *wire.Source, leave func(*producer)) *consumer {
	c := s.app("receiver").closed("q")
	p := s.app("sender").producerWith(meshtest.SenderOptions{Target: meshtest.To("q"), Source: source})
	p.send(texts("a", "b")...)
	p.post(texts("c", "d")...)
	p.send(long(150_000))
	p.post(text("e"))
	leave(p)
	c.grant(10)
	return c
}

func TestSenderLeavesInPeaceWhileItsDeliveriesWait(t *testing.T) {
	for name, leave := range gone {
		if name == "killed" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			play(t, nil, func(s *stage) {
				c := sendAndLeave(s, nil, leave)
				if len(c.got) != 6 {
					t.Fatalf("%d of 6 have come", len(c.got))
				}
				for i, want := range []string{"a", "b", "c", "d", "", "e"} {
					d := c.got[i]
					if got := textOf(d.bytes); want != "" && got != want || want == "" && len(d.bytes) < 150_000 {
						t.Errorf("delivery %d is %.20q, %d bytes", i, got, len(d.bytes))
					}
					equal(s, "complete", d.Complete, true)
					equal(s, "settled: nobody waits for its outcome", d.Settled || d.RemoteSettled, true)
				}
			})
		})
	}
}

func TestSenderIsLostWhileItsDeliveriesWait(t *testing.T) {
	for name, leave := range kept {
		t.Run(name, func(t *testing.T) {
			play(t, nil, func(s *stage) {
				equal(s, "only what was handed over for good", sendAndLeave(s, nil, leave).bodies(), "c d e")
			})
		})
	}
	t.Run("closed, and its source has them back", func(t *testing.T) {
		play(t, nil, func(s *stage) {
			source := &wire.Source{DefaultOutcome: wire.AppendState(nil, wire.Released)}
			equal(s, "only what was handed over for good", sendAndLeave(s, source, gone["detached"]).bodies(), "c d e")
		})
	})
	t.Run("closed, by a container", func(t *testing.T) {
		play(t, func(c *config.Config) { c.Listeners[0].Role = config.RoleRouteContainer }, func(s *stage) {
			equal(s, "only what was handed over for good", sendAndLeave(s, nil, gone["detached"]).bodies(), "c d e")
		})
	})
	t.Run("detached by the router, and it agrees", func(t *testing.T) {
		play(t, nil, func(s *stage) {
			leave := func(p *producer) {
				p.app.do(func() { p.app.sessions[0].AttachSender(meshtest.SenderOptions{Name: p.Name, Target: meshtest.To("q")}) })
			}
			equal(s, "only what was handed over for good", sendAndLeave(s, nil, leave).bodies(), "c d e")
		})
	})
}

func TestSenderGoneWhileItsDeliveryIsOut(t *testing.T) {
	goneInEachWay(t, func(s *stage, leave func(*producer)) {
		c := s.app("receiver").consumer("q", 5)
		p := s.app("sender").producer("q")
		p.send(texts("a", "b")...)
		leave(p)
		equal(s, "received", c.bodies(), "a b")
		for _, d := range c.got {
			equal(s, "settled towards the receiver", d.RemoteSettled, true)
		}
	})
}

func TestSenderGoneInTheMiddleOfALongMessage(t *testing.T) {
	goneInEachWay(t, func(s *stage, leave func(*producer)) {
		c := s.app("receiver").consumer("q", 5)
		p := s.app("sender").producer("q")
		p.begin(long(200_000), 100_000)
		equal(s, "begun", len(c.got), 1)
		leave(p)
		equal(s, "aborted", c.got[0].Aborted, true)
		s.app("other").producer("q").post(text("next"))
		equal(s, "the link is free", textOf(c.got[len(c.got)-1].bytes), "next")
	})
}

func TestSenderBreaksOffALongMessage(t *testing.T) {
	play(t, nil, func(s *stage) {
		a := s.app("receiver")
		session := a.begin(meshtest.SessionOptions{Window: 4, KeepWindow: true})
		c := a.consumer("q", 5)
		p := s.app("sender").producer("q")
		o := p.begin(long(200_000), 100_000)
		equal(s, "begun", len(c.got), 1)
		p.app.do(o.Abort)
		p.post(text("next"))
		equal(s, "no window to say so", c.got[0].Aborted, false)
		a.do(func() { session.Grant(10) })
		equal(s, "aborted", c.got[0].Aborted, true)
		equal(s, "the consumer keeps its link", c.Live(), true)
		equal(s, "what follows", textOf(c.got[len(c.got)-1].bytes), "next")
	})
}
