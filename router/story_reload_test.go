package router_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/internal/wire"
	"github.com/meshway/meshway/router"
)

// with is the configuration in effect with something else in it; what edit sees is its own.
func (s *stage) with(edit func(*config.Config)) config.Config { return edited(s.router, edit) }

func edited(r *router.Router, edit func(*config.Config)) config.Config {
	c := r.Config()
	c.Listeners = append([]config.Listener(nil), c.Listeners...)
	c.Connectors = append([]config.Connector(nil), c.Connectors...)
	c.Addresses = append([]config.Address(nil), c.Addresses...)
	edit(&c)
	return c
}

// reload makes the router one of another configuration, and returns what changed.
func (s *stage) reload(edit func(*config.Config)) (changes []string) {
	s.t.Helper()
	list, err := s.router.Reload(s.with(edit))
	if err != nil {
		s.t.Fatalf("reload: %v", err)
	}
	s.advance(0)
	for _, c := range list {
		changes = append(changes, c.String())
	}
	return changes
}

func another(name, port string) config.Listener {
	l := standalone().Listeners[0]
	l.Name, l.Port = name, port
	return l
}

// connects says whether somebody listens at a port.
func (s *stage) connects(port string) bool {
	nc, err := s.net.Dial(s.t.Context(), "knocking", listenHost+":"+port)
	if err == nil {
		_ = nc.Close()
	}
	s.advance(0)
	return err == nil
}

func TestAHundredReloadsUnderTrafficCloseNothingAndLoseNothing(t *testing.T) {
	play(t, nil, func(s *stage) {
		c := s.app("receiver").consumer("q", 1000)
		p := s.app("sender").producer("q")
		var sent []*meshtest.Out
		for i := range 100 {
			sent = append(sent, p.send(text(fmt.Sprint(i))))
			s.reload(func(c *config.Config) {
				switch i % 4 {
				case 0:
					c.Listeners = append(c.Listeners, another("more", "5673"))
				case 1:
					c.Listeners[1].Port = "5674"
				case 2:
					c.Listeners = c.Listeners[:1]
				case 3:
					c.Router.DefaultDistribution = map[config.Distribution]config.Distribution{config.Balanced: config.Closest, config.Closest: config.Balanced}[c.Router.DefaultDistribution]
					c.Addresses[0].OnLoss = config.Outcome(fmt.Sprint("other", i))
				}
			})
			sent = append(sent, p.send(text(fmt.Sprint(i, "b"))))
			c.acceptAll()
		}
		for i, o := range sent {
			ended(s, fmt.Sprint("message ", i), o, wire.StateAccepted)
		}
		equal(s, "messages that came", len(c.got), 200)
	})
}

func TestAReloadThatChangesNothingSaysSo(t *testing.T) {
	play(t, nil, func(s *stage) {
		equal(s, "changes", len(s.reload(func(*config.Config) {})), 0)
	})
}

func TestARemovedListenersConnectionsAreClosedAndNoOthers(t *testing.T) {
	play(t, func(c *config.Config) { c.Listeners = append(c.Listeners, another("guests", "5673")) }, func(s *stage) {
		guest := s.appAt("guest", listenHost+":5673", meshtest.ClientOptions{})
		q := s.app("stays").consumer("q", 10)
		equal(s, "changes", fmt.Sprint(s.reload(func(c *config.Config) { c.Listeners = c.Listeners[:1] })), "[listener guests: removed]")
		forced(s, guest)
		equal(s, "somebody listens at the old port", s.connects("5673"), false)
		o := s.app("sender").producer("q").send(text("x"))
		q.acceptAll()
		ended(s, "a message to who stays", o, wire.StateAccepted)
	})
}

// Also those that an earlier reload has left with an older listener of that name.
func TestConnectionsOfAListenerThatChangedBeforeGoWithIt(t *testing.T) {
	play(t, func(c *config.Config) { c.Listeners = append(c.Listeners, another("guests", "5673")) }, func(s *stage) {
		guest := s.appAt("guest", listenHost+":5673", meshtest.ClientOptions{})
		s.reload(func(c *config.Config) { c.Listeners[1].LinkCapacity = 7 })
		s.reload(func(c *config.Config) { c.Listeners[1].LinkCapacity = 8 })
		second := s.appAt("second guest", listenHost+":5673", meshtest.ClientOptions{})
		equal(s, "why the guest was closed", guest.Err(), nil)
		s.reload(func(c *config.Config) { c.Listeners = c.Listeners[:1] })
		forced(s, guest)
		forced(s, second)
	})
}

func TestAListenerThatMovesKeepsItsConnections(t *testing.T) {
	play(t, nil, func(s *stage) {
		q := s.app("stays").consumer("q", 10)
		s.reload(func(c *config.Config) { c.Listeners[0].Port = "5680" })
		equal(s, "somebody listens at the old port", s.connects("5672"), false)
		o := s.appAt("newcomer", listenHost+":5680", meshtest.ClientOptions{}).producer("q").send(text("x"))
		q.acceptAll()
		ended(s, "a message from the new port", o, wire.StateAccepted)
		equal(s, "where it listens", s.router.Listening()[0].Addr.String(), listenHost+":5680")
	})
}

