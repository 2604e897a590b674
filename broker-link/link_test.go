package brokerlink

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/backoff"
	"github.com/meshway/meshway/internal/wire"
)

// script is brokers at hosts, and the link that dials them. The story holds mu but while it
// waits.
type script struct {
	mu     sync.Mutex
	t      *testing.T
	link   *Link
	logs   *observer.ObservedLogs
	began  time.Time
	up     map[string]bool // hosts at which a broker answers
	tries  []string        // hosts dialled
	at     []time.Duration // when
	try    *Try            // of the connection that is open, or opening
	open   wire.Map        // properties of the brokers' open
	silent bool            // brokers do not open the connection
}

// perform runs a story about a link in virtual time.
func perform(t *testing.T, story func(s *script), configured ...string) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{t: t, began: time.Now(), up: map[string]bool{}}
		core, logs := observer.New(zap.InfoLevel)
		s.logs = logs
		s.link = New(Config{
			Name: "broker", Hosts: configured, Dial: s.dial, Serve: s.serve, Log: zap.New(core), DialTimeout: 5 * time.Second,
			Retries: backoff.Policy{First: 100 * time.Millisecond, Longest: 30 * time.Second, Stable: 5 * time.Second},
		})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.link.Run(ctx)
		}()
		s.mu.Lock()
		defer func() { // also of a story that gives up
			stop()
			if s.try != nil {
				s.end(nil)
			}
			s.mu.Unlock()
			<-done
			if got := s.link.Status().State; got != Stopped {
				t.Errorf("in the end the link is %v", got)
			}
		}()
		s.advance(0)
		story(s)
	})
}

