package router_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/internal/wire"
)

func TestMessagesGoIntoAQueueAndOutOfIt(t *testing.T) {
	playBroker(t, nil, func(s *stage, k *scriptedBroker) {
		c := s.app("receiver").consumer("way", 10)
		p := s.app("sender").producer("way")
		o := p.send(text("hello"))
		ended(s, "the broker has it", o, wire.StateAccepted)
		equal(s, "in the queue", k.into("way").has(), "hello")
		equal(s, "nothing goes past the queue", c.bodies(), "")
		from := k.outOf("way")
		equal(s, "taken", from.put(text("a"), text("b")), 2)
		equal(s, "out of the queue", c.bodies(), "a b")
		c.settle(0, accepted)
		c.settle(1, released)
		equal(s, "the broker hears", from.heard(), "accepted released")
	}, out("way"), in("way"))
}

// What is asked of the broker's terminus is what configuration says, and no outcome that
// some brokers do not know.
func TestTheTerminusIsAskedForAsConfigured(t *testing.T) {
	durable := config.AutoLink{
		Name: "x", Address: "q", Direction: config.DirectionOut, ExternalAddress: "/queue/q", Durable: config.DurableUnsettled, Capabilities: []string{"queue"},
	}
	back := durable
	back.Name, back.Direction, back.Phase, back.Durable = "y", config.DirectionIn, 1, config.DurableConfiguration
	playBroker(t, nil, func(s *stage, k *scriptedBroker) {
		into, from := k.into("/queue/q").attach, k.outOf("/queue/q").attach
		equal(s, "name", into.Name, "x@broker")
		equal(s, "target", fmt.Sprint(into.Target.Durable, into.Target.Capabilities), "2 [queue]")
		equal(s, "source", fmt.Sprint(from.Source.Durable, from.Source.Capabilities, " ", from.Source.ExpiryPolicy.V), "1 [queue] never")
		for _, a := range []*wire.Attach{into, from} {
			equal(s, "outcomes", fmt.Sprint(a.Source.Outcomes), "[amqp:accepted:list amqp:rejected:list amqp:released:list]")
		}
	}, durable, back)
	playBroker(t, nil, func(s *stage, k *scriptedBroker) {
		k.do(func() { k.conf.Properties = wire.Map{{Key: wire.Symbol("product"), Value: "qpid-cpp"}} })
		k.restart()
		equal(s, "of one who knows it", len(k.outOf("q").attach.Source.Outcomes), 4)
	}, in("q"))
}

func TestAnAddressIsOpenOnlyWhileTheBrokerHasAttachedIt(t *testing.T) {
	playBroker(t, func(c *config.Config) { c.Connectors[0].LinkCapacity = 7 }, func(s *stage, k *scriptedBroker) {
		p := s.app("sender").producer("q")
		equal(s, "credit while it is attached", p.credit(), capacity)
		k.do(func() { k.refuse["q"] = &wire.Error{Condition: wire.CondNotFound, Description: "no queue q"} })
		k.into("q").act(func(b *amqp.Batch) { k.into("q").recv.Detach(b, nil) })
		s.advance(3 * time.Second)
		equal(s, "credit while it is refused", p.credit(), 0)
		if !s.logged("warn", "not attached", "autoLink=out:q", "no queue q", "create it again") {
			t.Errorf("the refusal is not logged: %q", s.lines())
		}
		k.do(func() { clear(k.refuse) })
		s.advance(time.Minute)
		equal(s, "credit when it is back", p.credit(), capacity)
	}, out("q"))
}

func TestABrokerThatSaysNoOutcomesHearsThoseThatItWasAskedFor(t *testing.T) {
	for _, product := range []string{"", "qpid-cpp"} {
		want := map[string]string{"": "released", "qpid-cpp": "modified"}[product]
		playBroker(t, nil, func(s *stage, k *scriptedBroker) {
			k.do(func() {
				k.noOutcomes = true
				k.conf.Properties = wire.Map{{Key: wire.Symbol("product"), Value: product}}
			})
			k.restart()
			c := s.app("receiver").consumer("q", 10)
			k.outOf("q").put(text("x"))
			c.settle(0, wire.DeliveryState{Kind: wire.StateModified})
			equal(s, "of modified it hears as "+product, k.outOf("q").heard(), want)
		}, config.AutoLink{Address: "q", Direction: config.DirectionIn})
	}
}

