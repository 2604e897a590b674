package router_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/internal/wire"
)

// Consumers that take messages of some size at most, at other routers and at brokers.

func TestMeshTheEgressRejectsWhatItsConsumersDoNotTake(t *testing.T) {
	playMesh(t, "A-B B-C", nil, func(s *meshStage) {
		c := s.at("C", "receiver").limited("q", 100, 1000)
		s.known()
		p := s.at("A", "sender").producer("q")
		fits := p.send(sized(1000))
		large, next := p.send(sized(1001)), p.send(text("next"))
		c.acceptAll()
		ended(s.stage, "what fits", fits, wire.StateAccepted)
		tooLarge(s.stage, "what does not", large, "1001 bytes", "1000 at most", `"q"`)
		ended(s.stage, "what follows", next, wire.StateAccepted)
		p.post(sized(2000), text("presettled"))
		equal(s.stage, "presettled ones", textOf(c.got[len(c.got)-1].bytes), "presettled")
		equal(s.stage, "deliveries", len(c.got), 3)
		s.advance(time.Second)
		equal(s.stage, "credit", p.credit(), capacity)
	})
}

func TestMeshAStreamIsBrokenOffAtItsEgress(t *testing.T) {
	for name, presettled := range map[string]bool{"unsettled": false, "presettled": true} {
		t.Run(name, func(t *testing.T) {
			playMesh(t, "A-B", nil, func(s *meshStage) {
				c := s.at("B", "receiver").limited("q", 100, 300_000)
				s.known()
				p := s.at("A", "sender").producer("q")
				fits := p.send(sized(300_000))
				o := &meshtest.Out{Payload: sized(1_000_000), Settled: presettled}
				p.app.do(func() { p.Start(o).Write(200_000) })
				p.write(o, 200_000)
				equal(s.stage, "aborted", c.got[1].Aborted, true)
				equal(s.stage, "heard before it has sent all", o.RemoteSettled, false)
				p.write(o, 1_000_000)
				equal(s.stage, "the rest is taken", o.Left(), 0)
				if !presettled {
					tooLarge(s.stage, "its sender hears", o, "300000 at most")
				}
				next := p.send(text("next"))
				c.acceptAll()
				ended(s.stage, "what fits", fits, wire.StateAccepted)
				ended(s.stage, "what follows", next, wire.StateAccepted)
				s.advance(time.Second)
				equal(s.stage, "credit", p.credit(), capacity)
			})
		})
	}
}

// At once, and also if the near one has room.
func TestMeshWhatIsTooLargeHereGoesToAnotherRouter(t *testing.T) {
	for _, address := range []string{"q", "closest.q"} {
		for _, n := range []int{2000, 200_000} {
			playMesh(t, "A-B", nil, func(s *meshStage) {
				here, far := s.at("A", "here").limited(address, 100, 1000), s.at("B", "far").consumer(address, 100)
				s.known()
				p := s.at("A", "sender").producer(address)
				for range 5 {
					p.send(sized(n))
				}
				equal(s.stage, "far", far.count(), 5)
				p.send(text("x"))
				far.acceptAll()
				here.acceptAll()
				equal(s.stage, "small ones still go here", len(here.got), 1)
				equal(s.stage, "unsettled", p.Unsettled(), 0)
			})
		}
	}
}

// The nearest consumers have had no room for long, and a larger message that was not for them
// changes nothing of that.
func TestMeshALargeMessageDoesNotBringPatienceBack(t *testing.T) {
	playMesh(t, "A-B", nil, func(s *meshStage) {
		here, far := s.at("A", "here").limited("closest.q", 1, 1000), s.at("B", "far").consumer("closest.q", 100)
		s.known()
		p := s.at("A", "sender").producer("closest.q")
		p.send(texts("1", "2")...)
		s.advance(11 * time.Millisecond)
		equal(s.stage, "here", here.bodies(), "1")
		equal(s.stage, "far", far.bodies(), "2")
		p.send(sized(2000), text("3"))
		equal(s.stage, "far, without waiting again", sizes(far), fmt.Sprintf("%d 2000 %[1]d", len(text("2"))))
	})
}

