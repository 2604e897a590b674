package amqp

import (
	"fmt"
	"strings"
	"testing"

	"github.com/meshway/meshway/internal/wire"
)

// windowUser sends frames on one link, and goes by what it hears of the session's window.
type windowUser struct {
	*peer
	id     uint32 // of the next delivery
	frames uint32 // that it has sent
	end    uint32 // how many frames it may send in all
	told   uint32 // the window, as it was told last
	limit  uint32 // how many deliveries it may begin in all
	alone  int    // flows that told of nothing but the window
}

// windowUser attaches the link, with so much credit.
func (p *peer) windowUser() *windowUser {
	p.h.quiet = true
	p.write(sending("q", 0))
	p.want("the link", takenFrom("q", 0))
	w := &windowUser{peer: p}
	w.hear()
	w.alone = 0
	return w
}

// hear takes in the flows that have come.
func (w *windowUser) hear() {
	w.t.Helper()
	w.listen()
	for f, ok := w.any(); ok; f, ok = w.any() {
		flow, ok := f.body.(*wire.Flow)
		if !ok {
			w.t.Fatalf("got %v, want nothing but flows", f)
		}
		w.told = flow.IncomingWindow
		if end := flow.NextIncomingID.V + flow.IncomingWindow; int32(end-w.end) < 0 {
			w.t.Fatalf("the window is taken back: from %d to %d", w.end, end)
		} else {
			w.end = end
		}
		if flow.Handle.OK && flow.Handle.V == 0 {
			w.limit = flow.DeliveryCount.V + flow.LinkCredit.V
		} else if !flow.Handle.OK {
			w.alone++
		}
	}
}

// left is how many frames it may send.
func (w *windowUser) left() uint32 { return w.end - w.frames }

// send sends frames, and hears what comes of it.
func (w *windowUser) send(frames ...frame) {
	w.t.Helper()
	all := make([]any, len(frames))
	for i, f := range frames {
		all[i] = f
	}
	w.write(all...)
	w.frames += uint32(len(frames))
	w.hear()
}

// messages are so many of one frame each.
func (w *windowUser) messages(n, size int) (list []frame) {
	payload := strings.Repeat("x", size)
	for range n {
		list = append(list, message(0, w.id, payload))
		w.id++
	}
	return list
}

// settled sends so many small messages which are done with at once, a few at a time.
func (w *windowUser) settled(n int) {
	w.t.Helper()
	for range n / 10 {
		list := w.messages(10, 10)
		for i := range list {
			list[i] = marked(list[i])
		}
		w.send(list...)
	}
}

// windowKind is whose windows a story is about.
type windowKind int

const (
	clientWindows windowKind = iota
	wideWindows              // whose messages never wait
	neighbourWindows
	longWindows  // a neighbour's, for long messages
	aloneWindows // a neighbour's, for routed links of one client
)

// What was granted for small messages may come in large frames: it is no more than the peer has
// credit for, and bounded.
func TestNoMoreFramesAreGrantedThanThereIsCreditFor(t *testing.T) {
	for name, tt := range map[string]struct {
		links         int
		credit, frame uint32
		kind          windowKind
		want          uint32
	}{
		"little credit":              {1, 10, 16 << 10, clientWindows, firstWindow},
		"what one consumer makes":    {1, 250, 16 << 10, clientWindows, 250 + spareFrames},
		"that of two links":          {2, 250, 16 << 10, clientWindows, 500 + spareFrames},
		"that of many links":         {40, 250, 16 << 10, clientWindows, 1024},
		"much":                       {1, 1000, 16 << 10, clientWindows, 1000 + spareFrames},
		"very much of one link":      {1, 5000, 16 << 10, clientWindows, 4096},
		"very much, in small frames": {1, 5000, 4 << 10, clientWindows, 5000 + spareFrames},
		"very much, in large frames": {1, 5000, 1 << 20, clientWindows, firstWindow},
		"of whom nothing waits":      {1, 1 << 30, 64 << 10, wideWindows, maxWindow},
		"a neighbour's":              {1, 1 << 30, 64 << 10, neighbourWindows, maxWindow},
		"a neighbour's, for long":    {1, 1 << 30, 64 << 10, longWindows, firstWindow},
		"of routed links":            {1, 5000, 64 << 10, aloneWindows, aloneWindow},
	} {
		t.Run(name, func(t *testing.T) {
			attach := func(h *recorder) {
				h.onAttach = func(b *Batch, r *AttachRequest) {
					if tt.kind == longWindows {
						r.Session.ForLong()
					}
					h.accept(b, r)
				}
			}
			dialogue(t, func(p *peer) {
				p.open()
				begin := &wire.Begin{IncomingWindow: 1000, OutgoingWindow: 1000}
				if tt.kind == aloneWindows {
					begin.Properties = wire.Map{{Key: wire.Symbol(propertyAlone), Value: true}}
				}
				p.write(begin)
				p.listen()
				p.any()
				w := p.windowUser()
				for i := 1; i < tt.links; i++ {
					w.write(sending(fmt.Sprint("q", i), uint32(i)))
					p.want("another link", takenFrom(fmt.Sprint("q", i), uint32(i)))
					w.hear()
				}
				w.settled(10_000)
				w.write(&wire.Flow{NextIncomingID: wire.Some[uint32](0), IncomingWindow: 1000, NextOutgoingID: w.frames, Echo: true})
				w.hear()
				// A flow that is asked for tells of what was granted, and grants by the credit of that moment.
				if w.told > tt.want || w.told < tt.want-min(tt.credit/2, tt.want/4) {
					t.Errorf("%d frames are granted, want %d or somewhat fewer", w.told, tt.want)
				}
			}, window(tt.credit), handling(attach), config(func(c *Config) {
				c.MaxFrameSize, c.WideWindows, c.BetweenRouters = tt.frame, tt.kind == wideWindows, tt.kind >= neighbourWindows
			}))
		})
	}
}

