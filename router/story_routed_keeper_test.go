package router_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/internal/wire"
)

// Stories of durable subscriptions, transactions and several brokers.

// subscribe attaches a durable subscription.
func (a *app) subscribe(name, address string) *consumer {
	return a.subscribeBy(name, wire.Source{Address: wire.Some(address), Durable: wire.DurableUnsettled, ExpiryPolicy: wire.Some(wire.ExpireNever)})
}

func (a *app) subscribeBy(name string, source wire.Source) *consumer {
	return a.consumerWith(meshtest.ReceiverOptions{Name: name, Snd: wire.SndMixed, Credit: 1, Source: &source})
}

// has is how many links of that name were attached at a container.
func (b *broker) has(name string) (n int) {
	for _, a := range b.asked {
		if a.Name == name {
			n++
		}
	}
	return n
}

// twoBrokers has the brokers "one" at C and "two" at D, and clients at A and B. Nobody but
// its router has a link route to a broker.
func twoBrokers(t *testing.T, story func(s *meshStage, one, two *broker)) {
	t.Helper()
	brokersAt(t, func(c *config.Config) {
		linkRouted("C", both("tx", "one")...)(c)
		linkRouted("D", both("tx", "two")...)(c)
	}, story)
}

func brokersAt(t *testing.T, change func(*config.Config), story func(s *meshStage, one, two *broker)) {
	t.Helper()
	playMesh(t, "A-C A-D:3 B-D B-C:3 C-D", change, func(s *meshStage) {
		one, two := s.broker("C", "one"), s.broker("D", "two")
		s.advance(time.Second)
		story(s, one, two)
	})
}

func TestADurableSubscriptionIsFoundAgainWhereverItsClientConnects(t *testing.T) {
	twoBrokers(t, func(s *meshStage, one, two *broker) {
		const clients = 12
		address := wire.Some("tx/news")
		lasting := []wire.Source{
			{Address: address, Durable: wire.DurableConfiguration},
			{Address: address, ExpiryPolicy: wire.Some(wire.ExpireNever)},
			{Address: address, Durable: wire.DurableUnsettled, ExpiryPolicy: wire.Some(wire.ExpireNever)},
		}
		at := map[string]int{}
		for i := range clients {
			name := fmt.Sprint("app", i)
			for _, router := range []string{"A", "B", "C", "D", "A"} {
				a := s.at(router, name)
				c, other := a.subscribeBy("news", lasting[i%len(lasting)]), a.subscribe("other", "tx/other")
				s.settleDown()
				equal(s.stage, name+" at "+router, c.Live() && other.Live(), true)
				a.kill()
				s.settleDown()
			}
			times := one.has(name + "/news")
			equal(s.stage, name+"'s other subscription, at the broker of the first", one.has(name+"/other"), times)
			if times != 0 && times != 5 {
				t.Errorf("%s was %d of 5 times at the first broker", name, times)
			}
			at[fmt.Sprint(times)]++
		}
		if at["0"] < 2 || at["5"] < 2 {
			t.Errorf("the subscriptions are not spread: %v", at)
		}
	})
}

// keptBy is a client whose subscriptions are kept by a broker, as it was tried out.
func (s *meshStage) keptBy(b *broker) string {
	s.t.Helper()
	for i := range 30 {
		name := fmt.Sprint("tried", i)
		a := s.at("A", name)
		a.subscribe("news", "tx/news")
		s.settleDown()
		a.kill()
		s.settleDown()
		if b.has(name+"/news") > 0 {
			return name
		}
	}
	s.t.Fatal("no client's subscriptions are kept by the broker")
	return ""
}

