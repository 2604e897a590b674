package brokertest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/Azure/go-amqp"
)

func TestASelectorLetsThroughWhatItSaysAndIsSaidToBeApplied(t *testing.T) {
	p := StartProton(t, ProtonOptions{})
	c := dial(t, p.Addr())
	filter := amqp.NewSelectorFilter("colour = 'red'")
	unknown := amqp.NewLinkFilter("example:no-such-filter", 0, "x")
	r := c.receiverWith("paint", &amqp.ReceiverOptions{Filters: []amqp.LinkFilter{filter, unknown}})
	if v := r.LinkSourceFilterValue("apache.org:selector-filter:string"); v != "colour = 'red'" {
		t.Errorf("the broker says that it applies %v", v)
	}
	if v := r.LinkSourceFilterValue("example:no-such-filter"); v != nil {
		t.Errorf("the broker says that it applies a filter that it does not know: %v", v)
	}

	s := c.sender("paint", amqp.DurabilityNone)
	for _, colour := range []string{"blue", "red", "green", "red"} {
		m := amqp.NewMessage([]byte(colour))
		m.ApplicationProperties = map[string]any{"colour": colour}
		if err := s.Send(c.ctx, m, nil); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if got := string(receive(t, r).GetData()); got != "red" {
			t.Errorf("received %q", got)
		}
	}
	accepted := 0
	await(t, p, "two outcomes", func(e Event) bool {
		if e.Event == "outcome" {
			accepted++
		}
		return accepted == 2
	})
	if n := protonDepth(t, p, "paint"); n != 2 {
		t.Errorf("%d messages left, want the blue and the green one", n)
	}
	e := await(t, p, "the attach", func(e Event) bool { return e.Event == "attach" && e.Role == "receiver" })
	if e.Filters["apache.org:selector-filter:string"] != "colour = 'red'" || e.Container != t.Name() {
		t.Errorf("the broker saw %+v", e)
	}
}

func TestASelectorThatTheBrokerDoesNotUnderstandIsRefused(t *testing.T) {
	p := StartProton(t, ProtonOptions{})
	c := dial(t, p.Addr())
	_, err := c.session.NewReceiver(c.ctx, "paint", &amqp.ReceiverOptions{Filters: []amqp.LinkFilter{amqp.NewSelectorFilter("colour LIKE 'r%'")}})
	wantCondition(t, err, "amqp:invalid-field")
}

func TestADurableSubscriptionOutlivesItsConnection(t *testing.T) {
	p := StartProton(t, ProtonOptions{})
	durable := &amqp.ReceiverOptions{Name: "morning", Durability: amqp.DurabilityUnsettledState, SourceDurability: amqp.DurabilityUnsettledState, SourceExpiryPolicy: amqp.ExpiryPolicyNever}
	first := dial(t, p.Addr())
	first.receiverWith("topic/news", durable)
	dial(t, p.Addr()).receiverWith("topic/news", &amqp.ReceiverOptions{Name: "passer-by"})
	first.conn.Close()
	await(t, p, "the end of the first", func(e Event) bool { return e.Event == "disconnected" })

	c := dial(t, p.Addr())
	send(t, c.sender("topic/news", amqp.DurabilityNone), "it rains", false)
	if got := string(receive(t, c.receiverWith("topic/news", durable)).GetData()); got != "it rains" {
		t.Errorf("received %q", got)
	}
}

func TestABrowserTakesNothingAway(t *testing.T) {
	p := StartProton(t, ProtonOptions{})
	c := dial(t, p.Addr())
	send(t, c.sender("q", amqp.DurabilityNone), "to be seen", false)
	for range 2 {
		copyMode := &amqp.ReceiverOptions{SourceDistributionMode: amqp.SourceDistributionModeCopy}
		if got := string(receive(t, c.receiverWith("q", copyMode)).GetData()); got != "to be seen" {
			t.Errorf("received %q", got)
		}
	}
	if n := protonDepth(t, p, "q"); n != 1 {
		t.Errorf("%d messages left after browsing, want 1", n)
	}
}

func TestTransactionsAreCommittedAndRolledBack(t *testing.T) {
	p := StartProton(t, ProtonOptions{})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	said, err := Transact(ctx, p.Addr(), "accounts")
	if err != nil {
		t.Fatal(err)
	}
	if said != Transacted {
		t.Errorf("the client saw\n%s", said)
	}
	if n := protonDepth(t, p, "accounts"); n != 0 {
		t.Errorf("%d messages left, want none: two were taken, two never came", n)
	}
}

