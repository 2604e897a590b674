package router_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/internal/wire"
)

// Stories of how routed links end: by one of the two ends, or by what lies between them.

var why = &wire.Error{Condition: "test:why", Description: "because"}

func TestADetachGoesThroughAsItIs(t *testing.T) {
	for _, closed := range []bool{true, false} {
		for _, from := range []string{"client", "container"} {
			line(t, func(s *meshStage, b *broker) {
				app := s.at("A", "app")
				p, c := app.producer("tx/q"), app.consumer("tx/q", 1)
				s.settleDown()
				if from == "client" {
					app.do(func() { p.Detach(closed, why); c.Detach(closed, why) })
					s.settleDown()
					equal(s.stage, "receiver at the container closed", b.in[0].Closed, closed)
					equal(s.stage, "sender at the container closed", b.out[0].Closed, closed)
					sameError(s, "receiver at the container", b.in[0].end, why.Condition)
					sameError(s, "sender at the container", b.out[0].end, why.Condition)
				} else {
					b.app.do(func() { b.in[0].Detach(closed, why); b.out[0].Detach(closed, why) })
					s.settleDown()
					equal(s.stage, "the client's sender closed", p.Closed, closed)
					equal(s.stage, "the client's receiver closed", c.Closed, closed)
					sameError(s, "the client's sender", p.end, why.Condition)
					sameError(s, "the client's receiver", c.end, why.Condition)
				}
				for _, gone := range []bool{p.Gone(), c.Gone(), b.in[0].Gone(), b.out[0].Gone()} {
					equal(s.stage, "over on both sides", gone, true)
				}
				again := app.producer("tx/q")
				s.settleDown()
				equal(s.stage, "the session goes on", again.Live(), true)
				equal(s.stage, "by the same session of the container", b.on[2], b.on[0])
			})
		}
	}
}

// A receiver is told that what it has of a message is all that comes, before the detach.
func TestADetachAmidAMessageAbortsIt(t *testing.T) {
	line(t, func(s *meshStage, b *broker) {
		app := s.at("A", "app")
		p := app.producer("tx/q")
		s.settleDown()
		app.do(func() { p.Start(&meshtest.Out{Payload: make([]byte, 1000)}).Write(400) })
		s.settleDown()
		equal(s.stage, "bytes at the container", b.in[0].got[0].Size, 400)
		app.do(func() { p.Detach(true, nil) })
		s.settleDown()
		equal(s.stage, "aborted", b.in[0].got[0].Aborted, true)
		equal(s.stage, "detached", b.in[0].Closed, true)
	})
}

func sameError(s *meshStage, what string, got *wire.Error, want wire.Symbol) {
	s.t.Helper()
	if got == nil || got.Condition != want {
		s.t.Errorf("%s: ended with %v, want %s", what, got, want)
	}
}

func TestARefusedAttachIsRefusedByTheContainer(t *testing.T) {
	line(t, func(s *meshStage, b *broker) {
		b.refuse = why
		app := s.at("A", "app")
		p, c := app.producer("tx/q"), app.consumer("tx/q", 1)
		s.settleDown()
		sameError(s, "the sender", p.end, why.Condition)
		sameError(s, "the receiver", c.end, why.Condition)
		equal(s.stage, "no target", p.Answer.Target == nil, true)
		equal(s.stage, "no source", c.Answer.Source == nil, true)
	})
}

func TestEndMapsToEnd(t *testing.T) {
	line(t, func(s *meshStage, b *broker) {
		app := s.at("A", "app")
		var ended *wire.Error
		first := app.sessions[0]
		app.producer("tx/q")
		second := app.begin(meshtest.SessionOptions{OnEnd: func(e *wire.Error) { ended = e }})
		p, c := app.producer("tx/q"), app.consumer("tx/q", 1)
		s.settleDown()
		if b.on[0] == b.on[1] || b.on[1] != b.on[2] {
			t.Fatal("each session of the client has one at the container")
		}
		app.do(func() { first.End(why) })
		s.settleDown()
		equal(s.stage, "sessions ended at the container", len(b.ended), 1)
		sameError(s, "the session at the container", b.ended[0], why.Condition)
		b.app.do(func() { b.on[1].End(why) })
		s.settleDown()
		sameError(s, "the client's session", ended, why.Condition)
		equal(s.stage, "usable", second.Usable(), false)
		equal(s.stage, "links are over", p.Gone() && c.Gone(), true)
	})
}