// A subscription made elsewhere would be another one, and empty: so its client is told, in
// whatever way the broker is lost, and others are served.
func TestADurableSubscriptionWaitsForItsBroker(t *testing.T) {
	for name, lose := range map[string]func(s *meshStage, one *broker){
		"the broker":           func(_ *meshStage, one *broker) { one.kill() },
		"its router":           func(s *meshStage, one *broker) { s.killRouter("C"); one.kill() },
		"its router, on order": func(s *meshStage, _ *broker) { s.stopRouter("C") },
	} {
		t.Run(name, func(t *testing.T) {
			twoBrokers(t, func(s *meshStage, one, two *broker) {
				name := s.keptBy(one)
				lose(s, one)
				s.advance(5 * time.Second)
				a := s.at("B", name)
				c := a.subscribe("news", "tx/news")
				s.settleDown()
				sameError(s, "the subscription", c.end, "qd:no-route-to-dest")
				for _, words := range []string{"broker one", "empty"} {
					if c.end != nil && !strings.Contains(c.end.Description, words) {
						t.Errorf("it is refused in the words %q", c.end.Description)
					}
				}
				equal(s.stage, "at the other broker", two.has(name+"/news"), 0)
				p := a.producer("tx/news")
				s.settleDown()
				equal(s.stage, "a link that is not durable", p.Live(), true)
				if s.routers["C"] != nil {
					here := s.at("C", name).subscribe("news", "tx/news")
					s.settleDown()
					sameError(s, "the subscription, at the router of its broker", here.end, "qd:no-route-to-dest")
					one = s.broker("C", "one")
					s.advance(time.Second)
					again := a.subscribe("news", "tx/news")
					s.settleDown()
					equal(s.stage, "when it is back", again.Live(), true)
					equal(s.stage, "at its broker", one.has(name+"/news"), 1)
				}
			})
		})
	}
}

// It does not wait for ever.
func TestADurableSubscriptionIsMadeAnewWhenItsBrokerIsForgotten(t *testing.T) {
	twoBrokers(t, func(s *meshStage, one, two *broker) {
		name := s.keptBy(one)
		s.killRouter("C")
		one.kill()
		s.advance(9 * time.Minute)
		early := s.at("B", name).subscribe("news", "tx/news")
		s.settleDown()
		sameError(s, "the subscription", early.end, "qd:no-route-to-dest")
		s.advance(2 * time.Minute)
		c := s.at("B", name).subscribe("news", "tx/news")
		s.settleDown()
		equal(s.stage, "attached at the other broker", c.Live() && two.has(name+"/news") == 1, true)
	})
}

// A broker that several routers are connected to is the same one by its name.
func TestADurableSubscriptionGoesByAnotherRouterToItsBroker(t *testing.T) {
	routes := append(both("tx", "one"), both("tx", "two")...)
	brokersAt(t, containersAt(routes, "C", "D"), func(s *meshStage, one, two *broker) {
		byOther := s.broker("D", "one")
		s.advance(time.Second)
		name := s.keptBy(one)
		one.kill()
		s.advance(time.Second)
		c := s.at("A", name).subscribe("news", "tx/news")
		s.settleDown()
		equal(s.stage, "attached", c.Live(), true)
		equal(s.stage, "at its broker by the other router", byOther.has(name+"/news"), 1)
		equal(s.stage, "at the other broker", two.has(name+"/news"), 0)
	})
}

// A broker tells subscriptions apart by the containers that they were made for too, which are
// the routers that are connected to it: so a client's go by one of these, and not by the nearest.
func TestADurableSubscriptionGoesByOneRouterWhereverItsClientConnects(t *testing.T) {
	routes := append(both("tx", "one"), both("tx", "two")...)
	brokersAt(t, containersAt(routes, "C", "D"), func(s *meshStage, oneAtC, twoAtD *broker) {
		ways := []*broker{oneAtC, twoAtD, s.broker("D", "one"), s.broker("C", "two")}
		s.advance(time.Second)
		used := map[int]int{}
		for i := range 16 {
			name := fmt.Sprint("app", i)
			for _, router := range []string{"A", "B", "C", "D", "A"} {
				a := s.at(router, name)
				a.producer("tx/q") // the session leads to a broker already
				c := a.subscribe("news", "tx/news")
				s.settleDown()
				equal(s.stage, name+" at "+router, c.Live(), true)
				a.kill()
				s.settleDown()
			}
			for k, b := range ways {
				if times := b.has(name + "/news"); times == 5 {
					used[k]++
				} else if times != 0 {
					t.Errorf("%s was %d of 5 times at broker %s by one of its two routers", name, times, b.Name)
				}
			}
		}
		if len(used) != 4 {
			t.Errorf("ways to brokers by which subscriptions went: %v, want all four", used)
		}
	})
}

