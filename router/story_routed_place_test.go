package router_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/internal/wire"
)

// Stories of where routed links go, and under which name and address.

// containersAt lets each of the routers have containers, and the same link routes to them.
func containersAt(routes []config.LinkRoute, ids ...string) func(*config.Config) {
	return func(c *config.Config) {
		for _, id := range ids {
			linkRouted(id, routes...)(c)
		}
	}
}

func TestLinksGoRoundRobinToTheContainersOfTheNearestRouters(t *testing.T) {
	routes := append(both("tx", "one"), both("tx", "two")...)
	playMesh(t, "A-B B-C B-D:5", containersAt(routes, "C", "D"), func(s *meshStage) {
		near := []*broker{s.broker("C", "one"), s.broker("C", "two")}
		far := s.broker("D", "one")
		s.advance(time.Second)
		for i := range 6 {
			s.at("A", fmt.Sprintf("app %d", i)).producer("tx/q")
			s.settleDown()
		}
		equal(s.stage, "links at the first", len(near[0].in), 3)
		equal(s.stage, "links at the second", len(near[1].in), 3)
		equal(s.stage, "links at the far one", len(far.in), 0)
		for _, b := range near {
			b.kill()
		}
		s.advance(time.Second)
		p := s.at("A", "later").producer("tx/q")
		s.settleDown()
		equal(s.stage, "attached", p.Live(), true)
		equal(s.stage, "links at the far one", len(far.in), 1)
	})
}

func TestLinksOfOneSessionGoToOneContainerByOneSession(t *testing.T) {
	routes := append(append(both("tx", "one"), both("tx", "two")...),
		config.LinkRoute{Name: "c1", Prefix: "$coordinator", Direction: config.DirectionIn, ContainerID: "one"},
		config.LinkRoute{Name: "c2", Prefix: "$coordinator", Direction: config.DirectionIn, ContainerID: "two"},
		config.LinkRoute{Name: "x", Prefix: "x", Direction: config.DirectionIn, ContainerID: "two"})
	playMesh(t, "A-B B-C", containersAt(routes, "C"), func(s *meshStage) {
		brokers := []*broker{s.broker("C", "one"), s.broker("C", "two")}
		s.advance(time.Second)
		const clients = 8
		for i := range clients {
			app := s.at("A", fmt.Sprintf("app %d", i))
			app.producerWith(meshtest.SenderOptions{Target: &wire.Target{Coordinator: true}})
			app.producer("tx/q")
			app.consumer("tx/r", 1)
			app.producer("tx/s")
			app.producer("x") // only the second has it
		}
		s.settleDown()
		both := 0
		for i, b := range brokers {
			sessions := map[string]map[*meshtest.Session]int{}
			for j, a := range b.asked {
				if a.Target == nil || a.Target.Address.V == "x" {
					continue
				}
				app := a.Name[:5]
				if sessions[app] == nil {
					sessions[app] = map[*meshtest.Session]int{}
				}
				sessions[app][b.on[j]]++
			}
			if len(sessions) == 0 {
				t.Errorf("no client is at container %d", i)
			}
			both += len(sessions)
			for app, on := range sessions {
				for _, n := range on {
					equal(s.stage, app+": links on its session", n, 4)
				}
			}
		}
		equal(s.stage, "clients at both", both, clients)
		equal(s.stage, "links by the other link route", len(brokers[0].asked)+len(brokers[1].asked), 5*clients)
	})
}

func TestPrefixesAreAddedAndRemoved(t *testing.T) {
	routes := []config.LinkRoute{
		{Name: "del in", Prefix: "east", Direction: config.DirectionIn, ContainerID: "broker", DelExternalPrefix: "east/", AddExternalPrefix: "queue://"},
		{Name: "del out", Pattern: "east/*/x", Direction: config.DirectionOut, ContainerID: "broker", DelExternalPrefix: "east/"},
		{Name: "add", Prefix: "west", Direction: config.DirectionIn, ContainerID: "broker", AddExternalPrefix: "topic."},
	}
	playMesh(t, "A-B", containersAt(routes, "B"), func(s *meshStage) {
		b := s.broker("B", "broker")
		s.advance(time.Second)
		app := s.at("A", "app")
		p, w := app.producer("east/q"), app.producer("west")
		c := app.consumer("east/q/x", 1)
		s.settleDown()
		var at []string
		for _, a := range b.asked {
			if a.Role == wire.RoleSender {
				at = append(at, "to "+a.Target.Address.V)
			} else {
				at = append(at, "from "+a.Source.Address.V)
			}
		}
		equal(s.stage, "attached at the container", fmt.Sprint(at), "[to queue://q to topic.west from q/x]")
		equal(s.stage, "answer", p.Answer.Target.Address.V, "east/q")
		equal(s.stage, "answer", w.Answer.Target.Address.V, "west")
		equal(s.stage, "answer", c.Answer.Source.Address.V, "east/q/x")
		app.consumer("east/q/y", 1) // of no pattern
		s.settleDown()
		equal(s.stage, "attached at the container", len(b.asked), 3)
	})
}