func TestANewLinkCapacityIsForNewConnections(t *testing.T) {
	play(t, nil, func(s *stage) {
		s.app("receiver").consumer("q", 1)
		before := s.app("before")
		equal(s, "changes", fmt.Sprint(s.reload(func(c *config.Config) { c.Listeners[0].LinkCapacity = 20 })), "[listener normal: changed linkCapacity]")
		equal(s, "credit on an old connection", before.producer("q").credit(), capacity)
		equal(s, "credit on a new connection", s.app("after").producer("q").credit(), 20)
	})
}

func TestWhoeverConnectedByMechanismsThatChangedConnectsAgain(t *testing.T) {
	play(t, func(c *config.Config) { c.Listeners = append(c.Listeners, another("guests", "5673")) }, func(s *stage) {
		guest, stays := s.appAt("guest", listenHost+":5673", meshtest.ClientOptions{}), s.app("stays")
		s.reload(func(c *config.Config) { c.Listeners[1].SASLMechanisms = []string{"ANONYMOUS"} })
		forced(s, guest)
		equal(s, "why the other one was closed", stays.Err(), nil)
		equal(s, "somebody listens", s.connects("5673"), true)
	})
}

func TestListenersCanSwapTheirPorts(t *testing.T) {
	play(t, func(c *config.Config) { c.Listeners = append(c.Listeners, another("guests", "5673")) }, func(s *stage) {
		s.reload(func(c *config.Config) {
			c.Listeners[0].Port, c.Listeners[1].Port = "5673", "5672"
			c.Listeners[1].LinkCapacity = 20
		})
		s.app("receiver").consumer("q", 1)
		equal(s, "credit at the guests' new port", s.app("guest").producer("q").credit(), 20)
		equal(s, "credit at the other port", s.appAt("other", listenHost+":5673", meshtest.ClientOptions{}).producer("q").credit(), capacity)
	})
}

func TestAListenerThatSpeaksHTTPIsChangedInItsPlace(t *testing.T) {
	play(t, func(c *config.Config) {
		c.Listeners = append(c.Listeners, config.Listener{Name: "ops", Host: listenHost, Port: "8080", HTTP: true, Healthz: true})
	}, func(s *stage) {
		s.reload(func(c *config.Config) { c.Listeners[1].Metrics = true })
		equal(s, "somebody listens", s.connects("8080"), true)
		s.reload(func(c *config.Config) { c.Listeners = c.Listeners[:1] })
		equal(s, "somebody listens after it is gone", s.connects("8080"), false)
	})
}

func TestAPortThatIsTakenChangesNothing(t *testing.T) {
	play(t, func(c *config.Config) { c.Listeners = append(c.Listeners, another("guests", "5673")) }, func(s *stage) {
		if _, err := s.net.Listen("tcp", listenHost+":6000"); err != nil {
			t.Fatal(err)
		}
		guest := s.appAt("guest", listenHost+":5673", meshtest.ClientOptions{})
		before := s.router.Config()
		_, err := s.router.Reload(s.with(func(c *config.Config) {
			c.Listeners = []config.Listener{another("first", "7000"), c.Listeners[0], another("taken", "6000")}
			c.Addresses = nil
		}))
		if inUse, ok := errors.AsType[*router.AddressInUseError](err); !ok || inUse.Listener != "taken" {
			t.Fatalf("got %v", err)
		}
		s.advance(0)
		equal(s, "somebody listens at the new listener's port", s.connects("7000"), false)
		equal(s, "somebody listens at the removed listener's port", s.connects("5673"), true)
		equal(s, "what differs", len(config.Diff(before, s.router.Config())), 0)
		equal(s, "why the guest was closed", guest.Err(), nil)
		ended(s, "a message to an address that is unavailable", s.app("sender").producer("").send(addressed("unavailable", "x")), wire.StateRejected)
		// And once it is free, it works.
		s.reload(func(c *config.Config) { c.Listeners = c.Listeners[:1] })
		forced(s, guest)
	})
}

// Also the listeners that were bound before it are closed again.
func TestAPortThatIsTakenWhenNothingGoesChangesNothing(t *testing.T) {
	play(t, nil, func(s *stage) {
		if _, err := s.net.Listen("tcp", listenHost+":6000"); err != nil {
			t.Fatal(err)
		}
		if _, err := s.router.Reload(s.with(func(c *config.Config) {
			c.Listeners = append(c.Listeners, another("first", "7000"), another("taken", "6000"))
		})); err == nil {
			t.Error("no error")
		}
		equal(s, "somebody listens at the new listener's port", s.connects("7000"), false)
	})
}

