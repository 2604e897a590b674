package amqp

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/meshway/meshway/internal/buf"
	"github.com/meshway/meshway/internal/wire"
)

// tapRecord keeps what a tap is told. That of a dialogue is compared with what went over the wire,
// whatever the dialogue is about: see [tapRecord.compare].
type tapRecord struct {
	mu      sync.Mutex
	in, out [][]byte
}

func (r *tapRecord) OnFrame(out bool, frame, rest []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	whole := slices.Concat(frame, rest)
	if out {
		r.out = append(r.out, whole)
	} else {
		r.in = append(r.in, whole)
	}
}

// codes are the performatives that the tap was told of; empty frames and headers are left out.
func codes(t *testing.T, frames [][]byte) (list []wire.Code) {
	t.Helper()
	for _, b := range frames {
		f, n, err := wire.ParseFrame(b, 1<<20)
		if string(b[:4]) == "AMQP" || err == nil && len(f.Body) == 0 {
			continue
		}
		code, _, _, perr := wire.ParsePerformative(f.Body)
		if err != nil || perr != nil || n != len(b) {
			t.Errorf("told of %x, which is no frame: %v %v", b, err, perr)
			continue
		}
		list = append(list, code)
	}
	return list
}

// compare checks that what came over the wire was told in whole, and nothing else. Of what the
// engine has written the peer may have read less, and of what the peer has written the engine.
func (r *tapRecord) compare(t *testing.T, written, read []byte) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if in := bytes.Join(r.in, nil); !bytes.HasPrefix(written, in) {
		t.Errorf("told of %d bytes that came, which are not what the peer has written", len(in))
	}
	if out := bytes.Join(r.out, nil); !bytes.HasPrefix(out, read) {
		t.Errorf("told of %d bytes that went, which do not begin with the %d that the peer has read", len(out), len(read))
	}
}

// tappedPair is a pair of engines whose connections are tapped from the first byte.
func tappedPair(t *testing.T) (client, server *engine, atClient, atServer *tapRecord) {
	left, right := memPipe()
	client, server = newEngine(t, nil), newEngine(t, nil)
	atClient, atServer = new(tapRecord), new(tapRecord)
	for _, e := range []struct {
		engine *engine
		conn   *Conn
		tap    Tap
	}{
		{client, NewClient(left, &Config{ContainerID: "client", MaxFrameSize: 4096, ChannelMax: 3}, client.h), atClient},
		{server, NewServer(right, &Config{ContainerID: "server", MaxFrameSize: 4096, ChannelMax: 3}, server.h), atServer},
	} {
		e.conn.SetTap(e.tap)
		e.engine.run(e.conn)
	}
	synctest.Wait()
	client.wantUp("the client opens")
	return client, server, atClient, atServer
}

func TestATapIsToldOfEachPerformativeUntilItIsTakenAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server, atClient, atServer := tappedPair(t)
		var s *Session
		client.do(func(b *Batch) { s, _ = client.conn.Begin(b) })
		var l *Sender
		client.do(func(b *Batch) {
			l, _ = s.AttachSender(b, "q", &sendEnd{client.h, "q"}, &Answer{Source: &wire.Source{}, Target: &wire.Target{}})
		})
		send := func() {
			client.do(func(b *Batch) {
				if _, _, res := l.Send(b, &Outgoing{Payload: []byte("x")}, client.h, 0); res != Sent {
					t.Fatalf("sent: %v", res)
				}
			})
		}
		send()
		server.do(func(b *Batch) { server.h.receivers["q"].Update(b, []uint32{0}, true, wire.Accepted) })
		client.conn.SetTap(nil)
		server.conn.SetTap(nil)
		send()
		client.conn.SetTap(atClient)
		server.conn.SetTap(atServer)
		client.do(func(b *Batch) { l.Detach(b, nil) })
		client.do(func(b *Batch) { s.End(b, nil) })
		client.close()
		want := map[string][]wire.Code{
			"by the client": {wire.CodeOpen, wire.CodeBegin, wire.CodeAttach, wire.CodeTransfer, wire.CodeDetach, wire.CodeEnd, wire.CodeClose},
			"by the server": {wire.CodeOpen, wire.CodeBegin, wire.CodeAttach, wire.CodeFlow, wire.CodeDisposition, wire.CodeDetach, wire.CodeEnd, wire.CodeClose},
		}
		for who, frames := range map[string][][][]byte{"by the client": {atClient.out, atServer.in}, "by the server": {atServer.out, atClient.in}} {
			for i, where := range []string{"where it was sent", "where it came"} {
				if got := codes(t, frames[i]); !slices.Equal(got, want[who]) {
					t.Errorf("said %s, %s: told of %v, want %v", who, where, got, want[who])
				}
			}
		}
	})
}

// A payload that is mentioned belongs to its frame.
func TestATapIsToldOfPayloadsThatLieElsewhere(t *testing.T) {
	for seed := range uint64(50) {
		rnd := rand.New(rand.NewPCG(seed, 5))
		var o output
		var want [][]byte
		ref := buf.GetRef(buf.Small)
		for range rnd.IntN(8) {
			payload := ref.Bytes()[:1+rnd.IntN(buf.Small)]
			tr := wire.Transfer{Handle: rnd.Uint32N(10)}
			want = append(want, wire.AppendTransferFrame(nil, 3, &tr, payload))
			switch rnd.IntN(3) {
			case 0:
				o.bytes = append(buf.Reserve(o.bytes, len(payload)+maxTransferHeader), want[len(want)-1]...)
			case 1:
				start := len(o.bytes)
				o.bytes = wire.AppendTransferFrame(buf.Reserve(o.bytes, maxTransferHeader), 3, &tr, nil)
				o.mention(start, payload, ref)
			case 2:
				want[len(want)-1] = wire.ProtoAMQP[:]
				o.bytes = append(buf.Reserve(o.bytes, 8), wire.ProtoAMQP[:]...)
			}
		}
		var c Conn
		r := new(tapRecord)
		c.SetTap(r)
		c.tapOut(&o)
		if !slices.EqualFunc(r.out, want, bytes.Equal) {
			t.Errorf("seed %d: told of %d frames, want %d, each as it is", seed, len(r.out), len(want))
		}
		o.free()
		ref.Drop()
	}
}
