package router_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/internal/wire"
)

// Credit, and what waits, when consumers are at other routers.

func TestMeshNoCreditWithoutConsumerCreditAnywhere(t *testing.T) {
	playMesh(t, "A-B B-C", nil, func(s *meshStage) {
		p := s.at("A", "sender").producer("q")
		equal(s.stage, "nobody there", p.credit(), 0)
		c := s.at("C", "receiver").consumer("q", 0)
		s.known()
		equal(s.stage, "a consumer that takes nothing", p.credit(), 0)
		c.grant(1)
		s.known()
		equal(s.stage, "a consumer that takes one", p.credit(), capacity)
		c.grant(0)
		s.advance(4 * time.Second)
		equal(s.stage, "closed for seconds", p.credit(), 0)
	})
}

func TestMeshConsumerComesAndGoes(t *testing.T) {
	playMesh(t, "A-B B-C", nil, func(s *meshStage) {
		p := s.at("A", "sender").producer("q")
		for range 3 {
			c := s.at("C", "receiver").consumer("q", 10)
			s.known()
			equal(s.stage, "credit while it is there", p.credit(), capacity)
			o := p.send(text("x"))
			c.acceptAll()
			ended(s.stage, "the delivery", o, wire.StateAccepted)
			c.detach()
			s.known()
			equal(s.stage, "credit when it is gone", p.credit(), 0)
		}
	})
}

func TestMeshWhatWaitsAtAnEgressMovesOnceWhenItsConsumerLeaves(t *testing.T) {
	playMesh(t, "A-B B-C B-D", nil, func(s *meshStage) {
		c := s.at("C", "first").consumer("q", 1)
		s.known()
		p := s.at("A", "sender").producer("q")
		sent := p.send(text("1"))
		waits := p.send(text("2"))
		p.post(text("3"))
		d := s.at("D", "second").consumer("q", 10)
		s.known()
		equal(s.stage, "what waits at an egress stays there", d.count(), 0)
		c.detach()
		s.known()
		failed(s.stage, "what was sent on", sent)
		equal(s.stage, "moved", d.bodies(), "2 3")
		equal(s.stage, "the presettled one comes settled", d.got[1].Settled, true)
		d.acceptAll()
		ended(s.stage, "what moved", waits, wire.StateAccepted)
	})
}

func TestMeshWhatHasMovedOnceIsReleased(t *testing.T) {
	playMesh(t, "A-B B-C B-D", nil, func(s *meshStage) {
		c := s.at("C", "first").consumer("q", 1)
		s.known()
		p := s.at("A", "sender").producer("q")
		p.send(text("1"))
		waits := p.send(text("2"))
		d := s.at("D", "second").consumer("q", 1)
		s.known()
		p2 := s.at("D", "other").producer("q")
		p2.send(text("fills"))
		c.detach()
		s.known()
		equal(s.stage, "still waits", waits.RemoteSettled, false)
		s.at("C", "third").consumer("q", 10)
		s.known()
		d.detach()
		s.known()
		ended(s.stage, "what waited a second time", waits, wire.StateReleased)
	})
}

func TestMeshWhatWaitsAtTheIngressGoesToAConsumerThatAppears(t *testing.T) {
	playMesh(t, "A-B B-C", nil, func(s *meshStage) {
		here := s.at("A", "here").consumer("q", 1)
		s.known()
		p := s.at("A", "sender").producer("q")
		p.send(texts("1", "2", "3")...)
		equal(s.stage, "here", here.bodies(), "1")
		far := s.at("C", "far").consumer("q", 10)
		s.known()
		equal(s.stage, "far", far.bodies(), "2 3")
	})
}

func TestMeshWindowsBoundWhatWaitsAtAnEgress(t *testing.T) {
	playMesh(t, "A-B", nil, func(s *meshStage) {
		c := s.at("B", "receiver").consumer("q", 1)
		s.known()
		p := s.at("A", "sender").producer("q")
		p.send(text("0"))
		s.advance(3 * time.Second)       // a window has been granted
		p.send(counted(capacity - 1)...) // far more than it
		d := s.at("A", "other").consumer("q", 200)
		s.known()
		if n := d.count(); n < 200-64 {
			t.Errorf("%d went to the consumer here, which takes 200: too many wait at the egress", n)
		}
		c.grant(1000)
		s.known()
		equal(s.stage, "came in all", c.count()+d.count(), capacity)
	})
}

