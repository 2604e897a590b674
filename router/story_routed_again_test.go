package router_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/internal/wire"
)

// Stories of attaches that one container, or router, refuses or loses, and another takes.

var (
	notFound = &wire.Error{Condition: wire.CondNotFound, Description: "no queue q"}
	full     = &wire.Error{Condition: wire.CondResourceLimitExceeded}
)

// spread has brokers "one" and "two" at C, and "three" at D, which is farther from A; B is
// between.
func spread(t *testing.T, story func(s *meshStage, brokers []*broker)) {
	t.Helper()
	var routes []config.LinkRoute
	for _, id := range []string{"one", "two", "three"} {
		routes = append(routes, both("tx", id)...)
	}
	playMesh(t, "A-B B-C B-D:5", containersAt(routes, "C", "D"), func(s *meshStage) {
		brokers := []*broker{s.broker("C", "one"), s.broker("C", "two"), s.broker("D", "three")}
		s.advance(time.Second)
		story(s, brokers)
	})
}

// asks is how many attaches came to each broker.
func asks(brokers []*broker) (n [3]int) {
	for i, b := range brokers {
		n[i] = len(b.asked)
	}
	return n
}

func TestAnAttachThatOneBrokerRefusesIsTriedAtTheOthers(t *testing.T) {
	refusals := map[string]func(b *broker){
		"it has no such queue":         func(b *broker) { b.refuse = notFound },
		"it is full":                   func(b *broker) { b.refuse = full },
		"it has lost it":               func(b *broker) { b.refuse = &wire.Error{Condition: wire.CondResourceDeleted} },
		"it has a fault":               func(b *broker) { b.refuse = &wire.Error{Condition: wire.CondInternalError} },
		"it is being stopped":          func(b *broker) { b.refuse = &wire.Error{Condition: wire.CondConnectionForced} },
		"it ends the whole session":    func(b *broker) { b.refuse, b.endsSession = notFound, true },
		"it detaches without a reason": func(b *broker) { b.refuse = new(wire.Error); b.noReason = true },
	}
	for name, refusal := range refusals {
		t.Run(name, func(t *testing.T) {
			spread(t, func(s *meshStage, brokers []*broker) {
				for _, b := range brokers[:2] {
					refusal(b)
				}
				app := s.at("A", "app")
				c := app.consumer("tx/q", 3)
				p := app.producer("tx/q")
				s.settleDown()
				if !p.Live() || !c.Live() {
					t.Errorf("not attached at the broker that takes it: the sender ended with %v, the receiver with %v", p.end, c.end)
					return
				}
				equal(s.stage, "each was asked once; the second link follows the first", asks(brokers), [3]int{1, 1, 2})
				p.send(text("to"))
				brokers[2].app.do(func() { brokers[2].out[0].Send(&meshtest.Out{Payload: text("from"), Settled: true}) })
				s.settleDown()
				equal(s.stage, "it goes there", brokers[2].in[0].bodies(), "to")
				equal(s.stage, "the credit given before came there", c.bodies(), "from")
				equal(s.stage, "sessions on the way that lead to those who refused", s.routers["B"].Mirrors(), 1)
				equal(s.stage, "and at their router", s.routers["C"].Mirrors(), 0)
			})
		})
	}
}

// What a broker does not have it does not have by another way either.
func TestABrokerThatLacksAQueueIsNotAskedByAnotherRouter(t *testing.T) {
	routes := append(both("tx", "one"), both("tx", "two")...)
	playMesh(t, "A-B B-C B-D:5", containersAt(routes, "C", "D"), func(s *meshStage) {
		near, byOther, two := s.broker("C", "one"), s.broker("D", "one"), s.broker("D", "two")
		near.refuse, byOther.refuse = notFound, notFound
		s.advance(time.Second)
		for i := range 4 {
			p := s.at("A", fmt.Sprint("app", i)).producer("tx/q")
			s.settleDown()
			equal(s.stage, "attached", p.Live(), true)
		}
		equal(s.stage, "asked: the one nearby, by another router, the other", asks([]*broker{near, byOther, two}), [3]int{4, 0, 4})
	})
}

func TestAnAttachThatOneContainerOfAListenerRefusesIsTriedAtTheOthers(t *testing.T) {
	routes := both("tx", "")
	for i := range routes {
		routes[i].Connection = "containers"
	}
	playMesh(t, "A-B", containersAt(routes, "B"), func(s *meshStage) {
		one, two := s.broker("B", "one"), s.broker("B", "two")
		one.refuse = full
		s.advance(time.Second)
		for i := range 4 {
			p := s.at("A", fmt.Sprint("app", i)).producer("tx/q")
			s.settleDown()
			equal(s.stage, "attached", p.Live(), true)
		}
		equal(s.stage, "at the second", len(two.in), 4)
	})
}

func TestAnAttachThatAllBrokersRefuseIsRefusedOnce(t *testing.T) {
	spread(t, func(s *meshStage, brokers []*broker) {
		for _, b := range brokers {
			b.refuse = notFound
		}
		app := s.at("A", "app")
		p := app.producer("tx/q")
		s.settleDown()
		sameError(s, "told", p.end, wire.CondNotFound)
		equal(s.stage, "each was asked once", asks(brokers), [3]int{1, 1, 1})
		equal(s.stage, "sessions kept on the way", s.routers["A"].Mirrors()+s.routers["B"].Mirrors(), 2)
		equal(s.stage, "for the session of the client", app.sessions[0].Usable(), true)
	})
}