func TestAnAutoLinkToAnAddressThatIsUnavailable(t *testing.T) {
	playBroker(t, nil, func(s *stage, k *scriptedBroker) {
		s.advance(time.Minute)
		equal(s, "attached", k.count("attached"), 0)
		s.app("manager").manager("$management").wantLink("refused by ourselves", "out:unavailable", "failed", "unavailable", "change its distribution")
		if !s.logged("warn", "not attached", "autoLink=out:unavailable", "change its distribution") {
			t.Errorf("it is not logged: %q", s.lines())
		}
	}, out("unavailable"))
}

// [2.6.3] However long the detach behind it takes.
func TestAnAnswerWithoutATerminusIsARefusal(t *testing.T) {
	for _, empty := range []bool{false, true} { // none at all, or one that names nothing
		anAnswerIsARefusal(t, empty)
	}
}

func anAnswerIsARefusal(t *testing.T, empty bool) {
	playBroker(t, nil, func(s *stage, k *scriptedBroker) {
		k.do(func() { k.halfRefused, k.emptyTermini = true, empty })
		k.restart()
		s.app("receiver").consumer("way", 10)
		equal(s, "credit for what goes in", s.app("sender").producer("way").credit(), 0)
		equal(s, "credit for what comes out", k.outOf("way").put(text("x")), 0)
		equal(s, "without the end of it", s.router.AutoLinks()["active"], 0)
		for _, l := range []*brokerLink{k.into("way"), k.outOf("way")} {
			l.act(func(b *amqp.Batch) { l.detach(b, &wire.Error{Condition: wire.CondNotFound}) })
		}
		equal(s, "with it", s.router.AutoLinks()["failed"], 2)
	}, out("way"), in("way"))
}

// However the broker ends things, with a reason or without: what it ended is had again.
func TestWhateverTheBrokerEndsIsAttachedAgain(t *testing.T) {
	forced := &wire.Error{Condition: wire.CondConnectionForced, Description: "maintenance"}
	for name, end := range map[string]func(l *brokerLink, b *amqp.Batch, e *wire.Error){
		"detach": func(l *brokerLink, b *amqp.Batch, e *wire.Error) { l.detach(b, e) },
		"end":    func(l *brokerLink, b *amqp.Batch, e *wire.Error) { l.session.End(b, e) },
		"close":  func(l *brokerLink, b *amqp.Batch, e *wire.Error) { l.of.conn.Close(b, e) },
	} {
		for _, e := range []*wire.Error{nil, forced, {Condition: wire.CondConnectionRedirect, Info: wire.Map{{Key: wire.Symbol("network-host"), Value: "elsewhere"}}}} {
			t.Run(fmt.Sprint(name, " ", e), func(t *testing.T) {
				playBroker(t, nil, func(s *stage, k *scriptedBroker) {
					c := s.app("receiver").consumer("way", 10)
					p := s.app("sender").producer("way")
					for _, l := range []*brokerLink{k.into("way"), k.outOf("way")} {
						l.act(func(b *amqp.Batch) { end(l, b, e) })
						s.advance(2 * time.Second)
					}
					ended(s, "into the queue", p.send(text("x")), wire.StateAccepted)
					k.outOf("way").put(text("y"))
					equal(s, "out of it", c.bodies(), "y")
				}, out("way"), in("way"))
			})
		}
	}
}

func TestABrokerThatIsKilledAndComesBack(t *testing.T) {
	playBroker(t, nil, func(s *stage, k *scriptedBroker) {
		k.do(func() { k.outcome = nil })
		p := s.app("sender").producer("q")
		o := p.send(text("a"), text("b"))
		equal(s, "with the broker, not settled", k.into("q").has(), "a b")
		k.die()
		ended(s, "nobody knows what became of it", o, wire.StateModified)
		s.advance(3 * time.Second)
		equal(s, "credit without a broker", p.credit(), 0)
		k.do(func() { k.outcome = &accepted })
		k.listen()
		s.advance(30 * time.Second)
		ended(s, "when it is back", p.send(text("c")), wire.StateAccepted)
	}, out("q"))
}

