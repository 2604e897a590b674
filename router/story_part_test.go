package router_test

import (
	"testing"
	"time"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/internal/wire"
)

// The parts of an address: phases with a process between them, a fallback, and the short
// way for presettled messages.

// from and into are termini with a capability.
func from(address, capability string) meshtest.ReceiverOptions {
	s := meshtest.From(address)
	s.Capabilities = []wire.Symbol{wire.Symbol(capability)}
	return meshtest.ReceiverOptions{Source: s, Snd: wire.SndMixed, Credit: 10}
}

func into(address, capability string) meshtest.SenderOptions {
	t := meshtest.To(address)
	t.Capabilities = []wire.Symbol{wire.Symbol(capability)}
	return meshtest.SenderOptions{Target: t, Snd: wire.SndMixed}
}

func withAddress(a config.Address) func(*config.Config) {
	if a.Distribution == "" {
		a.Distribution = config.Balanced
	}
	return func(c *config.Config) { c.Addresses = append(c.Addresses, a) }
}

var orders = config.Address{Prefix: "orders", Waypoint: true, EgressPhase: 1}

func TestAWaypointStandsBetweenSendersAndConsumers(t *testing.T) {
	play(t, withAddress(orders), func(s *stage) {
		p := s.app("sender").producer("orders")
		c := s.app("receiver").consumer("orders", 10)
		equal(s, "credit with consumers behind the waypoint alone", p.credit(), 0)
		w := s.app("waypoint")
		in := w.consumerWith(from("orders", "qd.waypoint"))
		equal(s, "credit with the waypoint", p.credit(), capacity)
		d := p.send(text("x"))
		equal(s, "what the waypoint gets", in.bodies(), "x")
		equal(s, "what the consumer gets before it is passed on", c.bodies(), "")
		out := w.producerWith(into("orders", "qd.waypoint"))
		passed := out.send(text("y"))
		equal(s, "what the consumer gets", c.bodies(), "y")
		c.acceptAll()
		in.acceptAll()
		ended(s, "what was sent", d, wire.StateAccepted)
		ended(s, "what was passed on", passed, wire.StateAccepted)
	})
}

func TestWaypointsMakeAChain(t *testing.T) {
	chain := config.Address{Prefix: "chain", EgressPhase: 2}
	play(t, withAddress(chain), func(s *stage) {
		w := s.app("waypoints")
		first, second := w.consumerWith(from("chain", "qd.waypoint.1")), w.consumerWith(from("chain", "qd.waypoint.2"))
		last := s.app("receiver").consumer("chain", 10)
		s.app("sender").producer("chain").post(text("a"))
		w.producerWith(into("chain", "qd.waypoint.1")).post(text("b"))
		w.producerWith(into("chain", "qd.waypoint.2")).post(text("c"))
		equal(s, "phase 0", first.bodies(), "a")
		equal(s, "phase 1", second.bodies(), "b")
		equal(s, "phase 2", last.bodies(), "c")
	})
}

func TestAnAnonymousSenderSendsIntoTheFirstPhase(t *testing.T) {
	later := config.Address{Prefix: "later", IngressPhase: 3, EgressPhase: 4}
	change := func(c *config.Config) { withAddress(orders)(c); withAddress(later)(c) }
	play(t, change, func(s *stage) {
		a := s.app("waypoint")
		in := a.consumerWith(from("orders", "qd.waypoint"))
		third := a.consumerWith(from("later", "qd.waypoint.4"))
		p := s.app("sender").producer("")
		p.send(addressed("orders", "x"))
		p.send(addressed("later", "y"))
		equal(s, "phase 0", in.bodies(), "x")
		equal(s, "phase 3", third.bodies(), "y")
		in.acceptAll()
		third.acceptAll()
	})
}

func TestNobodyNamesAPartByItsKey(t *testing.T) {
	play(t, withAddress(orders), func(s *stage) {
		p := s.app("sender").producer("\x1f1orders")
		equal(s, "condition", p.end.Condition, wire.CondInvalidField)
		d := s.app("anonymous").producer("").send(addressed("\x1f1orders", "x"))
		ended(s, "a message to it", d, wire.StateRejected)
	})
}