func (s *script) dial(ctx context.Context, _, address string) (net.Conn, error) {
	s.mu.Lock()
	s.tries = append(s.tries, address)
	s.at = append(s.at, time.Since(s.began))
	up := s.up[address]
	s.mu.Unlock()
	if address == "blackhole:5672" {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if !up {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	a, _ := net.Pipe()
	return a, nil
}

func (s *script) serve(_ net.Conn, host string, t *Try) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.try = t
	if !s.silent {
		t.Opened(&amqp.Peer{ContainerID: "container of " + host, Properties: s.open})
	}
	return nil
}

// end ends the connection.
func (s *script) end(err error) {
	s.t.Helper()
	t := s.try
	if t == nil {
		s.t.Fatalf("there is no connection to end: dialled %q, %v", s.tries, s.link.Status().State)
	}
	s.try = nil
	t.Ended(err)
	s.advance(0)
}

func (s *script) advance(d time.Duration) {
	s.mu.Unlock()
	defer s.mu.Lock()
	time.Sleep(d)
	synctest.Wait()
}

// dialled checks the hosts that were dialled since the last look.
func (s *script) dialled(why string, want ...string) {
	s.t.Helper()
	if !slices.Equal(s.tries, want) {
		s.t.Errorf("%s: dialled %q, want %q", why, s.tries, want)
	}
	s.tries, s.at = nil, nil
}

func (s *script) is(why string, want State) Status {
	s.t.Helper()
	got := s.link.Status()
	if got.State != want {
		s.t.Errorf("%s: %v, want %v", why, got.State, want)
	}
	return got
}

func (s *script) logged(want string) bool {
	return slices.ContainsFunc(s.logs.All(), func(e observer.LoggedEntry) bool {
		return strings.Contains(e.Message+fmt.Sprint(e.ContextMap()), want)
	})
}

func TestHostsAreTriedOneAfterTheOtherWithAPauseAfterTheLast(t *testing.T) {
	perform(t, func(s *script) {
		s.dialled("at once", "a:5672", "b:5672")
		if got := s.is("none answers", Waiting); !strings.Contains(got.LastError, "refused") {
			t.Errorf("the last error is %q", got.LastError)
		}
		s.advance(70 * time.Millisecond)
		s.dialled("not before the pause is over")
		s.up["b:5672"] = true
		s.advance(40 * time.Millisecond)
		s.dialled("again from the first", "a:5672", "b:5672")
		if got := s.is("the second answers", Up); got.Host != "b:5672" || got.Container != "container of b:5672" || got.LastError != "" {
			t.Errorf("connected: %+v", got)
		}
	}, "a:5672", "b:5672")
}

func TestPausesGrowUntilAConnectionHasBeenStable(t *testing.T) {
	perform(t, func(s *script) {
		s.advance(2 * time.Minute)
		last := len(s.at) - 1
		if pause := s.at[last] - s.at[last-1]; pause < 22*time.Second || pause > 30*time.Second {
			t.Errorf("after long the pause is %v", pause)
		}
		if n := len(s.at); n > 15 {
			t.Errorf("%d tries in two minutes", n)
		}
		s.up["a:5672"] = true
		for s.link.Status().State != Up {
			s.advance(time.Second)
		}
		s.tries, s.at = nil, nil
		s.end(errors.New("lost"))
		s.advance(10 * time.Second)
		s.dialled("it did not hold: the pause is as long as before")
		s.advance(20 * time.Second)
		s.is("it is back", Up)
		s.advance(5 * time.Second)
		s.tries, s.at = nil, nil
		s.end(errors.New("lost"))
		s.advance(100 * time.Millisecond)
		s.dialled("it held: the pause is short again", "a:5672")
	}, "a:5672")
}

// Those that failed together come back one by one.
func TestPausesAreChanceInPart(t *testing.T) {
	perform(t, func(s *script) {
		s.advance(2 * time.Minute)
		s.tries, s.at = nil, nil
		s.advance(5 * time.Minute)
		wantChance(t, s.at)
	}, "a:5672")
}

// wantChance wants the pauses between tries of somebody who has been waiting for long to differ.
func wantChance(t *testing.T, at []time.Duration) {
	t.Helper()
	pauses := map[time.Duration]bool{}
	for i := range at[1:] {
		pauses[at[i+1]-at[i]] = true
	}
	if len(pauses) < 2 {
		t.Errorf("all of %d pauses are the same: %v", len(at)-1, pauses)
	}
}

// A standby that takes connections and closes them must not keep the others from their turn.
func TestAHostThatDoesNotHoldAConnectionIsFollowedByTheNext(t *testing.T) {
	perform(t, func(s *script) {
		s.up["a:5672"], s.up["b:5672"] = true, true
		s.advance(time.Second)
		s.tries = nil
		s.end(nil)
		s.dialled("the next one, at once", "b:5672")
		if got := s.is("connected", Up); got.Host != "b:5672" {
			t.Errorf("to %s", got.Host)
		}
		s.advance(time.Minute)
		s.end(nil)
		if got := s.is("closed without a reason", Waiting); got.LastError != errClosed.Error() {
			t.Errorf("the reason is %q", got.LastError)
		}
		s.advance(100 * time.Millisecond)
		s.dialled("after one that held, from the first again", "a:5672")
	}, "a:5672", "b:5672")
}

func TestADialThatNeverEndsIsGivenUp(t *testing.T) {
	perform(t, func(s *script) {
		s.up["b:5672"] = true
		s.advance(4 * time.Second)
		s.is("patience", Dialling)
		s.advance(2 * time.Second)
		s.is("the next one", Up)
		if !s.logged("no firewall") {
			t.Error("the log does not say what to do")
		}
	}, "blackhole:5672", "b:5672")
}

func TestABrokerThatSaysNothingIsGivenUpByWhoRunsTheConnection(t *testing.T) {
	perform(t, func(s *script) {
		s.up["a:5672"], s.silent = true, true
		s.advance(time.Second)
		s.is("no open yet", Opening)
		s.end(&amqp.HandshakeError{Reason: "no open within 10s", Silent: true})
		s.is("given up", Waiting)
		if !s.logged("does not speak AMQP 1.0") {
			t.Error("the log does not say what to do")
		}
	}, "a:5672")
}

func TestPlacesThatAPeerNamesAreTriedUntilAnotherNamesNone(t *testing.T) {
	perform(t, func(s *script) {
		s.up["a:5672"] = true
		s.open = open([]any{entry("network-host", "c", "port", "5672")})
		s.advance(time.Second)
		s.tries = nil
		s.up["a:5672"], s.up["c:5672"] = false, true
		if got := s.link.Status().Failover; !slices.Equal(got, []string{"c:5672"}) {
			t.Errorf("named are %q", got)
		}
		s.advance(time.Minute)
		s.open = nil
		s.end(errors.New("lost"))
		s.advance(100 * time.Millisecond)
		s.dialled("the first is gone", "a:5672", "c:5672")
		if got := s.is("connected there", Up); got.Failover != nil {
			t.Errorf("the new peer has named nothing, and %q are known", got.Failover)
		}
		if !s.logged("another container answers") {
			t.Error("the log does not say that it is another container")
		}
		s.advance(time.Minute)
		s.up["c:5672"] = false
		s.end(errors.New("lost"))
		s.advance(100 * time.Millisecond)
		s.dialled("what was named before is forgotten", "a:5672")
	}, "a:5672")
}

func TestTheLogSaysTheSameOnlyNowAndThen(t *testing.T) {
	perform(t, func(s *script) {
		s.advance(10 * time.Minute)
		if n := s.logs.Len(); n < 4 || n > 6 {
			t.Errorf("%d lines in ten minutes for two hosts", n)
		}
	}, "a:5672", "b:5672")
}

// However many places peers name, one after the other, what is remembered of each is bounded.
func TestPlacesThatManyPeersNameAreForgottenByTheLogToo(t *testing.T) {
	perform(t, func(s *script) {
		s.up["a:5672"] = true
		for round := range 10 {
			var named []any
			for i := range mostLearned {
				named = append(named, entry("network-host", fmt.Sprintf("host-%d-%d", round, i), "port", "5672"))
			}
			s.open = open(named)
			s.advance(time.Minute)
			s.is("connected", Up)
			s.up["a:5672"] = false
			s.end(errors.New("lost"))
			s.advance(time.Second)
			s.up["a:5672"] = true
		}
		if len(s.tries) < 10*mostLearned {
			t.Errorf("only %d places were dialled", len(s.tries))
		}
		if n := len(s.link.said); n > 2+mostLearned {
			t.Errorf("%d places are remembered", n)
		}
	}, "a:5672")
}

func TestEachReasonHasItsAdvice(t *testing.T) {
	seen := map[string]bool{}
	for _, err := range []error{
		&amqp.HandshakeError{Login: true}, &amqp.HandshakeError{Silent: true}, &amqp.HandshakeError{}, &net.DNSError{},
		syscall.ECONNREFUSED, context.DeadlineExceeded, errClosed,
		&amqp.PeerError{What: "connection", Err: &wire.Error{Condition: wire.CondConnectionRedirect}},
		&wire.Error{Condition: wire.CondNotFound}, &wire.Error{Condition: wire.CondUnauthorizedAccess}, &wire.Error{Condition: wire.CondPreconditionFailed},
		&wire.Error{Condition: wire.CondNotImplemented}, &wire.Error{Condition: wire.CondTransferLimitExceeded},
		&wire.Error{Condition: wire.CondMessageSizeExceeded}, &wire.Error{Condition: wire.CondResourceLimitExceeded}, &wire.Error{Condition: "strange"},
	} {
		text := advice(fmt.Errorf("wrapped: %w", err))
		if text == "" || seen[text] {
			t.Errorf("%v: %q is no advice of its own", err, text)
		}
		seen[text] = true
	}
}
