package router_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/internal/wire"
)

// crowd has clients attach many links that are routed to one broker, by a session each.
func (s *meshStage) crowd(clients, each int) (apps []*app, links []*producer) {
	for i := range clients {
		a := s.at("A", fmt.Sprint("app", i))
		apps = append(apps, a)
		a.do(func() {
			for k := range each {
				p := &producer{app: a}
				p.Sender = a.sessions[0].AttachSender(meshtest.SenderOptions{
					Name: fmt.Sprint("n", k), Target: meshtest.To("tx/q"), OnGone: func(e *wire.Error) { p.end = e },
				})
				links = append(links, p)
			}
		})
	}
	s.settleDown()
	return apps, links
}

// arrived is what has come by each link that anything has come by. In which order the links came
// to the broker is nobody's promise, so it is in the order of the words.
func (b *broker) arrived() (list []string) {
	for _, c := range b.in {
		if s := c.bodies(); s != "" {
			list = append(list, s)
		}
	}
	slices.Sort(list)
	return list
}

// Many links of many clients are attached at one broker: by as many sessions as its handles
// ask for, in memory that is a matter of links, and none is left when it dies. With
// MESHWAY_SOAK they are ten thousand.
func TestThousandsOfLinksAreRoutedToOneBroker(t *testing.T) {
	clients, each := 10, 200
	if os.Getenv("MESHWAY_SOAK") != "" {
		clients = 50
	}
	const handles = 64
	playMesh(t, "A-B", linkRouted("B", both("tx", "broker")...), func(s *meshStage) {
		s.channels = 1000
		b := s.brokerWith("B", "broker", meshtest.SessionOptions{HandleMax: wire.Some[uint32](handles - 1)})
		s.advance(time.Second)
		before := heap()
		apps, links := s.crowd(clients, each)
		s.advance(time.Second)
		for i, p := range links {
			if !p.Live() {
				t.Fatalf("link %d is not attached: %v", i, p.end)
			}
		}
		equal(s.stage, "links at the broker", len(b.in), clients*each)
		on := map[*meshtest.Session]int{}
		for _, session := range b.on {
			on[session]++
		}
		equal(s.stage, "sessions at the broker", len(on), clients*((each+handles-1)/handles))
		// Two routers, and a client and a broker that belong to the test.
		if per := int(heap()-before) / len(links); per > 32<<10 {
			t.Errorf("%d bytes for each link", per)
		}
		links[0].send(text("first"))
		links[len(links)-1].send(text("last"))
		s.settleDown()
		equal(s.stage, "messages, each by a link of its own", strings.Join(b.arrived(), ", "), "first, last")

		b.kill()
		s.advance(time.Second)
		for _, p := range links {
			if p.end == nil || p.end.Condition != "qd:routed-link-lost" {
				t.Fatalf("a link ended with %v", p.end)
			}
		}
		equal(s.stage, "sessions that lead to it", s.routers["B"].Mirrors(), 0)

		back := s.brokerWith("B", "broker", meshtest.SessionOptions{})
		s.advance(time.Second)
		again := apps[0].producer("tx/q")
		s.settleDown()
		equal(s.stage, "attached again", again.Live() && len(back.in) == 1, true)
	})
}

// A broker that comes back is asked for so much at a time, by whoever it is.
func TestRoutedAttachesToABrokerThatIsSlowArePaced(t *testing.T) {
	playMesh(t, "A-B", linkRouted("B", both("tx", "broker")...), func(s *meshStage) {
		b := s.broker("B", "broker")
		b.silent = true
		s.advance(time.Second)
		apps, links := s.crowd(3, 200)
		equal(s.stage, "asked for at a time", len(b.unheard), 256)
		equal(s.stage, "when it has answered some", b.speak(100), 256)
		apps[0].do(func() { apps[0].sessions[0].End(nil) }) // some of its links wait, some are being attached, some are
		s.settleDown()
		for b.speak(100) > 0 {
		}
		for i, p := range links[200:] {
			if !p.Live() {
				t.Fatalf("link %d is not attached: %v", i, p.end)
			}
		}
		b.silent = false
		late := s.at("A", "late").producer("tx/q")
		s.settleDown()
		equal(s.stage, "one more", late.Live(), true)
	})
}

// Clients that ask and leave again do not use up the turns of others at a broker which
// thinks about what they ask for.
func TestClientsThatLeaveBeforeABrokerAnswersUseUpNoTurns(t *testing.T) {
	playMesh(t, "A-B", linkRouted("B", both("tx", "broker")...), func(s *meshStage) {
		b := s.broker("B", "broker")
		b.silent = true
		s.advance(time.Second)
		_, links := s.crowd(1, 300)
		for _, p := range links {
			p.app.do(func() { p.Detach(true, nil) })
		}
		s.settleDown()
		b.silent = false
		p := s.at("A", "other").producer("tx/q")
		s.settleDown()
		equal(s.stage, "attached", p.Live(), true)
	})
}

// Nor do attaches whose session the broker ends, or that nobody answers in time.
func TestAttachesThatHaveNoAnswerUseUpNoTurns(t *testing.T) {
	for name, answer := range map[string]func(b *broker){
		"the session ends": func(b *broker) { b.refuse, b.endsSession = notFound, true },
		"silence":          func(b *broker) { b.silent = true },
	} {
		t.Run(name, func(t *testing.T) {
			playMesh(t, "A-B", linkRouted("B", both("tx", "broker")...), func(s *meshStage) {
				s.channels = 1000
				b := s.broker("B", "broker")
				answer(b)
				s.advance(time.Second)
				_, links := s.crowd(300, 1)
				s.advance(11 * time.Second)
				for i, p := range links {
					if p.end == nil {
						t.Fatalf("link %d still waits for an answer", i)
					}
				}
				b.app.do(func() { b.refuse, b.silent = nil, false })
				p := s.at("A", "other").producer("tx/q")
				s.settleDown()
				equal(s.stage, "attached when it answers", p.Live(), true)
			})
		})
	}
}
