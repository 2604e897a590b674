package router_test

import (
	"testing"
	"time"

	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/internal/wire"
)

// How deliveries that cross the mesh are settled.

// pair is a consumer at the far end of a line of three, and a producer at the near one.
func playPair(t *testing.T, address string, credit uint32, story func(s *meshStage, p *producer, c *consumer)) {
	t.Helper()
	playMesh(t, "A-B B-C", nil, func(s *meshStage) {
		c := s.at("C", "receiver").consumer(address, credit)
		s.known()
		story(s, s.at("A", "sender").producer(address), c)
	})
}

func TestMeshOutcomesTravelBackWithAllThatIsInThem(t *testing.T) {
	note := wire.Map{{Key: wire.Symbol("x-opt-why"), Value: "because"}, {Key: wire.Symbol("x-opt-n"), Value: int64(7)}}
	for name, state := range map[string]wire.DeliveryState{
		"accepted":                  accepted,
		"released":                  released,
		"rejected":                  wire.RejectedState(&wire.Error{Condition: "test:no", Description: "not this one"}),
		"modified":                  wire.ModifiedState(true, true, note),
		"modified, not undelivered": wire.ModifiedState(false, false, nil),
	} {
		t.Run(name, func(t *testing.T) {
			playPair(t, "q", 10, func(s *meshStage, p *producer, c *consumer) {
				o := p.send(text("x"))
				equal(s.stage, "settled by nobody", o.RemoteSettled, false)
				c.settle(0, state)
				ended(s.stage, "the delivery", o, state.Kind)
				if !o.State.Equal(state) {
					t.Errorf("got %s, want %s", show(o.State), show(state))
				}
			})
		})
	}
}

func TestMeshStatesThatAreNoOutcomeTravelBack(t *testing.T) {
	playPair(t, "q", 10, func(s *meshStage, p *producer, c *consumer) {
		o := p.send(text("x"))
		c.app.do(func() { c.got[0].Settle(wire.ReceivedState(0, 5), false) })
		equal(s.stage, "state", o.State.Kind, wire.StateReceived)
		equal(s.stage, "settled", o.RemoteSettled, false)
		c.settle(0, accepted)
		ended(s.stage, "the delivery", o, wire.StateAccepted)
	})
}

func TestMeshPresettledArrivesPresettled(t *testing.T) {
	playPair(t, "q", 100, func(s *meshStage, p *producer, c *consumer) {
		p.post(counted(30)...)
		equal(s.stage, "came", c.count(), 30)
		for _, d := range c.got {
			equal(s.stage, "settled", d.Settled, true)
		}
		equal(s.stage, "credit", p.credit(), capacity)
	})
}

func TestMeshPresettledToAReceiverThatWantsUnsettledOnly(t *testing.T) {
	playMesh(t, "A-B", nil, func(s *meshStage) {
		c := s.at("B", "receiver").consumerWith(meshtest.ReceiverOptions{Source: meshtest.From("q"), Snd: wire.SndUnsettled, Credit: 10})
		s.known()
		p := s.at("A", "sender").producer("q")
		p.post(text("1"), long(200_000))
		s.known()
		equal(s.stage, "credit", p.credit(), capacity)
		c.acceptAll()
	})
}

func TestMeshPresettledWaitsForCreditAndIsNotDropped(t *testing.T) {
	playPair(t, "q", 1, func(s *meshStage, p *producer, c *consumer) {
		p.post(counted(200)...)
		equal(s.stage, "came with credit for one", c.count(), 1)
		s.advance(500 * time.Millisecond)
		c.grant(1000)
		s.known()
		equal(s.stage, "came", c.count(), 200)
		equal(s.stage, "the first", textOf(c.got[0].bytes), "1")
		equal(s.stage, "the last", textOf(c.got[199].bytes), "200")
	})
}

