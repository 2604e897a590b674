package gossip

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-msgpack/v2/codec"
	"github.com/hashicorp/memberlist"
	"go.uber.org/zap"
)

// pair is two neighbours, and the wire between them: room for so many packets,
// handed over by deliver.
type pair struct {
	a, b *transport

	mu   sync.Mutex
	room int
	wire []func()
}

func newPair() *pair {
	p := &pair{room: 1000}
	end := func(id string, to **transport) *transport {
		return newTransport(&Config{ID: id, Log: zap.NewNop(), Send: func(_ string, packet []byte) bool {
			p.mu.Lock()
			defer p.mu.Unlock()
			if len(p.wire) >= p.room {
				return false
			}
			packet = slices.Clone(packet)
			p.wire = append(p.wire, func() { (*to).receive(id, packet) })
			return true
		}})
	}
	p.a, p.b = end("a", &p.b), end("b", &p.a)
	p.a.up("b")
	p.b.up("a")
	return p
}

// deliver empties the wire, and says how many packets it handed over.
func (p *pair) deliver() (n int) {
	for ; ; n++ {
		p.mu.Lock()
		if len(p.wire) == 0 {
			p.mu.Unlock()
			return n
		}
		next := p.wire[0]
		p.wire = p.wire[1:]
		p.mu.Unlock()
		next()
	}
}

func (p *pair) dial(t *testing.T) net.Conn {
	t.Helper()
	c, err := p.a.DialAddressTimeout(memberlist.Address{Name: "b"}, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// head is the beginning of a join.
func head(nodes, state int) []byte {
	return encoded(gossipPushPull, map[string]any{"Nodes": nodes, "UserStateLen": state, "Join": true})
}

// encoded is a message in memberlist's encoding.
func encoded(kind byte, fields map[string]any) []byte {
	var body []byte
	_ = codec.NewEncoderBytes(&body, &codec.MsgpackHandle{}).Encode(fields)
	return append([]byte{kind}, body...)
}

func write(t *testing.T, c net.Conn, b []byte) {
	t.Helper()
	if n, err := c.Write(b); n != len(b) || err != nil {
		t.Fatalf("wrote %d of %d: %v", n, len(b), err)
	}
}

func TestAStreamCarriesAJoinBothWaysAndItsEnd(t *testing.T) {
	p := newPair()
	ours := p.dial(t)
	question := append(head(3, 10), bytes.Repeat([]byte("question"), 5000)...)
	write(t, ours, question)
	p.deliver()
	theirs := <-p.b.StreamCh()
	if theirs.RemoteAddr().String() != "a" || theirs.LocalAddr().String() != "b" {
		t.Errorf("from %s to %s", theirs.RemoteAddr(), theirs.LocalAddr())
	}
	got := make([]byte, len(question))
	if _, err := io.ReadFull(theirs, got); err != nil || !bytes.Equal(got, question) {
		t.Fatalf("the question arrived as %d bytes: %v", len(got), err)
	}
	answer := append(head(1, 0), "answer"...)
	write(t, theirs, answer)
	_ = theirs.Close()
	p.deliver()
	if got, err := io.ReadAll(ours); err != nil || !bytes.Equal(got, answer) {
		t.Fatalf("the answer arrived as %q: %v", got, err)
	}
	_ = ours.Close()
	p.deliver()
	if len(p.a.streams.open)+len(p.b.streams.open) > 0 {
		t.Error("a closed stream is remembered")
	}
}

func TestAStreamToAnybodyButANeighbourIsRefused(t *testing.T) {
	p := newPair()
	if _, err := p.a.DialAddressTimeout(memberlist.Address{Name: "far"}, time.Second); !errors.Is(err, errNotAdjacent) {
		t.Errorf("dialled: %v", err)
	}
	c := p.dial(t)
	p.b.down("a")
	write(t, c, head(0, 0))
	p.deliver()
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, errReset) || len(p.b.streams.open) > 0 {
		t.Errorf("b took a stream of a stranger: %v", err)
	}
}

func TestAStreamWaitsForRoomInTheAdjacency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair()
		p.room = 1
		c := p.dial(t)
		long := append(head(0, 0), make([]byte, 3*frameSize)...)
		done := make(chan error)
		go func() {
			_, err := c.Write(long)
			done <- err
		}()
		for range 4 {
			synctest.Wait()
			if n := p.deliver(); n != 1 {
				t.Fatalf("%d packets where one has room", n)
			}
			time.Sleep(2 * retryInterval)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if got := <-p.b.StreamCh(); len(got.(*stream).in) != len(long) {
			t.Errorf("%d of %d bytes arrived", len(got.(*stream).in), len(long))
		}
	})
}

func TestNobodyWaitsForAStreamBeyondTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair()
		c := p.dial(t)
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read: %v", err)
		}
		_ = c.SetDeadline(time.Now().Add(time.Second))
		p.room = 0
		if _, err := c.Write(head(0, 0)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("write: %v", err)
		}
	})
}

