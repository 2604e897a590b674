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
	s := &script{decide: decide, id: [4]uint32{0, 1<<32 - 3, 5, 0}, begun: [4]bool{true}}
	s.links[0] = map[uint32]wire.Role{0: wire.RoleSender, 1: wire.RoleReceiver}
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
	nc := &fuzzConn{in: b, slice: s.n(4)/3 - 1} // mostly a frame at a time, so that there is credit
	c := NewServer(nc, &Config{ContainerID: "engine", MaxFrameSize: 2048, ChannelMax: 3, MaxSessionFrames: 4000}, h)
	_ = c.Run()
	h.check(t, c)
	checkOutput(t, nc.out.Bytes())
}

// script makes frames out of decisions.
type script struct {
	decide  func(n int) (int, bool)
	done    bool
	id      [4]uint32               // the next delivery-id of each channel
	links   [4]map[uint32]wire.Role // what is attached, as far as is known, by channel and handle
	begun   [4]bool
	partial [4]map[uint32]bool // handles in the middle of a delivery
}

func (s *script) n(n int) int {
	v, ok := s.decide(n)
	s.done = s.done || !ok
	return v
}

func (s *script) flip() bool { return s.n(2) == 1 }

// rarely is true once in n.
func (s *script) rarely(n int) bool { return s.n(n) == n-1 }

// handle is one of a link with this role on the channel, now and then any other.
func (s *script) handle(ch uint16, role wire.Role) (h uint32, ok bool) {
	h = uint32(s.n(6))
	if s.rarely(300) {
		return h, true
	}
	for i := range uint32(6) {
		if r, ok := s.links[ch][(h+i)%6]; ok && r == role {
			return (h + i) % 6, true
		}
	}
	return 0, false
}

// free is a handle that is not attached, now and then one that is.
func (s *script) free(ch uint16) uint32 {
	h := uint32(s.n(6))
	if s.rarely(100) {
		return h
	}
	for ; ; h++ {
		if _, ok := s.links[ch][h]; !ok {
			return h
		}
	}
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
	if s.rarely(3) {
		ch = uint16(s.n(4))
	}
	if !s.begun[ch] && !s.rarely(50) {
		return on(ch, s.begin(ch))
	}
	n := s.n(200)
	h, ok := s.handle(ch, wire.Role(n >= 80 && s.flip()))
	switch {
	case !ok, n >= 197:
		return on(ch, s.attach(ch))
	case n < 80:
		return s.transfer(ch, h)
	case n < 110:
		return on(ch, s.flow(h))
	case n < 170:
		return on(ch, s.disposition(ch))
	case n < 182:
		delete(s.links[ch], h)
		delete(s.partial[ch], h)
		return on(ch, &wire.Detach{Handle: h, Closed: s.flip()})
	case n < 190:
		s.links[ch], s.begun[ch] = nil, false
		return on(ch, &wire.End{})
	}
	if s.rarely(200) {
		return on(0, &wire.Close{})
	}
	return frame{ch: ch}
}

func (s *script) begin(ch uint16) *wire.Begin {
	s.begun[ch], s.links[ch] = true, map[uint32]wire.Role{}
	b := begin()
	if s.rarely(4) {
		b.IncomingWindow = uint32(s.n(200))
	}
	b.NextOutgoingID = uint32(s.n(3)) - 2
	if s.rarely(20) {
		b.HandleMax = wire.Some(uint32(s.n(3)))
	}
	return b
}

func (s *script) transfer(ch uint16, h uint32) frame {
	next := &s.id[ch]
	t := &wire.Transfer{Handle: h, DeliveryTag: []byte("tag"), More: s.rarely(3), Resume: s.rarely(30), Aborted: s.rarely(20)}
	if s.rarely(3) {
		t.Settled = wire.Some(s.flip())
	}
	part := s.partial[ch]
	switch n := s.n(100); {
	case n < 1: // wrong, unless there is a delivery that it belongs to
	case n < 2:
		t.DeliveryID = wire.Some(*next - 1)
	case part[t.Handle]:
		if s.flip() {
			t.DeliveryID = wire.Opt[uint32]{}
		}
	default:
		if s.rarely(20) {
			*next++
		}
		t.DeliveryID = wire.Some(*next)
		*next++
	}
	if part == nil {
		part = map[uint32]bool{}
		s.partial[ch] = part
	}
	part[t.Handle] = t.More && !t.Aborted
	if s.rarely(20) {
		t.State = wire.Accepted
	}
	return frame{ch: ch, body: t, payload: []string{"a", "b", "", "abcdef", "bbbbbbbb", fmt.Sprintf("%600d", 7), "cd", "e"}[s.n(8)]}
}

func (s *script) flow(h uint32) *wire.Flow {
	f := &wire.Flow{NextIncomingID: s.maybe(uint32(s.n(20)), 10), IncomingWindow: uint32(s.n(50)), Echo: s.rarely(4)}
	if !s.rarely(5) {
		f.IncomingWindow = 1<<32 - 1
	}
	if s.rarely(3) {
		return f
	}
	f.Handle = wire.Some(h)
	f.DeliveryCount = s.maybe(uint32(s.n(20)), 10)
	f.LinkCredit = s.maybe(uint32(s.n(10)), 5)
	f.Drain = s.rarely(5)
	return f
}

func (s *script) disposition(ch uint16) *wire.Disposition {
	d := &wire.Disposition{Role: wire.Role(s.flip()), First: uint32(s.n(20)), Settled: s.flip()}
	if s.rarely(3) {
		d.First = s.id[ch] - uint32(s.n(10))
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

func (s *script) attach(ch uint16) *wire.Attach {
	name := "abcdefghijklmnop"[:s.n(17)]
	if s.rarely(50) {
		name = fmt.Sprintf("%600s", name)
	}
	h := s.free(ch)
	if s.links[ch] == nil {
		s.links[ch] = map[uint32]wire.Role{}
	}
	if s.flip() {
		s.links[ch][h] = wire.RoleReceiver
		return receiving(name, h)
	}
	s.links[ch][h] = wire.RoleSender
	delete(s.partial[ch], h)
	a := sending(name, h)
	a.InitialDeliveryCount = s.maybe(uint32(s.n(5))-2, 200)
	if s.flip() {
		a.RcvSettleMode = wire.Some(wire.RcvSecond)
	}
	return a
}
