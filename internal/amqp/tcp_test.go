package amqp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/meshway/meshway/internal/wire"
)

// What the dialogues cannot show, since their connections are in memory: real
// sockets, that are read and written without waiting, and that can be full.

// tcpPair is a connection over loopback.
func tcpPair(t *testing.T) (client, server net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if client, err = net.Dial("tcp", ln.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if server, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	return client, server
}

// queueing is a relay that keeps what its link cannot take.
type queueing struct {
	relay
	mu    sync.Mutex
	waits []Outgoing
	ids   []uint32
}

func (r *queueing) OnAttach(b *Batch, q *AttachRequest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a := &Answer{Source: q.Attach.Source, Target: q.Attach.Target, SndSettleMode: wire.SndMixed}
	if q.Attach.Role == wire.RoleReceiver {
		r.out, _ = q.AcceptSender(b, queueingOut{r}, a)
		return
	}
	r.in, _ = q.AcceptReceiver(b, queueingIn{r}, a)
	r.in.SetWindow(b, 40)
}

func (r *queueing) OnOutcome(b *Batch, refs []uint32, o Outcome) {
	r.mu.Lock()
	in := r.in
	r.mu.Unlock()
	in.Update(b, refs, o.Settled, o.State)
}

// try sends one message; the caller holds mu.
func (r *queueing) try(b *Batch, m *Outgoing, in uint32) bool {
	id, _, res := r.out.Send(b, m, r, in)
	if res == Sent {
		r.in.Forwarded(b, in, r.out, id, 0)
	}
	return res == Sent
}

type queueingIn struct{ *queueing }

func (r queueingIn) OnTransfer(b *Batch, d *Delivery) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := Outgoing{Payload: d.Payload, In: d.In}
	if len(r.waits) == 0 && r.try(b, &m, d.ID) {
		return
	}
	r.waits = append(r.waits, Outgoing{Payload: bytes.Clone(d.Payload)})
	r.ids = append(r.ids, d.ID)
}

func (queueingIn) OnSenderState(*Batch, InDelivery, bool, wire.DeliveryState) {}
func (queueingIn) OnDetach(*Batch, []InDelivery, *wire.Error)                 {}

type queueingOut struct{ *queueing }

func (r queueingOut) OnSendable(b *Batch, _ *Sender) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.waits) > 0 && r.try(b, &r.waits[0], r.ids[0]) {
		r.waits, r.ids = r.waits[1:], r.ids[1:]
	}
}

func (queueingOut) OnDetach(*Batch, *wire.Error) {}

// Messages of all sizes, copied and mentioned, through a socket that is mostly
// full: each arrives as it was sent, though its buffer has long been read into again.
func TestPayloadsArriveUnchangedThroughASlowSocket(t *testing.T) {
	const n = 1500
	r := new(queueing)
	consumer := dial(t, r, receiving("q", 0))
	producer := dial(t, r, sending("q", 0))
	consumer.write(asFrame(grant(0, 0, n)).encode(nil))
	go func() { // as fast as credit allows
		rnd := rand.New(rand.NewPCG(5, 5))
		for id, credit := uint32(0), uint32(0); id < n; {
			for credit <= id {
				f, ok := producer.frame().body.(*wire.Flow)
				if ok && f.Handle.OK {
					credit = f.DeliveryCount.V + f.LinkCredit.V
				}
			}
			var b []byte
			for ; id < credit && id < n; id++ {
				b = message(0, id, string(checked(rnd, id))).encode(b)
			}
			producer.write(b)
		}
		for { // outcomes must be read, or there is no credit
			if _, err := producer.nc.Read(producer.b); err != nil {
				return
			}
		}
	}()
	rnd := rand.New(rand.NewPCG(6, 6))
	for id := range uint32(n) {
		f := consumer.frame()
		for ; ; f = consumer.frame() {
			if _, ok := f.body.(*wire.Transfer); ok {
				break
			}
		}
		p := []byte(f.payload)
		if len(p) < 8 || binary.BigEndian.Uint32(p) != crc32.ChecksumIEEE(p[4:]) {
			t.Fatalf("message %d of %d bytes has changed on its way", id, len(p))
		}
		if got := binary.BigEndian.Uint32(p[4:]); got != id {
			t.Fatalf("message %d came when %d was due", got, id)
		}
		consumer.write(asFrame(outcome(id, id, wire.StateAccepted)).encode(nil))
		if rnd.IntN(40) == 0 {
			time.Sleep(2 * time.Millisecond) // let the socket fill
		}
	}
}

