package router_test

import (
	"testing"
	"time"

	"github.com/meshway/meshway/internal/meshtest"
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

// A router has little memory left: those whose consumers are behind are granted no more
// than one message at a time, those whose consumers keep up go on.
func TestMeshGrantsLittleToThoseWhoseConsumersAreBehindWhenMemoryIsShort(t *testing.T) {
	playMesh(t, "A-B", nil, func(s *meshStage) {
		slow := s.at("B", "slow")
		narrow := slow.begin(meshtest.SessionOptions{Window: 5, KeepWindow: true})
		behind := slow.consumer("behind", 1000)
		ahead := s.at("B", "quick").consumer("ahead", 1000)
		s.known()
		p, q := s.at("A", "sender").producer("behind"), s.at("A", "another").producer("ahead")
		s.advance(3 * time.Second)
		window := func(what, addr string, want int32) {
			s.t.Helper()
			if got, _ := s.routers["A"].Window(addr, "B"); got != want {
				s.t.Errorf("%s, %s: the window is %d, want %d", addr, what, got, want)
			}
		}
		p.send(counted(50)...)
		q.send(counted(50)...)
		s.routers["B"].Hold(600 << 20)
		s.known()
		window("memory is short", "behind", 1)
		window("memory is short", "ahead", 1000)
		s.routers["B"].Hold(-600 << 20)
		s.known()
		window("there is memory again", "behind", 1000)
		s.advance(time.Second)
		slow.do(func() { narrow.Grant(1000) })
		s.known()
		equal(s.stage, "came", behind.count()+ahead.count(), 100)
		behind.acceptAll()
		ahead.acceptAll()
	})
}
