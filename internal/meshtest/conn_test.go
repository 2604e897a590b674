package meshtest

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// connected runs a test with both ends of a connection.
func connected(t *testing.T, there Line, test func(t *testing.T, a, b *Conn)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		a, b := Pair("a:1", "b:2", there, Line{})
		test(t, a, b)
		a.Cut()
		synctest.Wait()
	})
}

// reading reads to the end, and returns where what came by then can be asked for.
func reading(c *Conn) (got func() (string, error)) {
	var all []byte
	var end error
	var turn = make(chan struct{}, 1)
	go func() {
		b := make([]byte, 100)
		for {
			n, err := c.Read(b)
			turn <- struct{}{}
			all, end = append(all, b[:n]...), err
			<-turn
			if err != nil {
				return
			}
		}
	}()
	return func() (string, error) {
		synctest.Wait()
		turn <- struct{}{}
		defer func() { <-turn }()
		return string(all), end
	}
}

func want(t *testing.T, what string, got func() (string, error), text string, end error) {
	t.Helper()
	if s, err := got(); s != text || !errors.Is(err, end) {
		t.Errorf("%s: got %q and %v, want %q and %v", what, s, err, text, end)
	}
}

func send(t *testing.T, c *Conn, s string) {
	t.Helper()
	if n, err := c.Write([]byte(s)); n != len(s) || err != nil {
		t.Errorf("writing %q: %d, %v", s, n, err)
	}
}

func TestBytesArriveInOrder(t *testing.T) {
	connected(t, Line{Piece: 2}, func(t *testing.T, a, b *Conn) {
		got := reading(b)
		send(t, a, "hello ")
		send(t, a, "world")
		want(t, "written", got, "hello world", nil)
		_ = a.Close()
		want(t, "closed", got, "hello world", io.EOF)
		if _, err := b.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
			t.Errorf("writing to what is closed: %v", err)
		}
		if _, err := a.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("reading from what we closed: %v", err)
		}
	})
}

func TestBytesTakeTheirTime(t *testing.T) {
	connected(t, Line{Delay: time.Second, Rate: 10}, func(t *testing.T, a, b *Conn) {
		got := reading(b)
		send(t, a, "0123456789")
		send(t, a, "abcde")
		time.Sleep(1999 * time.Millisecond)
		want(t, "before", got, "", nil)
		time.Sleep(time.Millisecond)
		want(t, "the first ten after two seconds", got, "0123456789", nil)
		time.Sleep(500 * time.Millisecond)
		want(t, "the rest", got, "0123456789abcde", nil)
	})
}

func TestWhatTakesLessLongDoesNotOvertake(t *testing.T) {
	extra := []time.Duration{time.Second, 0}
	connected(t, Line{Delay: time.Second, Jitter: func() (d time.Duration) { d, extra = extra[0], extra[1:]; return d }}, func(t *testing.T, a, b *Conn) {
		got := reading(b)
		send(t, a, "first ")
		send(t, a, "second")
		time.Sleep(1999 * time.Millisecond)
		want(t, "before", got, "", nil)
		time.Sleep(time.Millisecond)
		want(t, "both after two seconds", got, "first second", nil)
	})
}

func TestAWriterWaitsForRoom(t *testing.T) {
	connected(t, Line{Buffer: 4}, func(t *testing.T, a, b *Conn) {
		if n, err := a.TryWrite([]byte("abcdef")); n != 4 || err != nil {
			t.Errorf("trying: %d, %v", n, err)
		}
		_ = a.SetWriteDeadline(time.Now().Add(time.Second))
		if n, err := a.Write([]byte("ef")); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("until the deadline: %d, %v", n, err)
		}
		_ = a.SetWriteDeadline(time.Time{})
		go func() { _, _ = a.Write([]byte("efghijkl")) }()
		want(t, "as it is read", reading(b), "abcdefghijkl", nil)
	})
}

func TestAStalledReaderGetsNothing(t *testing.T) {
	connected(t, Line{}, func(t *testing.T, a, b *Conn) {
		got := reading(b)
		b.Stall(true)
		send(t, a, "abc")
		want(t, "stalled", got, "", nil)
		if n := a.Unread(); n != 3 {
			t.Errorf("%d bytes of 3 are not read", n)
		}
		b.Stall(false)
		want(t, "going on", got, "abc", nil)
		if n := a.Unread(); n != 0 {
			t.Errorf("%d bytes are not read behind the last", n)
		}
	})
}

func TestSilenceSwallows(t *testing.T) {
	connected(t, Line{}, func(t *testing.T, a, b *Conn) {
		got := reading(b)
		a.Silence(true)
		send(t, a, "lost")
		a.Silence(false)
		send(t, a, "found")
		want(t, "after", got, "found", nil)
	})
}

func TestACutConnectionFailsOnBothSides(t *testing.T) {
	connected(t, Line{}, func(t *testing.T, a, b *Conn) {
		atA, atB := reading(a), reading(b)
		b.Stall(true)
		send(t, a, "lost")
		a.Cut()
		want(t, "here", atA, "", syscall.ECONNRESET)
		want(t, "there", atB, "", syscall.ECONNRESET)
	})
}

func TestAReadEndsAtItsDeadline(t *testing.T) {
	connected(t, Line{}, func(t *testing.T, a, _ *Conn) {
		_ = a.SetReadDeadline(time.Now().Add(time.Second))
		began := time.Now()
		_, err := a.Read(make([]byte, 1))
		if !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

// TestADeadlineThatHasPassedEndsAReadThatWaits: that is how one is interrupted.
func TestADeadlineThatHasPassedEndsAReadThatWaits(t *testing.T) {
	connected(t, Line{}, func(t *testing.T, a, _ *Conn) {
		ended := make(chan error)
		go func() {
			_, err := a.Read(make([]byte, 1))
			ended <- err
		}()
		synctest.Wait()
		began := time.Now()
		_ = a.SetReadDeadline(began.Add(-time.Second))
		select {
		case err := <-ended:
			if !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != 0 {
				t.Errorf("%v after %v", err, time.Since(began))
			}
		case <-time.After(time.Hour):
			t.Error("the read goes on")
			_ = a.Close()
			<-ended
		}
	})
}

func TestHostsReachEachOtherAsThePathLets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n Network
		l, err := n.Listen("tcp", "server:0")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := n.Listen("tcp", l.Addr().String()); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("listening twice: %v", err)
		}
		if _, err := n.Dial(t.Context(), "client", "server:1"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("where nobody listens: %v", err)
		}
		near, far := dial(t, &n, l)
		path := n.Between("server", "client")
		path.Set(Line{Delay: time.Second}, Line{})
		got := reading(far)
		send(t, near, "slow")
		want(t, "at once", got, "", nil)
		time.Sleep(time.Second)
		want(t, "after the delay", got, "slow", nil)
		path.Silence()
		send(t, near, "lost")
		if _, err := n.Dial(t.Context(), "client", l.Addr().String()); err == nil {
			t.Error("a path that swallows everything lets connections through")
		}
		path.Heal()
		path.Cut()
		want(t, "cut", got, "slow", syscall.ECONNRESET)
		path.Heal()
		near, _ = dial(t, &n, l)
		_ = l.Close()
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("accepting at what is closed: %v", err)
		}
		near.Cut()
	})
}

func dial(t *testing.T, n *Network, l net.Listener) (near, far *Conn) {
	t.Helper()
	near, err := n.Dial(t.Context(), "client", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return near, c.(*Conn)
}
