package router_test

import (
	"testing"
	"time"
)

// An egress cannot be reached any more: what is on its way there holds no credit of its
// sender, who has others to send to.
func TestMeshCreditComesBackWhenAnEgressCannotBeReached(t *testing.T) {
	for name, presettled := range map[string]bool{"presettled": true, "unsettled": false} {
		t.Run(name, func(t *testing.T) {
			playMesh(t, "A-B B-C A-D", nil, func(s *meshStage) {
				s.at("C", "receiver").consumer("q", 10)
				s.known()
				p := s.at("A", "sender").producer("q")
				s.advance(3 * time.Second)
				s.silence("B", "C")
				for range 20 {
					if presettled {
						p.post(text("x"))
					} else {
						p.send(text("x"))
					}
				}
				d := s.at("D", "another").consumer("q", 1000)
				s.advance(900 * time.Millisecond) // C is suspect, and what was sent is let be
				d.acceptAll()
				equal(s.stage, "credit", p.credit(), capacity)
				s.advance(3 * time.Second)
				d.acceptAll()
				equal(s.stage, "credit in the end", p.credit(), capacity)
			})
		})
	}
}