func TestMeshThreeWaySettlement(t *testing.T) {
	playMesh(t, "A-B B-C", nil, func(s *meshStage) {
		c := s.at("C", "receiver").consumerWith(meshtest.ReceiverOptions{Source: meshtest.From("q"), Snd: wire.SndUnsettled, Rcv: wire.RcvSecond, Credit: 10})
		s.known()
		p := s.at("A", "sender").producerWith(meshtest.SenderOptions{Target: meshtest.To("q"), Snd: wire.SndUnsettled, Rcv: wire.RcvSecond})
		o := p.send(text("x"))
		c.app.do(func() { c.got[0].Settle(accepted, false) })
		equal(s.stage, "the sender heard", o.State.Kind, wire.StateAccepted)
		equal(s.stage, "settled towards the sender", o.RemoteSettled, false)
		equal(s.stage, "settled towards the receiver", c.got[0].RemoteSettled, false)
		p.app.do(func() { o.Settle(accepted) })
		equal(s.stage, "the receiver heard", c.got[0].RemoteSettled, true)
	})
}

func TestMeshSenderSettlesEarly(t *testing.T) {
	playPair(t, "q", 10, func(s *meshStage, p *producer, c *consumer) {
		o := p.send(text("x"))
		p.app.do(func() { o.Settle(wire.DeliveryState{}) })
		equal(s.stage, "the receiver heard", c.got[0].RemoteSettled, true)
		equal(s.stage, "credit", p.credit(), capacity)
	})
}

func TestMeshSenderSettlesWhatWaitsAtTheEgress(t *testing.T) {
	playPair(t, "q", 1, func(s *meshStage, p *producer, c *consumer) {
		p.send(text("1"))
		o := p.send(text("2"))
		p.app.do(func() { o.Settle(wire.DeliveryState{}) })
		c.grant(10)
		equal(s.stage, "came", c.bodies(), "1 2")
		equal(s.stage, "the second is settled", c.got[1].Settled, true)
		c.acceptAll()
		equal(s.stage, "credit", p.credit(), capacity)
	})
}

func TestMeshSenderSettlesWhatWaitsForANeighbour(t *testing.T) {
	for name, size := range map[string]int{"small": 2_000, "long": 100_000} {
		t.Run(name, func(t *testing.T) {
			playMesh(t, "A-B", nil, func(s *meshStage) {
				c := s.at("B", "receiver").consumerWith(meshtest.ReceiverOptions{Source: meshtest.From("q"), Snd: wire.SndMixed, Rcv: wire.RcvSecond, Credit: 1000})
				s.known()
				p := s.at("A", "sender").producer("q")
				s.advance(3 * time.Second)
				slow := meshtest.Line{Rate: 4000, Buffer: 2000} // and not so slow that the neighbour counts as dead
				s.net.Between("A", "B").Set(slow, slow)
				var list []*meshtest.Out
				p.app.do(func() {
					for range 150 {
						list = append(list, p.Send(&meshtest.Out{Payload: long(size), SettleAtEnd: size > 64<<10}))
					}
					for _, o := range list {
						o.Settle(wire.DeliveryState{})
					}
				})
				s.net.Between("A", "B").Set(meshtest.Line{}, meshtest.Line{})
				s.advance(time.Minute)
				c.app.do(func() {
					for _, d := range c.got {
						if !d.Settled && !d.RemoteSettled {
							d.Settle(accepted, false) // and waits for the sender
						}
					}
				})
				s.known()
				for i, d := range c.got {
					if !d.Settled && !d.RemoteSettled {
						t.Errorf("the %dth is not settled", i)
						break
					}
				}
				equal(s.stage, "came", c.count(), 150)
				equal(s.stage, "credit", p.credit(), capacity)
			})
		})
	}
}

func TestMeshReceiverThatWantsSettledOnly(t *testing.T) {
	playMesh(t, "A-B B-C", nil, func(s *meshStage) {
		c := s.at("C", "receiver").consumerWith(meshtest.ReceiverOptions{Source: meshtest.From("q"), Snd: wire.SndSettled, Credit: 10})
		s.known()
		p := s.at("A", "sender").producer("q")
		o := p.send(text("x"))
		equal(s.stage, "came", c.bodies(), "x")
		ended(s.stage, "the delivery", o, wire.StateAccepted)
	})
}

