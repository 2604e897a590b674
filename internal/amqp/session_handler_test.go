package amqp

import (
	"errors"
	"testing"

	"github.com/meshway/meshway/internal/wire"
)

// handled is a session that the engine has begun, with the recorder as its handler, and
// two links on it, of which only the first was answered.
func (p *peer) handled(answer *wire.Begin) *Session {
	p.t.Helper()
	var s *Session
	p.do(func(b *Batch) { s, _ = p.conn.BeginWith(b, p.h) })
	p.wantBegun(answer)
	p.attachTheirSender(s, "out")
	p.attachTheirReceiver(s, "in")
	p.write(receiving("out", 70))
	p.skip()
	p.heard("the first link stands", "answer out")
	return s
}

func (p *peer) wantBegun(answer *wire.Begin) {
	p.t.Helper()
	p.want("the engine begins", &wire.Begin{})
	p.heard("it is not answered yet", "open peer")
	answer.RemoteChannel = wire.Some[uint16](0)
	p.write(answer)
	p.skip()
	p.heard("the answer is there", "begun 0")
}

// A broker that ends the session for one link ends it for all: it must be possible to tell
// that from a connection that was lost, before the links are.
func TestTheHandlerOfASessionHearsWhoEndedItBeforeItsLinksDo(t *testing.T) {
	for name, story := range map[string]struct {
		end  func(p *peer, s *Session)
		want string
	}{
		"the peer with a reason": {func(p *peer, _ *Session) { p.write(&wire.End{Error: refused(wire.CondNotFound)}) }, "amqp:not-found by the peer"},
		"the peer without":       {func(p *peer, _ *Session) { p.write(&wire.End{}) }, "by the peer"},
		"this side": {func(p *peer, s *Session) {
			p.do(func(b *Batch) { s.End(b, nil) })
			p.write(&wire.End{})
		}, ""},
		"a violation": {func(p *peer, _ *Session) {
			p.write(&wire.Flow{Handle: wire.Some[uint32](99), NextIncomingID: wire.Some[uint32](0)})
		}, "amqp:session:unattached-handle"},
		"the connection": {func(p *peer, _ *Session) { p.conn.Abort(nil); p.skip() }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dialogue(t, func(p *peer) {
				p.open()
				s := p.handled(&wire.Begin{IncomingWindow: 100})
				story.end(p, s)
				p.skip()
				lines := p.h.take()
				at := map[string]int{}
				for i, l := range lines {
					at[l] = i + 1
				}
				end := "end 0" + optional(" ", story.want)
				if at[end] != 1 && !(name == "a violation" && at[end] == 2) {
					t.Errorf("heard %q, want %q first", lines, end)
				}
			})
		})
	}
}

// [2.7.2] The peer's handle-max is known when it has answered, and obeyed.
func TestHandleMaxOfASessionThatWeBegan(t *testing.T) {
	dialogue(t, func(p *peer) {
		p.open()
		s := p.handled(&wire.Begin{IncomingWindow: 100, HandleMax: wire.Some[uint32](1)})
		p.do(func(b *Batch) {
			_, err := s.AttachSender(b, "third", &sendEnd{p.h, "third"}, &Answer{Source: &wire.Source{}, Target: &wire.Target{}})
			if !errors.Is(err, ErrNoHandle) {
				t.Errorf("a third link: %v", err)
			}
		})
		p.wantIdle("nothing was said of a third link")
		for {
			var err error
			p.do(func(b *Batch) { _, err = p.conn.Begin(b) })
			if err != nil {
				if !errors.Is(err, ErrNoChannel) {
					t.Errorf("a session too many: %v", err)
				}
				break
			}
		}
	})
}

func TestTheHandlerOfALinkHearsOfRejections(t *testing.T) {
	dialogue(t, func(p *peer) {
		p.open()
		s := p.ours(&wire.Begin{IncomingWindow: 100})
		p.h.rejections = true
		l := p.attachTheirSender(s, "out")
		p.write(receiving("out", 70), grant(70, 0, 10))
		p.skip()
		if n := p.sends(l, 4); n != 4 {
			t.Fatalf("%d were sent", n)
		}
		p.h.take()
		p.write(outcome(0, 0, wire.StateAccepted))
		p.heard("what is accepted is the origin's", "outcome 1 settled accepted")
		p.write(&wire.Disposition{Role: wire.RoleReceiver, First: 1, Last: wire.Some[uint32](2), State: wire.RejectedState(refused(wire.CondNotAllowed))})
		p.heard("two are rejected", "outcome 1,1 rejected", "out has rejected 2 amqp:not-allowed")
		p.write(&wire.Disposition{Role: wire.RoleReceiver, First: 1, Last: wire.Some[uint32](2), Settled: true, State: wire.RejectedState(refused(wire.CondNotAllowed))})
		p.heard("settled, they are no news", "outcome 1,1 settled rejected")
	})
}
