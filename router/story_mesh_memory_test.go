package router_test

import (
	"testing"
	"time"
)

// What waits in the routers of a mesh is bounded, whatever is sent.

// Nobody grants a window for a multicast: what waits for a slow neighbour of a router in
// between narrows the window of the one that it came from.
func TestMeshMulticastThatWaitsInTransitHoldsItsSender(t *testing.T) {
	playMesh(t, "A-B B-C A-D", nil, func(s *meshStage) {
		s.at("C", "receiver").consumer("multicast.q", 10_000)
		s.known()
		p := s.at("A", "sender").producer("multicast.q")
		s.narrow("B", "C")
		payload := long(60_000)
		for range 1000 {
			p.post(payload)
		}
		s.advance(time.Millisecond)
		for id, r := range s.routers {
			// A window is in frames, 256 of them to begin with.
			if held := r.Held(); held > 300*int64(len(payload)) {
				t.Errorf("%d bytes wait at %s", held, id)
			}
		}
		s.cut("B", "C")
		s.advance(3 * time.Second)
	})
}
