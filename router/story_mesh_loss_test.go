package router_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/internal/wire"
)

// What becomes of messages when an adjacency is lost: the table of the design, row by row.

// narrow makes the path between two routers so slow that all but the first few bytes
// wait in front of it.
func (s *meshStage) narrow(a, b string) {
	slow := meshtest.Line{Rate: 1000, Buffer: 2000}
	s.net.Between(a, b).Set(slow, slow)
}

func (s *meshStage) cut(a, b string)     { s.net.Between(a, b).Cut() }
func (s *meshStage) heal(a, b string)    { s.net.Between(a, b).Heal() }
func (s *meshStage) silence(a, b string) { s.net.Between(a, b).Silence() }

// square is a mesh in which the way from A to C is by B, and there is another one by D.
const square = "A-B B-C A-D:5 C-D:5"

func TestMeshCutWithAnotherWay(t *testing.T) {
	for _, cut := range []string{"A-B", "B-C"} {
		t.Run(cut, func(t *testing.T) {
			playMesh(t, square, nil, func(s *meshStage) {
				c := s.at("C", "receiver").consumer("q", 100)
				s.known()
				p := s.at("A", "sender").producer("q")
				sent := p.send(text("sent"))
				p.post(text("posted"))
				s.cut(cut[:1], cut[2:])
				s.advance(500 * time.Millisecond)
				failed(s.stage, "what was sent", sent)
				equal(s.stage, "credit", p.credit(), capacity)
				o := p.send(text("after"))
				equal(s.stage, "came", c.bodies(), "sent posted after")
				c.settle(2, accepted)
				ended(s.stage, "what was sent after", o, wire.StateAccepted)
			})
		})
	}
}

// Routes are mended by what neighbours tell each other: nobody waits for gossip, which
// goes by those very routes.
func TestMeshGoesAnotherWayWithoutGossip(t *testing.T) {
	for _, cut := range []string{"A-B", "B-C"} {
		t.Run(cut, func(t *testing.T) {
			playMesh(t, square, nil, func(s *meshStage) {
				c := s.at("C", "receiver").consumer("q", 100)
				s.known()
				p := s.at("A", "sender").producer("q")
				for _, r := range s.routers {
					r.FreezeGossip()
				}
				s.cut(cut[:1], cut[2:])
				s.advance(50 * time.Millisecond)
				o := p.send(text("after"))
				s.advance(300 * time.Millisecond) // the new next hop may be given time to learn of it
				equal(s.stage, "came", c.bodies(), "after")
				c.acceptAll()
				ended(s.stage, "what was sent after", o, wire.StateAccepted)
				s.heal(cut[:1], cut[2:])
				s.advance(10 * time.Second)
				equal(s.stage, "the way from A to C costs", s.cost("A", "C"), 2)
				for id, r := range s.routers {
					equal(s.stage, "routes at "+id, r.StaleRoutes(), "")
				}
			})
		})
	}
}

func TestMeshCutWhereLossIsReleased(t *testing.T) {
	playMesh(t, square, nil, func(s *meshStage) {
		c := s.at("C", "receiver").consumer("released.q", 100)
		s.known()
		o := s.at("A", "sender").producer("released.q").send(text("x"))
		s.cut("B", "C")
		s.advance(500 * time.Millisecond)
		ended(s.stage, "what was sent", o, wire.StateReleased)
		equal(s.stage, "came", c.bodies(), "x")
	})
}

// Messages wait in front of a slow adjacency; when it is lost, they go the other way.
func TestMeshWhatWaitsForALostNeighbourGoesAnotherWay(t *testing.T) {
	for _, cut := range []string{"A-B", "B-C"} {
		for _, size := range []int{2_000, 30_000, 100_000} {
			t.Run(fmt.Sprint(cut, " ", size), func(t *testing.T) {
				playMesh(t, "A-B B-C A-D:5 C-D:5 B-D:5", nil, func(s *meshStage) {
					c := s.at("C", "receiver").consumer("q", 500)
					s.known()
					p := s.at("A", "sender").producer("q")
					s.narrow(cut[:1], cut[2:])
					var list []*meshtest.Out
					for range 200_000/size + 100 {
						list = append(list, p.send(long(size)))
					}
					p.post(text("posted"))
					s.advance(10 * time.Millisecond)
					s.cut(cut[:1], cut[2:])
					s.advance(time.Second)
					c.acceptAll()
					s.advance(100 * time.Millisecond)
					c.acceptAll()
					n := map[wire.StateKind]int{}
					for _, o := range list {
						if !o.RemoteSettled {
							t.Fatalf("not settled: %+v", n)
						}
						n[o.State.Kind]++
					}
					if n[wire.StateAccepted] == 0 || n[wire.StateAccepted]+n[wire.StateModified] != len(list) {
						t.Errorf("outcomes: %v", n)
					}
					if lost := n[wire.StateModified] * size; lost > 400_000 {
						t.Errorf("%d bytes of messages are lost: more than had left", lost)
					}
					came := 0
					for _, d := range c.got {
						if d.Complete && len(d.bytes) == len(long(size)) {
							came++
						}
					}
					if came < n[wire.StateAccepted] {
						t.Errorf("%d came, %d are accepted", came, n[wire.StateAccepted])
					}
					equal(s.stage, "unsettled", p.Unsettled(), 0)
					s.heal(cut[:1], cut[2:])
					s.net.Between(cut[:1], cut[2:]).Set(meshtest.Line{}, meshtest.Line{})
					s.advance(5 * time.Second)
				})
			})
		}
	}
}