// A client declares transactions where its durable subscriptions are, if both brokers are as
// near, though the coordinator is attached first.
func TestACoordinatorIsWhereTheDurableSubscriptionsOfItsClientAre(t *testing.T) {
	routes := append(both("tx", "one"), both("tx", "two")...)
	for _, id := range []string{"one", "two"} {
		routes = append(routes, both("$coordinator", id)[0])
	}
	playMesh(t, "A-B B-C B-D", containersAt(routes, "C", "D"), func(s *meshStage) {
		brokers := []*broker{s.broker("C", "one"), s.broker("D", "two")}
		s.advance(time.Second)
		for i := range 10 {
			name := fmt.Sprint("app", i)
			a := s.at("A", name)
			a.producerWith(meshtest.SenderOptions{Name: "txn", Target: &wire.Target{Coordinator: true}})
			a.subscribe("news", "tx/news")
			a.producer("tx/q")
			s.settleDown()
			for k, b := range brokers {
				equal(s.stage, fmt.Sprintf("%s: coordinators and subscriptions at broker %d", name, k), b.has(name+"/txn"), b.has(name+"/news"))
			}
		}
		for k, b := range brokers {
			if len(b.asked)%3 != 0 || len(b.asked) == 0 {
				t.Errorf("broker %d has %d links: not three of each of some clients", k, len(b.asked))
			}
		}
	})
}

// So it is where each broker is connected to several routers.
func TestACoordinatorGoesByTheRouterOfItsClientsDurableSubscriptions(t *testing.T) {
	routes := append(both("tx", "one"), both("tx", "two")...)
	for _, id := range []string{"one", "two"} {
		routes = append(routes, both("$coordinator", id)[0])
	}
	playMesh(t, "A-B B-C B-D", containersAt(routes, "C", "D"), func(s *meshStage) {
		ways := []*broker{s.broker("C", "one"), s.broker("C", "two"), s.broker("D", "one"), s.broker("D", "two")}
		s.advance(time.Second)
		for i := range 10 {
			name := fmt.Sprint("app", i)
			for _, router := range []string{"A", "C"} { // as near to both routers, and not
				a := s.at(router, name)
				a.producerWith(meshtest.SenderOptions{Name: "txn", Target: &wire.Target{Coordinator: true}})
				a.subscribe("news", "tx/news")
				s.settleDown()
				a.kill()
				s.settleDown()
			}
			for _, b := range ways {
				equal(s.stage, name+": coordinators and subscriptions by one way to broker "+b.Name, b.has(name+"/txn"), b.has(name+"/news"))
			}
		}
	})
}

// Containers that connect to one listener are told apart by their ids.
func TestADurableSubscriptionComesBackToOneOfTheContainersOfAListener(t *testing.T) {
	routes := both("tx", "")
	for i := range routes {
		routes[i].Connection = "containers"
	}
	playMesh(t, "A-C", containersAt(routes, "C"), func(s *meshStage) {
		one, two := s.broker("C", "one"), s.broker("C", "two")
		s.advance(time.Second)
		for i := range 8 {
			name := fmt.Sprint("app", i)
			for range 3 {
				a := s.at("A", name)
				a.producer("tx/q") // the session leads to one of them already
				a.subscribe("news", "tx/news")
				s.settleDown()
				a.kill()
				s.settleDown()
			}
			if n := one.has(name + "/news"); n != 0 && n != 3 {
				t.Errorf("%s was %d of 3 times at the first", name, n)
			}
		}
		if len(one.asked) == 0 || len(two.asked) == 0 {
			t.Error("they are all at one")
		}
	})
}