func TestABrokerThatSaysNothingIsLeftForTheNext(t *testing.T) {
	playBroker(t, func(c *config.Config) {
		c.Connectors[0].Hosts = []string{brokerHost + brokerPort, "second" + brokerPort}
	}, func(s *stage, k *scriptedBroker) {
		s.advance(10 * time.Second)
		k.do(func() { k.deaf = true })
		k.restart()
		second := s.newBroker("second")
		s.advance(15 * time.Second)
		second.into("q")
		if !s.logged("warn", "not reached", "no open within 10s", "does not speak AMQP 1.0") {
			t.Errorf("the silence is not logged: %q", s.lines())
		}
		second.die()
	}, out("q"))
}

func TestABrokerThatRefusesTheLogin(t *testing.T) {
	playBroker(t, func(c *config.Config) {
		c.Connectors[0].SASLMechanisms, c.Connectors[0].SASLUsername = []string{"SCRAM-SHA-256"}, "mesh"
		c.Connectors[0].SASLPassword = config.Secret{}
	}, func(s *stage, k *scriptedBroker) {
		s.advance(time.Minute)
		equal(s, "attaches", len(k.log), 0)
		if !s.logged("warn", "not reached", "SASL", "check saslUsername") {
			t.Errorf("it is not logged: %q", s.lines())
		}
	}, out("q"))
}

func TestMessagesThatTheBrokerRejectsAreToldAndLogged(t *testing.T) {
	playBroker(t, nil, func(s *stage, k *scriptedBroker) {
		full := wire.RejectedState(&wire.Error{Condition: wire.CondResourceLimitExceeded, Description: "queue is full"})
		k.do(func() { k.outcome = &full })
		p := s.app("sender").producer("q")
		for range 100 {
			ended(s, "told", p.send(text("x")), wire.StateRejected)
		}
		if !s.logged("warn", "rejects messages", "queue is full", "autoLink=out:q", "do=") || s.count("rejects messages") != 1 {
			t.Errorf("logged %d times: %q", s.count("rejects messages"), s.lines())
		}
	}, out("q"))
}

func TestABrokerThatGrantsNoCreditHoldsBackItsOwnSendersOnly(t *testing.T) {
	playBroker(t, nil, func(s *stage, k *scriptedBroker) {
		k.do(func() { k.credit = 0 })
		k.restart()
		k.into("live").act(func(b *amqp.Batch) { k.into("live").recv.SetWindow(b, 10) })
		dry, live := s.app("a").producer("dry"), s.app("b").producer("live")
		s.advance(time.Hour)
		equal(s, "credit for the dry one", dry.credit(), 0)
		for range 50 {
			ended(s, "the other one", live.send(text("x")), wire.StateAccepted)
		}
		if !s.logged("warn", "grants no credit", "autoLink=out:dry", "do=") || s.count("grants no credit") != 1 {
			t.Errorf("logged %d times: %q", s.count("grants no credit"), s.lines())
		}
		s.advance(time.Hour)
		equal(s, "said again after an hour", s.count("grants no credit"), 2)
	}, out("dry"), out("live"))
}

func TestAQueueThatSettlesNothingHoldsBackItsOwnSendersOnly(t *testing.T) {
	playBroker(t, func(c *config.Config) { c.Connectors[0].MaxInFlight = 40 }, func(s *stage, k *scriptedBroker) {
		k.do(func() { k.settlesNot["dead"] = true })
		dead, live := s.app("a").producer("dead"), s.app("b").producer("live")
		for range 100 {
			dead.send(text("x"))
		}
		if n := len(strings.Fields(k.into("dead").has())); n != 30 {
			t.Errorf("%d are in flight to the dead queue, want a quarter of 40 and the half that is anybody's", n)
		}
		for range 100 {
			ended(s, "the other one", live.send(text("x")), wire.StateAccepted)
		}
	}, out("dead"), out("live"))
}

func TestABrokerHasCreditOnlyWhileSomebodyConsumes(t *testing.T) {
	playBroker(t, nil, func(s *stage, k *scriptedBroker) {
		from := k.outOf("q")
		equal(s, "without a consumer", from.put(text("x")), 0)
		c := s.app("receiver").consumer("q", 10)
		equal(s, "with one", from.put(text("a")), 1)
		equal(s, "received", c.bodies(), "a")
		c.detach()
		s.advance(3 * time.Second)
		equal(s, "without it again", from.put(text("x")), 0)
		equal(s, "what it had not settled is told in words that the broker knows", from.heard(), "released")
	}, config.AutoLink{Address: "q", Direction: config.DirectionIn})
}

