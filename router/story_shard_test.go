package router_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/wire"
)

// One address over three brokers.

// shardStage is the brokers behind an address.
type shardStage struct {
	*stage
	brokers []*scriptedBroker
}

var shardNames = []string{"b1", "b2", "b3"}

// sharded is how the address "shards" is spread.
func sharded(key config.ShardKind, onLoss config.ShardLoss) config.Address {
	return config.Address{
		Prefix: "shards", Distribution: config.Balanced, Waypoint: true, EgressPhase: 1,
		Shards: &config.Shards{Key: config.ShardKey{Kind: key, Property: "k"}, Connections: shardNames, OnLoss: onLoss},
	}
}

func playThreeShards(t *testing.T, a config.Address, story func(s *shardStage), links ...config.AutoLink) {
	t.Helper()
	play(t, func(c *config.Config) {
		c.Addresses, c.AutoLinks = append(c.Addresses, a), append(c.AutoLinks, links...)
		c.Listeners[0].StripAnnotations = config.StripNone // else the head of each message is looked at anyway
		for _, name := range shardNames {
			c.Connectors = append(c.Connectors, toBroker(name, name+brokerPort))
		}
	}, func(s *stage) {
		k := &shardStage{stage: s}
		for _, name := range shardNames {
			k.brokers = append(k.brokers, s.newBroker(name))
		}
		s.advance(2 * time.Second)
		story(k)
		for _, b := range k.brokers {
			b.die()
		}
	})
}

// keyed is a message with a key in its subject, as its group-id, and as an application property.
func keyed(key, body string) []byte {
	m := wire.Message{
		Properties:            &wire.MessageProperties{Subject: wire.Some(key), GroupID: wire.Some(key)},
		ApplicationProperties: wire.Map{{Key: "k", Value: key}},
		Data:                  [][]byte{[]byte(body)},
	}
	b, err := m.Append(nil)
	if err != nil {
		panic(err)
	}
	return b
}

// placed is which broker each key's messages are at, and what came there, per key.
func (s *shardStage) placed() (at map[string]int, came map[string]string) {
	at, came = map[string]int{}, map[string]string{}
	for i, k := range s.brokers {
		if k.link("shards", wire.RoleReceiver) == nil {
			continue
		}
		for _, body := range strings.Fields(k.into("shards").has()) {
			key, n, _ := strings.Cut(body, ":")
			if other, ok := at[key]; ok && other != i {
				s.t.Errorf("key %s is at %s and at %s", key, shardNames[other], shardNames[i])
			}
			at[key] = i
			came[key] += n
		}
	}
	return at, came
}

// keysOf are some keys of a broker.
func (s *shardStage) keysOf(broker int) (list []string) {
	at, _ := s.placed()
	for key, i := range at {
		if i == broker {
			list = append(list, key)
		}
	}
	return list
}

const someKeys = 30

// spread sends n messages of each key, numbered from first on.
func (p *producer) spread(first, n int) {
	for i := first; i < first+n; i++ {
		for key := range someKeys {
			p.send(keyed(fmt.Sprint("key", key), fmt.Sprintf("key%d:%d", key, i)))
		}
	}
}

func TestEachKeyHasItsShardAndItsOrder(t *testing.T) {
	for _, kind := range []config.ShardKind{config.ShardBySubject, config.ShardByGroup, config.ShardByProperty} {
		playThreeShards(t, sharded(kind, config.ShardWait), func(s *shardStage) {
			s.app("one").producer("shards").spread(0, 3)
			anonymous := s.app("another").producer("")
			m := wire.Message{
				Properties:            &wire.MessageProperties{To: wire.Some("shards"), Subject: wire.Some("key0"), GroupID: wire.Some("key0")},
				ApplicationProperties: wire.Map{{Key: "k", Value: "key0"}}, Data: [][]byte{[]byte("key0:3")},
			}
			b, _ := m.Append(nil)
			ended(s.stage, "one sent without a target", anonymous.send(b), wire.StateAccepted)
			at, came := s.placed()
			used := map[int]int{}
			for key := range someKeys {
				name := fmt.Sprint("key", key)
				want := "012"
				if key == 0 {
					want = "0123"
				}
				equal(s.stage, name, came[name], want)
				used[at[name]]++
			}
			equal(s.stage, "brokers in use", len(used), 3)
		})
	}
}

func TestConsumersGetWhatComesFromAllShards(t *testing.T) {
	playThreeShards(t, sharded(config.ShardBySubject, config.ShardWait), func(s *shardStage) {
		c := s.app("receiver").consumer("shards", 10)
		for i, k := range s.brokers {
			equal(s.stage, "taken", k.outOf("shards").put(text(fmt.Sprint(i))), 1)
		}
		equal(s.stage, "came", c.bodies(), "0 1 2")
		c.acceptAll()
		equal(s.stage, "the last broker hears", s.brokers[2].outOf("shards").heard(), "accepted")
	})
}