// checked is a payload with a checksum and a number.
func checked(rnd *rand.Rand, id uint32) []byte {
	size := 8 + rnd.IntN(200)
	if rnd.IntN(3) == 0 {
		size = 8 + rnd.IntN(60_000)
	}
	b := make([]byte, size)
	binary.BigEndian.PutUint32(b[4:], id)
	for i := 8; i < size; i++ {
		b[i] = byte(int(id) + i)
	}
	binary.BigEndian.PutUint32(b, crc32.ChecksumIEEE(b[4:]))
	return b
}

// frame takes the next frame, whatever it is.
func (e *wireEnd) frame() frame {
	for {
		e.need(8)
		size := int(binary.BigEndian.Uint32(e.in))
		e.need(size)
		f, n, err := wire.ParseFrame(e.in[:size], 1<<32-1)
		if err != nil {
			panic(err)
		}
		got := decodeFrame(e.t, f)
		e.in = e.in[n:]
		if got.body != nil {
			return got
		}
	}
}

// [2.4.3] A peer that goes on sending while we close it gets our last words: they are
// not lost by a reset.
func TestLastWordsReachAPeerThatGoesOn(t *testing.T) {
	for name, tt := range map[string]struct{ begin, want []byte }{
		"no AMQP":  {[]byte("GET / HTTP/1.1\r\n"), wire.ProtoAMQP[:]},
		"no frame": {append(wire.ProtoAMQP[:], append(frame{body: &wire.Open{ContainerID: "peer"}}.encode(nil), 0, 0, 0, 1)...), []byte("amqp:connection:framing-error")},
	} {
		t.Run(name, func(t *testing.T) {
			for range 20 {
				client, server := tcpPair(t)
				done := make(chan struct{})
				go func() {
					defer close(done)
					_ = NewServer(server, &Config{ContainerID: "engine", MaxFrameSize: 4096}, newRecorder()).Run()
				}()
				go func() {
					_, _ = client.Write(append(tt.begin, make([]byte, 300_000)...))
				}()
				heard, err := io.ReadAll(client)
				if err != nil || !bytes.Contains(heard, tt.want) {
					t.Fatalf("heard %q, %v", heard, err)
				}
				_ = client.Close()
				<-done
			}
		})
	}
}

// Messages come one by one, and we close a connection to which the peer says no more.
func TestASocketThatFallsSilentIsClosed(t *testing.T) {
	client, server := tcpPair(t)
	h := newRecorder()
	c := NewServer(server, &Config{ContainerID: "engine", MaxFrameSize: 4096}, h)
	done := make(chan error, 1)
	c.Start(func(err error) { done <- err })
	e := &wireEnd{t: t, nc: client, b: make([]byte, 1<<20)}
	say := func(frames ...any) {
		var b []byte
		for _, f := range frames {
			b = asFrame(f).encode(b)
		}
		e.write(b)
	}
	e.write(wire.ProtoAMQP[:])
	// An idle-time-out makes the engine look at the connection often.
	say(&wire.Open{ContainerID: "peer", IdleTimeout: wire.Some[uint32](300)}, begin(), sending("q", 0))
	e.need(8)
	e.in = e.in[8:]
	hear := func(delivered uint32) {
		for {
			if f, ok := e.frame().body.(*wire.Flow); ok && f.DeliveryCount.V == delivered {
				return
			}
		}
	}
	hear(0) // there is credit
	for id := range uint32(2) {
		say(message(0, id, "x"), &wire.Flow{Handle: wire.Some[uint32](0), DeliveryCount: wire.Some(id + 1), Echo: true})
		hear(id + 1)
	}
	var b Batch
	c.Close(&b, nil)
	b.Flush()
	select {
	case err := <-done: // the peer does not answer
		if err != nil {
			t.Errorf("ended with %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Error("our close is awaited for ever")
	}
	_ = client.SetReadDeadline(time.Now().Add(time.Second))
	if _, err := io.Copy(io.Discard, client); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the socket is left open")
	}
	_ = client.Close()
}
