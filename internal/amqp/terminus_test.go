package amqp

import (
	"slices"
	"testing"

	"github.com/meshway/meshway/internal/wire"
)

// oddAttach is an attach with any values for source and target, as bytes; a sender's count begins
// at 0.
func oddAttach(name string, handle byte, role wire.Role, source, target []byte) []byte {
	fields := slices.Concat([]byte{0xa1, byte(len(name))}, []byte(name), []byte{0x52, handle, 0x42, 0x40, 0x40}, source, target, []byte{0x40, 0x40, 0x43})
	if role == wire.RoleReceiver {
		fields[4+len(name)] = 0x41
	}
	return rawFrame(performative(wire.CodeAttach, append([]byte{0xc0, byte(1 + len(fields)), 10}, fields...)...)...)
}

var (
	aSource = performative(wire.CodeSource, 0x45)
	aTarget = performative(wire.CodeTarget, 0x45)
	aQueue  = append([]byte{0, 0xa3, 18}, "example:queue:list\x45"...)
)

// [2.7.3] [1.2] Others may define types of termini. Who attaches to one that is unknown here is
// refused, as with any link that cannot be had, and all else goes on.
func TestATerminusOfAnUnknownTypeCostsTheLinkAlone(t *testing.T) {
	notHere := func(text string) *wire.Error {
		return &wire.Error{Condition: wire.CondNotImplemented, Description: text}
	}
	noTerminus := func(text string) *wire.Error {
		return &wire.Error{Condition: wire.CondInvalidField, Description: text}
	}
	for name, tt := range map[string]struct {
		target []byte
		why    *wire.Error
	}{
		"named by a symbol":                 {aQueue, notHere(`attach.target.descriptor: unknown type "example:queue:list"`)},
		"with a number":                     {performative(0x7f, 0x45), notHere("attach.target.descriptor: unknown type 0x7f")},
		"that is a map":                     {performative(0x7f, 0xc1, 1, 0), notHere("attach.target.descriptor: unknown type 0x7f")},
		"a source":                          {aSource, noTerminus("attach.target: want target or coordinator, got source")},
		"an outcome":                        {performative(wire.CodeReleased, 0x45), noTerminus("attach.target: want target or coordinator, got released")},
		"a string":                          {[]byte{0xa1, 1, 'q'}, noTerminus("attach.target.descriptor: want described value, got string (0xa1)")},
		"an empty list":                     {[]byte{0x45}, noTerminus("attach.target.descriptor: want described value, got list (0x45)")},
		"described by what is no name":      {[]byte{0, 0xa1, 1, 'q', 0x45}, noTerminus("attach.target.descriptor: want ulong or symbol, got string (0xa1)")},
		"described by what is described so": {[]byte{0, 0, 0x53, 1, 0x53, 0x29, 0x45}, noTerminus("attach.target.descriptor: want ulong or symbol, got described value (0x00)")},
	} {
		t.Run(name, func(t *testing.T) {
			opened(t, func(p *peer) {
				p.attachSender("other", 0)
				p.write(oddAttach("q", 4, wire.RoleSender, aSource, tt.target))
				p.want("no target of ours", &wire.Attach{Name: "q", Handle: 1, Role: wire.RoleReceiver, Source: &wire.Source{}},
					&wire.Detach{Handle: 1, Closed: true, Error: tt.why})
				p.heard("it is a fault, and no attach", `fault link "q" `+string(tt.why.Condition))
				p.write(message(4, 0, "on its way"), first(4, 1, "half"), &wire.Flow{Handle: wire.Some[uint32](4), Echo: true, NextOutgoingID: 2})
				p.wantIdle("what was behind it is passed over")
				p.write(message(0, 2, "x"))
				p.heard("the other link lives", `other 2 "x"`)
				p.write(&wire.Detach{Handle: 4, Closed: true}, sending("q", 4))
				p.want("name and handles are free", takenFrom("q", 1), credit(1, 0, 10))
			})
		})
	}
}