func TestWhatEndsAStreamWakesItsReader(t *testing.T) {
	ends := map[string]struct {
		end  func(p *pair, c net.Conn)
		want error
	}{
		"its adjacency": {func(p *pair, _ net.Conn) { p.a.down("b") }, errNotAdjacent},
		"Close":         {func(_ *pair, c net.Conn) { _ = c.Close() }, net.ErrClosed},
		"the transport": {func(p *pair, _ net.Conn) { _ = p.a.Shutdown() }, errClosed},
		"the other end": {func(p *pair, _ net.Conn) { _ = (<-p.b.StreamCh()).Close(); p.deliver() }, io.EOF},
		"a forgetful one": {func(p *pair, c net.Conn) {
			p.b.streams.open = map[streamKey]*stream{}
			_, _ = c.Write([]byte("more"))
			p.deliver()
		}, errReset},
	}
	for what, e := range ends {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair()
				c := p.dial(t)
				_ = c.SetDeadline(time.Now().Add(time.Hour))
				write(t, c, head(0, 0))
				p.deliver()
				got := make(chan error)
				go func() {
					_, err := c.Read(make([]byte, 1))
					got <- err
				}()
				synctest.Wait()
				e.end(p, c)
				if err := <-got; !errors.Is(err, e.want) {
					t.Errorf("%v, want %v", err, e.want)
				}
				_ = c.Close()
			})
		})
	}
}

func TestAnAdjacencyCanEndWhileItsStreamIsBeingWritten(t *testing.T) {
	p := newPair()
	c := p.dial(t)
	busy, free := make(chan struct{}), make(chan struct{})
	p.a.send = func(string, []byte) bool {
		close(busy)
		<-free
		return true
	}
	done := make(chan error)
	go func() {
		_, err := c.Write(append(head(0, 0), make([]byte, frameSize)...))
		done <- err
	}()
	<-busy
	p.a.down("b")
	close(free)
	if err := <-done; !errors.Is(err, errNotAdjacent) {
		t.Error(err)
	}
}

func TestAStreamThatLostAFrameIsBroken(t *testing.T) {
	p := newPair()
	c := p.dial(t)
	write(t, c, append(head(0, 0), make([]byte, 3*frameSize)...))
	p.wire = slices.Delete(p.wire, 1, 2)
	p.deliver()
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, errReset) {
		t.Errorf("the sender sees %v", err)
	}
	if _, err := (<-p.b.StreamCh()).Read(make([]byte, 1)); !errors.Is(err, errSequence) {
		t.Errorf("the receiver sees %v", err)
	}
}

func TestANeighbourCannotMakeStreamsTakeMemory(t *testing.T) {
	t.Run("by what a head announces", func(t *testing.T) {
		for _, b := range [][]byte{head(2*maxMembers+1, 0), head(-1, 0), head(0, 2*MaxState), head(0, -1)} {
			p := newPair()
			c := p.dial(t)
			write(t, c, b)
			p.deliver()
			if _, err := c.Read(make([]byte, 1)); !errors.Is(err, errReset) || p.b.count.malformed.Load() != 1 {
				t.Errorf("%q: %v", b, err)
			}
		}
	})
	t.Run("by how many there are", func(t *testing.T) {
		p := newPair()
		for range maxAcceptedEach + 3 {
			write(t, p.dial(t), head(0, 0))
		}
		p.deliver()
		if n := len(p.b.streams.open); n != maxAcceptedEach {
			t.Errorf("%d are open", n)
		}
	})
	t.Run("by how many neighbours there are", func(t *testing.T) {
		l := newLone(zap.NewNop())
		open := func(neighbours int) int {
			for i := range neighbours {
				l.up(name(i))
				l.receive(name(i), packet(kindStream, name(i), "me", append([]byte{frameData | frameByOpener, 0, 0, 0, 1, 0, 0, 0, 0}, head(0, 0)...)...))
			}
			return len(l.streams.open)
		}
		if n := open(acceptDepth + 1); n != acceptDepth {
			t.Errorf("%d wait for memberlist", n)
		}
		taken := 0
		for range 5 {
			for ; len(l.streams.accepted) > 0; taken++ {
				<-l.streams.accepted
			}
			open(2 * maxAccepted)
		}
		if taken != maxAccepted || len(l.streams.open) != maxAccepted {
			t.Errorf("memberlist got %d, %d are open", taken, len(l.streams.open))
		}
	})
	t.Run("by how long they are", func(t *testing.T) {
		p := newPair()
		c := p.dial(t)
		if _, err := c.Write(make([]byte, maxStream+1)); !errors.Is(err, errTooLong) {
			t.Errorf("our end: %v", err)
		}
		s := newStream(p.b.streams, streamKey{peer: "a"}, time.Now().Add(time.Second))
		s.received = maxStream
		if err := s.deliver(maxStream, []byte{1}); !errors.Is(err, errTooLong) {
			t.Errorf("the other end: %v", err)
		}
	})
}