func TestALostShardsKeysWaitForItAndNobodyElse(t *testing.T) {
	playThreeShards(t, sharded(config.ShardBySubject, config.ShardWait), func(s *shardStage) {
		p := s.app("sender").producer("shards")
		p.spread(0, 1)
		lost := s.keysOf(1)
		s.brokers[1].die()
		if !s.logged("warn", "a shard is lost", "address=shards", "shard=b2", "wait") {
			t.Errorf("the loss is not logged: %q", s.lines())
		}
		first := p.send(keyed(lost[0], lost[0]+":1"))
		p.send(keyed(lost[0], lost[0]+":2"))
		equal(s.stage, "it waits", first.RemoteSettled, false)
		for _, key := range s.keysOf(0) {
			ended(s.stage, "one of another shard", p.send(keyed(key, key+":1")), wire.StateAccepted)
		}
		s.advance(30 * time.Second)
		equal(s.stage, "it waits still", first.RemoteSettled, false)
		s.brokers[1].listen()
		s.advance(2 * time.Minute)
		ended(s.stage, "when the shard is back", first, wire.StateAccepted)
		equal(s.stage, "in order", s.brokers[1].into("shards").has(), lost[0]+":1 "+lost[0]+":2")
		if !s.logged("info", "a shard is back", "shard=b2") {
			t.Errorf("its return is not logged: %q", s.lines())
		}
	})
}

func TestASenderOfALostShardsKeysStopsAtItsWindow(t *testing.T) {
	playThreeShards(t, sharded(config.ShardBySubject, config.ShardWait), func(s *shardStage) {
		p := s.app("sender").producer("shards")
		p.spread(0, 1)
		lost := s.keysOf(1)[0]
		s.brokers[1].die()
		other := s.app("another sender").producer("shards")
		for i := range capacity {
			p.send(keyed(lost, fmt.Sprint(lost, ":", i)))
		}
		equal(s.stage, "credit of who sent them", p.credit(), 0)
		equal(s.stage, "credit of another", other.credit(), capacity)
		ended(s.stage, "what that sends", other.send(keyed(s.keysOf(2)[0], "x:x")), wire.StateAccepted)
		s.brokers[1].listen() // what waits would stay when its sender closes its link
		s.advance(2 * time.Minute)
		equal(s.stage, "credit when the shard is back", p.credit(), capacity)
	})
}

func TestALostShardsKeysMoveAndComeBack(t *testing.T) {
	playThreeShards(t, sharded(config.ShardBySubject, config.ShardMove), func(s *shardStage) {
		p := s.app("sender").producer("shards")
		p.spread(0, 1)
		before, _ := s.placed()
		s.brokers[1].do(func() { s.brokers[1].settlesNot["shards"] = true })
		s.brokers[1].die()
		if !s.logged("warn", "a shard is lost", "shard=b2", "move") {
			t.Errorf("the loss is not logged: %q", s.lines())
		}
		p.spread(1, 1)
		after, _ := s.placed()
		for key, i := range before {
			switch {
			case i != 1 && after[key] != i:
				t.Errorf("%s moved from %s to %s", key, shardNames[i], shardNames[after[key]])
			case i == 1 && after[key] == 1:
				t.Errorf("%s is at a broker that is gone", key)
			}
		}
		equal(s.stage, "keys that are known", len(after), someKeys)
	})
}

func TestWhatWaitsForAShardThatIsLostMovesToAnother(t *testing.T) {
	playThreeShards(t, sharded(config.ShardBySubject, config.ShardMove), func(s *shardStage) {
		p := s.app("sender").producer("shards")
		p.spread(0, 1)
		key := s.keysOf(1)[0]
		l := s.brokers[1].into("shards")
		s.brokers[1].do(func() { s.brokers[1].outcome = nil })
		for i := range 200 { // more than it gives credit for
			p.send(keyed(key, fmt.Sprint(key, ":", i)))
		}
		if n := len(strings.Fields(l.has())); n >= 200 {
			t.Fatalf("all %d have left", n)
		}
		s.brokers[1].die()
		at, came := s.placed()
		if at[key] == 1 || !strings.HasSuffix(came[key], "199") {
			t.Errorf("what waited for the shard is at %s: %s", shardNames[at[key]], came[key])
		}
	})
}

