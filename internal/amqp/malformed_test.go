package amqp

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/meshway/meshway/internal/wire"
)

// rawFrame is a frame with any body.
func rawFrame(body ...byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(8+len(body)))
	return append(append(b, 2, 0, 0, 0), body...)
}

// performative is a body: a descriptor and what it describes.
func performative(code wire.Code, value ...byte) []byte {
	return append([]byte{0, 0x53, byte(code)}, value...)
}

// wantDiscarded checks that the bytes end the connection with the condition, that
// nothing is heard of them, and that what stood goes in good order.
func wantDiscarded(t *testing.T, condition wire.Symbol, raw []byte) {
	t.Helper()
	opened(t, func(p *peer) {
		p.attachSender("q", 0)
		p.attachReceiver("r", 1)
		p.write(first(0, 0, "half"), grant(1, 0, 5))
		p.send("r", "x", 7, Sent)
		p.want("all is well", sent(1, 0, "x"))
		p.h.take()
		p.write(raw, []byte("and more, which does not matter"))
		p.want("until this", &wire.Close{Error: refused(condition)})
		p.write(&wire.Close{})
		p.wantShut("", string(condition))
		p.heard("everything ends, once", "fault connection "+string(condition),
			"detach q lost 0 "+string(condition), "detach r "+string(condition), "lost 7")
	})
}

// [2.3] What is no frame costs the connection: nothing behind it can be trusted.
func TestBytesThatAreNoFrame(t *testing.T) {
	for name, raw := range map[string][]byte{
		"a size of 0":                      {0, 0, 0, 0, 2, 0, 0, 0},
		"a size of 7":                      {0, 0, 0, 7, 2, 0, 0},
		"the largest size":                 {0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0},
		"a data offset of 0":               {0, 0, 0, 8, 0, 0, 0, 0},
		"a data offset of 1":               {0, 0, 0, 8, 1, 0, 0, 0},
		"a data offset beyond the end":     {0, 0, 0, 8, 3, 0, 0, 0},
		"a data offset far beyond the end": {0, 0, 0, 8, 255, 0, 0, 0},
		"an unknown type":                  {0, 0, 0, 8, 2, 2, 0, 0},
		"a SASL frame":                     {0, 0, 0, 8, 2, 1, 0, 0},
		"text":                             []byte("GET / HTTP/1.1\r\n"),
	} {
		t.Run(name, func(t *testing.T) { wantDiscarded(t, wire.CondFramingError, raw) })
	}
}

// [2.3.1] "The extended header [...] treatment of this area depends on the frame
// type": that of AMQP has none, and passes over it.
func TestAnExtendedHeaderIsPassedOver(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachSender("q", 0)
		f := message(0, 0, "hello").encode(nil)
		f = append(append(f[:8:8], "extended"...), f[8:]...)
		f[3], f[4] = f[3]+8, f[4]+2
		p.write(f)
		p.heard("the message behind it arrives", `q 0 "hello"`)
	})
}