func TestAFallbackGetsWhatNobodyElseIsThereFor(t *testing.T) {
	play(t, withAddress(config.Address{Prefix: "sure", EnableFallback: true}), func(s *stage) {
		p := s.app("sender").producer("sure")
		equal(s, "credit with nobody", p.credit(), 0)
		a := s.app("receiver")
		f := a.consumerWith(from("sure", "qd.fallback"))
		equal(s, "credit with a fallback", p.credit(), capacity)
		p.send(text("1"))
		f.acceptAll()
		c := a.consumer("sure", 10)
		p.send(text("2"))
		c.acceptAll()
		c.detach()
		equal(s, "credit with a fallback again", p.credit(), capacity)
		p.send(text("3"))
		equal(s, "what the consumer got", c.bodies(), "2")
		equal(s, "what the fallback got", f.bodies(), "1 3")
		f.acceptAll()
		f.detach()
		equal(s, "credit with nobody again", p.credit(), 0)
	})
}

// redirected is what the router's management says of deliveries that went to the fallback.
func redirected(s *stage, m *manager, id, key string, want uint64) {
	s.t.Helper()
	counts(s, "the address at "+id, m.only("router.address", "key", key), map[string]any{"deliveriesRedirectedToFallback": want})
	counts(s, id, m.only("router", "id", id), map[string]any{"deliveriesRedirectedToFallback": want})
}

func TestWhatGoesToTheFallbackIsCounted(t *testing.T) {
	play(t, func(c *config.Config) {
		withHTTP(c)
		c.Addresses = append(c.Addresses, config.Address{Prefix: "sure", Distribution: config.Balanced, EnableFallback: true})
	}, func(s *stage) {
		m := s.app("manager").manager("$management")
		m.replies.grant(100)
		p, a := s.app("sender").producer("sure"), s.app("receiver")
		c, keeps := a.consumer("sure", 2), s.app("another").producer("sure")
		p.post(texts("1", "2")...)
		redirected(s, m, "R", "M0sure", 0)
		s.wantMetrics(`meshway_address_deliveries_redirected_total{address="sure"} 0`)
		f := a.consumerWith(from("sure", "qd.fallback"))
		p.post(texts("3", "4")...) // wait for the consumer, which leaves
		redirected(s, m, "R", "M0sure", 0)
		c.detach()
		p.send(text("5"))
		p.send(long(100_000))
		f.acceptAll()
		equal(s, "what the fallback got", len(f.got), 4)
		redirected(s, m, "R", "M0sure", 4)
		f.detach()
		s.app("late").producer("").post(addressed("sure", "6")) // there is nobody at all
		redirected(s, m, "R", "M0sure", 4)
		p.detach()
		redirected(s, m, "R", "M0sure", 4)
		s.wantMetrics(`meshway_address_deliveries_redirected_total{address="sure"} 4`, `meshway_address_deliveries_redirected_total{address="other"} 0`)
		keeps.detach()
		s.advance(2 * time.Minute) // it is out of use
		s.wantMetrics(`meshway_address_deliveries_redirected_total{address="sure"} 4`)
		counts(s, "the router", m.only("router", "id", "R"), map[string]any{"deliveriesRedirectedToFallback": uint64(4)})
	})
}

func TestWhatWaitsForALostConsumerGoesToTheFallback(t *testing.T) {
	play(t, withAddress(config.Address{Prefix: "sure", EnableFallback: true}), func(s *stage) {
		a := s.app("receiver")
		f := a.consumerWith(from("sure", "qd.fallback"))
		c := a.consumer("sure", 1)
		p := s.app("sender").producer("sure")
		p.send(texts("1", "2", "3")...)
		c.acceptAll()
		equal(s, "while the consumer is there", f.bodies(), "")
		c.detach()
		equal(s, "what the consumer got", c.bodies(), "1")
		equal(s, "what the fallback got", f.bodies(), "2 3")
		f.acceptAll()
	})
}

var events = config.Address{Prefix: "events", Waypoint: true, EgressPhase: 1, PresettledDirect: true}

func TestPresettledMessagesPassTheWaypointBy(t *testing.T) {
	play(t, withAddress(events), func(s *stage) {
		w := s.app("waypoint").consumerWith(from("events", "qd.waypoint"))
		c := s.app("receiver").consumer("events", 10)
		p := s.app("sender").producer("events")
		p.post(text("fast"))
		d := p.send(text("sure"))
		equal(s, "what the consumer gets", c.bodies(), "fast")
		equal(s, "what the waypoint gets", w.bodies(), "sure")
		w.acceptAll()
		ended(s, "the unsettled one", d, wire.StateAccepted)
	})
}