// The addresses below a prefix with shards are divided in the same way, where auto-links lead
// into the shards; and an auto-link of the prefix itself takes the place of that which nobody
// had to write.
func TestAddressesBelowThePrefixOfShardsAreDividedByAutoLinks(t *testing.T) {
	var links []config.AutoLink
	for _, connection := range shardNames {
		links = append(links,
			config.AutoLink{Name: "out " + connection, Address: "shards/x", Direction: config.DirectionOut, Connection: connection},
			config.AutoLink{Name: "in " + connection, Address: "shards/x", Direction: config.DirectionIn, Phase: 1, Connection: connection})
	}
	links = append(links, config.AutoLink{Name: "own", Address: "shards", Direction: config.DirectionOut, Connection: "b1", ExternalAddress: "elsewhere"})
	playThreeShards(t, sharded(config.ShardBySubject, config.ShardWait), func(s *shardStage) {
		c := s.app("receiver").consumer("shards/x", 100)
		p := s.app("sender").producer("shards/x")
		p.spread(0, 2)
		at, came := map[string]int{}, 0
		for i, k := range s.brokers {
			for _, body := range strings.Fields(k.into("shards/x").has()) {
				key, _, _ := strings.Cut(body, ":")
				if other, ok := at[key]; ok && other != i {
					t.Errorf("key %s is at %s and at %s", key, shardNames[other], shardNames[i])
				}
				at[key] = i
				came++
			}
			k.outOf("shards/x").put(text(shardNames[i]))
		}
		equal(s.stage, "messages at the brokers", came, 2*someKeys)
		equal(s.stage, "consumers get the one stream", c.bodies(), "b1 b2 b3")
		c.acceptAll()
		s.brokers[0].into("elsewhere")
		if s.brokers[0].link("shards", wire.RoleSender) != nil {
			t.Error("the prefix has a link of its own to the broker, beside that which is configured")
		}
		s.brokers[1].into("shards")
	}, links...)
}

func TestWithoutAKeyAShardWithRoomIsTaken(t *testing.T) {
	playThreeShards(t, sharded(config.ShardByLoad, ""), func(s *shardStage) {
		s.brokers[0].do(func() { s.brokers[0].outcome = nil })
		p := s.app("sender").producer("shards")
		p.spread(0, 1)
		for i, k := range s.brokers {
			n := len(strings.Fields(k.into("shards").has()))
			if i == 0 && n > 3 || i > 0 && n < 10 {
				t.Errorf("%d of %d messages are at %s, of which b1 settles none", n, someKeys, shardNames[i])
			}
		}
		s.brokers[1].die()
		s.brokers[2].die()
		equal(s.stage, "credit with one shard left", p.credit() > 0, true)
	})
}

func TestWithoutAKeyTheMessagesOfALinkKeepTogetherAndLinksSpread(t *testing.T) {
	playThreeShards(t, sharded(config.ShardBySubject, config.ShardWait), func(s *shardStage) {
		const senders = 12
		for i := range senders {
			p := s.app(fmt.Sprint("sender", i)).producer("shards")
			for n := range 3 {
				p.send(text(fmt.Sprintf("link%d:%d", i, n)))
			}
		}
		at, came := s.placed()
		used := map[int]bool{}
		for i := range senders {
			link := fmt.Sprint("link", i)
			equal(s.stage, link, came[link], "012")
			used[at[link]] = true
		}
		if len(used) < 2 {
			t.Errorf("%d links are all at %s", senders, shardNames[at["link0"]])
		}
	})
}

// Where a shard is reached in several ways, the messages of a link keep to one of them, and
// wait there: else the second might overtake the first.
func TestAShardThatIsReachedTwiceKeepsTheOrderOfALink(t *testing.T) {
	a := sharded(config.ShardBySubject, config.ShardWait)
	a.Shards.Connections = []string{"containers"}
	play(t, func(c *config.Config) {
		linkRouted("R")(c)
		c.Listeners[1].Host = listenHost
		c.Addresses = append(c.Addresses, a)
	}, func(s *stage) {
		m := &meshStage{stage: s}
		ways := []*broker{m.broker(listenHost, "one"), m.broker(listenHost, "two")}
		for _, b := range ways {
			b.in[0].app = b.app // the attach came before the stage had it
			b.in[0].grant(3)
		}
		p := s.app("sender").producer("shards")
		for n := range 10 {
			p.send(keyed("key", fmt.Sprint(n)))
		}
		taken, other := ways[0].in[0], ways[1].in[0]
		if len(taken.got) == 0 {
			taken, other = other, taken
		}
		equal(s, "messages by one way, as far as its credit goes", len(taken.got), 3)
		equal(s, "messages by the other way, which has credit", len(other.got), 0)
		taken.acceptAll()
		taken.grant(100)
		equal(s, "messages by the one way", len(taken.got), 10)
		taken.acceptAll()
		for _, b := range ways {
			b.kill()
		}
	})
}