func TestAnEndOfTheContainerSparesTheClientsOtherLinks(t *testing.T) {
	line(t, func(s *meshStage, b *broker) {
		app := s.at("A", "app")
		routed, other := app.producer("tx/q"), app.producer("q")
		s.settleDown()
		b.app.do(func() { b.on[0].End(why) })
		s.settleDown()
		sameError(s, "the routed link", routed.end, why.Condition)
		equal(s.stage, "the other link lives", other.Live(), true)
		again := app.producer("tx/q")
		s.settleDown()
		equal(s.stage, "attached anew", again.Live(), true)
	})
}

func TestWithoutAContainerAnAttachIsRefused(t *testing.T) {
	line(t, func(s *meshStage, b *broker) {
		b.kill()
		s.advance(time.Second)
		for _, at := range []string{"A", "C"} {
			p := s.at(at, "app at "+at).producer("tx/q")
			s.settleDown()
			equal(s.stage, "answered", p.Answer != nil, true)
			sameError(s, "at "+at, p.end, "qd:no-route-to-dest")
			if p.end != nil {
				equal(s.stage, "in words that scripts know", p.end.Description, "No route to the destination node")
			}
		}
		back := s.broker("C", "broker")
		s.advance(time.Second)
		p := s.at("A", "later").producer("tx/q")
		s.settleDown()
		equal(s.stage, "attached once it is back", p.Live(), true)
		equal(s.stage, "links", len(back.in), 1)
	})
}

func TestAnAttachIsAnsweredThoughTheContainerSaysNothing(t *testing.T) {
	line(t, func(s *meshStage, b *broker) {
		b.stall(true)
		app := s.at("A", "app")
		p, c := app.producer("tx/q"), app.consumer("tx/q", 1)
		s.advance(9 * time.Second)
		equal(s.stage, "answered early", p.Answer == nil && c.Answer == nil, true)
		s.advance(2 * time.Second)
		sameError(s, "the sender", p.end, "qd:routed-link-lost")
		sameError(s, "the receiver", c.end, "qd:routed-link-lost")
		b.stall(false) // it answers after all, and nobody gets out of step
		s.settleDown()
		// The second waited for the answer to begin.
		equal(s.stage, "attached at the container", len(b.asked), 1)
		equal(s.stage, "and detached there", b.in[0].Gone(), true)
		again := app.producer("tx/q")
		s.settleDown()
		equal(s.stage, "the next attach", again.Live(), true)
	})
}

func TestAnAnswerThatComesAsItsTimeIsUpStands(t *testing.T) {
	line(t, func(s *meshStage, b *broker) {
		p := s.at("A", "app").producer("tx/q")
		s.settleDown()
		timesOut := func() {
			for _, r := range s.routers {
				r.AttachesTimeOut()
			}
			s.settleDown()
		}
		timesOut()
		equal(s.stage, "attached", p.Live(), true)
		b.stall(true)
		p.detach()
		s.settleDown()
		timesOut()
		equal(s.stage, "gone before the container has answered", p.Gone(), false)
		b.stall(false)
		s.settleDown()
		equal(s.stage, "gone", p.Gone(), true)
		equal(s.stage, "usable", p.Session.Usable(), true)
	})
}

func TestADetachIsAnsweredThoughTheContainerSaysNothing(t *testing.T) {
	line(t, func(s *meshStage, b *broker) {
		p := s.at("A", "app").producer("tx/q")
		s.settleDown()
		b.stall(true)
		p.detach()
		s.advance(4 * time.Second)
		equal(s.stage, "gone early", p.Gone(), false)
		s.advance(2 * time.Second)
		equal(s.stage, "gone", p.Gone(), true)
		b.stall(false)
	})
}

