package brokers

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/Azure/go-amqp"

	"github.com/meshway/meshway/internal/brokertest"
)

// Clients at one end of the mesh use what a broker at the other end can do, over link routes.

// routed starts a Proton broker behind router C, to which some prefixes are routed.
func routed(t *testing.T, prefixes ...string) (*mesh, *brokertest.Proton) {
	t.Helper()
	p := brokertest.StartProton(t, brokertest.ProtonOptions{})
	own := []section{connector("broker", p.Port)}
	for _, prefix := range prefixes {
		for _, direction := range []string{"in", "out"} {
			own = append(own, linkRoute("prefix: "+prefix+", connection: broker, direction: "+direction))
		}
	}
	return startMesh(t, entries{"C": own}), p
}

func TestTransactionsPassThroughTheMesh(t *testing.T) {
	m, p := routed(t, "accounts", "$coordinator")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	m.awaitRoute(ctx, p, "A", "accounts")
	said, err := brokertest.Transact(ctx, m.addr("A"), "accounts/savings")
	if err != nil {
		t.Fatal(err)
	}
	if said != brokertest.Transacted {
		t.Errorf("the client saw\n%s", said)
	}
	if n, err := p.Depth(ctx, "accounts/savings"); err != nil || n != 0 {
		t.Errorf("%d messages left (%v), want none: two were taken, two never came", n, err)
	}
}

func TestASelectorPassesThroughTheMesh(t *testing.T) {
	m, p := routed(t, "paint")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	m.awaitRoute(ctx, p, "A", "paint")
	m.awaitRoute(ctx, p, "B", "paint")
	const name = "apache.org:selector-filter:string"
	r := m.receiver(ctx, "A", "paint", &amqp.ReceiverOptions{Filters: []amqp.LinkFilter{
		amqp.NewSelectorFilter("colour = 'red'"),
		amqp.NewLinkFilter("example:no-such-filter", 0, "x"),
	}})
	if v := r.LinkSourceFilterValue(name); v != "colour = 'red'" {
		t.Errorf("the filter that is said to be applied is %v", v)
	}
	if v := r.LinkSourceFilterValue("example:no-such-filter"); v != nil {
		t.Errorf("a filter that the broker does not know is said to be applied: %v", v)
	}
	s := m.sender(ctx, "B", "paint")
	for _, colour := range []string{"blue", "red", "green", "red"} {
		msg := amqp.NewMessage([]byte(colour))
		msg.ApplicationProperties = map[string]any{"colour": colour}
		if err := s.Send(ctx, msg, nil); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		msg, err := r.Receive(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(msg.GetData()); got != "red" {
			t.Errorf("received %q", got)
		}
		if err := r.AcceptMessage(ctx, msg); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.Await(ctx, "the filter came", func(e brokertest.Event) bool { return e.Filters[name] == "colour = 'red'" }); err != nil {
		t.Error(err)
	}
}

func TestADurableSubscriptionOutlivesItsConnectionToTheMesh(t *testing.T) {
	m, p := routed(t, "topic")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	m.awaitRoute(ctx, p, "A", "topic")
	m.awaitRoute(ctx, p, "B", "topic")
	subscribe := func(id string) (*amqp.Conn, *amqp.Receiver) {
		conn, err := amqp.Dial(ctx, "amqp://"+m.addr(id), &amqp.ConnOptions{SASLType: amqp.SASLTypeAnonymous(), ContainerID: "reader"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		session, err := conn.NewSession(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		r, err := session.NewReceiver(ctx, "topic/news", &amqp.ReceiverOptions{
			Name: "morning", Durability: amqp.DurabilityUnsettledState,
			SourceDurability: amqp.DurabilityUnsettledState, SourceExpiryPolicy: amqp.ExpiryPolicyNever,
		})
		if err != nil {
			t.Fatal(err)
		}
		return conn, r
	}
	conn, _ := subscribe("A")
	e, err := p.Await(ctx, "the subscription came", func(e brokertest.Event) bool { return e.Event == "attach" && e.Address == "topic/news" })
	if err != nil || e.Durable != 2 {
		t.Fatalf("the broker saw %+v (%v)", e, err)
	}
	conn.Close()
	gone, err := p.Await(ctx, "the subscriber left", func(d brokertest.Event) bool { return d.Event == "detach" && d.Link == e.Link })
	if err != nil || gone.Closed {
		t.Fatalf("the broker saw %+v (%v), want a detach that does not close", gone, err)
	}
	if err := m.sender(ctx, "B", "topic/news").Send(ctx, amqp.NewMessage([]byte("it rains")), nil); err != nil {
		t.Fatal(err)
	}
	_, r := subscribe("A")
	msg, err := r.Receive(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(msg.GetData()); got != "it rains" {
		t.Errorf("received %q", got)
	}
}

// awaitRoute returns when links of clients of a router get to the broker. Until the router has
// heard of the route, the address is one like any other.
func (m *mesh) awaitRoute(ctx context.Context, p *brokertest.Proton, id, address string) {
	m.t.Helper()
	for n := 0; ; n++ {
		probe := fmt.Sprintf("%s/probe-%d", address, n)
		session, err := m.dial(ctx, id)
		if err != nil {
			m.t.Fatalf("no route for %s at router %s: %v", address, id, err)
		}
		if _, err := session.NewSender(ctx, probe, nil); err != nil && ctx.Err() != nil {
			m.t.Fatalf("no route for %s at router %s: %v", address, id, err)
		}
		short, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
		_, err = p.Await(short, "the probe came", func(e brokertest.Event) bool { return e.Address == probe })
		cancel()
		if err == nil {
			return
		}
	}
}