// What is sent to a shard is to outlive its broker.
func TestShardsAreAttachedDurable(t *testing.T) {
	playThreeShards(t, sharded(config.ShardBySubject, config.ShardWait), func(s *shardStage) {
		for _, k := range s.brokers {
			equal(s.stage, "durability of the queue that is sent to", k.into("shards").attach.Target.Durable, wire.DurableConfiguration)
			equal(s.stage, "durability of the queue that is received from", k.outOf("shards").attach.Source.Durable, wire.DurableConfiguration)
		}
	})
}

func TestAShardThatNoConnectorOfTheRouterLeadsToIsLogged(t *testing.T) {
	play(t, func(c *config.Config) {
		c.Addresses = append(c.Addresses, sharded(config.ShardBySubject, config.ShardWait))
		c.Connectors = append(c.Connectors, toBroker("b1", "b1"+brokerPort))
	}, func(s *stage) {
		for _, missing := range []string{"b2", "b3"} {
			if !s.logged("info", "a shard's connection is none of this router", "address=shards", "connection="+missing) {
				t.Errorf("that %s is none of the router's is not logged: %q", missing, s.lines())
			}
		}
		if s.logged("info", "a shard's connection is none of this router", "connection=b1") {
			t.Error("a connection of the router is said to be none")
		}
	})
}

func TestALongMessageGoesToTheShardOfItsKey(t *testing.T) {
	playThreeShards(t, sharded(config.ShardByProperty, config.ShardWait), func(s *shardStage) {
		p := s.app("sender").producer("shards")
		p.spread(0, 1)
		key := s.keysOf(2)[0]
		o := p.send(keyed(key, key+":"+strings.Repeat("x", 300_000)))
		ended(s.stage, "a long one", o, wire.StateAccepted)
		_, came := s.placed()
		equal(s.stage, "bytes of it", len(came[key]), 1+300_000)
		for i, name := range shardNames { // one broker is that of the link's messages without a key
			key := s.keysOf(i)[0]
			late := wire.Message{
				ApplicationProperties: wire.Map{{Key: "much", Value: strings.Repeat("y", 40_000)}, {Key: "k", Value: key}},
				Data:                  [][]byte{[]byte(key + ":" + strings.Repeat("z", 300_000))},
			}
			b, err := late.Append(nil)
			if err != nil {
				t.Fatal(err)
			}
			ended(s.stage, "one whose key comes late", p.send(b), wire.StateAccepted)
			at, came := s.placed()
			equal(s.stage, "the broker of one whose key comes late", shardNames[at[key]], name)
			equal(s.stage, "the end of what came", came[key][len(came[key])-1:], "z")
		}
	})
}

// The brokers are connected to other routers than the sender and the consumer.
func TestShardsAreReachedAcrossTheMesh(t *testing.T) {
	at := map[string]int{"B": 0, "C": 1, "D": 2}
	change := func(c *config.Config) {
		c.Addresses = append(c.Addresses, sharded(config.ShardBySubject, config.ShardWait))
		if i, ok := at[c.Router.ID]; ok {
			c.Connectors = append(c.Connectors, toBroker(shardNames[i], shardNames[i]+brokerPort))
		}
	}
	playMesh(t, "A-B B-C A-D", change, func(m *meshStage) {
		s := &shardStage{stage: m.stage}
		for _, name := range shardNames {
			s.brokers = append(s.brokers, s.newBroker(name))
		}
		s.advance(5 * time.Second)
		p := m.at("A", "sender").producer("shards")
		p.spread(0, 3)
		s.advance(time.Second)
		where, came := s.placed()
		equal(s.stage, "keys", len(where), someKeys)
		for key, numbers := range came {
			equal(s.stage, key, numbers, "012")
		}
		c := m.at("D", "receiver").consumer("shards", 10)
		s.advance(2 * time.Second)
		equal(s.stage, "taken", s.brokers[1].outOf("shards").put(text("back")), 1)
		equal(s.stage, "came", c.bodies(), "back")
		c.acceptAll()
		lost := s.keysOf(1)[0]
		s.brokers[1].die()
		s.advance(3 * time.Second)
		first := p.send(keyed(lost, lost+":3"))
		ended(s.stage, "one of another shard", p.send(keyed(s.keysOf(0)[0], "x:x")), wire.StateAccepted)
		equal(s.stage, "one of the lost shard waits", first.RemoteSettled, false)
		s.brokers[1].listen()
		s.advance(2 * time.Minute)
		ended(s.stage, "when the shard is back", first, wire.StateAccepted)
		for _, b := range s.brokers {
			b.die()
		}
	})
}