func TestMeshNothingPassesAMessageThatWaitsForAnotherRouter(t *testing.T) {
	for turns := range 4 {
		playMesh(t, "A-B", nil, func(s *meshStage) {
			here, far := s.at("A", "here").limited("q", 1, 1000), s.at("B", "far").consumer("q", 0)
			s.known()
			p := s.at("A", "sender").producer("q")
			p.send(sized(2000), text("1"), text("2"))
			equal(s.stage, "here", here.bodies(), "1")
			for range turns {
				here.grant(0)
			}
			far.grant(10)
			s.advance(time.Second)
			equal(s.stage, "far", sizes(far), fmt.Sprint("2000 ", len(text("2"))))
		})
	}
}

// What its sender sends behind it may go to another router, and must not be passed there by
// one that comes from here.
func TestMeshWhatIsTooLargeAtItsEgressDoesNotMoveOn(t *testing.T) {
	playMesh(t, "A-B B-C", nil, func(s *meshStage) {
		near, far := s.at("B", "near").limited("closest.q", 100, 1000), s.at("C", "far").consumer("closest.q", 100)
		s.known()
		p := s.at("A", "sender").producer("closest.q")
		o, next := p.send(sized(2000)), p.send(text("next"))
		near.acceptAll()
		ended(s.stage, "what follows", next, wire.StateAccepted)
		tooLarge(s.stage, "it", o, "1000 at most")
		equal(s.stage, "far", len(far.got), 0)
	})
}

func TestMeshWhatWaitsAtItsEgressForALargerConsumerHoldsNobodyUp(t *testing.T) {
	playMesh(t, "A-B", nil, func(s *meshStage) {
		b := s.at("B", "b")
		small, large := b.limited("q", 100, 1000), b.consumer("q", 0)
		s.known()
		p, other := s.at("A", "sender").producer("q"), s.at("A", "other").producer("q")
		o := p.send(sized(2000))
		p.send(text("behind"))
		other.send(text("others"))
		s.at("B", "here").producer("q").send(text("here"))
		equal(s.stage, "the small one has", len(small.got), 3)
		large.grant(1)
		equal(s.stage, "the large one", sizes(large), "2000")
		large.acceptAll()
		ended(s.stage, "it", o, wire.StateAccepted)
	})
}

func TestMeshTooLargeACopyOfAMulticastIsRejected(t *testing.T) {
	for _, n := range []int{2000, 200_000} {
		playMesh(t, "A-B", nil, func(s *meshStage) {
			small, large := s.at("B", "small").limited("multicast.q", 10, uint64(n-1)), s.at("B", "large").limited("multicast.q", 10, uint64(n))
			here := s.at("A", "here").consumer("multicast.q", 10)
			s.known()
			p := s.at("A", "sender").producer("multicast.q")
			o := p.send(sized(n))
			equal(s.stage, "whole ones", fmt.Sprint(small.count(), large.count(), here.count()), "0 1 1")
			large.acceptAll()
			here.acceptAll()
			tooLarge(s.stage, "it", o, "multicast.q")
		})
	}
}

// What a broker says in its answer counts, as that of any consumer.
func TestABrokerGetsNoMessageThatIsLargerThanItTakes(t *testing.T) {
	playBroker(t, nil, func(s *stage, k *scriptedBroker) {
		k.do(func() { k.largest = 100_000 })
		k.restart()
		s.advance(time.Minute)
		p := s.app("sender").producer("q")
		ended(s, "what fits", p.send(sized(100_000)), wire.StateAccepted)
		tooLarge(s, "what does not", p.send(sized(100_001)), "100000 at most")
		tooLarge(s, "and streams", p.send(sized(500_000)), "100000 at most")
		ended(s, "what follows", p.send(text("next")), wire.StateAccepted)
		equal(s, "attached since", k.count("attached"), 1)
	}, out("q"))
}

// Not even where messages wait for a shard that is away.
func TestWhatIsTooLargeForItsShardIsRejected(t *testing.T) {
	for _, onLoss := range []config.ShardLoss{config.ShardWait, config.ShardMove} {
		playThreeShards(t, sharded(config.ShardBySubject, onLoss), func(s *shardStage) {
			for _, k := range s.brokers {
				k.do(func() { k.largest = 1000 })
				k.restart()
			}
			s.advance(time.Minute)
			p := s.app("sender").producer("shards")
			for key := range 9 {
				large := append(keyed(fmt.Sprint("key", key), ""), sized(1000)...)
				tooLarge(s.stage, "a large one", p.send(large), "1000 at most", `"shards"`)
				ended(s.stage, "one of the same key", p.send(keyed(fmt.Sprint("key", key), "x")), wire.StateAccepted)
			}
		})
	}
}
