package amqp

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"runtime"
	"testing"

	"github.com/meshway/meshway/internal/wire"
)

// relay is the least that a router does: what comes in by one connection goes out
// by another, and outcomes come back.
type relay struct {
	in  *Receiver
	out *Sender
}

func (r *relay) OnOpen(*Conn, *Batch) *wire.Error   { return nil }
func (r *relay) OnFault(*Conn, string, *wire.Error) {}
func (r *relay) OnSendable(*Batch, *Sender)         {}
func (r *relay) OnAttach(b *Batch, q *AttachRequest) {
	a := &Answer{Source: q.Attach.Source, Target: q.Attach.Target, SndSettleMode: wire.SndMixed}
	if q.Attach.Role == wire.RoleReceiver {
		r.out, _ = q.AcceptSender(b, relayOut{r}, a)
		return
	}
	r.in, _ = q.AcceptReceiver(b, relayIn{r}, a)
	r.in.SetWindow(b, 1000)
}

func (r *relay) OnOutcome(b *Batch, refs []uint32, o Outcome) {
	r.in.Update(b, refs, o.Settled, o.State)
}

type relayIn struct{ *relay }

func (r relayIn) OnTransfer(b *Batch, d *Delivery) {
	m := Outgoing{Format: d.Format, Settled: d.Settled, Payload: d.Payload, In: d.In}
	id, _, res := r.out.Send(b, &m, r.relay, d.ID)
	switch {
	case res != Sent:
		panic(fmt.Sprintf("the relay could not send: %v", res))
	case d.Settled:
		d.Link.Finish(b, 0)
	default:
		d.Link.Forwarded(b, d.ID, r.out, id, 0)
	}
}

func (relayIn) OnSenderState(*Batch, InDelivery, bool, wire.DeliveryState) {}
func (relayIn) OnDetach(*Batch, []InDelivery, *wire.Error)                 {}

type relayOut struct{ *relay }

func (relayOut) OnDetach(*Batch, *wire.Error) {}

// wireEnd is a peer over a real socket that allocates nothing itself.
type wireEnd struct {
	t    *testing.T
	nc   net.Conn
	in   []byte // read and not looked at
	b    []byte // memory of in
	out  []byte
	disp wire.Disposition
}

// dial connects a peer to an engine and attaches its link.
func dial(t *testing.T, h Handler, a *wire.Attach) *wireEnd {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	nc, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	served, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	conn := NewServer(served, &Config{ContainerID: "engine", MaxFrameSize: 1 << 16}, h)
	go func() {
		defer close(done)
		_ = conn.Run()
	}()
	t.Cleanup(func() {
		_ = nc.Close()
		<-done
	})
	e := &wireEnd{t: t, nc: nc, b: make([]byte, 1<<20)}
	var hello []byte
	for _, f := range []any{&wire.Open{ContainerID: "peer"}, &wire.Begin{IncomingWindow: 1 << 30, OutgoingWindow: 1 << 30}, a} {
		hello = asFrame(f).encode(hello)
	}
	e.write(append(wire.ProtoAMQP[:], hello...))
	e.need(8)
	e.in = e.in[8:]
	for e.next() != wire.CodeAttach {
	}
	return e
}

func (e *wireEnd) write(b []byte) {
	if _, err := e.nc.Write(b); err != nil {
		panic(err)
	}
}

// need reads until n bytes are there.
func (e *wireEnd) need(n int) {
	if len(e.in) >= n {
		return
	}
	have := copy(e.b, e.in)
	for have < n {
		k, err := e.nc.Read(e.b[have:])
		if err != nil {
			panic(err)
		}
		have += k
	}
	e.in = e.b[:have]
}

