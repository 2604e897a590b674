package amqp

import (
	"fmt"
	"testing"

	"github.com/meshway/meshway/internal/wire"
)

// What many links leave behind is collected at once: were it looked for link by
// link, some of it would still be there when the first of them hears of its end.
func TestManyLinksEndInOnePass(t *testing.T) {
	const n = 100 // links each way, with a delivery each
	for name, end := range map[string]func(*peer){
		"a session that ends":     func(p *peer) { p.write(&wire.End{}) },
		"a session at fault":      func(p *peer) { p.write(&wire.Detach{Handle: 60000}) },
		"a connection that ends":  func(p *peer) { p.write(&wire.Close{}) },
		"a socket that goes away": func(p *peer) { _ = p.nc.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			var s *Session
			left, lostIn, lostOut := -1, 0, 0
			detached := map[string]int{}
			opened(t, func(p *peer) {
				p.h.quiet = true
				for i := range uint32(n) {
					p.write(sending(fmt.Sprint("in", i), i), receiving(fmt.Sprint("out", i), n+i), grant(n+i, 0, 1))
				}
				p.listen() // there is credit
				s = p.receiver("in0").session
				for i := range uint32(n) {
					p.write(message(i, i, "x"))
					p.send(fmt.Sprint("out", i), "y", i, Sent)
				}
				p.listen()
				p.in = nil
				if in, out := s.incoming.live, s.outgoing.live; in != n || out != n {
					p.t.Fatalf("%d deliveries in and %d out are unsettled, want %d each", in, out, n)
				}
				end(p)
				p.listen()
				if left != 0 {
					p.t.Errorf("%d records were left when the first link heard of its end", left)
				}
				if len(detached) != 2*n || lostIn != n || lostOut != n {
					p.t.Errorf("of %d links each way with a delivery each, %d heard of their end; %d and %d deliveries were lost",
						n, len(detached), lostIn, lostOut)
				}
				for name, times := range detached {
					if times != 1 {
						p.t.Errorf("link %s ended %d times", name, times)
					}
				}
			}, window(1), handling(func(h *recorder) {
				h.onDetach = func(name string, lost int) {
					if left < 0 {
						left = s.incoming.live + s.outgoing.live
					}
					detached[name]++
					lostIn += lost
				}
				h.onOutcome = func(_ *Batch, refs []uint32, o Outcome) {
					if o.Lost {
						lostOut += len(refs)
					}
				}
			}))
		})
	}
}

// A link with nothing outstanding does not look through what others have: a
// session whose records cannot be looked through shows it.
func TestALinkWithNothingOutstandingLooksForNothing(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachSender("in", 0)
		p.attachReceiver("out", 1)
		p.write(grant(1, 0, 2), message(0, 0, "x"))
		p.send("out", "y", 0, Sent)
		p.settle("in", wire.StateAccepted, 0)
		p.write(outcome(0, 0, wire.StateAccepted))
		p.listen()
		s := p.receiver("in").session
		p.conn.mu.Lock()
		in, out := s.incoming, s.outgoing
		s.incoming, s.outgoing = ring[inRecord]{next: 1}, ring[outRecord]{next: 1} // whoever looks panics
		p.conn.mu.Unlock()
		p.h.take()
		p.write(&wire.Detach{Handle: 0}, &wire.Detach{Handle: 1})
		p.heard("both are over", "detach in", "detach out")
		p.conn.mu.Lock()
		s.incoming, s.outgoing = in, out
		p.conn.mu.Unlock()
	})
}

// A link or a session of ours that comes too late for the end of all others would
// never hear of its own: it is refused.
func TestNothingBeginsBehindTheEnd(t *testing.T) {
	for name, end := range map[string]func(*peer){
		"a session at fault":      func(p *peer) { p.write(&wire.Detach{Handle: 9}) },
		"a socket that goes away": func(p *peer) { _ = p.nc.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			opened(t, func(p *peer) {
				p.attachSender("q", 0)
				s := p.receiver("q").session
				p.h.onDetach = func(string, int) {
					var b Batch
					if _, err := s.AttachSender(&b, "late", &sendEnd{p.h, "late"}, &Answer{}); err == nil {
						p.t.Error("a link was attached to a session that has ended")
					}
					if _, err := p.conn.Begin(&b); (err == nil) != (name == "a session at fault") {
						p.t.Errorf("beginning another session: %v", err)
					}
				}
				end(p)
				p.listen()
			})
		})
	}
}