// What one queue has sent narrows the window of its own session, not of the connection.
func TestAQueueWithSlowConsumersHoldsUpNoOther(t *testing.T) {
	back := func(address string) config.AutoLink {
		return config.AutoLink{Address: address, Direction: config.DirectionIn}
	}
	playBroker(t, func(c *config.Config) { c.Connectors[0].MaxSessionFrames = 40 }, func(s *stage, k *scriptedBroker) {
		k.do(func() { k.conf.Properties = wire.Map{{Key: wire.Symbol("product"), Value: "RabbitMQ"}} })
		k.restart()
		slow, quick := s.app("slow").consumer("slow", 1), s.app("quick").consumer("quick", 100)
		put := func(queue string) (n int) {
			for n < 100 && k.outOf(queue).put(long(15<<10)) == 1 {
				n++
			}
			return n
		}
		if n := put("slow"); n == 100 {
			t.Errorf("%d messages of 15 KiB wait in the router, and the queue is not held up", n)
		}
		equal(s, "what the other queue has sent meanwhile", put("quick"), 100)
		equal(s, "what its consumer has", len(quick.got), 100)
		quick.acceptAll()
		slow.detach()
	}, back("slow"), back("quick"))
}

func TestABrokerThatSendsMoreThanItMay(t *testing.T) {
	playBroker(t, func(c *config.Config) { c.Connectors[0].LinkCapacity = 2 }, func(s *stage, k *scriptedBroker) {
		s.app("receiver").consumer("q", 10)
		k.do(func() { k.faults = false })
		from := k.outOf("q")
		from.force(40)
		s.advance(2 * time.Second)
		if !s.logged("warn", "not attached", "transfer-limit-exceeded", "do=") {
			t.Errorf("it is not logged: %q", s.lines())
		}
		if k.outOf("q") == from {
			t.Error("the link was not attached again")
		}
	}, config.AutoLink{Address: "q", Direction: config.DirectionIn})
}

// RabbitMQ counts credit without what is on its way inside of it.
func TestABrokerThatSendsAWindowMoreThanItMayKeepsItsLink(t *testing.T) {
	playBroker(t, func(c *config.Config) { c.Connectors[0].LinkCapacity = 2 }, func(s *stage, k *scriptedBroker) {
		c := s.app("receiver").consumer("q", 10)
		from := k.outOf("q")
		from.force(4)
		s.advance(2 * time.Second)
		equal(s, "received of 2 that it may send and 2 more", len(c.got), 4)
		if k.outOf("q") != from || s.count("not attached") != 0 {
			t.Errorf("the link was cut off: %q", s.lines())
		}
		c.acceptAll()
	}, config.AutoLink{Address: "q", Direction: config.DirectionIn})
}

// With each flow before all is used it would send more beyond its credit.
func TestRabbitMQHasItsCreditInRounds(t *testing.T) {
	for version, inRounds := range map[string]bool{"3.10.8": true, "4.1.0": false} {
		t.Run(version, func(t *testing.T) {
			playBroker(t, func(c *config.Config) { c.Connectors[0].LinkCapacity = 10 }, func(s *stage, k *scriptedBroker) {
				k.do(func() {
					k.conf.Properties = wire.Map{{Key: wire.Symbol("product"), Value: "RabbitMQ"}, {Key: wire.Symbol("version"), Value: version}}
				})
				k.restart()
				s.advance(10 * time.Second)
				c := s.app("receiver").consumer("q", 100)
				k.outOf("q").put(texts("1", "2", "3", "4", "5", "6", "7", "8", "9")...)
				c.acceptAll()
				_, credit := k.outOf("q").send.Load()
				if !inRounds { // how much more depends on what was accepted together
					equal(s, "more is told before the last is used", credit > 1, true)
					return
				}
				equal(s, "credit after 9 of 10, all of them accepted", credit, 1)
				k.outOf("q").put(text("10"))
				_, credit = k.outOf("q").send.Load()
				equal(s, "credit after the tenth", credit, 9)
				c.acceptAll()
			}, config.AutoLink{Address: "q", Direction: config.DirectionIn})
		})
	}
}