// Messages wait in front of a slow adjacency, and their sender leaves.
func TestMeshWhatWaitsForANeighbourGoesOnOnlyIfItsSenderLeftInPeace(t *testing.T) {
	for _, address := range []string{"q", "multicast.q"} {
		for _, closed := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, closed %v", address, closed), func(t *testing.T) {
				playMesh(t, "A-B", nil, func(s *meshStage) {
					c := s.at("B", "receiver").consumer(address, 500)
					s.known()
					p := s.at("A", "sender").producer(address)
					slow := meshtest.Line{Rate: 1_000_000, Buffer: 2000}
					s.net.Between("A", "B").Set(slow, slow)
					const n = 200
					for range n {
						p.send(long(1_800)) // not more than may go on
					}
					s.advance(10 * time.Millisecond)
					p.app.do(func() { p.Detach(closed, nil) })
					s.advance(3 * time.Second)
					if came := c.count(); closed && came != n || !closed && came == n {
						t.Errorf("%d of %d came", came, n)
					}
					for _, d := range c.got {
						equal(s.stage, "settled: nobody waits for its outcome", d.Settled || d.RemoteSettled, true)
					}
				})
			})
		}
	}
}

func TestMeshMulticastThatWaitsForALostNeighbourIsDividedAnew(t *testing.T) {
	for _, size := range []int{2_000, 100_000} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			playMesh(t, "A-B B-C B-D A-E:9 E-C:9 E-D:9 A-F", nil, func(s *meshStage) {
				list := map[string]*consumer{}
				for _, id := range []string{"C", "D", "F"} {
					list[id] = s.at(id, "at-"+id).consumer("multicast.q", 1000)
				}
				s.known()
				p := s.at("A", "sender").producer("multicast.q")
				s.narrow("A", "B")
				var sent []*meshtest.Out
				for range 300_000/size + 20 {
					sent = append(sent, p.send(long(size)))
				}
				s.advance(10 * time.Millisecond)
				s.cut("A", "B")
				s.advance(time.Second)
				for range 2 {
					for _, c := range list {
						c.acceptAll()
					}
					s.advance(100 * time.Millisecond)
				}
				for _, o := range sent {
					ended(s.stage, "one of them", o, wire.StateAccepted) // F had it in any case
				}
				for id, c := range list {
					seen := c.count()
					if id == "F" {
						equal(s.stage, "at F", seen, len(sent))
					} else if seen == 0 || seen > len(sent) {
						t.Errorf("%d of %d came to %s", seen, len(sent), id)
					}
				}
			})
		})
	}
}

func TestMeshCutWithoutAnotherWay(t *testing.T) {
	playMesh(t, "A-B B-C", nil, func(s *meshStage) {
		c := s.at("C", "receiver").consumer("q", 1)
		s.known()
		p := s.at("A", "sender").producer("q")
		s.advance(3 * time.Second)
		sent := p.send(text("sent"))
		waits := p.send(counted(100)...) // more than the window of C
		s.cut("B", "C")
		s.known()
		failed(s.stage, "what was sent", sent)
		ended(s.stage, "what waited", waits, wire.StateReleased)
		equal(s.stage, "credit", p.credit(), 0)
		s.heal("B", "C")
		s.advance(5 * time.Second)
		c.grant(500)
		s.known()
		equal(s.stage, "credit", p.credit(), capacity)
		before := c.count()
		o := p.send(text("again"))
		equal(s.stage, "came", c.count(), before+1)
		c.acceptAll()
		ended(s.stage, "what was sent again", o, wire.StateAccepted)
	})
}

func TestMeshInTransitWithoutAWayIsReleasedSoon(t *testing.T) {
	for _, address := range []string{"q", "multicast.q"} {
		for _, size := range []int{16, 200_000} {
			t.Run(fmt.Sprint(address, " ", size), func(t *testing.T) {
				playMesh(t, "A-B B-C", nil, func(s *meshStage) {
					s.at("C", "receiver").consumer(address, 10)
					s.known()
					p := s.at("A", "sender").producer(address)
					far := meshtest.Line{Delay: 100 * time.Millisecond}
					s.net.Between("A", "B").Set(far, far)
					s.advance(time.Second)
					p.send(long(size)) // it opens a lane if it is long
					s.advance(time.Second)
					o := p.send(long(size))
					s.advance(50 * time.Millisecond)
					s.cut("B", "C")
					s.advance(time.Second)
					ended(s.stage, "what was on its way to B", o, wire.StateReleased)
				})
			})
		}
	}
}

