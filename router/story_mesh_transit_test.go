package router_test

import (
	"testing"
	"time"

	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/internal/wire"
)

// Stories of routers in between.

// A loses B, and goes the other way in that very moment: nothing has to be waited for that may
// have changed, too.
func TestMeshALossIsRoutedAroundAtOnce(t *testing.T) {
	playMesh(t, "A-B B-C A-D:5 C-D:5", nil, func(s *meshStage) {
		s.advance(5 * time.Second)
		s.cut("A", "B")
		s.advance(time.Millisecond)
		equal(s.stage, "the way from A to C costs", s.cost("A", "C"), 10)
	})
}

// Messages fill the way from A to B, and A loses C: B hears of that before most of what A
// has to send.
func TestMeshNewsOfALossOvertakesMessages(t *testing.T) {
	playMesh(t, "A-B A-C", nil, func(s *meshStage) {
		c := s.at("B", "receiver").consumer("q", 1000)
		s.known()
		p := s.at("A", "sender").producer("q")
		s.advance(3 * time.Second)
		s.routers["A"].FreezeGossip()
		s.net.Between("A", "B").Set(meshtest.Line{Rate: 400_000, Buffer: 2000}, meshtest.Line{})
		for range 200 {
			p.send(long(10_000)) // five seconds of them
		}
		s.cut("A", "C")
		for s.routers["B"].Topology().Len() == 3 && c.count() < 200 {
			s.advance(25 * time.Millisecond)
		}
		if n := c.count(); n > 25 { // 192 KiB may be in the output buffer already
			t.Errorf("B knew after %d messages", n)
		}
		s.advance(10 * time.Second)
		c.acceptAll()
	})
}

// Messages of a low priority fill the way from A over B to C. One of a high priority needs no
// window that those have used up.
func TestMeshAHighPriorityOvertakesInTransit(t *testing.T) {
	playMesh(t, "A-B B-C", nil, func(s *meshStage) {
		c := s.at("C", "receiver").consumer("multicast.q", 10_000)
		s.known()
		p := s.at("A", "sender").producer("multicast.q")
		slow := meshtest.Line{Rate: 200_000, Buffer: 2000}
		s.net.Between("B", "C").Set(slow, slow)
		low := wire.AppendData((&wire.Header{Priority: wire.Some(uint8(0))}).Append(nil), make([]byte, 20_000))
		for range 400 {
			p.post(low)
		}
		s.advance(2 * time.Second)
		before := c.count()
		s.at("A", "another").producer("multicast.q").post(urgent(9, "high"))
		s.advance(2 * time.Second)
		s.net.Between("B", "C").Set(meshtest.Line{}, meshtest.Line{})
		s.advance(2 * time.Second)
		for i, d := range c.got[before:] {
			if textOf(d.bytes) == "high" {
				if i > 10 {
					t.Errorf("%d messages of a low priority came before it", i)
				}
				return
			}
		}
		t.Errorf("it did not come, and %d others did", c.count()-before)
	})
}

// B has a message for C when it loses C. The only other way leads back to A, from where the
// message came: it is released there, for its sender to try again.
func TestMeshAMessageDoesNotGoBackWhereItCameFrom(t *testing.T) {
	playMesh(t, "A-B B-C A-D:5 C-D:5", nil, func(s *meshStage) {
		c := s.at("C", "receiver").consumer("q", 10)
		s.known()
		p := s.at("A", "sender").producer("q")
		far := meshtest.Line{Delay: 100 * time.Millisecond}
		s.net.Between("A", "B").Set(far, far)
		s.advance(time.Second)
		o := p.send(text("x"))
		s.advance(50 * time.Millisecond)
		s.cut("B", "C")
		s.advance(time.Second)
		ended(s.stage, "what was on its way to B", o, wire.StateReleased)
		equal(s.stage, "came", c.bodies(), "")
		o = p.send(text("again"))
		s.advance(time.Second)
		equal(s.stage, "came", c.bodies(), "again")
		c.acceptAll()
		s.advance(time.Second)
		ended(s.stage, "what was sent again", o, wire.StateAccepted)
	})
}

// C takes what B sends so slowly that for seconds nothing leaves: what waits there for it, and
// came by the mesh, is released, since two such neighbours may be waiting for each other.
func TestMeshWhatMakesNoProgressInTransitIsReleased(t *testing.T) {
	playMesh(t, "A-B B-C", nil, func(s *meshStage) {
		s.at("C", "receiver").consumer("q", 100)
		s.known()
		p := s.at("A", "sender").producer("q")
		s.net.Between("B", "C").Set(meshtest.Line{Rate: 5000, Buffer: 2000}, meshtest.Line{})
		var list []*meshtest.Out
		for range 12 {
			list = append(list, p.send(long(60_000)))
		}
		s.advance(8 * time.Second)
		released := 0
		for _, o := range list {
			if o.RemoteSettled {
				ended(s.stage, "one of them", o, wire.StateReleased)
				released++
			}
		}
		if released < 5 {
			t.Errorf("%d of %d were released", released, len(list))
		}
		s.cut("B", "C")
		s.advance(3 * time.Second)
		equal(s.stage, "unsettled", p.Unsettled(), 0)
	})
}