func TestAContainerIsMeantByItsIdWhereverItConnects(t *testing.T) {
	playBroker(t, nil, func(s *stage, k *scriptedBroker) {
		k.into("q")
		equal(s, "links", k.count("attached"), 1)
		if !s.logged("warn", "no connected container has the id", "autoLink=out:nobody", "containerId=other", "connected=[broker]") {
			t.Errorf("it is not logged: %q", s.lines())
		}
	}, config.AutoLink{Address: "q", Direction: config.DirectionOut, ContainerID: brokerHost},
		config.AutoLink{Address: "nobody", Direction: config.DirectionOut, ContainerID: "other"})
}

// The container may be the one that is not connected yet.
func TestNoIdIsSaidToBeWrongWhileABrokerIsNotConnected(t *testing.T) {
	playBroker(t, func(c *config.Config) {
		c.Connectors = append(c.Connectors, toBroker("second", "second"+brokerPort))
	}, func(s *stage, k *scriptedBroker) {
		s.advance(time.Minute)
		equal(s, "lines", s.count("no connected container has the id"), 0)
		second := s.newBroker("second")
		defer second.die()
		s.advance(time.Minute)
		equal(s, "lines when all are connected", s.count("no connected container has the id"), 1)
	}, config.AutoLink{Address: "nobody", Direction: config.DirectionOut, ContainerID: "other"})
}

func TestAContainerThatConnectsToTheRouter(t *testing.T) {
	playBroker(t, func(c *config.Config) {
		l := c.Listeners[0]
		l.Name, l.Port, l.Role = "containers", "5673", config.RoleRouteContainer
		c.Listeners = append(c.Listeners, l)
	}, func(s *stage, k *scriptedBroker) {
		var got string
		a := s.appAt("container", listenHost+":5673", meshtest.ClientOptions{Accept: func(p *wire.Attach) meshtest.ReceiverOptions {
			return meshtest.ReceiverOptions{Credit: 10, OnTransfer: func(d *meshtest.In, payload []byte) {
				got += p.Target.Address.V + " " + textOf(payload)
				d.Settle(accepted, true)
			}}
		}})
		s.advance(time.Second)
		ended(s, "to the container", s.app("sender").producer("inside").send(text("x")), wire.StateAccepted)
		a.Do(func() { equal(s, "it has", got, "outside x") })
		a.kill()
	}, config.AutoLink{Address: "inside", Direction: config.DirectionOut, ExternalAddress: "outside", Connection: "containers"})
}

func TestAutoLinksAndConnectorsComeAndGoWhileTheRouterRuns(t *testing.T) {
	playBroker(t, nil, func(s *stage, k *scriptedBroker) {
		reload := func(change func(*config.Config)) {
			cfg := s.router.Config()
			cfg.AutoLinks, cfg.Connectors = slices.Clone(cfg.AutoLinks), slices.Clone(cfg.Connectors)
			change(&cfg)
			if _, err := s.router.Reload(cfg); err != nil {
				t.Fatal(err)
			}
			s.advance(time.Second)
		}
		stays, goes := s.app("a").producer("stays"), s.app("b").producer("goes")
		k.forget()
		reload(func(c *config.Config) {
			c.AutoLinks[1] = config.AutoLink{Name: "new", Address: "comes", Direction: config.DirectionOut, Connection: "broker"}
		})
		equal(s, "attached", fmt.Sprint(k.log), "[attached comes]")
		ended(s, "to the new one", s.app("c").producer("comes").send(text("x")), wire.StateAccepted)
		ended(s, "to the one that nothing changed for", stays.send(text("x")), wire.StateAccepted)
		s.advance(3 * time.Second)
		equal(s, "credit of the one that is gone", goes.credit(), 0)
		if k.link("goes", wire.RoleSender) != nil {
			t.Error("the link that is gone was not detached")
		}

		reload(func(c *config.Config) { c.Connectors[0].MaxInFlight = 7 })
		equal(s, "connected anew", k.count("attached"), 3)
		reload(func(c *config.Config) { c.Connectors = c.Connectors[:0] })
		k.forget()
		s.advance(time.Minute)
		equal(s, "credit without the connector", stays.credit(), 0)
		equal(s, "attached since", k.count("attached"), 0)
		reload(func(c *config.Config) { c.Connectors = append(c.Connectors, toBroker("broker", brokerHost+brokerPort)) })
		ended(s, "with it again", stays.send(text("x")), wire.StateAccepted)
	}, out("stays"), out("goes"))
}
