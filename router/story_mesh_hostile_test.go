package router_test

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/internal/wire"
	"github.com/meshway/meshway/routing"
)

// What a neighbour or a client must not be able to do to a router of a mesh.

func TestMeshOutlivesANeighbourThatBreaksOffItsMessages(t *testing.T) {
	for _, target := range []string{"$meshway.control", "$meshway.class.4", "$meshway.lane"} {
		for name, settled := range map[string]bool{"settled": true, "unsettled": false} {
			t.Run(target+" "+name, func(t *testing.T) {
				playMesh(t, "A-B", nil, func(s *meshStage) {
					c, why := s.openAt("A", "X", neighbour(uint32(1), uint64(7), int32(1)), 0)
					var l *meshtest.Sender
					c.Do(func() {
						l = c.Begin(meshtest.SessionOptions{}).AttachSender(meshtest.SenderOptions{Target: meshtest.To(target)})
					})
					for range 3 {
						s.advance(100 * time.Millisecond)
						var o *meshtest.Out
						c.Do(func() {
							o = l.Start(&meshtest.Out{Payload: long(30_000), Settled: settled})
							o.Write(10_000)
						})
						s.advance(100 * time.Millisecond)
						c.Do(func() { o.Abort() })
					}
					s.advance(100 * time.Millisecond)
					equal(s.stage, "the connection ended", why(), "")
					s.stillWorks("A", "B")
					c.Kill()
					s.advance(time.Second)
				})
			})
		}
	}
}

func TestMeshRefusesAddressesThatDoNotFitInFrontOfAMessage(t *testing.T) {
	roomy := func(c *config.Config) { c.Listeners[0].MaxFrameSize = 256 << 10 }
	playMesh(t, "A-B", roomy, func(s *meshStage) {
		for _, n := range []int{5_000, 65_450, 66_000} {
			name := "_topo/0/B/" + strings.Repeat("x", n)
			a := s.at("A", "client")
			p := a.producer(name)
			if p.end == nil {
				t.Errorf("a sender to an address of %d bytes stands", n)
				p.send(text("x"))
			}
			o := a.producer("").send(addressed(name, "x"))
			ended(s.stage, "a message to it", o, wire.StateRejected)
			s.advance(100 * time.Millisecond)
		}
		s.stillWorks("A", "B")
	})
}

// A message claims to have come to its egress, for consumers at another router, by an
// address that does not fit in front of it.
func TestMeshEndsANeighbourWhoseAddressesAreTooLong(t *testing.T) {
	playMesh(t, "A-B", nil, func(s *meshStage) {
		c, why := s.openAt("A", "X", neighbour(uint32(1), uint64(7), int32(1)), 0)
		name := "_topo/0/B/" + strings.Repeat("x", 65_000)
		head := make([]byte, 28, 28+len(name))
		head[0], head[2] = 1, 9
		binary.BigEndian.PutUint16(head[4:], uint16(28+len(name)))
		binary.BigEndian.PutUint16(head[6:], uint16(len(name)))
		binary.BigEndian.PutUint64(head[20:], uint64(routing.KeyOf("A")))
		c.Do(func() {
			l := c.Begin(meshtest.SessionOptions{}).AttachSender(meshtest.SenderOptions{Target: meshtest.To("$meshway.class.4")})
			l.Send(&meshtest.Out{Payload: append(append(head, name...), text("hello")...)})
		})
		s.advance(time.Second)
		if why() == "" {
			t.Error("the adjacency stands")
		}
		s.stillWorks("A", "B")
	})
}

// A neighbour asks for windows in the names of routers that nobody knows.
func TestMeshGrantsNothingToRoutersThatDoNotExist(t *testing.T) {
	playMesh(t, "A-B", nil, func(s *meshStage) {
		s.at("A", "receiver").consumer("q", 10)
		s.known()
		c, _ := s.openAt("A", "X", neighbour(uint32(1), uint64(7), int32(1)), 0)
		var l *meshtest.Sender
		c.Do(func() {
			l = c.Begin(meshtest.SessionOptions{}).AttachSender(meshtest.SenderOptions{Target: meshtest.To("$meshway.control")})
		})
		s.advance(100 * time.Millisecond)
		c.Do(func() {
			for i := range 100 {
				ask := append(make([]byte, 0, 32), 5)
				ask = binary.BigEndian.AppendUint64(ask, uint64(routing.KeyOf("A")))
				ask = binary.BigEndian.AppendUint64(ask, uint64(i))
				ask = append(ask, 9, 1, 0, 1, 'q')
				l.Send(&meshtest.Out{Payload: ask, Settled: true})
			}
		})
		s.advance(100 * time.Millisecond)
		equal(s.stage, "routers that have a window", s.routers["A"].Granted("q"), 0)
		c.Kill()
		s.at("B", "sender").producer("q")
		s.known()
		equal(s.stage, "routers that have a window", s.routers["A"].Granted("q"), 1)
	})
}