func TestBodiesThatAreNoPerformative(t *testing.T) {
	list := []byte{0x45}
	for name, tt := range map[string]struct {
		condition wire.Symbol
		body      []byte
	}{
		"an unknown code":                  {wire.CondDecodeError, performative(0x66, list...)},
		"the code of a section":            {wire.CondDecodeError, performative(0x75, 0xa0, 0)},
		"the code of an outcome":           {wire.CondDecodeError, performative(0x24, list...)},
		"the code of SASL":                 {wire.CondNotImplemented, performative(0x41, list...)},
		"an unknown symbol":                {wire.CondDecodeError, append([]byte{0, 0xa3, 9}, "amqp:nope\x45"...)},
		"no descriptor":                    {wire.CondDecodeError, list},
		"a string for a descriptor":        {wire.CondDecodeError, append([]byte{0, 0xa1, 9}, "amqp:open\x45"...)},
		"a described descriptor":           {wire.CondDecodeError, []byte{0, 0, 0x53, 1, 0x53, 0x14, 0x45}},
		"nothing described":                {wire.CondDecodeError, []byte{0, 0x53, 0x14}},
		"a map described":                  {wire.CondDecodeError, performative(wire.CodeFlow, 0xc1, 1, 0)},
		"null described":                   {wire.CondDecodeError, performative(wire.CodeFlow, 0x40)},
		"one byte":                         {wire.CondDecodeError, []byte{0}},
		"a reserved constructor":           {wire.CondDecodeError, performative(wire.CodeFlow, 0xff)},
		"a list longer than its frame":     {wire.CondDecodeError, performative(wire.CodeFlow, 0xc0, 200, 4, 0x43)},
		"a list of 2^32-1 bytes":           {wire.CondDecodeError, performative(wire.CodeFlow, 0xd0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 4, 0x43)},
		"a list of 2^32-1 fields":          {wire.CondDecodeError, performative(wire.CodeFlow, 0xd0, 0, 0, 0, 5, 0xff, 0xff, 0xff, 0xff, 0x43)},
		"a list shorter than it says":      {wire.CondDecodeError, performative(wire.CodeFlow, 0xc0, 3, 4, 0x43, 0x43, 0x43)},
		"more fields than there are":       {wire.CondDecodeError, performative(wire.CodeEnd, 0xc0, 3, 2, 0x40, 0x40)},
		"a mandatory field left out":       {wire.CondInvalidField, performative(wire.CodeBegin, list...)},
		"null in a mandatory field":        {wire.CondInvalidField, performative(wire.CodeDetach, 0xc0, 2, 1, 0x40)},
		"a string for a uint":              {wire.CondDecodeError, performative(wire.CodeDetach, 0xc0, 4, 1, 0xa1, 1, 'x')},
		"a ulong for a uint":               {wire.CondDecodeError, performative(wire.CodeDetach, 0xc0, 3, 1, 0x53, 1)},
		"a described uint":                 {wire.CondDecodeError, performative(wire.CodeDetach, 0xc0, 5, 1, 0, 0x53, 1, 0x43)},
		"a uint for an error":              {wire.CondDecodeError, performative(wire.CodeEnd, 0xc0, 2, 1, 0x43)},
		"bytes in the list, behind fields": {wire.CondDecodeError, performative(wire.CodeEnd, 0xc0, 4, 1, 0x40, 0x40, 0x40)},
	} {
		t.Run(name, func(t *testing.T) { wantDiscarded(t, tt.condition, rawFrame(tt.body...)) })
	}
}

func TestPayloadBehindWhatHasNone(t *testing.T) {
	for name, body := range map[string]wire.Performative{
		"flow": &wire.Flow{}, "disposition": &wire.Disposition{}, "attach": sending("s", 3), "detach": &wire.Detach{Handle: 0},
		"begin": begin(), "end": &wire.End{}, "close": &wire.Close{},
	} {
		t.Run(name, func(t *testing.T) {
			wantDiscarded(t, wire.CondDecodeError, asFrame(body).then("x").encode(nil))
		})
	}
}

// everyPerformative is one of each with every field set.
func everyPerformative() map[string]wire.Performative {
	m := wire.Map{{Key: wire.Symbol("k"), Value: "v"}}
	caps := []wire.Symbol{"cap"}
	fault := &wire.Error{Condition: "test:error", Description: "why", Info: m}
	raw, _ := wire.AppendValue(nil, m)
	full := sending("s", 3)
	full.SndSettleMode, full.RcvSettleMode = wire.Some(wire.SndMixed), wire.Some(wire.RcvSecond)
	full.Source = &wire.Source{Address: wire.Some("a"), Durable: 2, ExpiryPolicy: wire.Some[wire.Symbol]("never"), Timeout: wire.Some[uint32](7),
		DistributionMode: wire.Some[wire.Symbol]("move"), Filter: raw, Outcomes: caps, Capabilities: caps}
	full.Target.Capabilities = caps
	full.Unsettled, full.MaxMessageSize = raw, wire.Some[uint64](1<<40)
	full.OfferedCapabilities, full.DesiredCapabilities, full.Properties = caps, caps, m
	return map[string]wire.Performative{
		"attach": full,
		"begin": &wire.Begin{NextOutgoingID: 9, IncomingWindow: 9, OutgoingWindow: 9, HandleMax: wire.Some[uint32](9),
			OfferedCapabilities: caps, DesiredCapabilities: caps, Properties: m},
		"flow": &wire.Flow{NextIncomingID: wire.Some[uint32](1), IncomingWindow: 9, NextOutgoingID: 9, OutgoingWindow: 9, Handle: wire.Some[uint32](0),
			DeliveryCount: wire.Some[uint32](9), LinkCredit: wire.Some[uint32](9), Available: wire.Some[uint32](9), Drain: true, Echo: true, Properties: raw},
		"transfer": &wire.Transfer{Handle: 0, DeliveryID: wire.Some[uint32](0), DeliveryTag: []byte("tag"), MessageFormat: wire.Some[uint32](9),
			Settled: wire.Some(false), More: true, RcvSettleMode: wire.Some(wire.RcvSecond), State: wire.RejectedState(fault), Resume: true, Aborted: true, Batchable: true},
		"disposition": &wire.Disposition{Role: wire.RoleReceiver, First: 1, Last: wire.Some[uint32](2), Settled: true, State: wire.ModifiedState(true, true, m), Batchable: true},
		"detach":      &wire.Detach{Handle: 0, Closed: true, Error: fault},
		"end":         &wire.End{Error: fault},
		"close":       &wire.Close{Error: fault},
		"open": &wire.Open{ContainerID: "c", Hostname: "h", MaxFrameSize: wire.Some[uint32](512), ChannelMax: wire.Some[uint16](1), IdleTimeout: wire.Some[uint32](1000),
			OutgoingLocales: caps, IncomingLocales: caps, OfferedCapabilities: caps, DesiredCapabilities: caps, Properties: m},
	}
}

