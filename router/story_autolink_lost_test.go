package router_test

import (
	"strings"
	"testing"
	"time"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/wire"
)

// Stories of what is lost with a broker, and who says so.

func TestABrokerThatGoesAwayInTheMiddleOfALongMessage(t *testing.T) {
	playBroker(t, nil, func(s *stage, k *scriptedBroker) {
		p := s.app("sender").producer("q")
		o := p.begin(long(400<<10), 200<<10)
		k.die()
		p.write(o, 400<<10)
		ended(s, "its sender", o, wire.StateModified)
		row := s.app("manager").manager("$management").only("connector", "name", "broker")
		equal(s, "the broker's status", row["connectionStatus"], any("CONNECTING"))
		if text, _ := row["connectionMsg"].(string); !strings.Contains(text, "refused") && !strings.Contains(text, "went away") {
			t.Errorf("it says of it %q", text)
		}
		k.listen()
		s.advance(30 * time.Second)
		ended(s, "the next one", p.send(text("x")), wire.StateAccepted)
		if !s.logged("warn", "the connection to the broker is lost", "connector=broker", "do=") ||
			!s.logged("warn", "on their way to the broker", "autoLink=out:q", "address=q", "at=broker", "unsettled=1", "one of them half=true", "outcome=modified", "do=") {
			t.Errorf("the loss is not logged: %q", s.lines())
		}
	}, out("q"))
}

func TestABrokerThatGoesAwayInTheMiddleOfALongMessageOfItsOwn(t *testing.T) {
	playBroker(t, nil, func(s *stage, k *scriptedBroker) {
		c := s.app("receiver").consumer("q", 10)
		from := k.outOf("q")
		from.put(text("whole"))
		from.begin(long(400<<10), 200<<10)
		s.advance(time.Second)
		equal(s, "begun at the consumer", len(c.got), 2)
		k.die()
		equal(s, "aborted there", c.got[1].Aborted, true)
		if !s.logged("warn", "on their way from the broker", "autoLink=in:q", "address=q", "at=broker", "unsettled=2", "one of them half=true", "do=") {
			t.Errorf("the loss is not logged: %q", s.lines())
		}
		k.listen()
		s.advance(30 * time.Second)
		equal(s, "sent when it is back", k.outOf("q").put(text("again")), 1)
		equal(s, "received in all", len(c.got), 3)
		equal(s, "the next one", textOf(c.got[len(c.got)-1].bytes), "again")
	}, config.AutoLink{Address: "q", Direction: config.DirectionIn})
}

// Nothing is said of it where nothing was under way.
func TestABrokerThatGoesAwayWhileNothingIsUnderWay(t *testing.T) {
	playBroker(t, nil, func(s *stage, k *scriptedBroker) {
		ended(s, "a message", s.app("sender").producer("way").send(text("x")), wire.StateAccepted)
		k.restart()
		s.advance(30 * time.Second)
		equal(s, "lines of losses", s.count("on their way"), 0)
		equal(s, "lines of links, beside that of the connection", s.count("not attached"), 0)
	}, out("way"), in("way"))
}

// Neither a close nor a reset comes from a machine that has lost its power.
func TestABrokerThatVanishesIsNoticed(t *testing.T) {
	playBroker(t, nil, func(s *stage, k *scriptedBroker) {
		p := s.app("sender").producer("q")
		equal(s, "credit with the broker", p.credit(), capacity)
		s.net.Between(listenHost, brokerHost).Silence()
		s.advance(30 * time.Second)
		equal(s, "credit without it", p.credit(), 0)
		row := s.app("manager").manager("$management").only("connector", "name", "broker")
		equal(s, "the connector's status", row["connectionStatus"], any("CONNECTING"))
		s.net.Between(listenHost, brokerHost).Heal()
		s.advance(time.Minute)
		ended(s, "when it is back", p.send(text("x")), wire.StateAccepted)
	}, out("q"))
}

// Once a minute is enough.
func TestABrokerThatGoesAwayAgainAndAgainFillsNoLog(t *testing.T) {
	playBroker(t, nil, func(s *stage, k *scriptedBroker) {
		k.do(func() { k.outcome = nil })
		p := s.app("sender").producer("q")
		for range 4 {
			s.advance(6 * time.Second)
			o := p.send(text("x"))
			equal(s, "with the broker", k.into("q").has(), "x")
			k.restart()
			ended(s, "lost", o, wire.StateModified)
		}
		equal(s, "lines of losses within a minute", s.count("on their way to the broker"), 1)
		s.advance(time.Minute)
		p.send(text("x"))
		k.die()
		equal(s, "lines later", s.count("on their way to the broker"), 2)
		if !s.logged("warn", "on their way to the broker", "not logged before=3") {
			t.Errorf("how many were not logged is not told: %q", s.lines())
		}
	}, out("q"))
}

// A link that has held for long and ends for the same reason as before is news, and one that is
// refused over and over is not.
func TestALinkThatEndsAgainAfterItHasHeldIsToldOf(t *testing.T) {
	playBroker(t, nil, func(s *stage, k *scriptedBroker) {
		for want := 1; want <= 3; want++ {
			s.advance(10 * time.Second)
			k.into("q").act(func(b *amqp.Batch) { k.into("q").detach(b, nil) })
			equal(s, "lines", s.count("the broker ended the link, and gave no reason"), want)
		}
	}, out("q"))
}

// The queue was there, and is not when the broker is back: that is more than a name that is
// wrong, and the entity says so too.
func TestABrokerThatComesBackEmpty(t *testing.T) {
	playBroker(t, nil, func(s *stage, k *scriptedBroker) {
		ended(s, "a message", s.app("sender").producer("way").send(text("x")), wire.StateAccepted)
		k.die()
		s.advance(time.Minute)
		m := s.app("manager").manager("$management")
		for _, row := range m.rows("router.config.autoLink") {
			equal(s, "status without the broker", row["operStatus"], any("inactive"))
			equal(s, "for the reason", row["lastError"], any("the connection to the broker is lost"))
		}
		k.do(func() { k.refuse["way"] = &wire.Error{Condition: wire.CondNotFound, Description: "no queue way"} })
		k.listen()
		s.advance(time.Minute)
		for _, link := range []string{"autoLink=out:way", "autoLink=in:way"} {
			if !s.logged("warn", "not attached", link, "address=way", "at=broker", "container=broker", "no queue way: it was there until 2000-01-01", "lost", "do=see whether the broker came back without its data") {
				t.Errorf("it is not logged: %q", s.lines())
			}
		}
		rows := m.rows("router.config.autoLink")
		equal(s, "auto-links", len(rows), 2)
		for _, row := range rows {
			equal(s, "status", row["operStatus"], any("failed"))
			if text, _ := row["lastError"].(string); !strings.HasPrefix(text, "no queue way: it was there until 2000-01-01") {
				t.Errorf("the entity says %q", text)
			}
		}
		k.do(func() { clear(k.refuse) })
		s.advance(time.Minute)
		equal(s, "when it is made again", s.router.AutoLinks()["active"], 2)
	}, out("way"), in("way"))
}