// next takes the next frame and says which it is; of a disposition it keeps what
// it says.
func (e *wireEnd) next() wire.Code {
	for {
		e.need(8)
		size := int(binary.BigEndian.Uint32(e.in))
		e.need(size)
		body := e.in[8:size]
		e.in = e.in[size:]
		if len(body) == 0 {
			continue
		}
		code, fields, _, err := wire.ParsePerformative(body)
		if err != nil {
			panic(err)
		}
		if code == wire.CodeDisposition {
			if err := e.disp.Decode(fields); err != nil {
				panic(err)
			}
		}
		return code
	}
}

// awaitTransfers reads until n transfers have come.
func (e *wireEnd) awaitTransfers(n int) {
	for n > 0 {
		if e.next() == wire.CodeTransfer {
			n--
		}
	}
}

// awaitSettled reads until all up to last is settled.
func (e *wireEnd) awaitSettled(last uint32) {
	for {
		if e.next() == wire.CodeDisposition && e.disp.Settled && e.disp.Last.Or(e.disp.First) == last {
			return
		}
	}
}

// The steady state allocates nothing for a message: some at a time go from socket
// to socket, and their outcomes back.
func TestForwardingAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("under the race detector pools forget on purpose")
	}
	for name, tt := range map[string]struct {
		n, size int
		settled bool
	}{
		"small, unsettled":      {100, 100, false},
		"small, presettled":     {100, 100, true},
		"mentioned, unsettled":  {4, 20 << 10, false}, // more would pass the mark
		"mentioned, presettled": {4, 20 << 10, true},
	} {
		t.Run(name, func(t *testing.T) {
			n := tt.n
			r := new(relay)
			consumer := dial(t, r, receiving("q", 0))
			producer := dial(t, r, sending("q", 0))
			next := uint32(1 << 16)
			frame := transferTemplate(tt.size, tt.settled)
			batch := bytes.Repeat(frame.bytes, n)
			count := uint32(0)
			grantMore := func() {
				f := wire.Flow{NextIncomingID: wire.Some(count), IncomingWindow: 1 << 30, OutgoingWindow: 1 << 30,
					Handle: wire.Some[uint32](0), DeliveryCount: wire.Some(count), LinkCredit: wire.Some[uint32](1 << 30)}
				consumer.out = wire.AppendFlowFrame(consumer.out[:0], 0, &f)
			}
			grantMore()
			consumer.write(consumer.out)
			for _, credit := r.out.Load(); credit == 0; _, credit = r.out.Load() {
				runtime.Gosched()
			}
			once := func() {
				for i := range n {
					binary.BigEndian.PutUint32(batch[i*len(frame.bytes)+frame.id:], next+uint32(i))
				}
				producer.write(batch)
				consumer.awaitTransfers(n)
				first := count
				count += uint32(n)
				grantMore()
				if !tt.settled {
					d := wire.Disposition{Role: wire.RoleReceiver, First: first, Last: wire.Some(count - 1), Settled: true, State: wire.Accepted}
					consumer.out = wire.AppendDispositionFrame(consumer.out, 0, &d)
				}
				consumer.write(consumer.out)
				if !tt.settled {
					producer.awaitSettled(next + uint32(n) - 1)
				}
				next += uint32(n)
			}
			for range 50 {
				once() // rings and pools grow to their size
			}
			if got := testing.AllocsPerRun(100, once) / float64(n); got > 0.03 {
				t.Errorf("%.2f allocations for each message", got)
			}
		})
	}
}

// template is a transfer frame with a delivery-id of five bytes.
type template struct {
	bytes []byte
	id    int // where the number stands
}

func transferTemplate(size int, settled bool) template {
	const mark = 0x5a5a5a5a
	f := with(&wire.Transfer{DeliveryID: wire.Some[uint32](mark), DeliveryTag: []byte("tag"), MessageFormat: wire.Some[uint32](0)}, string(make([]byte, size)))
	if settled {
		f = marked(f)
	}
	b := f.encode(nil)
	return template{b, bytes.Index(b, binary.BigEndian.AppendUint32(nil, mark))}
}