func TestMeshOutcomeThatTheSendersSourceDoesNotList(t *testing.T) {
	playMesh(t, "A-B", nil, func(s *meshStage) {
		c := s.at("B", "receiver").consumer("q", 10)
		s.known()
		p := s.at("A", "sender").producerWith(meshtest.SenderOptions{
			Target: meshtest.To("q"), Source: &wire.Source{Outcomes: []wire.Symbol{"amqp:accepted:list", "amqp:released:list", "amqp:rejected:list"}},
		})
		o := p.send(text("x"))
		c.settle(0, wire.ModifiedState(true, false, nil))
		ended(s.stage, "the delivery", o, wire.StateReleased)
	})
}

func TestMeshAbortedMessageIsAbortedAtItsReceiver(t *testing.T) {
	playPair(t, "q", 10, func(s *meshStage, p *producer, c *consumer) {
		o := p.begin(long(400_000), 200_000)
		s.advance(100 * time.Millisecond)
		if len(c.got) != 1 || c.got[0].Complete {
			t.Fatalf("the receiver has %d deliveries", len(c.got))
		}
		p.app.do(o.Abort)
		s.advance(100 * time.Millisecond)
		equal(s.stage, "aborted", c.got[0].Aborted, true)
		p.send(text("next"))
		equal(s.stage, "the next", textOf(c.got[1].bytes), "next")
	})
}

func TestMeshMessageThatIsAbortedBeforeItLeftIsNotSeen(t *testing.T) {
	playPair(t, "q", 10, func(s *meshStage, p *producer, c *consumer) {
		o := p.begin(long(60_000), 30_000)
		p.app.do(o.Abort)
		equal(s.stage, "deliveries", len(c.got), 0)
		p.send(text("next"))
		equal(s.stage, "the next", c.bodies(), "next")
	})
}

func TestMeshSenderIsLost(t *testing.T) {
	for name, lose := range gone {
		t.Run(name, func(t *testing.T) {
			playPair(t, "q", 2, func(s *meshStage, p *producer, c *consumer) {
				p.send(texts("1", "2", "waits")...)
				p.begin(long(300_000), 150_000)
				lose(p)
				s.advance(100 * time.Millisecond)
				equal(s.stage, "the first is settled", c.got[0].RemoteSettled, true)
				c.grant(10)
				s.known()
				// What waited at the egress had been sent on by its sender's router: it is settled.
				equal(s.stage, "came", c.bodies(), "1 2 waits")
				equal(s.stage, "what waited is settled", c.got[2].Settled, true)
			})
		})
	}
}

func TestMeshReceiverIsLost(t *testing.T) {
	for name, lose := range ways {
		t.Run(name, func(t *testing.T) {
			playPair(t, "q", 1, func(s *meshStage, p *producer, c *consumer) {
				sent := p.send(text("1"))
				waits := p.send(text("2"))
				lose(c)
				s.advance(100 * time.Millisecond)
				failed(s.stage, "what was sent on", sent)
				ended(s.stage, "what waited", waits, wire.StateReleased)
				s.advance(2 * time.Second)
				equal(s.stage, "credit", p.credit(), 0)
			})
		})
	}
}

func TestMeshReceiverIsLostWhereLossIsReleased(t *testing.T) {
	playPair(t, "released.q", 10, func(s *meshStage, p *producer, c *consumer) {
		o := p.send(text("1"))
		c.app.kill()
		s.advance(100 * time.Millisecond)
		ended(s.stage, "the delivery", o, wire.StateReleased)
	})
}

func TestMeshReceiverIsLostInTheMiddleOfALongMessage(t *testing.T) {
	for name, lose := range ways {
		t.Run(name, func(t *testing.T) {
			playPair(t, "q", 10, func(s *meshStage, p *producer, c *consumer) {
				o := p.begin(long(5_000_000), 2_000_000)
				s.advance(100 * time.Millisecond)
				lose(c)
				s.advance(100 * time.Millisecond)
				p.write(o, o.Left()) // and is thrown away
				s.advance(2 * time.Second)
				failed(s.stage, "the delivery", o)
			})
		})
	}
}
