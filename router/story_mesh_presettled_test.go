package router_test

import (
	"testing"
	"time"

	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/internal/wire"
)

// What was presettled, or settled early, holds its sender's credit until it leaves the mesh:
// once.

// What its sender has settled while it waited has given back its credit: losing its path
// does not give it back again.
func TestMeshPathIsLostUnderWhatItsSenderSettledWhileItWaited(t *testing.T) {
	playMesh(t, square, nil, func(s *meshStage) {
		c := s.at("C", "receiver").consumer("q", 1)
		s.known()
		p := s.at("A", "sender").producer("q")
		s.advance(3 * time.Second) // a window has been granted
		var sent []*meshtest.Out
		for range 20 {
			sent = append(sent, p.send(text("x")))
		}
		p.app.do(func() {
			for _, o := range sent[10:] {
				o.Settle(wire.DeliveryState{})
			}
		})
		equal(s.stage, "credit", p.credit(), capacity-10)
		c.acceptAll()
		c.grant(5)
		c.acceptAll()
		s.known()
		s.silence("B", "C")
		s.advance(800 * time.Millisecond) // it is suspect
		if n := p.credit(); n > capacity {
			t.Errorf("credit is %d, of %d", n, capacity)
		}
		s.advance(3 * time.Second)
		c.grant(100)
		s.known()
		c.acceptAll()
		s.known()
		equal(s.stage, "credit", p.credit(), capacity)
	})
}

// Presettled messages wait for a slow neighbour when the way behind it is lost, and again
// when it is lost itself.
func TestMeshPathIsLostUnderPresettledThatWaitForANeighbour(t *testing.T) {
	playMesh(t, "A-B B-C B-D:5 C-D:5 A-D:50", nil, func(s *meshStage) {
		c := s.at("C", "receiver").consumer("q", 1000)
		s.known()
		p := s.at("A", "sender").producer("q")
		s.advance(3 * time.Second)
		s.net.Between("A", "B").Set(meshtest.Line{Rate: 1000, Buffer: 2000}, meshtest.Line{})
		for range 220 {
			p.post(long(2_000))
		}
		s.cut("B", "C")
		s.advance(200 * time.Millisecond)
		s.cut("A", "B")
		s.advance(2 * time.Second)
		if c.count() == 0 {
			t.Error("nothing came the other way")
		}
		equal(s.stage, "credit", p.credit(), capacity)
	})
}