func TestADynamicTerminusIsRoutedByTheAddressThatItNames(t *testing.T) {
	routes := []config.LinkRoute{{Name: "d", Prefix: "temporary", Direction: config.DirectionOut, ContainerID: "broker", DelExternalPrefix: "temporary/"}}
	playMesh(t, "A-B", containersAt(routes, "B"), func(s *meshStage) {
		b := s.broker("B", "broker")
		b.answers = func(a *wire.Attach) {
			source := *a.Source
			source.Address = wire.Some("made-up")
			a.Source = &source
		}
		s.advance(time.Second)
		node, err := wire.AppendValue(nil, wire.Map{{Key: wire.Symbol("x-opt-qd.address"), Value: "temporary/here"}})
		if err != nil {
			t.Fatal(err)
		}
		c := s.at("A", "app").consumerWith(meshtest.ReceiverOptions{Source: &wire.Source{Dynamic: true, DynamicNodeProperties: node}})
		s.settleDown()
		equal(s.stage, "attached at the container", len(b.asked), 1)
		got, _, _ := wire.DecodeValue(b.asked[0].Source.DynamicNodeProperties)
		name, _ := got.(wire.Map).Get("x-opt-qd.address")
		equal(s.stage, "by", name, any("here"))
		equal(s.stage, "made", c.Answer.Source.Address.V, "temporary/made-up")
		byLink := &consumer{app: s.at("A", "by its link")}
		byLink.app.do(func() {
			byLink.Receiver = byLink.app.sessions[0].AttachReceiverWith(&wire.Attach{
				Name: "n", Source: &wire.Source{Dynamic: true}, Target: new(wire.Target),
				Properties: wire.Map{{Key: wire.Symbol("x-opt-qd.address"), Value: "temporary/link"}},
			}, byLink.options())
		})
		s.settleDown()
		equal(s.stage, "attached at the container by a property of the link", len(b.asked), 2)
		own := s.at("A", "other").consumerWith(meshtest.ReceiverOptions{Source: &wire.Source{Dynamic: true}})
		s.settleDown()
		equal(s.stage, "attached at the container", len(b.asked), 2)
		equal(s.stage, "made by the router", own.Live(), true)
	})
}

func TestARouterByItselfRoutesLinks(t *testing.T) {
	play(t, func(c *config.Config) { linkRouted("R", both("tx", "broker")...)(c); c.Listeners[1].Host = listenHost }, func(s *stage) {
		m := &meshStage{stage: s}
		b := m.broker(listenHost, "broker")
		p := s.app("app").producer("tx/q")
		equal(s, "attached", p.Live() && len(b.in) == 1, true)
		status := s.router.LinkRoutes()
		equal(s, "link routes", len(status), 2)
		equal(s, "active", status[0].Active && status[1].Active, true)
		equal(s, "links by the first", status[0].Links, 1)
		equal(s, "links by the second", status[1].Links, 0)
		p.detach()
		equal(s, "links when it is detached", s.router.LinkRoutes()[0].Links, 0)
		b.kill()
		equal(s, "active without a container", s.router.LinkRoutes()[0].Active, false)
	})
}