func TestMeshLongMessageUnderWayWhenItsPathIsCut(t *testing.T) {
	for _, cut := range []string{"A-B", "B-C"} {
		t.Run(cut, func(t *testing.T) {
			playMesh(t, square, nil, func(s *meshStage) {
				c := s.at("C", "receiver").consumer("q", 10)
				s.known()
				p := s.at("A", "sender").producer("q")
				o := p.begin(long(3_000_000), 1_000_000)
				s.advance(100 * time.Millisecond)
				s.cut(cut[:1], cut[2:])
				s.advance(500 * time.Millisecond)
				equal(s.stage, "aborted at the receiver", c.got[0].Aborted, true)
				p.write(o, o.Left()) // and is thrown away
				s.known()
				failed(s.stage, "at the sender", o)
				o = p.send(long(500_000))
				s.known()
				equal(s.stage, "the next came", c.count(), 1)
				c.acceptAll()
				ended(s.stage, "the next", o, wire.StateAccepted)
			})
		})
	}
}

func TestMeshSilenceIsSuspectFirstAndDeadThen(t *testing.T) {
	playMesh(t, square, nil, func(s *meshStage) {
		c := s.at("C", "receiver").consumer("q", 100)
		s.known()
		p := s.at("A", "sender").producer("q")
		sent := p.send(text("sent"))
		s.silence("B", "C")
		s.advance(600 * time.Millisecond)
		equal(s.stage, "what was sent is let be", sent.RemoteSettled, false)
		o := p.send(text("after"))
		equal(s.stage, "came by the other way", c.bodies(), "sent after")
		equal(s.stage, "credit", p.credit(), capacity-1)
		s.advance(3 * time.Second)
		failed(s.stage, "what was sent", sent)
		c.settle(1, accepted)
		ended(s.stage, "what was sent after", o, wire.StateAccepted)
	})
}

// Its deliveries hold no credit any more, and still end with it.
func TestMeshSenderLeavesWhileItsPathIsSuspect(t *testing.T) {
	playMesh(t, square, nil, func(s *meshStage) {
		c := s.at("C", "receiver").consumer("q", 100)
		s.known()
		p := s.at("A", "sender").producer("q")
		p.send(text("sent"))
		s.silence("B", "C")
		s.advance(1500 * time.Millisecond)
		p.detach()
		s.advance(3 * time.Second) // its path is dead: nobody is there to be told so
		equal(s.stage, "came", c.bodies(), "sent")
	})
}

func TestMeshSilenceThatEndsInTimeLosesNothing(t *testing.T) {
	playMesh(t, square, nil, func(s *meshStage) {
		c := s.at("C", "receiver").consumer("q", 100)
		s.known()
		p := s.at("A", "sender").producer("q")
		sent := p.send(text("sent"))
		// Bytes wait, and none is lost.
		slow := meshtest.Line{Delay: time.Second}
		s.net.Between("B", "C").Set(slow, slow)
		s.advance(700 * time.Millisecond)
		s.net.Between("B", "C").Set(meshtest.Line{}, meshtest.Line{})
		s.advance(3 * time.Second)
		equal(s.stage, "what was sent is let be", sent.RemoteSettled, false)
		c.settle(0, accepted)
		s.known()
		ended(s.stage, "what was sent", sent, wire.StateAccepted)
	})
}

func TestMeshPartsAndHeals(t *testing.T) {
	playMesh(t, "A-B C-D B-C A-D", nil, func(s *meshStage) {
		near, far := s.at("B", "near").consumer("q", 1000), s.at("D", "far").consumer("q", 1000)
		everywhere := map[string]*consumer{}
		for id := range s.routers {
			everywhere[id] = s.at(id, "everywhere-"+id).consumer("multicast.q", 1000)
		}
		s.known()
		p, m := s.at("A", "sender").producer("q"), s.at("A", "caster").producer("multicast.q")
		for range 3 {
			s.cut("B", "C")
			s.cut("A", "D")
			s.advance(time.Second)
			n, f := near.count(), far.count()
			p.send(counted(20)...)
			equal(s.stage, "near, parted", near.count(), n+20)
			equal(s.stage, "far, parted", far.count(), f)
			seen := map[string]int{}
			for id, c := range everywhere {
				seen[id] = c.count()
			}
			m.send(text("x"))
			for id, c := range everywhere {
				want := seen[id]
				if id == "A" || id == "B" {
					want++
				}
				equal(s.stage, "at "+id+", parted", c.count(), want)
				c.acceptAll()
			}
			near.acceptAll()
			s.heal("B", "C")
			s.heal("A", "D")
			s.advance(40 * time.Second)
			f = far.count()
			p.send(counted(20)...)
			if far.count() < f+5 {
				t.Errorf("far, healed: %d came", far.count()-f)
			}
			near.acceptAll()
			far.acceptAll()
			equal(s.stage, "unsettled", p.Unsettled()+m.Unsettled(), 0)
		}
	})
}
