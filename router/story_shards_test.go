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

// grouped is a message with a group-id.
func grouped(group, s string) []byte {
	p := wire.MessageProperties{GroupID: wire.Some(group)}
	return wire.AppendData(p.Append(nil), []byte(s))
}

// playShards runs a story with two brokers that hold the shards of an address.
func playShards(t *testing.T, shards config.Shards, story func(s *stage, brokers [2]*scriptedBroker)) {
	t.Helper()
	shards.Connections = []string{"broker", "second"}
	playBroker(t, func(c *config.Config) {
		c.Connectors = append(c.Connectors, toBroker("second", "second"+brokerPort))
		c.Addresses = append(c.Addresses, config.Address{Prefix: "inv", Waypoint: true, Distribution: config.Balanced, EgressPhase: 1, Shards: &shards})
	}, func(s *stage, k *scriptedBroker) {
		second := s.newBroker("second")
		s.advance(time.Minute)
		story(s, [2]*scriptedBroker{k, second})
		second.die()
	})
}

func TestTheShardsOfAnAddressAreAtBrokers(t *testing.T) {
	playShards(t, config.Shards{Key: config.ShardKey{Kind: config.ShardByGroup}, OnLoss: config.ShardWait}, func(s *stage, brokers [2]*scriptedBroker) {
		c := s.app("receiver").consumer("inv", 100)
		p := s.app("sender").producer("inv")
		for i := range 60 {
			key := string(rune('a' + i%20))
			ended(s, key, p.send(grouped(key, fmt.Sprint(key, i/20))), wire.StateAccepted)
		}
		total := 0
		for _, k := range brokers {
			has := strings.Fields(k.into("inv").has())
			total += len(has)
			for i, m := range has {
				if m[1] > '0' && !strings.Contains(strings.Join(has[:i], " "), m[:1]+string(m[1]-1)) {
					t.Errorf("%s came to another broker than the one before it, or overtook it: %q", m, has)
				}
			}
			if len(has) < 9 {
				t.Errorf("a broker has only %d of 60", len(has))
			}
			k.outOf("inv").put(text("from-" + k.host))
		}
		equal(s, "all are somewhere", total, 60)
		equal(s, "consumers get the one stream", c.bodies(), "from-broker from-second")
		c.acceptAll()
		before := len(strings.Fields(brokers[0].into("inv").has()))
		brokers[1].die()
		var outs []*meshtest.Out
		for i := range 20 {
			outs = append(outs, p.send(grouped(string(rune('a'+i)), "x")))
		}
		waiting := 0
		for _, o := range outs {
			if !o.RemoteSettled {
				waiting++
			}
		}
		equal(s, "those of the other one have come", len(strings.Fields(brokers[0].into("inv").has()))-before, 20-waiting)
		if waiting < 3 || waiting > 17 {
			t.Errorf("%d of 20 keys wait for the lost shard", waiting)
		}
		brokers[1].listen()
		s.advance(time.Minute)
		for _, o := range outs {
			ended(s, "when it is back", o, wire.StateAccepted)
		}
	})
}

func TestShardsByLoadAreOneAddressAtSeveralBrokers(t *testing.T) {
	playShards(t, config.Shards{}, func(s *stage, brokers [2]*scriptedBroker) {
		p := s.app("sender").producer("inv")
		brokers[0].do(func() { brokers[0].outcome = nil })
		for range 40 {
			p.send(text("x"))
		}
		lazy, quick := len(strings.Fields(brokers[0].into("inv").has())), len(strings.Fields(brokers[1].into("inv").has()))
		if lazy > 3 || quick < 37 {
			t.Errorf("the one that settles nothing has %d, the other one %d", lazy, quick)
		}
	})
}