// A session of the container that has as many links as it takes is followed by another, but
// for transactions, which are bound to one.
func TestLinksGoOnMoreSessionsOfTheContainerAsItsHandlesRunOut(t *testing.T) {
	lineWith(t, meshtest.SessionOptions{HandleMax: wire.Some[uint32](1)}, func(s *meshStage, b *broker) {
		app := s.at("A", "app")
		var list []*producer
		app.do(func() {
			for i := range 7 { // all at once: before it is known how many there may be
				p := &producer{app: app}
				p.Sender = app.sessions[0].AttachSender(meshtest.SenderOptions{Name: fmt.Sprint("n", i), Target: meshtest.To("tx/q"), OnGone: func(e *wire.Error) { p.end = e }})
				list = append(list, p)
			}
		})
		s.settleDown()
		for i, p := range list {
			equal(s.stage, fmt.Sprintf("link %d", i), p.Live(), true)
		}
		on := map[*meshtest.Session]int{}
		for _, session := range b.on {
			on[session]++
		}
		equal(s.stage, "sessions", len(on), 4)
		list[0].detach()
		s.settleDown()
		app.producer("tx/q")
		s.settleDown()
		equal(s.stage, "the next one takes its place", b.on[7], b.on[0])
		app.do(func() { app.sessions[0].End(nil) })
		s.settleDown()
		equal(s.stage, "sessions ended with the client's", len(b.ended), 4)
	})
}

func TestWhatTheContainerHasNoRoomForIsRefused(t *testing.T) {
	t.Run("handles where transactions are declared", func(t *testing.T) {
		lineWith(t, meshtest.SessionOptions{HandleMax: wire.Some[uint32](1)}, func(s *meshStage, b *broker) {
			app := s.at("A", "app")
			app.producerWith(meshtest.SenderOptions{Target: &wire.Target{Coordinator: true}})
			s.settleDown()
			first, second := app.producer("tx/q"), app.producer("tx/q")
			s.settleDown()
			equal(s.stage, "the first", first.Live(), true)
			sameError(s, "the second", second.end, wire.CondResourceLimitExceeded)
			other := s.at("A", "other").producer("tx/q")
			s.settleDown()
			equal(s.stage, "another session", other.Live(), true)
		})
	})
	t.Run("channels", func(t *testing.T) {
		playMesh(t, "A-B", linkRouted("B", both("tx", "broker")...), func(s *meshStage) {
			s.channels = 2 // one of its three is its own
			s.broker("B", "broker")
			s.advance(time.Second)
			app := s.at("A", "app")
			first := app.producer("tx/q")
			app.begin(meshtest.SessionOptions{})
			second := app.producer("tx/q")
			app.begin(meshtest.SessionOptions{})
			third := app.producer("tx/q")
			s.settleDown()
			equal(s.stage, "first and second", first.Live() && second.Live(), true)
			sameError(s, "the third", third.end, wire.CondResourceLimitExceeded)
		})
	})
}

func TestAFlowPropertyAndAnEchoGoThrough(t *testing.T) {
	line(t, func(s *meshStage, b *broker) {
		c := s.at("A", "app").consumer("tx/q", 1)
		s.settleDown()
		properties, _ := wire.AppendValue(nil, wire.Map{{Key: wire.Symbol("p"), Value: uint32(5)}})
		c.app.do(func() { c.FlowWith(3, wire.Flow{Echo: true, Available: wire.Some[uint32](9), Properties: properties}) })
		s.settleDown()
		f := b.flows[len(b.flows)-1]
		if f.LinkCredit.V != 3 || f.DeliveryCount.V != 7 || !f.Echo || f.Available.V != 9 || string(f.Properties) != string(properties) {
			t.Errorf("the container got %+v", f)
		}
	})
}

func TestTheMostSpecificLinkRouteWinsAndOthersStayOut(t *testing.T) {
	routes := []config.LinkRoute{
		{Name: "all", Pattern: "tx/#", Direction: config.DirectionIn, ContainerID: "one"},
		{Name: "some", Pattern: "tx/*/q", Direction: config.DirectionIn, ContainerID: "two"},
	}
	playMesh(t, "A-B", containersAt(routes, "B"), func(s *meshStage) {
		one, two := s.broker("B", "one"), s.broker("B", "two")
		s.advance(time.Second)
		app := s.at("A", "app")
		for _, address := range []string{"tx/a/q", "tx/a/r", "tx.b.q", "/tx/c/q", "txt/a/q", "q", "_local/tx/a/q"} {
			app.producer(address)
		}
		app.consumer("tx/a/q", 1) // there is no link route for receivers
		s.settleDown()
		names := func(b *broker) (list []string) {
			for _, a := range b.asked {
				list = append(list, a.Target.Address.V)
			}
			return list
		}
		equal(s.stage, "at the first", fmt.Sprint(names(one)), "[tx/a/r]")
		equal(s.stage, "at the second", fmt.Sprint(names(two)), "[tx/a/q tx.b.q /tx/c/q]")
	})
}