func TestASenderHasCreditForTheWayThatItsMessagesGo(t *testing.T) {
	play(t, withAddress(events), func(s *stage) {
		a := s.app("sender")
		sender := func(mode wire.SenderSettleMode) *producer {
			return a.producerWith(meshtest.SenderOptions{Target: meshtest.To("events"), Snd: mode})
		}
		settled, unsettled, mixed := sender(wire.SndSettled), sender(wire.SndUnsettled), sender(wire.SndMixed)
		credits := func(what string, wantSettled, wantUnsettled, wantMixed uint32) {
			t.Helper()
			equal(s, "credit of a settled sender "+what, settled.credit(), wantSettled)
			equal(s, "credit of an unsettled sender "+what, unsettled.credit(), wantUnsettled)
			equal(s, "credit of a mixed sender "+what, mixed.credit(), wantMixed)
		}
		credits("with nobody", 0, 0, 0)
		c := s.app("receiver").consumer("events", 10)
		credits("with a consumer", capacity, 0, capacity)
		w := s.app("waypoint").consumerWith(from("events", "qd.waypoint"))
		credits("with both", capacity, capacity, capacity)
		c.detach()
		credits("with the waypoint", 0, capacity, capacity)
		w.detach()
		credits("with nobody again", 0, 0, 0)
	})
}

func TestPartsOfAnAddressReachAcrossTheMesh(t *testing.T) {
	change := func(c *config.Config) {
		withAddress(events)(c)
		withAddress(config.Address{Prefix: "sure", EnableFallback: true})(c)
	}
	playMesh(t, "A-B B-C", change, func(s *meshStage) {
		p, q := s.at("A", "sender").producer("events"), s.at("A", "other").producer("sure")
		w := s.at("B", "waypoint").consumerWith(from("events", "qd.waypoint"))
		f := s.at("B", "fallback").consumerWith(from("sure", "qd.fallback"))
		c := s.at("C", "receiver").consumer("events", 10)
		s.advance(time.Second)
		equal(s.stage, "credit before the waypoint", p.credit(), capacity)
		equal(s.stage, "credit with a fallback", q.credit(), capacity)
		p.post(text("fast"))
		d := p.send(text("sure"))
		q.send(text("1"))
		equal(s.stage, "what the consumer gets", c.bodies(), "fast")
		equal(s.stage, "what the waypoint gets", w.bodies(), "sure")
		equal(s.stage, "what the fallback gets", f.bodies(), "1")
		redirected(s.stage, s.at("A", "manager of A").manager("$management"), "A", "M0sure", 1)
		m := s.at("B", "manager of B").manager("$management") // which has not sent it there
		counts(s.stage, "B", m.only("router", "id", "B"), map[string]any{"deliveriesRedirectedToFallback": uint64(0)})
		w.acceptAll()
		f.acceptAll()
		ended(s.stage, "the unsettled one", d, wire.StateAccepted)
	})
}

func TestAnAddressEverywhereIsThatOfEachRouter(t *testing.T) {
	playMesh(t, "A-B B-C", nil, func(s *meshStage) {
		here, there := s.at("A", "one").consumer("_local/news", 10), s.at("C", "three").consumer("_topo/0/all/news", 10)
		s.at("B", "two").consumer("_local/other", 10)
		a := s.at("A", "sender")
		p := a.producer("_topo/0/all/news")
		d := p.send(text("x"))
		d2 := a.producer("").send(addressed("_topo/0/all/news", "y"))
		equal(s.stage, "what A's consumer gets", here.bodies(), "x y")
		equal(s.stage, "what C's consumer gets", there.bodies(), "x y")
		here.acceptAll()
		there.acceptAll()
		ended(s.stage, "one that two routers took", d, wire.StateAccepted)
		ended(s.stage, "another", d2, wire.StateAccepted)
		here.detach()
		there.detach()
		ended(s.stage, "one that nobody takes", p.send(text("z")), wire.StateReleased)
	})
}

func TestAnAddressEverywhereIsOneOfARouterByItself(t *testing.T) {
	play(t, nil, func(s *stage) {
		c := s.app("receiver").consumer("_local/news", 10)
		s.app("sender").producer("_topo/0/all/news").post(text("x"))
		equal(s, "what its consumer gets", c.bodies(), "x")
	})
}