// Every performative cut short after every byte, its frame's size made to fit: the
// engine answers, and ends. That it is over in order is the story's own check.
func TestPerformativesCutShort(t *testing.T) {
	for name, body := range everyPerformative() {
		t.Run(name, func(t *testing.T) {
			whole := body.Append(nil)
			for cut := 1; cut < len(whole); cut++ {
				garbled(t, rawFrame(whole[:cut]...))
			}
		})
	}
}

// Every byte of every performative replaced by some that change most: types,
// lengths, counts.
func TestPerformativesWithAWrongByte(t *testing.T) {
	for name, body := range everyPerformative() {
		t.Run(name, func(t *testing.T) {
			whole := body.Append(nil)
			for i := range whole {
				for _, wrong := range []byte{0x00, 0x40, 0x7f, 0xff} {
					b := bytes.Clone(whole)
					b[i] = wrong
					garbled(t, rawFrame(b...))
				}
			}
		})
	}
}

// garbled tells a story in which a frame comes that may be of any kind, as the
// first behind the header and on an open connection. Whatever it is taken for,
// the engine must write proper frames, and end in order.
func garbled(t *testing.T, raw []byte) {
	t.Helper()
	dialogue(t, func(p *peer) {
		p.write(wire.ProtoAMQP[:], raw, &wire.Close{})
		p.wantHeader("the header", wire.ProtoAMQP)
		p.readOut(raw)
	})
	dialogue(t, func(p *peer) {
		p.write(wire.ProtoAMQP[:], &p.hello, begin(), sending("q", 0), receiving("r", 1), grant(1, 0, 5))
		p.wantHeader("the header", wire.ProtoAMQP)
		p.send("r", "x", 7, Sent)
		p.write(raw, message(0, 1, "x"), &wire.Close{})
		p.readOut(raw)
	})
}

// readOut reads until the engine's close.
func (p *peer) readOut(raw []byte) {
	p.t.Helper()
	for !p.closed {
		if _, ok := p.next(); !ok {
			p.t.Fatalf("no close behind % x%s", raw, p.ending())
		}
	}
	p.anyEnd = true
	p.wantShut(fmt.Sprintf("behind % x", raw), "")
}

