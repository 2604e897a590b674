package amqp

import (
	"testing"

	"github.com/meshway/meshway/internal/wire"
)

// A sender has left in peace if it closed its link, or ended what that was in, before we did
// and without an error.
func TestWhoLeavesInPeace(t *testing.T) {
	broken := refused(wire.CondInternalError)
	for _, c := range []struct {
		fault  string
		leave  func(p *peer, q *Receiver)
		parted bool
	}{
		{"closes the link", func(p *peer, _ *Receiver) { p.write(&wire.Detach{Closed: true}) }, true},
		{"ends the session", func(p *peer, _ *Receiver) { p.write(&wire.End{}) }, true},
		{"closes the connection", func(p *peer, _ *Receiver) { p.write(&wire.Close{}) }, true},
		{"detaches the link, which may come back", func(p *peer, _ *Receiver) { p.write(&wire.Detach{}) }, false},
		{"closes the link for an error", func(p *peer, _ *Receiver) { p.write(&wire.Detach{Closed: true, Error: broken}) }, false},
		{"ends the session for an error", func(p *peer, _ *Receiver) { p.write(&wire.End{Error: broken}) }, false},
		{"closes the connection for an error", func(p *peer, _ *Receiver) { p.write(&wire.Close{Error: broken}) }, false},
		{"is lost", func(p *peer, _ *Receiver) { p.leave() }, false},
		{"agrees to our detach", func(p *peer, q *Receiver) {
			p.do(func(b *Batch) { q.Detach(b, broken) })
			p.write(&wire.Detach{Closed: true})
		}, false},
		{"agrees to our end", func(p *peer, q *Receiver) {
			p.do(func(b *Batch) { q.session.End(b, broken) })
			p.write(&wire.End{})
		}, false},
		{"agrees to our close", func(p *peer, _ *Receiver) {
			p.close(broken)
			p.write(&wire.Close{})
		}, false},
		{"is thrown out, and agrees", func(p *peer, _ *Receiver) {
			p.write(&wire.Flow{Handle: wire.Some[uint32](99)}, &wire.End{})
		}, false},
	} {
		t.Run(c.fault, func(t *testing.T) {
			var q *Receiver
			ended, parted := 0, false
			opened(t, func(p *peer) {
				p.attachSender("q", 0)
				q = p.receiver("q")
				c.leave(p, q)
				for {
					if _, more := p.next(); !more {
						break
					}
				}
			}, handling(func(h *recorder) {
				h.onDetach = func(string, int) { ended, parted = ended+1, q.Parted() }
			}))
			if ended != 1 || parted != c.parted {
				t.Errorf("ended %d times, in peace: %v", ended, parted)
			}
		})
	}
}
