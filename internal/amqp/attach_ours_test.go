package amqp

import (
	"testing"

	"github.com/meshway/meshway/internal/wire"
)

// ours is a session that the engine has begun, and the peer answered.
func (p *peer) ours(answer *wire.Begin) *Session {
	p.t.Helper()
	var s *Session
	p.do(func(b *Batch) { s, _ = p.conn.Begin(b) })
	p.want("the engine begins", &wire.Begin{})
	answer.RemoteChannel = wire.Some[uint16](0)
	p.write(answer)
	p.wantIdle("the session stands")
	p.h.take()
	return s
}

func (p *peer) attachTheirReceiver(s *Session, name string) *Receiver {
	p.t.Helper()
	var l *Receiver
	var err error
	p.do(func(b *Batch) {
		l, err = s.AttachReceiver(b, name, &recvEnd{p.h, name}, &Answer{Source: &wire.Source{}, Target: &wire.Target{}})
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return l
}

func (p *peer) attachTheirSender(s *Session, name string) *Sender {
	p.t.Helper()
	var l *Sender
	var err error
	p.do(func(b *Batch) {
		l, err = s.AttachSender(b, name, &sendEnd{p.h, name}, &Answer{Source: &wire.Source{}, Target: &wire.Target{}})
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return l
}

func TestLinksThatWeAttach(t *testing.T) {
	dialogue(t, func(p *peer) {
		p.open()
		s := p.ours(&wire.Begin{IncomingWindow: 100})
		r := p.attachTheirReceiver(s, "in")
		p.want("the receiver", takenFrom("in", 0))
		p.do(func(b *Batch) { r.SetWindow(b, 5) })
		p.wantIdle("where credit begins is not known before the answer [2.6.7]")
		a := sending("in", 70)
		a.InitialDeliveryCount = wire.Some[uint32](1000)
		p.write(a)
		p.want("now it is", credit(0, 1000, 5))
		p.heard("and the handler hears of it", "answer in")
		l := p.attachTheirSender(s, "out")
		p.want("the sender", takenTo("out", 1))
		p.write(receiving("out", 71), grant(71, 0, 1))
		p.heard("answered, too", "answer out")
		p.do(func(b *Batch) { l.Send(b, &Outgoing{Payload: []byte("hello")}, p.h, 7) })
		p.want("and of use", sent(1, 0, "hello"))
		p.write(message(70, 0, "hello yourself"), outcome(0, 0, wire.StateAccepted))
		p.heard("both ways", `in 0 "hello yourself"`, "outcome 7 settled accepted")
	})
}

// [2.6.3] The peer's refusal: no terminus of its own, and a detach behind it.
func TestALinkOfOursIsRefused(t *testing.T) {
	dialogue(t, func(p *peer) {
		p.open()
		s := p.ours(&wire.Begin{IncomingWindow: 100})
		l := p.attachTheirSender(s, "q")
		p.want("the attach", takenTo("q", 0))
		p.write(&wire.Attach{Name: "q", Handle: 3, Role: wire.RoleReceiver, Source: &wire.Source{}},
			&wire.Detach{Handle: 3, Closed: true, Error: refused(wire.CondNotFound)})
		p.want("the detach is answered", &wire.Detach{Closed: true})
		p.heard("the handler hears both", "answer q", "detach q amqp:not-found")
		p.do(func(b *Batch) {
			if _, _, res := l.Send(b, new(Outgoing), nil, 0); res != Gone {
				p.t.Errorf("sending on a link that is over: %v", res)
			}
		})
		p.wantIdle("")
	})
}

// We have detached it before the peer's answer came: that is no new link of the
// peer's, and its own detach ends it.
func TestALinkOfOursIsGivenUpBeforeItsAnswer(t *testing.T) {
	dialogue(t, func(p *peer) {
		p.open()
		s := p.ours(&wire.Begin{IncomingWindow: 100})
		in, out := p.attachTheirReceiver(s, "in"), p.attachTheirSender(s, "out")
		p.do(func(b *Batch) {
			in.SetWindow(b, 5)
			in.Detach(b, nil)
			out.Detach(b, refused("a:b"))
			if _, err := s.AttachReceiver(b, "in", &recvEnd{p.h, "in"}, &Answer{}); err == nil {
				t.Error("a link was attached whose answer nobody could tell from that of the first")
			}
		})
		p.want("attached and given up", takenFrom("in", 0), takenTo("out", 1),
			&wire.Detach{Handle: 0, Closed: true}, &wire.Detach{Handle: 1, Closed: true, Error: refused("a:b")})
		p.write(sending("in", 7), receiving("out", 8), grant(8, 0, 5), message(7, 0, "x"))
		p.wantIdle("the answers say nothing that is still of use")
		p.heard("to nobody")
		p.attachTheirReceiver(s, "in")
		p.want("the name is free, the handle is not yet", takenFrom("in", 2))
		p.write(sending("in", 9))
		p.heard("for another", "answer in")
		p.write(&wire.Detach{Handle: 7, Closed: true}, &wire.Detach{Handle: 8, Closed: true})
		p.wantIdle("all has been said")
		p.heard("each hears of its end", "detach in", "detach out")
		p.attachTheirReceiver(s, "more")
		p.want("and leaves its handle", takenFrom("more", 0))
	})
}

// [2.7.2] "A peer MUST NOT attempt to attach a Link using a handle value outside
// the range that its partner can handle."
func TestOurLinksKeepToThePeersHandleMax(t *testing.T) {
	dialogue(t, func(p *peer) {
		p.open()
		s := p.ours(&wire.Begin{HandleMax: wire.Some[uint32](1)})
		p.attachTheirReceiver(s, "a")
		p.attachTheirSender(s, "b")
		p.want("two handles", takenFrom("a", 0), takenTo("b", 1))
		p.do(func(b *Batch) {
			if _, err := s.AttachReceiver(b, "c", &recvEnd{p.h, "c"}, &Answer{}); err == nil {
				p.t.Error("a third link was attached")
			}
		})
		p.write(sending("a", 0), &wire.Detach{Handle: 0, Closed: true})
		p.want("one goes", &wire.Detach{Handle: 0, Closed: true})
		p.attachTheirReceiver(s, "c")
		p.want("and leaves its handle", takenFrom("c", 0))
	})
}

// The names of our links and those of the peer's are the same names: its attach
// answers ours only in the role that is missing.
func TestAnAttachInOurOwnRoleAnswersNothing(t *testing.T) {
	dialogue(t, func(p *peer) {
		p.open()
		s := p.ours(&wire.Begin{IncomingWindow: 100})
		p.attachTheirSender(s, "q")
		p.want("our sender", takenTo("q", 0))
		p.write(sending("q", 0))
		p.want("their sender of that name is another link", takenFrom("q", 1))
		p.write(receiving("q", 1))
		p.heard("their receiver is the answer", "attach sender q", "answer q")
		p.wantIdle("")
	}, noCredit())
}

// Attached once more by us, under a name that still stands: the peer decides what
// that means, and may answer either way.
func TestAnAnswerFindsTheLinkThatWaits(t *testing.T) {
	dialogue(t, func(p *peer) {
		p.open()
		s := p.ours(&wire.Begin{IncomingWindow: 100})
		first := p.attachTheirReceiver(s, "q")
		p.want("the first", takenFrom("q", 0))
		p.write(sending("q", 0))
		p.heard("answered", "answer q")
		p.do(func(b *Batch) { first.Detach(b, nil) })
		p.want("detached", &wire.Detach{Closed: true})
		second := p.attachTheirReceiver(s, "q")
		p.want("at once again", takenFrom("q", 1))
		p.write(&wire.Detach{Handle: 0, Closed: true}, sending("q", 0))
		p.heard("each has its own answer", "detach q", "answer q")
		p.do(func(b *Batch) { second.SetWindow(b, 3) })
		p.want("the second lives", credit(1, 0, 3))
	})
}