func TestALostPathDetachesBothEnds(t *testing.T) {
	for _, lost := range []string{"client", "broker", "broker, which says why", "A-B", "B-C", "B"} {
		t.Run(lost, func(t *testing.T) {
			line(t, func(s *meshStage, b *broker) {
				app := s.at("A", "app")
				p, c := app.producer("tx/q"), app.consumer("tx/q", 10)
				s.settleDown()
				p.send(text("unsettled"))
				b.app.do(func() { b.out[0].Send(&meshtest.Out{Payload: text("unsettled")}) })
				s.settleDown()
				switch lost {
				case "client":
					app.kill()
				case "broker":
					b.kill()
				case "broker, which says why":
					b.app.do(func() { b.Close(why) })
				case "B":
					s.net.Between("A", "B").Cut()
					s.net.Between("B", "C").Cut()
				default:
					s.net.Between(lost[:1], lost[2:]).Cut()
				}
				s.settleDown()
				if lost != "client" {
					sameError(s, "the client's sender", p.end, "qd:routed-link-lost")
					sameError(s, "the client's receiver", c.end, "qd:routed-link-lost")
					equal(s.stage, "closed", p.Closed && c.Closed, true)
				}
				atBroker := strings.HasPrefix(lost, "broker")
				if !atBroker {
					sameError(s, "the receiver at the container", b.in[0].end, "qd:routed-link-lost")
					sameError(s, "the sender at the container", b.out[0].end, "qd:routed-link-lost")
					equal(s.stage, "closed, which would end what is durable", b.in[0].Closed || b.out[0].Closed, false)
				}
				for _, path := range [][2]string{{"A", "B"}, {"B", "C"}} {
					s.net.Between(path[0], path[1]).Heal()
				}
				if atBroker {
					b = s.broker("C", "broker")
				}
				s.advance(5 * time.Second)
				again := s.at("A", "later").producer("tx/q")
				s.settleDown()
				equal(s.stage, "attached again", again.Live(), true)
				equal(s.stage, "at the container", len(b.in) > 0 && b.in[len(b.in)-1].Live(), true)
			})
		})
	}
}

func TestASecondLinkOfTheSameNameTakesTheFirstOver(t *testing.T) {
	line(t, func(s *meshStage, b *broker) {
		named := meshtest.ReceiverOptions{Name: "subscription", Source: meshtest.From("tx/topic"), Snd: wire.SndMixed, Credit: 1}
		first := s.at("A", "device").consumerWith(named)
		s.settleDown()
		second := s.at("B", "device").consumerWith(named)
		s.settleDown()
		sameError(s, "the first", first.end, wire.CondStolen)
		equal(s.stage, "closed at the container", b.out[0].Closed, false)
		equal(s.stage, "the second", second.Live(), true)
		equal(s.stage, "its name", b.asked[1].Name, "device/subscription")
		b.app.do(func() { b.out[1].Send(&meshtest.Out{Payload: text("m"), Settled: true}) })
		s.settleDown()
		equal(s.stage, "received", second.bodies(), "m")
	})
}

func TestShutdownEndsRoutedLinksWithAReason(t *testing.T) {
	for _, id := range []string{"A", "B", "C"} {
		t.Run(id, func(t *testing.T) {
			line(t, func(s *meshStage, b *broker) {
				app := s.at("A", "app")
				p, c := app.producer("tx/q"), app.consumer("tx/q", 10)
				s.settleDown()
				b.app.do(func() { b.out[0].Send(&meshtest.Out{Payload: text("kept unsettled")}) })
				o := p.send(text("settled in time"))
				s.settleDown()
				done := make(chan error, 1)
				go func() { done <- s.routers[id].Shutdown(context.Background()) }()
				s.settleDown()
				late := app.producer("tx/q")
				s.settleDown()
				condition := wire.Symbol(wire.CondConnectionForced)
				if id == "C" {
					condition = "qd:no-route-to-dest" // A has heard that no way leads there
				}
				sameError(s, "one that is attached meanwhile", late.end, condition)
				b.settleIn(0)
				s.advance(20 * time.Second)
				if err := <-done; err != nil {
					t.Errorf("shutdown: %v", err)
				}
				ended(s.stage, "the message", o, wire.StateAccepted)
				sameError(s, "the sender", p.end, wire.CondConnectionForced)
				sameError(s, "the receiver", c.end, wire.CondConnectionForced)
				sameError(s, "at the container", b.in[0].end, wire.CondConnectionForced)
				equal(s.stage, "senders that came to the container", len(b.in), 1)
			})
		})
	}
}

// settleIn accepts a delivery that came to the container by its first link.
func (b *broker) settleIn(i int) { b.app.do(func() { b.in[0].got[i].Settle(accepted, true) }) }
