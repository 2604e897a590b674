package router_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/internal/wire"
)

// Messages of several frames, and long ones, across the mesh.

func TestMeshMessagesOfAllSizesArriveAsTheyWere(t *testing.T) {
	for _, n := range []int{16, 15_000, 16_384, 20_000, 64_000, 65_536, 66_000, 200_000, 1_000_000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			playPair(t, "q", 10, func(s *meshStage, p *producer, c *consumer) {
				o := p.send(long(n))
				p.post(long(n))
				s.known()
				equal(s.stage, "came", c.count(), 2)
				for _, d := range c.got {
					equal(s.stage, "bytes", string(d.bytes) == string(long(n)), true)
				}
				c.settle(0, accepted)
				ended(s.stage, "the delivery", o, wire.StateAccepted)
			})
		})
	}
}

func TestMeshSmallMessagesGoByALongOneThatStalls(t *testing.T) {
	playMesh(t, "A-B B-C", nil, func(s *meshStage) {
		s.net.Between("C", "slow").Set(meshtest.Line{Buffer: 64 << 10}, meshtest.Line{})
		slow := s.at("C", "slow").consumer("big", 10)
		quick := s.at("C", "quick").consumer("small", 2000)
		s.known()
		big, small := s.at("A", "big").producer("big"), s.at("A", "small").producer("small")
		slow.app.stall(true)
		o := big.send(long(5_000_000))
		s.advance(100 * time.Millisecond)
		for range 10 {
			small.send(counted(100)...)
			quick.acceptAll() // there is a window of 64 until one has been granted
			quick.acceptAll()
		}
		equal(s.stage, "small ones", quick.count(), 1000)
		equal(s.stage, "the long one has come", slow.count(), 0)
		slow.app.stall(false)
		s.known()
		equal(s.stage, "bytes of the long one", len(slow.got[0].bytes), len(long(5_000_000)))
		slow.acceptAll()
		ended(s.stage, "the long one", o, wire.StateAccepted)
	})
}

func TestMeshSmallMessagesOfTheSameLinkKeepBehindTheLongOne(t *testing.T) {
	playPair(t, "q", 1000, func(s *meshStage, p *producer, c *consumer) {
		p.app.do(func() {
			for i := range 3 {
				p.Send(&meshtest.Out{Payload: long(150_000)})
				for k := range 5 {
					p.Send(&meshtest.Out{Payload: text(fmt.Sprint(i*5 + k + 1))})
				}
			}
		})
		s.known()
		equal(s.stage, "came", c.count(), 18)
		n := 0
		for i, d := range c.got {
			if i%6 == 0 {
				equal(s.stage, "a long one", len(d.bytes), len(long(150_000)))
				continue
			}
			n++
			equal(s.stage, "a small one", textOf(d.bytes), fmt.Sprint(n))
		}
		c.acceptAll()
		equal(s.stage, "unsettled", p.Unsettled(), 0)
	})
}

// The priority of a message is known in transit too, where it came by a lane that serves all.
func TestMeshSmallMessagesOfAPriorityKeepBehindTheLongOneInTransit(t *testing.T) {
	for _, address := range []string{"q", "multicast.q"} {
		for _, slow := range []string{"A-B", "B-C"} {
			t.Run(address+" "+slow, func(t *testing.T) {
				playMesh(t, "A-B B-C", nil, func(s *meshStage) {
					c := s.at("C", "receiver").consumer(address, 1000)
					s.known()
					p := s.at("A", "sender").producer(address)
					l := meshtest.Line{Rate: 400_000, Buffer: 2000}
					s.net.Between(slow[:1], slow[2:]).Set(l, l)
					var list [][]byte
					for i := range 4 {
						list = append(list, append(urgent(7, ""), long(150_000)...))
						for k := range 5 {
							list = append(list, urgent(7, fmt.Sprint(i*5+k)))
						}
					}
					p.send(list...)
					s.advance(20 * time.Second)
					equal(s.stage, "came", c.count(), len(list))
					for i, d := range c.got {
						equal(s.stage, fmt.Sprint("bytes of the ", i, "th"), len(d.bytes), len(list[i]))
					}
					c.acceptAll()
				})
			})
		}
	}
}

func TestMeshManyLongMessagesAtOnce(t *testing.T) {
	playMesh(t, "A-B B-C", nil, func(s *meshStage) {
		var consumers []*consumer
		for i := range 8 {
			consumers = append(consumers, s.at("C", fmt.Sprint("receiver", i)).consumer("q", 10))
		}
		s.known()
		var list []*meshtest.Out
		for i := range 8 {
			p := s.at("A", fmt.Sprint("sender", i)).producer("q")
			list = append(list, p.begin(long(400_000), 100_000))
		}
		for range 4 {
			for _, o := range list {
				o.Link.Session.Client.Do(func() { o.Write(100_000) })
			}
			s.advance(10 * time.Millisecond)
		}
		s.known()
		n := 0
		for _, c := range consumers {
			n += c.count()
			c.acceptAll()
		}
		equal(s.stage, "came", n, 8)
		for _, o := range list {
			ended(s.stage, "a long one", o, wire.StateAccepted)
		}
	})
}

func TestMeshLongMessageToAConsumerWithASmallWindow(t *testing.T) {
	playMesh(t, "A-B", nil, func(s *meshStage) {
		a := s.at("B", "receiver")
		a.begin(meshtest.SessionOptions{Window: 2})
		c := a.consumer("q", 10)
		s.known()
		p := s.at("A", "sender").producer("q")
		o := p.send(long(60_000))
		p.send(long(300_000))
		s.known()
		equal(s.stage, "came", c.count(), 2)
		c.acceptAll()
		ended(s.stage, "the first", o, wire.StateAccepted)
	})
}

// Each of them holds a part of what the egress takes of this router, until it is broken off; that
// its sender hears of it later must not matter to others.
func TestMeshSendersThatStopInTheMiddleLeaveTheWindowToOthers(t *testing.T) {
	for from, to := range map[string]string{"A": "C", "C": "A"} { // towards who has dialled, and who has not
		t.Run(from+" to "+to, func(t *testing.T) {
			playMesh(t, "A-B B-C", nil, func(s *meshStage) {
				c := s.at(to, "receiver").consumer("q", 10)
				s.known()
				var stuck []*meshtest.Out
				for i := range 10 {
					stuck = append(stuck, s.at(from, fmt.Sprint("stops", i)).producer("q").begin(long(400_000), 100_000))
				}
				s.at(from, "other").producer("q").send(text("waits"))
				s.advance(3 * time.Minute)
				c.grant(10)
				s.advance(time.Minute)
				equal(s.stage, "the other", textOf(c.got[len(c.got)-1].bytes), "waits")
				for _, o := range stuck {
					equal(s.stage, "told in the middle", o.State.Kind, wire.StateNone)
				}
			})
		})
	}
}

func TestMeshLongMessageThatStopsInTheMiddleIsBrokenOffWhenOthersWait(t *testing.T) {
	playMesh(t, "A-B B-C", nil, func(s *meshStage) {
		c := s.at("C", "receiver").consumer("q", 10)
		s.known()
		stuck := s.at("A", "stops").producer("q")
		o := stuck.begin(long(400_000), 200_000)
		other := s.at("A", "other").producer("q")
		other.send(text("waits"))
		s.advance(20 * time.Second)
		equal(s.stage, "the other", textOf(c.got[len(c.got)-1].bytes), "waits")
		stuck.write(o, o.Left())
		s.known()
		failed(s.stage, "the one that stopped, once it has gone on", o)
	})
}
