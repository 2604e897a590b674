package router_test

import (
	"strings"
	"testing"
	"time"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/wire"
)

// What the entities say of brokers that do not do what they should. What the log says is told
// where the rest of each story is.

// wantLink wants an auto-link to stand so, and to say these words of what is wrong; none, that
// nothing is.
func (m *manager) wantLink(why, name, state string, words ...string) {
	m.app.stage.t.Helper()
	row := m.only("router.config.autoLink", "name", name)
	equal(m.app.stage, why+": the state of "+name, row["operStatus"], any(state))
	said, _ := row["lastError"].(string)
	if len(words) == 0 && said != "" {
		m.app.stage.t.Errorf("%s: %s says %q, and nothing is wrong", why, name, said)
	}
	for _, w := range words {
		if !strings.Contains(said, w) {
			m.app.stage.t.Errorf("%s: %s says %q, which has not %q", why, name, said, w)
		}
	}
}

func TestAnAutoLinkSaysWhyItIsRefusedAndWhyItEnded(t *testing.T) {
	playBroker(t, nil, func(s *stage, k *scriptedBroker) {
		m := s.app("manager").manager("$management")
		m.wantLink("attached", "out:q", "active")
		k.do(func() { k.refuse["q"] = &wire.Error{Condition: wire.CondUnauthorizedAccess, Description: "not yours"} })
		k.into("q").act(func(b *amqp.Batch) { k.into("q").recv.Detach(b, nil) })
		m.wantLink("ended without a reason", "out:q", "failed", "the broker ended the link, and gave no reason")
		s.advance(time.Minute)
		m.wantLink("refused", "out:q", "failed", "not yours")
		k.do(func() { clear(k.refuse) })
		s.advance(time.Minute)
		m.wantLink("attached again", "out:q", "active")
		k.do(func() { k.mute["q"] = true })
		k.restart()
		s.advance(11 * time.Second)
		m.wantLink("not answered", "out:q", "attaching", "the broker has not answered the attach for 10s")
	}, out("q"))
}

func TestAnAutoLinkSaysThatTheBrokerSendsMoreThanItMay(t *testing.T) {
	playBroker(t, func(c *config.Config) { c.Connectors[0].LinkCapacity = 2 }, func(s *stage, k *scriptedBroker) {
		m := s.app("manager").manager("$management")
		s.app("receiver").consumer("q", 10)
		k.do(func() { k.faults = false })
		k.outOf("q").force(40)
		m.wantLink("cut off", "in:q", "failed", "without credit")
		s.advance(2 * time.Second)
		m.wantLink("attached again", "in:q", "active")
	}, config.AutoLink{Address: "q", Direction: config.DirectionIn})
}

func TestAnAutoLinkSaysThatTheBrokerGrantsNoCredit(t *testing.T) {
	playBroker(t, nil, func(s *stage, k *scriptedBroker) {
		k.do(func() { k.credit = 0 })
		k.restart()
		m := s.app("manager").manager("$management")
		s.advance(30 * time.Second)
		m.wantLink("for a while", "out:q", "active")
		s.advance(time.Hour)
		m.wantLink("for long", "out:q", "active", "the broker grants no credit since 2000-01-01 00:00:")
		k.into("q").act(func(b *amqp.Batch) { k.into("q").recv.SetWindow(b, 10) })
		s.advance(20 * time.Second)
		m.wantLink("with credit", "out:q", "active")
	}, out("q"))
}

func TestAnAutoLinkSaysThatTheBrokerRejectsMessages(t *testing.T) {
	playBroker(t, nil, func(s *stage, k *scriptedBroker) {
		full := wire.RejectedState(&wire.Error{Condition: wire.CondResourceLimitExceeded, Description: "queue is full"})
		k.do(func() { k.outcome = &full })
		ended(s, "a message", s.app("sender").producer("q").send(text("x")), wire.StateRejected)
		s.app("manager").manager("$management").wantLink("it rejects", "out:q", "active", "the broker rejected messages at 2000-01-01 00:00:", "queue is full")
	}, out("q"))
}

func TestAnAutoLinkSaysThatNoContainerHasItsId(t *testing.T) {
	playBroker(t, nil, func(s *stage, k *scriptedBroker) {
		m := s.app("manager").manager("$management")
		m.wantLink("the container is there", "out:q", "active")
		m.wantLink("another one", "out:nobody", "inactive", `no connected container has the id "other"`)
	}, config.AutoLink{Address: "q", Direction: config.DirectionOut, ContainerID: brokerHost},
		config.AutoLink{Address: "nobody", Direction: config.DirectionOut, ContainerID: "other"})
}

func TestAConnectorSaysThatItsBrokerSaysNothingAndWhereElseItMayBe(t *testing.T) {
	playBroker(t, nil, func(s *stage, k *scriptedBroker) {
		m := s.app("manager").manager("$management")
		k.do(func() {
			place := wire.Map{{Key: wire.Symbol("network-host"), Value: "standby"}}
			k.conf.Properties = wire.Map{{Key: wire.Symbol("failover-server-list"), Value: []any{place}}}
		})
		k.restart()
		row := m.only("connector", "name", "broker")
		equal(s, "status", row["connectionStatus"], any("SUCCESS"))
		equal(s, "places", row["failoverUrls"], any("amqp://broker:5672, amqp://standby:5672"))
		k.do(func() { k.deaf = true })
		k.restart()
		s.advance(15 * time.Second)
		row = m.only("connector", "name", "broker")
		equal(s, "status of one that is silent", row["connectionStatus"], any("CONNECTING"))
		k.do(func() { k.deaf = false })
		if !s.logged("warn", "not reached", "host=broker:5672", "no open within 10s") || !s.logged("warn", "not reached", "host=standby:5672") {
			t.Errorf("the silence and the standby that is not there are not logged: %q", s.lines())
		}
	}, out("q"))
}