func TestEitherTerminusOfEitherLinkMayBeOfAnUnknownType(t *testing.T) {
	why := refused(wire.CondNotImplemented)
	opened(t, func(p *peer) {
		p.write(oddAttach("a", 0, wire.RoleSender, aQueue, aTarget))
		p.want("a sender's source", &wire.Attach{Name: "a", Role: wire.RoleReceiver}, &wire.Detach{Closed: true, Error: why})
		p.write(oddAttach("b", 1, wire.RoleReceiver, aQueue, aTarget))
		p.want("a receiver's source", &wire.Attach{Name: "b", Handle: 1, Target: &wire.Target{}, InitialDeliveryCount: wire.Some[uint32](0)},
			&wire.Detach{Handle: 1, Closed: true, Error: why})
		p.write(grant(1, 0, 10))
		p.wantIdle("its credit is of no use")
		p.write(oddAttach("c", 2, wire.RoleReceiver, aSource, aQueue))
		p.want("a receiver's target", &wire.Attach{Name: "c", Handle: 2, InitialDeliveryCount: wire.Some[uint32](0)},
			&wire.Detach{Handle: 2, Closed: true, Error: why})
		p.write(oddAttach("d", 3, wire.RoleSender, aQueue, []byte{0x41}))
		p.want("both", &wire.Attach{Name: "d", Handle: 3, Role: wire.RoleReceiver}, &wire.Detach{Handle: 3, Closed: true, Error: why})
		p.write(sending("e", 4))
		p.want("the session stands", takenFrom("e", 4))
	}, noCredit())
}

// What is wrong inside a terminus of AMQP's own is not understood: nor is then the peer. [2.8.15]
func TestATerminusThatCannotBeReadCostsTheConnection(t *testing.T) {
	for name, odd := range map[string][]byte{
		"a durability of 3": performative(wire.CodeTarget, 0xc0, 4, 2, 0x40, 0x52, 3),
		"a target in a map": performative(wire.CodeTarget, 0xc1, 1, 0),
		"cut short":         performative(wire.CodeTarget, 0xc0, 200, 1),
	} {
		t.Run(name, func(t *testing.T) {
			wantDiscarded(t, wire.CondDecodeError, oddAttach("s", 4, wire.RoleSender, aSource, odd))
		})
	}
	t.Run("and an unknown one does not hide it", func(t *testing.T) {
		wantDiscarded(t, wire.CondDecodeError, oddAttach("s", 4, wire.RoleSender, aQueue, performative(wire.CodeTarget, 0xc1, 1, 0)))
	})
}

// The peer answers a link of ours with a terminus that we do not know: we cannot tell what we are
// attached to, and detach.
func TestALinkOfOursIsAnsweredWithAnUnknownTerminus(t *testing.T) {
	dialogue(t, func(p *peer) {
		p.open()
		s := p.ours(&wire.Begin{IncomingWindow: 100})
		p.attachTheirSender(s, "out")
		p.want("the attach", takenTo("out", 0))
		p.write(oddAttach("out", 3, wire.RoleReceiver, aSource, aQueue), grant(3, 0, 5))
		why := refused(wire.CondNotImplemented)
		p.want("it is detached", &wire.Detach{Closed: true, Error: why})
		p.heard("and its handler hears why", `fault link "out" amqp:not-implemented`, "detach out amqp:not-implemented")
		p.do(func(b *Batch) {
			if err := s.AttachRaw(b, newRawLink(p.h), sending("raw", 0)); err != nil {
				p.t.Error(err)
			}
		})
		raw := takenTo("raw", 1)
		raw.Target = &wire.Target{Address: wire.Some("raw")}
		p.want("another", raw)
		p.write(oddAttach("raw", 4, wire.RoleReceiver, aQueue, aTarget), &wire.Detach{Handle: 4, Closed: true})
		p.want("it is detached", &wire.Detach{Handle: 1, Closed: true, Error: why})
		p.heard("and its other end hears why", `fault link "raw" amqp:not-implemented`, "end amqp:not-implemented")
		p.write(&wire.Detach{Handle: 3, Closed: true})
		p.wantIdle("both have said it")
		p.attachTheirReceiver(s, "in")
		p.want("handles are free, the session stands", takenFrom("in", 0))
	})
}

// One that we have given up before its answer came is over in any case.
func TestAnUnknownTerminusOfALinkThatWeGaveUp(t *testing.T) {
	dialogue(t, func(p *peer) {
		p.open()
		s := p.ours(&wire.Begin{IncomingWindow: 100})
		l := p.attachTheirSender(s, "q")
		p.do(func(b *Batch) { l.Detach(b, nil) })
		p.want("attached and given up", takenTo("q", 0), &wire.Detach{Closed: true})
		p.write(oddAttach("q", 3, wire.RoleReceiver, aSource, aQueue), &wire.Detach{Handle: 3, Closed: true})
		p.wantIdle("all has been said")
		p.heard("no more than its end", "detach q")
	})
}