// Nesting is refused before it is descended: ten thousand levels would be so many
// frames of a stack.
func TestNestedTenThousandDeep(t *testing.T) {
	for name, nest := range map[string]func(inner []byte) []byte{
		"lists": func(b []byte) []byte { return compound(0xd0, 1, b) },
		"maps":  func(b []byte) []byte { return compound(0xd1, 2, append([]byte{0xa3, 1, 'k'}, b...)) },
		"arrays": func(b []byte) []byte {
			if len(b) == 1 {
				b = compound(0xf0, 1, []byte{0x71, 0, 0, 0, 1})
			}
			return compound(0xf0, 1, b) // an array whose one element is an array without its constructor
		},
		"described": func(b []byte) []byte { return append([]byte{0, 0x53, 1}, b...) },
	} {
		t.Run(name, func(t *testing.T) {
			deep := []byte{0x40}
			for range 10000 {
				deep = nest(deep)
			}
			properties := compound(0xd1, 2, append([]byte{0xa3, 1, 'k'}, deep...))
			begin := performative(wire.CodeBegin, compound(0xd0, 8, append([]byte{0x40, 0x43, 0x43, 0x43, 0x40, 0x40, 0x40}, properties...))...)
			flow := performative(wire.CodeFlow, compound(0xd0, 11, append([]byte{0x40, 0x43, 0x43, 0x43, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40}, properties...))...)
			state := performative(wire.CodeDisposition, compound(0xd0, 5, append([]byte{0x41, 0x43, 0x40, 0x41}, append([]byte{0, 0x53, 0x25}, compound(0xd0, 1, deep)...)...))...)
			ending := performative(wire.CodeEnd, compound(0xd0, 1, append([]byte{0, 0x53, 0x1d}, compound(0xd0, 3, append([]byte{0xa3, 1, 'c', 0x40}, properties...))...))...)
			for where, body := range map[string][]byte{"in begin": begin, "in flow": flow, "in a state": state, "in an error": ending} {
				t.Run(where, func(t *testing.T) {
					opened(t, func(p *peer) {
						p.write(rawFrame(body...))
						p.wantClose("too deep", wire.CondDecodeError)
					}, config(func(c *Config) { c.MaxFrameSize = 1 << 20 }))
				})
			}
		})
	}
}

// compound makes a list32, map32 or array32 of n elements.
func compound(constructor byte, n int, elements []byte) []byte {
	b := binary.BigEndian.AppendUint32([]byte{constructor}, uint32(4+len(elements)))
	return append(binary.BigEndian.AppendUint32(b, uint32(n)), elements...)
}

// [1.5] Descriptors may be symbols as well as numbers, throughout.
func TestSymbolicDescriptors(t *testing.T) {
	symbolic := func(f any) []byte {
		b := asFrame(f).encode(nil)
		for code, name := range map[byte]string{
			0x10: "amqp:open:list", 0x11: "amqp:begin:list", 0x12: "amqp:attach:list", 0x13: "amqp:flow:list", 0x14: "amqp:transfer:list",
			0x15: "amqp:disposition:list", 0x16: "amqp:detach:list", 0x17: "amqp:end:list", 0x18: "amqp:close:list",
		} {
			if b[10] == code {
				b = append(append(append(b[:9:9], 0xa3, byte(len(name))), name...), b[11:]...)
				binary.BigEndian.PutUint32(b, uint32(len(b)))
				return b
			}
		}
		panic("no performative")
	}
	dialogue(t, func(p *peer) {
		p.write(wire.ProtoAMQP[:], symbolic(&p.hello), symbolic(begin()), symbolic(sending("q", 0)), symbolic(receiving("r", 1)), symbolic(grant(1, 0, 3)))
		p.wantHeader("as any other", wire.ProtoAMQP)
		p.want("answered", &wire.Open{ContainerID: "engine"}, beginAnswer(0), takenFrom("q", 0), credit(0, 0, 10), takenTo("r", 1))
		p.h.take()
		p.send("r", "x", 7, Sent)
		p.want("and used", sent(1, 0, "x"))
		p.write(symbolic(message(0, 0, "y")), symbolic(outcome(0, 0, wire.StateAccepted)), symbolic(&wire.Detach{Closed: true}), symbolic(&wire.End{}), symbolic(&wire.Close{}))
		p.want("to the end", &wire.Detach{Closed: true}, &wire.End{}, &wire.Close{})
		p.heard("in order", `q 0 "y"`, "outcome 7 settled accepted", "detach q lost 0", "detach r")
		p.wantShut("", "")
	})
}

// A name of any length, with anything in it, is a name; and in a reason it is cut.
func TestStrangeNames(t *testing.T) {
	for what, name := range map[string]string{"empty": "", "long": strings.Repeat("n", 1500), "of control characters": "\x00\x1b[2J\n", "of quotes": `"'\`} {
		t.Run(what, func(t *testing.T) {
			opened(t, func(p *peer) {
				p.write(sending(name, 0))
				p.want("a link", takenFrom(name, 0))
				p.write(sending(name, 1))
				p.want("is stolen", &wire.Detach{Closed: true, Error: refused(wire.CondStolen)}, takenFrom(name, 1))
			}, noCredit())
		})
	}
}
