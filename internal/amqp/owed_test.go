package amqp

import (
	"strings"
	"testing"

	"github.com/meshway/meshway/internal/wire"
)

// What a window is too small for is kept until it opens: one message of a session at a time, which counts
// for the memory of the process.
func TestWhatATinyWindowDoesNotTakeIsCounted(t *testing.T) {
	for name, leave := range map[string]func(p *peer){
		"until it has left": func(p *peer) {
			for range 100 {
				p.write(&wire.Flow{NextIncomingID: wire.Some(p.conn.byChannel.get(0).nextOutgoingID), IncomingWindow: 1})
				p.listen()
			}
		},
		"until the link ends":       func(p *peer) { p.write(&wire.Detach{Handle: 0, Closed: true}, &wire.Detach{Handle: 1, Closed: true}) },
		"until the session ends":    func(p *peer) { p.write(&wire.End{}) },
		"until the connection ends": func(p *peer) { p.write(&wire.Close{}) },
	} {
		t.Run(name, func(t *testing.T) {
			budget := NewBudget(1 << 30)
			dialogue(t, func(p *peer) {
				p.open()
				p.write(&wire.Begin{IncomingWindow: 2, OutgoingWindow: 1000})
				p.listen()
				p.any()
				p.h.take()
				p.attachReceiver("q", 0)
				p.write(receiving("r", 1))
				p.listen()
				p.any()
				for h := range uint32(2) {
					p.write(takesOf(takes(0, 2), h, 0, 10))
				}
				payload := strings.Repeat("x", 20_000)
				p.send("q", payload, 0, Sent)
				per := p.sender("q").framePayload()
				want := int64(len(payload) - 2*per)
				if got := budget.Held(); got != want {
					t.Errorf("%d bytes are counted, %d are kept", got, want)
				}
				p.send("r", payload, 1, NoWindow)
				p.write(&wire.Flow{NextIncomingID: wire.Some[uint32](2), IncomingWindow: 1})
				p.listen()
				p.send("r", payload, 1, NoWindow)
				if got := budget.Held(); got != want-int64(per) {
					t.Errorf("after another frame %d bytes are counted, %d are kept", got, want-int64(per))
				}
				leave(p)
				p.listen()
				if got := budget.Held(); got != 0 {
					t.Errorf("nothing is kept, %d bytes are counted", got)
				}
			}, config(func(c *Config) { c.Budget = budget }), saying(func(o *wire.Open) { o.MaxFrameSize = wire.Some[uint32](1024) }))
		})
	}
}
