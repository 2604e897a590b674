package router_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/meshway/meshway/internal/wire"
)

// attacker is one hostile peer, that tries one thing after the other.
type attacker struct {
	address string // of the router
	id      int
	rnd     *rand.Rand
	stop    <-chan struct{}
}

func (a *attacker) dial() *rawClient { return rawDial(a.address) }

// own is an address that no other attacker uses.
func (a *attacker) own() string { return fmt.Sprint("hostile/", a.id) }

// pause lets the router do something with what was said, or leaves early.
func (a *attacker) pause(d time.Duration) {
	select {
	case <-a.stop:
	case <-time.After(d):
	}
}

// attacks are what bad input is in issue and practice. Each makes its connections,
// and leaves none.
var attacks = map[string]func(a *attacker){
	"random bytes": func(a *attacker) {
		c := a.dial()
		b := make([]byte, 1+a.rnd.IntN(100_000))
		for i := range b {
			b[i] = byte(a.rnd.Uint32())
		}
		if a.rnd.IntN(2) == 0 {
			c.open()
		}
		c.bytes(b)
		c.close()
	},
	"HTTP": func(a *attacker) {
		c := a.dial()
		c.bytes([]byte("GET / HTTP/1.1\r\nHost: example\r\n\r\n"))
		c.ended()
		c.close()
	},
	"nothing at all": func(a *attacker) {
		c := a.dial()
		a.pause(100 * time.Millisecond)
		c.close()
	},
	"SASL for ever": func(a *attacker) {
		c := a.dial()
		c.bytes(wire.ProtoSASL[:])
		for range 50 {
			c.bytes(wire.AppendSASLFrame(nil, &wire.SASLResponse{Response: []byte("and?")}))
		}
		c.close()
	},
	"open, and a reset": func(a *attacker) { a.dial().open().reset() },
	"frames cut short": func(a *attacker) {
		c := a.dial().open()
		b := encode(sender("q", 0, a.own()))
		c.bytes(b[:a.rnd.IntN(len(b))])
		c.reset()
	},
	"lengths that lie": func(a *attacker) {
		for _, lie := range [][]byte{
			{0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0}, {0, 0, 0, 7, 2, 0, 0, 0}, {0, 0, 0, 8, 200, 0, 0, 0},
			{0, 0, 0, 21, 2, 0, 0, 0, 0, 0x53, 0x13, 0xd0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x43},
			{0, 0, 0, 22, 2, 0, 0, 0, 0, 0x53, 0x13, 0xd0, 0, 0, 0, 6, 0xff, 0xff, 0xff, 0xff, 0x43, 0x43},
		} {
			c := a.dial().open()
			c.bytes(lie)
			c.close()
		}
	},
	"nested ten thousand deep": func(a *attacker) {
		c := a.dial().open()
		deep := bytes.Repeat([]byte{0, 0x53, 1}, 5000)
		c.write(&wire.Flow{Properties: append(deep, 0x40)})
		c.await(wire.CodeClose)
		c.close()
	},
	"transfers without credit": func(a *attacker) {
		c := a.dial().open()
		c.write(sender("q", 0, a.own()))
		for id := range uint32(300) {
			c.write(transfer(0, id, false, data("x")))
		}
		c.await(wire.CodeDetach)
		c.close()
	},
	"transfers beyond the window": func(a *attacker) {
		c := a.dial().open()
		c.write(receiver("slow", 1, a.own()), sender("any", 0, ""))
		c.await(wire.CodeFlow)
		body := make([]byte, 10_000)
		for id := range uint32(400) {
			c.write(transfer(0, id, false, append(to(a.own(), ""), body...)))
		}
		c.close()
	},
	"unknown handles and deliveries": func(a *attacker) {
		c := a.dial().open()
		d := &wire.Disposition{Role: wire.Role(a.rnd.IntN(2) == 0), First: a.rnd.Uint32(), Settled: true, State: wire.Accepted}
		d.Last = wire.Some(d.First + a.rnd.Uint32N(1<<31))
		for range 1000 {
			c.write(d)
		}
		c.write(transfer(5, 0, false, data("x")))
		c.await(wire.CodeEnd)
		c.close()
	},
	"two attaches on one handle": func(a *attacker) {
		c := a.dial().open()
		c.write(sender("a", 0, a.own()), sender("b", 0, a.own()))
		c.await(wire.CodeEnd)
		c.close()
	},
	"a link stolen over and over": func(a *attacker) {
		c := a.dial().open()
		for h := range uint32(300) {
			c.write(sender("q", h, a.own()), receiver("q", 1000+h, a.own()), grant(1000+h, 10))
		}
		c.close()
	},
	"a thousand links, and gone": func(a *attacker) {
		c := a.dial().open()
		for h := range uint32(500) {
			c.write(sender(fmt.Sprint(h), h, ""), receiver(fmt.Sprint(h), 1000+h, fmt.Sprint(a.own(), "/", h)))
		}
		c.reset()
	},
	"what cannot be attached": func(a *attacker) {
		c := a.dial().open()
		coordinator := sender("tx", 3, "")
		coordinator.Target = &wire.Target{Coordinator: true}
		dynamic := receiver("dynamic", 4, "")
		dynamic.Source = &wire.Source{Dynamic: true}
		c.write(receiver("m", 0, "$management"), receiver("u", 1, "gone/x"), sender("u", 2, "gone/x"), coordinator, dynamic,
			&wire.Attach{Name: "none", Handle: 5, Role: wire.RoleReceiver}, receiver("empty", 6, ""), sender("topo", 7, "_topo/0/other/x"))
		for range 6 {
			c.await(wire.CodeDetach)
		}
		c.close()
	},
	"echo, and never a read": func(a *attacker) {
		c := a.dial().open()
		echo := bytes.Repeat(encode(&wire.Flow{IncomingWindow: 10, Echo: true}), 1000)
		for range 300 {
			c.bytes(echo)
		}
		c.reset()
	},
	"credit, and never a read": func(a *attacker) {
		c := a.dial().open()
		c.write(receiver("out", 0, a.own()), grant(0, 10000), sender("in", 1, a.own()))
		c.await(wire.CodeFlow)
		body := make([]byte, 5000)
		for id := range uint32(200) {
			c.write(transfer(1, id, false, body))
		}
		c.reset()
	},
	"a byte at a time": func(a *attacker) {
		c := a.dial()
		for _, b := range append(wire.ProtoAMQP[:], encode(&wire.Open{ContainerID: "slow"}, session(), sender("q", 0, a.own()))...) {
			c.bytes([]byte{b})
		}
		c.await(wire.CodeAttach)
		c.close()
	},
	"half a message, and gone": func(a *attacker) {
		c := a.dial().open()
		c.write(sender("any", 0, ""), receiver("out", 1, a.own()), grant(1, 10))
		c.await(wire.CodeFlow)
		c.write(transfer(0, 0, true, to(a.own(), "")))
		for range 20 {
			c.write(frame{body: &wire.Transfer{More: true}, payload: make([]byte, 8000)})
		}
		c.reset()
	},
	"settled after all was said": func(a *attacker) {
		// A long message that goes nowhere is settled by its first 64 KiB; its
		// last frame says that it was settled anyway.
		c := a.dial().open()
		c.write(sender("any", 0, ""))
		c.await(wire.CodeFlow)
		c.write(transfer(0, 0, true, to("hostile/nowhere", "")))
		for range 10 {
			c.write(frame{body: &wire.Transfer{More: true}, payload: make([]byte, 8000)})
		}
		c.await(wire.CodeDisposition)
		c.write(settled(frame{body: &wire.Transfer{}}), transfer(0, 1, true, to("hostile/nowhere", "")),
			&wire.Disposition{Role: wire.RoleSender, First: 1, Settled: true}, settled(frame{body: &wire.Transfer{}}),
			transfer(0, 2, true, to("hostile/nowhere", "")), &wire.Disposition{Role: wire.RoleSender, First: 2, Settled: true},
			frame{body: &wire.Transfer{Aborted: true}}, &wire.Detach{Closed: true})
		c.await(wire.CodeDetach)
		c.close()
	},
	"rejected in the middle": func(a *attacker) {
		c := a.dial().open()
		c.write(receiver("out", 1, a.own()), grant(1, 10), sender("in", 0, a.own()))
		c.await(wire.CodeFlow)
		c.write(transfer(0, 0, true, data("")))
		for range 10 {
			c.write(frame{body: &wire.Transfer{More: true}, payload: make([]byte, 8000)})
		}
		c.await(wire.CodeTransfer)
		reason := wire.RejectedState(&wire.Error{Condition: "test:no", Description: string(make([]byte, 4000))})
		c.write(&wire.Disposition{Role: wire.RoleReceiver, Last: wire.Some[uint32](1<<31 - 1), Settled: true, State: reason})
		c.await(wire.CodeDisposition)
		c.write(settled(frame{body: &wire.Transfer{More: true}, payload: make([]byte, 100)}), frame{body: &wire.Transfer{Aborted: true}})
		c.close()
	},
	"ranges over half the circle": func(a *attacker) {
		c := a.dial().open()
		c.write(receiver("out", 1, a.own()), grant(1, 10), sender("in", 0, a.own()))
		c.await(wire.CodeFlow)
		for id := range uint32(5) {
			c.write(transfer(0, id, false, data("x")))
		}
		c.await(wire.CodeTransfer)
		for range 200 {
			c.write(&wire.Disposition{Role: wire.RoleReceiver, First: 10, Last: wire.Some[uint32](1<<31 + 8), State: wire.ReceivedState(0, 0)},
				&wire.Disposition{Role: wire.RoleSender, First: 10, Last: wire.Some[uint32](1<<31 + 8)})
		}
		c.close()
	},
	"sessions begun and ended": func(a *attacker) {
		c := a.dial().open()
		for range 200 {
			ch := uint16(1 + a.rnd.IntN(100))
			s := sender("q", 0, a.own())
			c.write(frame{ch: ch, body: session()}, frame{ch: ch, body: s}, frame{ch: ch, body: &wire.End{}})
		}
		c.close()
	},
	"drained for ever": func(a *attacker) {
		c := a.dial().open()
		c.write(receiver("out", 0, a.own()))
		f := grant(0, 100)
		f.Drain = true
		for range 500 {
			c.write(f)
		}
		c.close()
	},
	"a message that stops in the middle": func(a *attacker) {
		c := a.dial().open()
		c.write(receiver("out", 1, a.own()), grant(1, 10), sender("in", 0, a.own()))
		c.await(wire.CodeFlow)
		c.write(transfer(0, 0, true, make([]byte, 10_000)))
		for range 10 {
			c.write(frame{body: &wire.Transfer{More: true}, payload: make([]byte, 10_000)})
		}
		a.pause(50 * time.Millisecond)
		c.close()
	},
}
