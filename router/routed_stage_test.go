package router_test

import (
	"testing"
	"time"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/internal/wire"
)

// The stage of routed links: a mesh in which each router has a listener for containers,
// and link routes to those that connect as "broker" or "other" to the router that says so.

// broker is a container: it takes whatever is attached, and does what it is told.
type broker struct {
	*app
	asked  []*wire.Attach      // in the order in which they came
	on     []*meshtest.Session // with each, the session
	in     []*consumer         // links by which it receives
	out    []*producer         // links by which it sends
	flows  []wire.Flow         // of receivers, to links by which it sends
	ended  []*wire.Error       // sessions that the router has ended
	credit uint32              // given at once to senders
	refuse *wire.Error         // what it answers
	first  uint32              // more than usual that its links count from
	// endsSession has it end the whole session for a link that it refuses, and noReason
	// say no reason.
	endsSession, noReason bool
	silent                bool                       // it takes nothing until it speaks
	unheard               []func()                   // what it takes then
	answers               func(a *wire.Attach)       // changes an answer
	onState               func(*meshtest.Out)        // receivers say something
	onIn                  func(*meshtest.In, []byte) // besides writing it down
}

// linkRouted adds a container listener to the router, and link routes to containers there.
func linkRouted(at string, routes ...config.LinkRoute) func(*config.Config) {
	return func(c *config.Config) {
		if c.Router.ID != at {
			return
		}
		c.Listeners = append(c.Listeners, config.Listener{
			Name: "containers", Host: at, Port: "5680", Role: config.RoleRouteContainer, MaxFrameSize: 16 << 10,
			MaxSessions: 4096, InitialHandshakeTimeout: 10 * time.Second, StripAnnotations: config.StripNone,
		})
		c.LinkRoutes = append(c.LinkRoutes, routes...)
	}
}

// both are a link route for senders and one for receivers.
func both(prefix, container string) []config.LinkRoute {
	return []config.LinkRoute{
		{Name: prefix + " in", Prefix: prefix, Direction: config.DirectionIn, ContainerID: container},
		{Name: prefix + " out", Prefix: prefix, Direction: config.DirectionOut, ContainerID: container},
	}
}

// broker connects a container to a router.
func (s *meshStage) broker(at, name string) *broker {
	return s.brokerWith(at, name, meshtest.SessionOptions{})
}

// brokerWith is broker with sessions of its own kind.
func (s *meshStage) brokerWith(at, name string, o meshtest.SessionOptions) *broker {
	return s.brokerAt(at+":5680", name, o)
}

// brokerAt is brokerWith at any listener.
func (s *meshStage) brokerAt(address, name string, o meshtest.SessionOptions) *broker {
	b := &broker{credit: 100}
	b.app = s.appAt(name, address, b.options(o, s.channels))
	return b
}

// options are those of its connection.
func (b *broker) options(o meshtest.SessionOptions, channels uint16) meshtest.ClientOptions {
	o.OnEnd = func(e *wire.Error) { b.ended = append(b.ended, e) }
	return meshtest.ClientOptions{
		OnAttach: func(session *meshtest.Session, p *wire.Attach) { b.take(session, p) },
		Session:  o, ChannelMax: channels,
	}
}

func (b *broker) take(session *meshtest.Session, p *wire.Attach) {
	b.asked, b.on = append(b.asked, p), append(b.on, session)
	answer := *p
	if b.answers != nil {
		b.answers(&answer)
	}
	if b.silent {
		b.asked, b.on = b.asked[:len(b.asked)-1], b.on[:len(b.on)-1]
		session.Think(p)
		b.unheard = append(b.unheard, func() { b.take(session, p) })
		return
	}
	switch {
	case b.refuse != nil && b.endsSession:
		session.End(b.refuse)
	case b.refuse != nil && b.noReason:
		session.Refuse(p, nil)
	case b.refuse != nil:
		session.Refuse(p, b.refuse)
	case p.Role == wire.RoleSender:
		c := &consumer{app: b.app}
		b.in = append(b.in, c)
		o := c.options()
		o.Credit = b.credit
		taken := o.OnTransfer
		o.OnTransfer = func(d *meshtest.In, payload []byte) {
			taken(d, payload)
			if b.onIn != nil {
				b.onIn(d, payload)
			}
		}
		c.Receiver = session.TakeSender(p, &answer, o)
	default:
		l := &producer{app: b.app}
		b.out = append(b.out, l)
		l.Sender = session.TakeReceiver(p, &answer, meshtest.SenderOptions{
			First: 7 + b.first, KeepDrain: true, OnFlow: func(f *wire.Flow) { b.flows = append(b.flows, *f) },
			OnState: func(o *meshtest.Out) {
				if b.onState != nil {
					b.onState(o)
				}
			},
			OnGone: func(e *wire.Error) { l.end = e },
		})
	}
}

// speak has it take what it has not, up to n attaches, and says how many wait still.
func (b *broker) speak(n int) (left int) {
	b.app.do(func() {
		b.silent = false
		now := b.unheard[:min(n, len(b.unheard))]
		b.unheard = b.unheard[len(now):]
		for _, f := range now {
			f()
		}
		b.silent = true
	})
	b.app.do(func() { left = len(b.unheard) })
	return left
}

// options are those of a receiver that writes down what it gets.
func (c *consumer) options() meshtest.ReceiverOptions {
	return meshtest.ReceiverOptions{
		Snd: wire.SndMixed,
		OnTransfer: func(d *meshtest.In, payload []byte) {
			at, ok := d.Context.(*arrival)
			if !ok {
				at = &arrival{In: d}
				d.Context = at
				c.got = append(c.got, at)
			}
			at.bytes = append(at.bytes, payload...)
		},
		OnDrained: func(uint32) { c.drained++ },
		OnGone:    func(e *wire.Error) { c.end = e },
	}
}

// line is a mesh of three routers in a line, and a container "broker" at the far end C.
func line(t *testing.T, story func(s *meshStage, b *broker)) {
	t.Helper()
	lineWith(t, meshtest.SessionOptions{}, story)
}

// narrow are sessions that take 4 frames until they say otherwise.
var narrow = meshtest.SessionOptions{Window: 4, KeepWindow: true}

// lineWith is line, with a container whose sessions are of its own kind.
func lineWith(t *testing.T, o meshtest.SessionOptions, story func(s *meshStage, b *broker)) {
	t.Helper()
	playMesh(t, "A-B B-C", linkRouted("C", append(both("tx", "broker"), config.LinkRoute{Name: "coordinator", Prefix: "$coordinator", Direction: config.DirectionIn, ContainerID: "broker"})...), func(s *meshStage) {
		b := s.brokerWith("C", "broker", o)
		s.advance(time.Second)
		story(s, b)
	})
}

// widen lets much come into the container's sessions.
func (b *broker) widen() {
	b.app.do(func() {
		for _, session := range b.on {
			session.Grant(1 << 20)
		}
	})
}

// settleDown lets everything that is under way happen.
func (s *stage) settleDown() { s.advance(100 * time.Millisecond) }
