package router_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/internal/wire"
)

// Stories of turns among containers, and of what is no routed link, or may not go on.

// Containers that came by one listener have one name in the mesh: their router shares links
// among them.
func TestLinksGoRoundRobinToTheContainersOfOneListener(t *testing.T) {
	routes := both("tx", "")
	for i := range routes {
		routes[i].Connection = "containers"
	}
	playMesh(t, "A-B", containersAt(routes, "B"), func(s *meshStage) {
		brokers := []*broker{s.broker("B", "one"), s.broker("B", "two")}
		s.advance(time.Second)
		for i := range 6 {
			at := []string{"A", "B"}[i/3]
			s.at(at, fmt.Sprint("app", i)).producer("tx/q")
			s.settleDown()
		}
		for i, b := range brokers {
			equal(s.stage, fmt.Sprint("links at broker ", i), len(b.in), 3)
		}
	})
}

// Each link route has turns of its own: else clients that attach a link by each of two would
// have all those of one at the same container.
func TestLinkRoutesTakeTurnsByThemselves(t *testing.T) {
	var routes []config.LinkRoute
	for _, prefix := range []string{"tx", "ty"} {
		for _, id := range []string{"one", "two"} {
			routes = append(routes, both(prefix, id)...)
		}
	}
	playMesh(t, "A-B", containersAt(routes, "B"), func(s *meshStage) {
		brokers := []*broker{s.broker("B", "one"), s.broker("B", "two")}
		s.advance(time.Second)
		for i := range 4 {
			for _, address := range []string{"tx/q", "ty/q"} {
				s.at("A", fmt.Sprint(address, i)).producer(address) // a session for each
				s.settleDown()
			}
		}
		for i, b := range brokers {
			at := map[string]int{}
			for _, a := range b.asked {
				at[a.Target.Address.V]++
			}
			equal(s.stage, fmt.Sprint("links at broker ", i), fmt.Sprint(at), "map[tx/q:2 ty/q:2]")
		}
	})
}

// A link route of everything takes what clients address, and not what routers say by addresses
// of their own: answers to requests come by such.
func TestALinkRouteOfEverythingLeavesTheRoutersTheirOwnAddresses(t *testing.T) {
	routes := []config.LinkRoute{
		{Name: "in", Pattern: "#", Direction: config.DirectionIn, ContainerID: "broker"},
		{Name: "out", Pattern: "#", Direction: config.DirectionOut, ContainerID: "broker"},
	}
	playMesh(t, "A-B", containersAt(routes, "B"), func(s *meshStage) {
		b := s.broker("B", "broker")
		s.advance(time.Second)
		asks := s.at("A", "asks")
		replies := asks.consumerWith(meshtest.ReceiverOptions{Source: &wire.Source{Dynamic: true}, Credit: 10})
		local := asks.consumer("_local/news", 10)
		s.settleDown()
		answers := s.at("B", "answers")
		for _, address := range []string{replies.Answer.Source.Address.V, "_topo/0/A/news"} {
			answers.producer(address).post(text("x"))
		}
		s.settleDown()
		equal(s.stage, "answers", replies.bodies(), "x")
		equal(s.stage, "news", local.bodies(), "x")
		equal(s.stage, "links at the container", len(b.asked), 0)
		asks.producer("q")
		s.settleDown()
		equal(s.stage, "links at the container with that of a client's address", len(b.asked), 1)
	})
}

