package router_test

import (
	"testing"
	"time"

	"github.com/meshway/meshway/internal/meshtest"
)

// What the router holds for a reader that takes nothing is bounded by the window of the session that
// it comes by, also when that has carried small messages, of which very many may come at a time.

func TestALongMessageBehindSmallOnesHoldsNoMoreThanTheCreditInFrames(t *testing.T) {
	const frame = 16 << 10
	for name, tt := range map[string]struct{ small, links, frames int }{
		"a new session":             {0, 1, 256},
		"one link":                  {100, 1, capacity + 16},
		"a session with many links": {10, 30, 1024},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, nil, func(s *stage) {
				a := s.app("receiver")
				a.wire.Set(meshtest.Line{}, meshtest.Line{Buffer: 16 << 10})
				c := a.consumer("q", 6000)
				sender := s.app("sender")
				var links []*producer
				for range tt.links {
					links = append(links, sender.producer("q"))
				}
				for range tt.small {
					for _, p := range links {
						p.post(series("x", 50)...)
					}
					c.acceptAll()
					c.grant(6000)
				}
				for _, p := range links {
					equal(s, "credit", p.credit(), capacity)
				}
				a.stall(true)
				most := 1<<20 + tt.frames*frame
				o := links[0].send(long(most + 8<<20))
				if held := s.router.Held(); held > int64(most) {
					t.Errorf("%d bytes are held for a reader that takes nothing, %d may be", held, most)
				}
				a.stall(false)
				equal(s, "left", o.Left(), 0)
				equal(s, "held", s.router.Held(), 0)
			})
		})
	}
}

// Between routers small messages have sessions of their own, whose windows are as large as they need. Those
// that follow a long one of the same sender use its lane, which carries other long ones after that.
func TestMeshALongMessageOnALaneThatSmallOnesUsedIsHeldBack(t *testing.T) {
	const most = 1<<20 + 256*16<<10
	playMesh(t, "A-B", nil, func(s *meshStage) {
		c := s.at("B", "receiver").consumer("q", 10_000)
		s.known()
		p := s.at("A", "sender").producer("q")
		l := meshtest.Line{Rate: 1 << 20, Buffer: 64 << 10}
		s.net.Between("A", "B").Set(l, l)
		for range 20 {
			p.post(long(200_000))
			p.post(series("x", 240)...)
		}
		s.advance(20 * time.Second)
		equal(s.stage, "came", c.count(), 20*241)
		s.net.Between("A", "B").Set(meshtest.Line{}, meshtest.Line{})
		s.narrow("B", "receiver")
		c.app.stall(true)
		o := p.send(long(24 << 20))
		s.known()
		if held := s.routers["B"].Held(); held > most {
			t.Errorf("%d bytes are held for a reader that takes nothing, %d may be", held, most)
		}
		s.net.Between("B", "receiver").Set(meshtest.Line{}, meshtest.Line{})
		c.app.stall(false)
		s.advance(10 * time.Second)
		equal(s.stage, "left", o.Left(), 0)
	})
}