// Whose fault it is nobody else can mend.
func TestWhatIsTheClientsOwnFaultIsToldAtOnce(t *testing.T) {
	for _, condition := range []wire.Symbol{wire.CondUnauthorizedAccess, wire.CondInvalidField, wire.CondNotAllowed, wire.CondPreconditionFailed, wire.CondNotImplemented} {
		spread(t, func(s *meshStage, brokers []*broker) {
			for _, b := range brokers {
				b.refuse = &wire.Error{Condition: condition}
			}
			p := s.at("A", "app").producer("tx/q")
			s.settleDown()
			sameError(s, "told", p.end, condition)
			n := asks(brokers)
			equal(s.stage, "asked for "+string(condition), n[0]+n[1]+n[2], 1)
		})
	}
}

// The client has no answer yet when what it waits for is lost.
func TestAnAttachWhoseBrokerOrRouterIsLostIsTriedAtTheOthers(t *testing.T) {
	for name, lose := range map[string]func(s *meshStage, brokers []*broker){
		"brokers": func(_ *meshStage, brokers []*broker) { brokers[0].kill(); brokers[1].kill() },
		"router":  func(s *meshStage, brokers []*broker) { s.killRouter("C"); brokers[0].kill(); brokers[1].kill() },
		"path":    func(s *meshStage, _ []*broker) { s.net.Between("B", "C").Cut() },
	} {
		t.Run(name, func(t *testing.T) {
			spread(t, func(s *meshStage, brokers []*broker) {
				brokers[0].stall(true)
				brokers[1].stall(true)
				app := s.at("A", "app")
				p, c := app.producer("tx/q"), app.consumer("tx/q", 3)
				s.settleDown()
				equal(s.stage, "answered early", p.Answer != nil || c.Answer != nil, false)
				lose(s, brokers)
				s.advance(time.Second)
				equal(s.stage, "attached", p.Live() && c.Live(), true)
				equal(s.stage, "at the broker that is left", len(brokers[2].asked), 2)
				s.net.Between("B", "C").Heal()
				brokers[0].stall(false)
				brokers[1].stall(false)
			})
		})
	}
}

func TestLinksThatWereAnsweredEndWithTheirBroker(t *testing.T) {
	spread(t, func(s *meshStage, brokers []*broker) {
		app := s.at("A", "app")
		p := app.producer("tx/q")
		s.settleDown()
		for _, b := range brokers[:2] {
			if len(b.in) > 0 {
				b.kill()
			}
		}
		s.settleDown()
		sameError(s, "the link", p.end, "qd:routed-link-lost")
	})
}

func TestAnAttachForWhichABrokerHasNoRoomIsTriedAtTheOthers(t *testing.T) {
	t.Run("handles, with transactions", func(t *testing.T) {
		routes := append(append(both("tx", "one"), both("tx", "two")...), both("$coordinator", "one")[0])
		playMesh(t, "A-B", containersAt(routes, "B"), func(s *meshStage) {
			one, two := s.brokerWith("B", "one", meshtest.SessionOptions{HandleMax: wire.Some[uint32](1)}), s.broker("B", "two")
			s.advance(time.Second)
			app := s.at("A", "app")
			app.producerWith(meshtest.SenderOptions{Target: &wire.Target{Coordinator: true}})
			s.settleDown()
			first, second := app.producer("tx/q"), app.producer("tx/q")
			s.settleDown()
			equal(s.stage, "attached", first.Live() && second.Live(), true)
			equal(s.stage, "at the first", len(one.asked), 2)
			equal(s.stage, "at the second", len(two.asked), 1)
		})
	})
	t.Run("channels", func(t *testing.T) {
		routes := append(both("tx", "one"), both("tx", "two")...)
		playMesh(t, "A-B", containersAt(routes, "B"), func(s *meshStage) {
			s.channels = 1 // one of its two is its own
			one := s.broker("B", "one")
			s.channels = 0
			two := s.broker("B", "two")
			s.advance(time.Second)
			app := s.at("A", "app")
			var list []*producer
			for range 4 {
				app.begin(meshtest.SessionOptions{})
				list = append(list, app.producer("tx/q"))
				s.settleDown()
			}
			for _, p := range list {
				equal(s.stage, "attached", p.Live(), true)
			}
			equal(s.stage, "at the first", len(one.asked), 1)
			equal(s.stage, "at the second", len(two.asked), 3)
		})
	})
}

// Whoever does not want it any more is not attached anywhere.
func TestAClientThatLeavesBeforeItIsRefusedIsAttachedNowhere(t *testing.T) {
	for name, leave := range map[string]func(a *app, p *producer){
		"detach": func(_ *app, p *producer) { p.Detach(true, nil) },
		"end":    func(_ *app, p *producer) { p.Session.End(nil) },
	} {
		t.Run(name, func(t *testing.T) {
			spread(t, func(s *meshStage, brokers []*broker) {
				for _, b := range brokers[:2] {
					b.refuse = notFound
					b.stall(true)
				}
				app := s.at("A", "app")
				p := app.producer("tx/q")
				s.settleDown()
				app.do(func() { leave(app, p) })
				s.settleDown()
				brokers[0].stall(false)
				brokers[1].stall(false)
				s.advance(time.Second)
				equal(s.stage, "attached at the third", len(brokers[2].asked), 0)
			})
		})
	}
}