func TestMeshManySendersAndOneSlowConsumer(t *testing.T) {
	playMesh(t, "A-C B-C", nil, func(s *meshStage) {
		c := s.at("C", "receiver").consumer("q", 1)
		s.known()
		var list []*producer
		for _, id := range []string{"A", "B", "A", "B"} {
			p := s.at(id, "sender-at-"+id).producer("q")
			p.send(counted(50)...)
			list = append(list, p)
		}
		for range 200 {
			c.acceptAll()
			c.grant(1)
		}
		equal(s.stage, "came", c.count(), 200)
		c.acceptAll()
		for _, p := range list {
			equal(s.stage, "unsettled", p.Unsettled(), 0)
		}
	})
}

func TestMeshPrioritiesOvertakeWhereTheyWait(t *testing.T) {
	playPair(t, "q", 1, func(s *meshStage, p *producer, c *consumer) {
		p.send(text("first"), urgent(0, "low"), text("usual"), urgent(9, "high"))
		c.grant(10)
		s.advance(100 * time.Millisecond)
		equal(s.stage, "came", c.bodies(), "first high usual low")
	})
}

// pressing makes an address with a priority of its own, which goes before the messages'.
func pressing(c *config.Config) {
	nine := uint8(9)
	c.Addresses = append(c.Addresses, config.Address{Prefix: "pressing", Distribution: config.Balanced, Priority: &nine})
}

func TestMeshAddressWithAPriorityOfItsOwn(t *testing.T) {
	playMesh(t, "A-B", pressing, func(s *meshStage) {
		c := s.at("B", "receiver").consumer("pressing.q", 1)
		s.known()
		p := s.at("A", "sender").producer("pressing.q")
		p.send(text("1"), urgent(0, "2"), urgent(9, "3"))
		c.grant(10)
		equal(s.stage, "came", c.bodies(), "1 2 3")
	})
}

func TestMeshAddressWithAPriorityOfItsOwnInFrontOfASlowNeighbour(t *testing.T) {
	playMesh(t, "A-B", pressing, func(s *meshStage) {
		c := s.at("B", "receiver").consumer("pressing.q", 1000)
		s.known()
		p := s.at("A", "sender").producer("pressing.q")
		s.advance(3 * time.Second)
		s.net.Between("A", "B").Set(meshtest.Line{Rate: 100_000, Buffer: 2000}, meshtest.Line{})
		p.send(long(200_000))
		for i := range 30 {
			p.send(urgent(uint8(i%10), fmt.Sprint(i)))
		}
		s.advance(10 * time.Second)
		equal(s.stage, "came", c.count(), 31)
		for i, d := range c.got[1:] {
			equal(s.stage, "number", textOf(d.bytes), fmt.Sprint(i))
		}
	})
}

func TestMeshOrderOfOneLink(t *testing.T) {
	for _, drawing := range []string{"A-B B-C", "A-B A-C B-D C-D"} { // the latter has two ways that cost the same
		t.Run(drawing, func(t *testing.T) {
			playMesh(t, drawing, nil, func(s *meshStage) {
				to := "C"
				if s.routers["D"] != nil {
					to = "D"
				}
				c := s.at(to, "receiver").consumer("q", 2000)
				s.known()
				p := s.at("A", "sender").producer("q")
				var list [][]byte
				for i, b := range counted(200) {
					switch i % 10 {
					case 3:
						b = long(i * 500)
					case 6:
						b = long(40_000)
					}
					list = append(list, b)
				}
				p.send(list...)
				s.known()
				equal(s.stage, "came", c.count(), len(list))
				for i, d := range c.got {
					if textOf(d.bytes) != textOf(list[i]) {
						t.Fatalf("the %dth is not the %dth that was sent, it has %d bytes", i, i, len(d.bytes))
					}
				}
				c.acceptAll()
			})
		})
	}
}