func TestWhatCannotChangeIsNamedAndNothingChanges(t *testing.T) {
	play(t, nil, func(s *stage) {
		_, err := s.router.Reload(s.with(func(c *config.Config) {
			c.Router.ID, c.Router.Mode, c.Log.Format = "B", config.Interior, config.FormatJSON
			c.Listeners = append(c.Listeners, another("more", "5673"))
		}))
		const want = "router.id, router.mode, log.format cannot change while the router runs; nothing was changed: restart it, or undo that"
		if _, ok := errors.AsType[*router.RestartError](err); !ok || err.Error() != want {
			t.Errorf("got %v", err)
		}
		if _, err := s.router.Preview(s.with(func(c *config.Config) { c.Router.ID = "B" })); err == nil || !strings.HasPrefix(err.Error(), "router.id cannot change") {
			t.Errorf("a preview of what cannot change says %v", err)
		}
		equal(s, "somebody listens at the new port", s.connects("5673"), false)
		changes, err := s.router.Preview(s.with(func(c *config.Config) { c.Listeners = append(c.Listeners, another("more", "5673")) }))
		if err != nil || fmt.Sprint(changes) != "[listener more: added]" {
			t.Errorf("a preview says %v, %v", changes, err)
		}
		equal(s, "somebody listens after a preview", s.connects("5673"), false)
	})
}

func TestNewRulesAreForNewAddressesAndForOldOnesOnceTheyAreUnused(t *testing.T) {
	play(t, nil, func(s *stage) {
		q := s.app("receiver").consumer("q", 10)
		second := s.app("second receiver").consumer("q", 10)
		p := s.app("sender").producer("q")
		s.reload(func(c *config.Config) {
			c.Addresses = append(c.Addresses, config.Address{Prefix: "q", Distribution: config.Multicast}, config.Address{Prefix: "n", Distribution: config.Unavailable})
		})
		p.send(text("1"))
		equal(s, "copies while the address is in use", len(q.got)+len(second.got), 1)
		ended(s, "a message to a new address", s.app("other").producer("").send(addressed("n", "x")), wire.StateRejected)
		for _, c := range []*consumer{q, second} {
			c.acceptAll()
			c.detach()
		}
		p.detach()
		s.advance(time.Second)
		q, second = s.app("receiver").consumer("q", 10), s.app("second receiver").consumer("q", 10)
		s.app("sender").producer("q").send(text("2"))
		equal(s, "copies once it was unused", len(q.got)+len(second.got), 2)
		q.acceptAll()
		second.acceptAll()
	})
}

// What a sender hears of a lost delivery follows the configuration when it was sent on.
func TestAnAddressInUseTakesOverItsOutcomeOnLoss(t *testing.T) {
	play(t, nil, func(s *stage) {
		q := s.app("receiver").consumer("q", 10)
		p := s.app("sender").producer("q")
		before := p.send(text("1"))
		s.reload(func(c *config.Config) {
			c.Addresses = append(c.Addresses, config.Address{Prefix: "q", Distribution: config.Closest, OnLoss: config.OutcomeReleased})
		})
		after := p.send(text("2"))
		q.app.kill()
		ended(s, "the delivery of before", before, wire.StateModified)
		ended(s, "the delivery of after", after, wire.StateReleased)
	})
}

func TestNothingIsReloadedWhileTheRouterShutsDown(t *testing.T) {
	play(t, nil, func(s *stage) {
		c := s.app("receiver").consumer("q", 10)
		s.app("sender").producer("q").send(text("x"))
		done := s.shutDown(10 * time.Second)
		if _, err := s.router.Reload(s.with(func(c *config.Config) { c.Listeners = append(c.Listeners, another("more", "5673")) })); err == nil {
			t.Error("no error")
		}
		equal(s, "somebody listens at the new port", s.connects("5673"), false)
		c.acceptAll()
		s.advance(time.Second)
		<-done
	})
}

func TestNeighboursComeAndGoByReload(t *testing.T) {
	playMesh(t, "A-B A-C", nil, func(s *meshStage) {
		q := s.at("B", "receiver").consumer("q", 1000)
		p := s.at("A", "sender").producer("q")
		s.advance(time.Second)
		send := func(what string) {
			t.Helper()
			o := p.send(text(what))
			s.advance(time.Second)
			q.acceptAll()
			s.advance(time.Second)
			ended(s.stage, what, o, wire.StateAccepted)
		}
		send("before")
		reload := func(id string, edit func(*config.Config)) {
			t.Helper()
			if _, err := s.routers[id].Reload(edited(s.routers[id], edit)); err != nil {
				t.Fatal(err)
			}
			s.advance(3 * time.Second)
		}
		bToA := s.standing("B", "A")
		reload("C", func(c *config.Config) { c.Connectors[0].Cost = 7 })
		equal(s.stage, "cost of what was made dearer", s.cost("A", "C"), 7)
		to := config.Connector{Name: "to-B", Host: "B", Port: "55672", Role: config.RoleInterRouter, Cost: 1, MaxFrameSize: 64 << 10, IdleTimeout: 16 * time.Second}
		reload("C", func(c *config.Config) { c.Connectors = append(c.Connectors, to) })
		equal(s.stage, "cost by the new neighbour", s.cost("A", "C"), 2)
		send("after a connector came")
		if _, err := bToA[0].TryWrite(nil); err != nil {
			t.Error("the connection that nothing changed for was closed")
		}
		reload("B", func(c *config.Config) { c.Connectors = nil })
		equal(s.stage, "cost without the direct way", s.cost("A", "B"), 8)
		send("the long way round")
	})
}