// While each message is one frame, the window is told with credit, and never what holds the peer.
func TestOneFrameMessagesNeedNoFlowOfTheWindowAlone(t *testing.T) {
	for name, settled := range map[string]bool{"that are settled": true, "that are not": false} {
		t.Run(name, func(t *testing.T) {
			for _, n := range []uint32{20, 250, 1000} {
				opened(t, func(p *peer) {
					w := p.windowUser()
					w.send(first(0, w.id, "x"), marked(last(0, "x"))) // whatever came before
					w.id++
					w.settled(5000) // the window of a new session grows
					w.alone = 0
					if settled {
						w.settled(5000)
					}
					for w.id < w.limit {
						if w.left() == 0 {
							t.Fatalf("with credit for %d there is no window left after %d", w.limit-w.id, w.id)
						}
						w.send(w.messages(1, 10)...)
					}
					if w.alone > 0 {
						t.Errorf("with a credit of %d, %d flows told of the window alone in %d messages", n, w.alone, w.id)
					}
				}, window(n), config(func(c *Config) { c.MaxFrameSize = 16 << 10 }))
			}
		})
	}
}

// A message of many frames goes on for as long as it lasts, be it the last one that there is credit for.
func TestAMessageOfManyFramesIsNeverHeldForWantOfAWindow(t *testing.T) {
	for name, before := range map[string]int{"the only one": 0, "after small ones": 990, "after the credit's last but one": 999} {
		for _, size := range []int{10, 4000} {
			t.Run(name, func(t *testing.T) {
				opened(t, func(p *peer) {
					w := p.windowUser()
					for range before {
						w.send(w.messages(1, 10)...)
					}
					w.send(first(0, w.id, "x"))
					payload := strings.Repeat("x", size)
					for range 10 * maxWindow / (1 + size/100) {
						if w.left() == 0 {
							t.Fatalf("no window is left after %d frames, and nothing waits", w.frames)
						}
						w.send(middle(0, payload))
						if w.left() < firstWindow/2 && size == 10 {
							t.Fatalf("%d frames are left of the window after %d, and it is not told anew", w.left(), w.frames)
						}
					}
					if most := int(w.frames)/minWindow + 2; size == 10 && w.alone > int(w.frames)/64 || w.alone > most {
						t.Errorf("%d flows told of the window in %d frames", w.alone, w.frames)
					}
				}, window(1000), config(func(c *Config) { c.MaxFrameSize = 16 << 10 }))
			})
		}
	}
}

// Whatever a peer has used of its window while much waited: once that has gone it has one again, without
// saying a word.
func TestAnExhaustedWindowOpensWhenWhatWaitedHasGone(t *testing.T) {
	for name, credit := range map[string]uint32{"with credit": 1000, "without": 1} {
		t.Run(name, func(t *testing.T) {
			opened(t, func(p *peer) {
				w := p.windowUser()
				w.send(first(0, w.id, "x"))
				p.hold("q", heldLimit)
				for w.left() > 0 {
					w.send(middle(0, "x"))
				}
				for range 16 {
					p.unhold("q", heldLimit/16)
				}
				w.hear()
				if w.left() == 0 {
					t.Fatal("nothing waits, and the window is shut")
				}
				for w.left() > 0 && w.left() < firstWindow {
					w.send(middle(0, "x"))
				}
				if w.left() < firstWindow {
					t.Errorf("%d frames are left of the window, and none was given", w.left())
				}
			}, window(credit), config(func(c *Config) { c.MaxFrameSize = 16 << 10 }))
		})
	}
}

// Credit that is taken back or goes with its link counts no more for the window.
func TestCreditThatIsGoneCountsNoMoreForTheWindow(t *testing.T) {
	for name, leave := range map[string]func(p *peer){
		"revoked":            func(p *peer) { l := p.receiver("r"); p.do(l.Revoke) },
		"with its link":      func(p *peer) { p.write(&wire.Detach{Handle: 1, Closed: true}) },
		"used up by a drain": func(p *peer) { p.write(spent(1, 1000)) },
	} {
		t.Run(name, func(t *testing.T) {
			opened(t, func(p *peer) {
				p.h.quiet = true
				p.write(sending("q", 0), sending("r", 1))
				p.listen()
				s := p.receiver("q").session
				if s.credit != 2000 {
					t.Fatalf("the session counts credit for %d deliveries, want 2000", s.credit)
				}
				p.h.keep(func() { p.h.window = 0 })
				l := p.receiver("r")
				p.do(func(b *Batch) { l.SetWindow(b, 0) })
				leave(p)
				p.listen()
				if s.credit != 1000 {
					t.Errorf("the session counts credit for %d deliveries, want 1000", s.credit)
				}
			}, window(1000))
		})
	}
}

// spent is what a sender says that has used up, or gives back, its credit up to n.
func spent(handle, n uint32) *wire.Flow {
	return &wire.Flow{NextIncomingID: wire.Some[uint32](0), IncomingWindow: 1000, Handle: wire.Some(handle), DeliveryCount: wire.Some(n)}
}

// checkCredit compares what the sessions count of their links' credit with what those have.
func checkCredit(t *testing.T, c *Conn) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sessions.each(func(_ uint32, s *Session) {
		sum := int64(0)
		s.handles.each(func(_ uint32, l *link) {
			if l.recv != nil && !l.gone {
				sum += int64(max(serialDiff(l.recv.limit, l.recv.deliveryCount), 0))
			}
		})
		if s.credit != sum {
			t.Errorf("session %d counts credit for %d deliveries, its links have it for %d", s.local, s.credit, sum)
		}
	})
}
