package amqp

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/meshway/meshway/internal/wire"
)

// FuzzFrames is FuzzConn with bytes that are always frames: each input is a list
// of decisions, of which a script of frames is made that share few channels,
// handles, names and numbers, so that they meet.
func FuzzFrames(f *testing.F) {
	rnd := rand.New(rand.NewPCG(1, 6))
	for range 20 {
		seed := make([]byte, 400)
		for i := range seed {
			seed[i] = byte(rnd.Uint32())
		}
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		at := 0
		play(t, func(n int) (int, bool) {
			if at >= len(in) {
				return 0, false
			}
			at++
			return int(in[at-1]) % n, true
		})
	})
}

// The same from random numbers: a thousand conversations each time.
func TestRandomFrames(t *testing.T) {
	for seed := range uint64(1000) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		left := 100 + rnd.IntN(2000)
		play(t, func(n int) (int, bool) {
			left--
			return rnd.IntN(n), left > 0
		})
		if t.Failed() {
			t.Fatalf("in the conversation of seed %d", seed)
		}
	}
}

// play makes a script, lets the engine hear it, and looks at what it did.
func play(t *testing.T, decide func(n int) (int, bool)) {
	t.Helper()
	s := &script{decide: decide, id: [4]uint32{0, 1<<32 - 3, 5, 0}}
	b := append([]byte(nil), wire.ProtoAMQP[:]...)
	open := &wire.Open{ContainerID: "peer"}
	if s.flip() {
		open.MaxFrameSize = wire.Some[uint32](512)
	}
	for _, body := range []wire.Performative{open, begin(), sending("abc", 0), receiving("ab", 1), grant(1, 0, 9)} {
		b = asFrame(body).encode(b)
	}
	for !s.done {
		b = s.frame().encode(b)
	}
	h := newFuzzHandler()
	nc := &fuzzConn{in: b, slice: s.n(3) * 50}
	c := NewServer(nc, &Config{ContainerID: "engine", MaxFrameSize: 2048, ChannelMax: 3, MaxSessionFrames: 100}, h)
	_ = c.Run()
	h.check(t, c)
	checkOutput(t, nc.out.Bytes())
}

// script makes frames out of decisions.
type script struct {
	decide func(n int) (int, bool)
	done   bool
	id     [4]uint32 // the next delivery-id of each channel
}

func (s *script) n(n int) int {
	v, ok := s.decide(n)
	s.done = s.done || !ok
	return v
}

func (s *script) flip() bool { return s.n(2) == 1 }

// rarely is true once in n.
func (s *script) rarely(n int) bool { return s.n(n) == n-1 }

func (s *script) handle() uint32 {
	if s.rarely(60) {
		return uint32(60000 + s.n(10000))
	}
	return uint32(s.n(4))
}

func (s *script) maybe(v uint32, n int) wire.Opt[uint32] {
	if s.rarely(n) {
		return wire.Opt[uint32]{}
	}
	return wire.Some(v)
}

// frame is the next frame.
func (s *script) frame() frame {
	ch := uint16(0)
	if s.rarely(5) {
		ch = uint16(s.n(4))
	}
	switch n := s.n(100); {
	case n < 45:
		return s.transfer(ch)
	case n < 60:
		return on(ch, s.flow())
	case n < 75:
		return on(ch, s.disposition(ch))
	case n < 86:
		return on(ch, s.attach())
	case n < 93:
		return on(ch, &wire.Detach{Handle: s.handle(), Closed: s.flip()})
	case n < 97:
		b := begin()
		b.IncomingWindow = uint32(s.n(200))
		b.NextOutgoingID = s.id[s.n(4)]
		if s.rarely(3) {
			b.HandleMax = wire.Some(uint32(s.n(3)))
		}
		return on(ch, b)
	case n < 99:
		return on(ch, &wire.End{})
	}
	if s.rarely(10) {
		return on(0, &wire.Close{})
	}
	return frame{ch: ch}
}

func (s *script) transfer(ch uint16) frame {
	next := &s.id[ch&3]
	t := &wire.Transfer{Handle: s.handle(), DeliveryTag: []byte("tag"), More: s.rarely(3), Resume: s.rarely(30), Aborted: s.rarely(20)}
	if s.rarely(3) {
		t.Settled = wire.Some(s.flip())
	}
	switch s.n(8) {
	case 0: // none, or that of a delivery begun before
	case 1:
		t.DeliveryID = wire.Some(*next - 1)
	default:
		*next += uint32(s.n(60) / 58)
		t.DeliveryID = wire.Some(*next)
		*next++
	}
	if s.rarely(20) {
		t.State = wire.Accepted
	}
	return frame{ch: ch, body: t, payload: []string{"a", "b", "", "abcdef", "bbbbbbbb", fmt.Sprintf("%600d", 7), "cd", "e"}[s.n(8)]}
}

func (s *script) flow() *wire.Flow {
	f := &wire.Flow{NextIncomingID: s.maybe(uint32(s.n(20)), 10), IncomingWindow: uint32(s.n(50)), Echo: s.rarely(4)}
	if s.rarely(10) {
		f.IncomingWindow = 1<<32 - 1
	}
	if s.rarely(3) {
		return f
	}
	f.Handle = wire.Some(s.handle())
	f.DeliveryCount = s.maybe(uint32(s.n(20)), 10)
	f.LinkCredit = s.maybe(uint32(s.n(10)), 5)
	f.Drain = s.rarely(5)
	return f
}

func (s *script) disposition(ch uint16) *wire.Disposition {
	d := &wire.Disposition{Role: wire.Role(s.flip()), First: uint32(s.n(20)), Settled: s.flip()}
	if s.rarely(3) {
		d.First = s.id[ch&3] - uint32(s.n(10))
	}
	if s.flip() {
		d.Last = wire.Some(d.First + uint32(s.n(20)))
	}
	if s.rarely(20) {
		d.Last = wire.Some(d.First - uint32(s.n(3)) + 1<<31)
	}
	switch s.n(7) {
	case 0:
		d.State = wire.Accepted
	case 1:
		d.State = wire.Released
	case 2:
		d.State = wire.RejectedState(&wire.Error{Condition: "test:no", Description: fmt.Sprintf("%*d", 1+s.n(700), 1)})
	case 3:
		d.State = wire.ModifiedState(s.flip(), s.flip(), nil)
	case 4:
		d.State = wire.ReceivedState(1, 2)
	case 5:
		d.State, _ = parseState([]byte{0, 0x53, 0x99, 0x45})
	}
	return d
}

func (s *script) attach() *wire.Attach {
	name := []string{"", "a", "ab", "abc", "abcd", "abcde"}[s.n(6)]
	if s.rarely(50) {
		name = fmt.Sprintf("%600s", name)
	}
	if s.flip() {
		return receiving(name, s.handle())
	}
	a := sending(name, s.handle())
	a.InitialDeliveryCount = s.maybe(uint32(s.n(5))-2, 30)
	if s.flip() {
		a.RcvSettleMode = wire.Some(wire.RcvSecond)
	}
	return a
}