// While routers do not agree about the ways, an attach might go round: it has so many hops, and
// each router takes one off.
func TestARoutedAttachThatHasTooManyHopsIsRefused(t *testing.T) {
	const malformed = "amqp:invalid-field"
	hops := func(n any) []any { return []any{"B", []byte("\x1fCtx/#"), n, ""} }
	for name, c := range map[string]struct {
		route any
		want  wire.Symbol // empty if it is attached
	}{
		"none":             {hops(uint8(0)), "qd:no-route-to-dest"},
		"too few":          {hops(uint8(1)), "qd:no-route-to-dest"},
		"enough":           {hops(uint8(2)), ""},
		"of another type":  {hops("2"), malformed},
		"no list":          {"B", malformed},
		"a list too short": {[]any{"B"}, malformed},
		"for receivers":    {[]any{"B", []byte("\x1fDtx/#"), uint8(2), ""}, malformed},
		"no link route":    {[]any{"B", []byte("tx"), uint8(2), ""}, malformed},
		"to nobody":        {[]any{"", []byte("\x1fCtx/#"), uint8(2), ""}, malformed},
	} {
		t.Run(name, func(t *testing.T) {
			playMesh(t, "A-B", linkRouted("B", both("tx", "broker")...), func(s *meshStage) {
				b := s.broker("B", "broker")
				s.advance(time.Second)
				x, ended := s.openAt("A", "X", neighbour(uint32(1), uint64(7), int32(1)), 0)
				var end *wire.Error
				x.Do(func() {
					x.Begin(meshtest.SessionOptions{}).AttachSenderWith(&wire.Attach{
						Name: "n", Source: new(wire.Source), Target: meshtest.To("tx/q"),
						Properties: wire.Map{{Key: wire.Symbol("x-opt-meshway.route"), Value: c.route}},
					}, meshtest.SenderOptions{OnGone: func(e *wire.Error) { end = e }})
				})
				s.settleDown()
				x.Do(func() {
					if c.want != "" {
						sameError(s, "the attach", end, c.want)
					}
				})
				equal(s.stage, "links at the container", len(b.asked) > 0, c.want == "")
				equal(s.stage, "the connection ended", ended(), "")
				x.Kill()
				s.advance(time.Second)
			})
		})
	}
}

// The first router refuses what goes beyond the container's credit, before that sees it.
func TestADeliveryBeyondTheContainersCreditIsRefused(t *testing.T) {
	line(t, func(s *meshStage, b *broker) {
		b.credit = 2
		p := s.at("A", "app").producer("tx/q")
		s.settleDown()
		p.app.do(func() { p.Presume(1) })
		p.send(texts("1", "2", "3")...)
		s.settleDown()
		sameError(s, "its sender", p.end, wire.CondTransferLimitExceeded)
		equal(s.stage, "what the container got", b.in[0].bodies(), "1 2")
	})
}

// A client is told how large its messages may be: as the container says, and no larger than
// its router takes.
func TestTheLargestMessageIsTheSmallestOfTheContainersAndTheRouters(t *testing.T) {
	for _, c := range []struct{ container, listener, want uint64 }{{0, 1000, 1000}, {5000, 1000, 1000}, {500, 1000, 500}, {500, 0, 500}} {
		change := func(cfg *config.Config) {
			linkRouted("B", both("tx", "broker")...)(cfg)
			cfg.Listeners[0].MaxMessageSize = c.listener
		}
		playMesh(t, "A-B", change, func(s *meshStage) {
			b := s.broker("B", "broker")
			b.answers = func(a *wire.Attach) { a.MaxMessageSize = wire.Some(c.container) }
			s.advance(time.Second)
			p := s.at("A", "app").producer("tx/q")
			s.settleDown()
			equal(s.stage, fmt.Sprintf("largest message, container %d, router %d", c.container, c.listener), p.Answer.MaxMessageSize.V, c.want)
			if c.want < c.listener || c.listener == 0 {
				return // it is the container's to refuse
			}
			p.send(long(2000))
			s.settleDown()
			sameError(s, "a sender of a larger one", p.end, wire.CondMessageSizeExceeded)
			equal(s.stage, "the container got all of it", len(b.in[0].got) > 0 && b.in[0].got[0].Complete, false)
		})
	}
}

// What a session of a client has left behind when it ended well is kept for a while only.
func TestWhatAContainerDoesNotTakeInTimeIsGivenUp(t *testing.T) {
	lineWith(t, narrow, func(s *meshStage, b *broker) {
		a := s.at("A", "app")
		p := a.producer("tx/q")
		s.settleDown()
		a.do(func() {
			for range 90 {
				p.Send(&meshtest.Out{Payload: long(1 << 10), Settled: true})
			}
			p.Session.End(nil)
		})
		s.advance(4 * time.Second)
		equal(s.stage, "sessions ended at the container early", len(b.ended), 0)
		s.advance(2 * time.Second)
		equal(s.stage, "sessions ended at the container", len(b.ended), 1)
		for id, r := range s.routers {
			equal(s.stage, "bytes held at "+id, r.Held(), 0)
		}
	})
}
