package amqp

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	"github.com/meshway/meshway/internal/sasl"
	"github.com/meshway/meshway/internal/wire"
)

// FuzzConn gives any bytes to a server as the whole of what a peer ever says, in
// reads of any size. Whatever they are: the engine ends, having written headers
// and proper frames only, nothing behind close, and having ended each link, and
// each delivery, that its handler ever knew.
func FuzzConn(f *testing.F) {
	for _, seed := range fuzzSeeds() {
		f.Add(seed, uint16(0))
		f.Add(seed, uint16(3))
	}
	f.Fuzz(func(t *testing.T, in []byte, slice uint16) {
		h := newFuzzHandler()
		nc := &fuzzConn{in: in, slice: int(slice)}
		c := NewServer(nc, &Config{
			ContainerID: "engine", MaxFrameSize: 2048, ChannelMax: 3, MaxSessionFrames: 8, Mechanisms: []sasl.Mechanism{sasl.Anonymous{}, plain},
		}, h)
		_ = c.Run()
		h.check(t, c)
		checkOutput(t, nc.out.Bytes())
	})
}

// fuzzConn is a socket on which everything has been received already, and that
// takes everything.
type fuzzConn struct {
	in    []byte
	slice int // most bytes of a read; 0 is no limit, -1 a frame at a time
	out   bytes.Buffer
}

func (c *fuzzConn) Read(p []byte) (int, error) {
	if len(c.in) == 0 {
		return 0, io.EOF
	}
	if c.slice > 0 {
		p = p[:min(len(p), c.slice)]
	}
	if size, ok := wire.FrameSize(c.in); c.slice < 0 && ok && size > 0 {
		p = p[:min(len(p), int(size))]
	}
	n := copy(p, c.in)
	c.in = c.in[n:]
	return n, nil
}

func (c *fuzzConn) Write(p []byte) (int, error)      { return c.out.Write(p) }
func (c *fuzzConn) Close() error                     { return nil }
func (c *fuzzConn) LocalAddr() net.Addr              { return memAddr("engine") }
func (c *fuzzConn) RemoteAddr() net.Addr             { return memAddr("peer") }
func (c *fuzzConn) SetDeadline(time.Time) error      { return nil }
func (c *fuzzConn) SetReadDeadline(time.Time) error  { return nil }
func (c *fuzzConn) SetWriteDeadline(time.Time) error { return nil }

// fuzzHandler takes every link, echoes every message to any link that takes it,
// and settles in ways that depend on what came. It keeps books of what is open.
type fuzzHandler struct {
	links map[any]bool    // taken and not ended
	open  map[*Sender]int // deliveries sent, unsettled, by link
	sent  map[uint32]*Sender
	next  uint32
	fault string
}

func newFuzzHandler() *fuzzHandler {
	return &fuzzHandler{links: map[any]bool{}, open: map[*Sender]int{}, sent: map[uint32]*Sender{}}
}

func (h *fuzzHandler) OnOpen(*Conn, *Batch) *wire.Error   { return nil }
func (h *fuzzHandler) OnFault(*Conn, string, *wire.Error) {}

func (h *fuzzHandler) OnAttach(b *Batch, r *AttachRequest) {
	name := r.Attach.Name
	a := &Answer{Source: r.Attach.Source, Target: r.Attach.Target, SndSettleMode: wire.SndMixed, RcvSettleMode: r.Attach.RcvSettleMode.Or(0)}
	if len(name)%4 == 3 {
		a.MaxMessageSize = 10
	}
	switch {
	case name == "":
		r.Refuse(b, refused(wire.CondNotFound))
	case r.Attach.Role == wire.RoleReceiver:
		e := &fuzzOut{fuzzHandler: h}
		if l, err := r.AcceptSender(b, e, a); err == nil {
			e.link = l
			h.links[e] = true
		}
	default:
		e := &fuzzIn{fuzzHandler: h}
		if l, err := r.AcceptReceiver(b, e, a); err == nil {
			e.link = l
			h.links[e] = true
			l.SetWindow(b, uint32(len(name)))
		}
	}
}

type fuzzIn struct {
	*fuzzHandler
	link *Receiver
}

func (e *fuzzIn) OnTransfer(b *Batch, d *Delivery) {
	if !e.links[e] {
		e.fault = "a transfer on a link that has ended"
	}
	if d.First && len(d.Payload) > 0 && d.Payload[0]&1 != 0 && !d.Settled {
		e.link.Update(b, []uint32{d.ID}, true, wire.DeliveryState{Kind: wire.StateAccepted + wire.StateKind(d.Payload[0]>>1&3)})
	}
	if d.More || d.Aborted {
		return
	}
	for l := range e.links {
		if out, ok := l.(*fuzzOut); ok {
			out.echo(b, d)
			break
		}
	}
	if d.Settled {
		e.link.Finish(b, 0)
		return
	}
	if e.link.Forwarded(b, d.ID, e, d.ID, 0) && len(d.Payload)%3 != 1 {
		e.link.Update(b, []uint32{d.ID}, len(d.Payload)%2 == 0, wire.Accepted)
	}
}

func (e *fuzzIn) OnSenderState(*Batch, InDelivery, bool, wire.DeliveryState) {}

func (e *fuzzIn) OnDetach(*Batch, []InDelivery, *wire.Error) { e.ended(e) }

func (h *fuzzHandler) ended(link any) {
	if !h.links[link] {
		h.fault = "a link has ended twice"
	}
	delete(h.links, link)
}

type fuzzOut struct {
	*fuzzHandler
	link *Sender
}