func TestMisbehaviourAsItIsOrdered(t *testing.T) {
	p := StartProton(t, ProtonOptions{Container: "grumpy", Addresses: map[string]Behaviour{
		"closed":  {RefuseAttach: "amqp:not-found"},
		"rabbit":  {RefuseAttach: "amqp:not-found", EndsSession: true},
		"no":      {RefuseMessage: "rejected"},
		"later":   {RefuseMessage: "released"},
		"broken":  {CutAfter: 100_000},
		"waiting": {NoCredit: true},
		"mute":    {Silent: true},
	}})
	large := make([]byte, 300_000)

	t.Run("refuses an attach", func(t *testing.T) {
		c := dial(t, p.Addr())
		_, err := c.session.NewSender(c.ctx, "closed", nil)
		wantCondition(t, err, "amqp:not-found")
		c.sender("open", amqp.DurabilityNone)
	})
	t.Run("ends the session of a refused attach", func(t *testing.T) {
		c := dial(t, p.Addr())
		_, err := c.session.NewSender(c.ctx, "rabbit", nil)
		wantCondition(t, err, "amqp:not-found")
		if _, err := c.session.NewSender(c.ctx, "open", nil); err == nil {
			t.Error("the session is still there")
		}
	})
	t.Run("refuses messages", func(t *testing.T) {
		c := dial(t, p.Addr())
		wantCondition(t, c.sender("no", amqp.DurabilityNone).Send(c.ctx, amqp.NewMessage([]byte("x")), nil), "amqp:not-allowed")
		receipt, err := c.sender("later", amqp.DurabilityNone).SendWithReceipt(c.ctx, amqp.NewMessage([]byte("x")), nil)
		if err != nil {
			t.Fatal(err)
		}
		if state, err := receipt.Wait(c.ctx); err != nil || !isReleased(state) {
			t.Errorf("the outcome of what the broker releases: %v, %v", state, err)
		}
	})
	t.Run("closes in the middle of a message that comes", func(t *testing.T) {
		c := dial(t, p.Addr())
		wantCondition(t, c.sender("broken", amqp.DurabilityNone).Send(c.ctx, amqp.NewMessage(large), nil), "amqp:internal-error")
	})
	t.Run("closes in the middle of a message that goes", func(t *testing.T) {
		if err := p.Behave(t.Context(), "broken", Behaviour{}); err != nil {
			t.Fatal(err)
		}
		c := dial(t, p.Addr())
		send(t, c.sender("broken", amqp.DurabilityNone), string(large), false)
		if err := p.Behave(t.Context(), "broken", Behaviour{CutAfter: 100_000}); err != nil {
			t.Fatal(err)
		}
		_, err := c.receiver("broken", amqp.DurabilityNone).Receive(c.ctx, nil)
		wantCondition(t, err, "amqp:internal-error")
		if n := protonDepth(t, p, "broken"); n != 1 {
			t.Errorf("%d messages left, want the one that was not delivered", n)
		}
	})
	t.Run("never answers, never gives credit", func(t *testing.T) {
		c := dial(t, p.Addr())
		short, cancel := context.WithTimeout(c.ctx, 100*time.Millisecond)
		defer cancel()
		if err := c.sender("waiting", amqp.DurabilityNone).Send(short, amqp.NewMessage([]byte("x")), nil); err == nil {
			t.Error("sent without credit")
		}
		another, cancel2 := context.WithTimeout(c.ctx, 100*time.Millisecond)
		defer cancel2()
		if _, err := c.session.NewSender(another, "mute", nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("attached without an answer: %v", err)
		}
	})
	t.Run("closes all", func(t *testing.T) {
		c := dial(t, p.Addr())
		if err := p.CloseAll(t.Context(), "amqp:connection:forced"); err != nil {
			t.Fatal(err)
		}
		<-c.conn.Done()
		wantCondition(t, c.conn.Err(), "amqp:connection:forced")
		await(t, p, "the end of it", func(e Event) bool { return e.Event == "disconnected" && e.Container == t.Name() })
		if list, err := p.Connections(t.Context()); err != nil || len(list) != 0 {
			t.Errorf("connected after all were closed: %v, %v", list, err)
		}
	})
}

func TestNobodyIsLetIn(t *testing.T) {
	p := StartProton(t, ProtonOptions{RefuseLogin: true})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if conn, err := amqp.Dial(ctx, "amqp://"+p.Addr(), &amqp.ConnOptions{SASLType: amqp.SASLTypeAnonymous()}); err == nil {
		conn.Close()
		t.Error("logged in")
	}
	if ctx.Err() != nil {
		t.Error("the refusal never came")
	}
}

func TestAnOpenThatIsNeverAnswered(t *testing.T) {
	p := StartProton(t, ProtonOptions{Silent: "open"})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { // ends when the dial is cancelled
		_, err := amqp.Dial(ctx, "amqp://"+p.Addr(), &amqp.ConnOptions{SASLType: amqp.SASLTypeAnonymous()})
		done <- err
	}()
	await(t, p, "the open", func(e Event) bool { return e.Event == "connected" })
	cancel()
	if err := <-done; err == nil {
		t.Error("it was answered")
	}
}

func TestAProtonBrokerThatWasKilledComesBackEmpty(t *testing.T) {
	p := StartProton(t, ProtonOptions{})
	send(t, dial(t, p.Addr()).sender("q", amqp.DurabilityNone), "lost", false)
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := protonDepth(t, p, "q"); n != 0 {
		t.Errorf("%d messages after the restart", n)
	}
	send(t, dial(t, p.Addr()).sender("q", amqp.DurabilityNone), "kept", false)
}

func await(t *testing.T, p *Proton, what string, fits func(Event) bool) Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	e, err := p.Await(ctx, what, fits)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func isReleased(state amqp.DeliveryState) bool {
	_, ok := state.(*amqp.StateReleased)
	return ok
}

func protonDepth(t *testing.T, p *Proton, queue string) int {
	t.Helper()
	n, err := p.Depth(t.Context(), queue)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func wantCondition(t *testing.T, err error, condition amqp.ErrCond) {
	t.Helper()
	var remote *amqp.Error
	var link *amqp.LinkError
	var session *amqp.SessionError
	var conn *amqp.ConnError
	switch {
	case errors.As(err, &link):
		remote = link.RemoteErr
	case errors.As(err, &session):
		remote = session.RemoteErr
	case errors.As(err, &conn):
		remote = conn.RemoteErr
	default:
		errors.As(err, &remote)
	}
	if remote == nil || remote.Condition != condition {
		t.Errorf("error %v, want the condition %s", err, condition)
	}
}
