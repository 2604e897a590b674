package router_test

import (
	"context"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/meshway/meshway/internal/wire"
)

// shutDown shuts the router down, waiting for what is in flight for so long, and
// returns where its result will be.
func (s *stage) shutDown(patience time.Duration) <-chan error {
	done := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		done <- s.router.Shutdown(ctx)
	}()
	synctest.Wait()
	return done
}

func forced(s *stage, a *app) {
	s.t.Helper()
	e, ok := a.Err().(*wire.Error)
	if !ok || e.Condition != wire.CondConnectionForced {
		s.t.Errorf("%s: the connection ended with %v, want %s", a.Name, a.Err(), wire.CondConnectionForced)
	}
}

func TestShutdownLetsWhatIsInFlightSettle(t *testing.T) {
	play(t, nil, func(s *stage) {
		c := s.app("receiver").consumer("q", 10)
		p := s.app("sender").producer("q")
		o := p.send(text("x"))
		done := s.shutDown(10 * time.Second)
		equal(s, "credit while it waits", p.credit(), 0)
		s.advance(5 * time.Second)
		c.acceptAll()
		ended(s, "what was in flight", o, wire.StateAccepted)
		s.advance(time.Second)
		if err := <-done; err != nil {
			s.t.Errorf("shutdown: %v", err)
		}
		forced(s, c.app)
		forced(s, p.app)
	})
}

func TestShutdownWaitsNoLongerThanItMay(t *testing.T) {
	play(t, nil, func(s *stage) {
		c := s.app("receiver").consumer("q", 1)
		p := s.app("sender").producer("q")
		sent, waits := p.send(text("x")), p.send(text("y"))
		done := s.shutDown(3 * time.Second)
		s.advance(10 * time.Second)
		select {
		case err := <-done:
			const want = "3 deliveries, each counted where it comes in and where it goes out, were still in flight; their senders are told so"
			if err == nil || err.Error() != want {
				s.t.Errorf("shutdown: got %v, want %s", err, want)
			}
		default:
			s.t.Error("shutdown waits for what is never settled")
			c.app.kill() // so that the story ends
			<-done
		}
		ended(s, "what the consumer did not settle", sent, wire.StateModified)
		ended(s, "what waited for it", waits, wire.StateReleased)
		forced(s, c.app)
		forced(s, p.app)
	})
}

func TestShutdownSaysThatSomebodyDoesNotHearWhatBecameOfAMessage(t *testing.T) {
	play(t, nil, func(s *stage) {
		c := s.app("receiver").consumer("q", 1)
		p := s.app("sender").producer("q")
		o := p.send(text("x"))
		c.app.stall(true) // nor does it hear that its link is over
		done := s.shutDown(3 * time.Second)
		s.advance(20 * time.Second)
		if err := <-done; err == nil || !strings.HasSuffix(err.Error(), "; not all of their senders hear what became of them") {
			s.t.Errorf("shutdown: got %v", err)
		}
		if o.State.Kind != wire.StateNone {
			s.t.Errorf("the sender heard %v of a message of which nobody knows", o.State)
		}
		forced(s, p.app)
		c.app.kill()
	})
}

func TestShutdownWaitsForNobodyWhoDoesNotRead(t *testing.T) {
	play(t, nil, func(s *stage) {
		a := s.app("receiver")
		a.consumer("q", 10)
		a.stall(true)
		other := s.app("other")
		done := s.shutDown(time.Second)
		s.advance(20 * time.Second)
		select {
		case err := <-done:
			if err != nil {
				s.t.Errorf("shutdown: %v", err)
			}
		default:
			s.t.Error("shutdown hangs")
		}
		forced(s, other)
		a.kill()
	})
}

func TestNobodyGetsInWhileTheRouterShutsDown(t *testing.T) {
	play(t, nil, func(s *stage) {
		c := s.app("receiver").consumer("q", 10)
		s.app("sender").producer("q").send(text("x"))
		done := s.shutDown(10 * time.Second)
		if _, err := s.net.Dial(t.Context(), "late", listenHost+":5672"); err == nil {
			s.t.Error("a newcomer could connect")
		}
		equal(s, "credit for a link that comes late", c.app.producer("q").credit(), 0)
		c.acceptAll()
		s.advance(time.Second)
		<-done
	})
}

// Who had connected before, and opens only now, is told to go at once, and not when all
// others go.
func TestAConnectionThatOpensWhileTheRouterShutsDown(t *testing.T) {
	play(t, nil, func(s *stage) {
		slow, err := s.net.Dial(t.Context(), "slow", listenHost+":5672")
		if err != nil {
			t.Fatal(err)
		}
		c := s.app("receiver").consumer("q", 10)
		s.app("sender").producer("q").send(text("x"))
		done := s.shutDown(10 * time.Second)
		open := wire.AppendFrame(wire.ProtoAMQP[:], 0, &wire.Open{ContainerID: "slow"})
		if _, err := slow.Write(open); err != nil {
			t.Fatal(err)
		}
		_ = slow.SetReadDeadline(time.Now().Add(time.Second))
		answer, _ := io.ReadAll(slow)
		if !strings.Contains(string(answer), string(wire.CondConnectionForced)) {
			t.Errorf("open is answered by %q, want a close with %s", answer, wire.CondConnectionForced)
		}
		_ = slow.Close()
		c.acceptAll()
		s.advance(time.Second)
		<-done
	})
}