// echo sends the message back, whole or, if it is of some length, in pieces.
func (e *fuzzOut) echo(b *Batch, d *Delivery) {
	e.next++
	m := &Outgoing{Payload: d.Payload, Settled: d.Settled, In: d.In}
	var settled bool
	var res Result
	if len(d.Payload) > 5 {
		if _, settled, res = e.link.Start(b, m, e.fuzzHandler, e.next); res == Sent {
			e.book(settled)
			half := len(d.Payload) / 2
			n, _ := e.link.Continue(b, d.Payload[:half], d.In, false)
			if n < half || d.Payload[1] == 'a' {
				e.link.Abort(b)
				if !settled {
					e.forget(e.next)
				}
				return
			}
			if n, _ := e.link.Continue(b, d.Payload[half:], nil, true); n < len(d.Payload)-half {
				e.link.Abort(b)
				if !settled {
					e.forget(e.next)
				}
			}
		}
		return
	}
	if _, settled, res = e.link.Send(b, m, e.fuzzHandler, e.next); res == Sent {
		e.book(settled)
	}
}

func (e *fuzzOut) book(settled bool) {
	if !settled {
		e.sent[e.next] = e.link
		e.open[e.link]++
	}
}

func (h *fuzzHandler) forget(ref uint32) {
	if l := h.sent[ref]; l != nil {
		delete(h.sent, ref)
		h.open[l]--
	}
}

func (h *fuzzHandler) OnOutcome(_ *Batch, refs []uint32, o Outcome) {
	for _, ref := range refs {
		if h.sent[ref] == nil {
			h.fault = "an outcome of a delivery that is over"
		}
		if o.Settled || o.Lost {
			h.forget(ref)
		}
	}
}

func (e *fuzzOut) OnSendable(b *Batch, l *Sender) {
	if l.Draining() {
		l.Drained(b)
	}
}

func (e *fuzzOut) OnDetach(*Batch, *wire.Error) { e.ended(e) }

// check looks at the books when all is over.
func (h *fuzzHandler) check(t *testing.T, c *Conn) {
	t.Helper()
	switch {
	case h.fault != "":
		t.Error(h.fault)
	case len(h.links) > 0:
		t.Errorf("%d links have not ended", len(h.links))
	case len(h.sent) > 0:
		t.Errorf("%d deliveries that were sent have not ended", len(h.sent))
	}
	if c.out.bytes != nil || c.t.rref != nil {
		t.Error("buffers are kept by a connection that has ended")
	}
}

// checkOutput reads what the engine wrote.
func checkOutput(t *testing.T, out []byte) {
	t.Helper()
	closed := false
	for len(out) > 0 {
		if id, ok, err := wire.ParseProto(out); err == nil && ok && !closed {
			_ = id
			out = out[8:]
			continue
		}
		f, n, err := wire.ParseFrame(out, 1<<32-1)
		if err != nil || n == 0 || closed {
			t.Fatalf("no frame, or one behind close: %v, % x", err, out)
		}
		_, closed = decodeFrame(t, f).body.(*wire.Close)
		out = out[n:]
	}
}

// fuzzSeeds are conversations, from every part of the protocol.
func fuzzSeeds() [][]byte {
	say := func(frames ...any) (b []byte) {
		for _, f := range frames {
			if raw, ok := f.([]byte); ok {
				b = append(b, raw...)
				continue
			}
			b = asFrame(f).encode(b)
		}
		return b
	}
	hello := say(wire.ProtoAMQP[:], &wire.Open{ContainerID: "peer"}, begin())
	links := say(hello, sending("in", 0), receiving("out", 1), grant(1, 0, 9))
	second := sending("in2", 2)
	second.RcvSettleMode = wire.Some(wire.RcvSecond)
	seeds := [][]byte{
		say(wire.ProtoSASL[:], &wire.SASLInit{Mechanism: "ANONYMOUS"}, hello, &wire.Close{}),
		say(wire.ProtoSASL[:], &wire.SASLInit{Mechanism: "PLAIN"}, &wire.SASLResponse{Response: login("alice", "secret")}, hello),
		say(wire.ProtoTLS[:]), say([]byte("GET / HTTP/1.1\r\n\r\n")),
		say(links, message(0, 0, "abc"), message(0, 1, "a long one"), outcome(0, 1, wire.StateAccepted), &wire.Close{}),
		say(links, first(0, 0, "b"), last(0, "c"), marked(message(0, 1, "x")), outcome(0, 1<<31-1, wire.StateReleased), &wire.Detach{Handle: 1}, &wire.End{}),
		say(links, first(0, 0, "a"), marked(last(0, "b")), first(0, 1, "a"), aborting(0, ""), senderSays(0, 5, true, wire.StateAccepted)),
		say(links, second, message(2, 0, "abcdef"), senderSays(0, 0, true, wire.StateAccepted), message(2, 1, "a"), first(2, 2, "c"), marked(last(2, "d"))),
		say(links, draining(1, 0, 4), message(0, 0, "abc"), &wire.Flow{Handle: wire.Some[uint32](0), DeliveryCount: wire.Some[uint32](2), Echo: true}, &wire.Flow{Echo: true}),
		say(links, sending("in", 5), message(5, 0, "x"), &wire.Detach{Handle: 0}, &wire.Detach{Handle: 5, Closed: true}, receiving("", 7), sending("limit", 8), message(8, 2, "much too much")),
		say(links, on(1, begin()), on(1, sending("in", 0)), on(1, &wire.End{}), on(0, &wire.End{Error: refused("test:error")}), begin(), sending("in", 0)),
	}
	for _, body := range everyPerformative() {
		seeds = append(seeds, say(links, body))
	}
	return seeds
}
