package brokers

import (
	"context"
	"fmt"
	"sync"
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
	came, err := p.Await(ctx, "the receiver came", func(e brokertest.Event) bool {
		return e.Event == "attach" && e.Role == "receiver" && e.Address == "paint"
	})
	if err != nil || came.Filters[name] != "colour = 'red'" {
		t.Errorf("the broker got the filters %v (%v)", came.Filters, err)
	}
}

func TestADurableSubscriptionOutlivesItsConnectionToTheMesh(t *testing.T) {
	m, p := routed(t, "topic")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	m.awaitRoute(ctx, p, "A", "topic")
	m.awaitRoute(ctx, p, "B", "topic")
	conn, _ := m.subscribe(ctx, "A", "reader")
	e, err := p.Await(ctx, "the subscription came", subscribed("reader"))
	if err != nil || e.Durable != 2 {
		t.Fatalf("the broker saw %+v (%v)", e, err)
	}
	conn.Close()
	gone, err := p.Await(ctx, "the subscriber left", left("reader"))
	if err != nil || gone.Closed {
		t.Fatalf("the broker saw %+v (%v), want a detach that does not close", gone, err)
	}
	if err := m.sender(ctx, "B", news).Send(ctx, amqp.NewMessage([]byte("it rains")), nil); err != nil {
		t.Fatal(err)
	}
	_, r := m.subscribe(ctx, "A", "reader")
	wantNext(ctx, t, r, "it rains")
}

// Two brokers, each of which two routers are connected to: a client that comes back at any router
// finds what came for its subscription meanwhile, for a broker knows that by its own connection too.
func TestADurableSubscriptionIsFoundAtItsBrokerWhereverItsClientComesBack(t *testing.T) {
	brokers := map[string]*brokertest.Proton{}
	var own []section
	for _, name := range []string{"east", "west"} {
		p := brokertest.StartProton(t, brokertest.ProtonOptions{Container: name})
		brokers[name] = p
		own = append(own, connector(name, p.Port), linkRoute("prefix: topic, connection: "+name+", direction: out"))
	}
	m := startMesh(t, entries{"B": own, "C": own})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, id := range ids { // else it depends on who knows what already
		m.awaitWays(ctx, id, brokers)
	}
	at := map[string]int{}
	for i := range 8 {
		client := fmt.Sprint("reader-", i)
		conn, _ := m.subscribe(ctx, "A", client)
		keeper, _ := keeperOf(ctx, brokers, client)
		if keeper == "" {
			t.Fatalf("no broker has the subscription of %s", client)
		}
		at[keeper]++
		conn.Close()
		if _, err := brokers[keeper].Await(ctx, "the subscriber left", left(client)); err != nil {
			t.Fatal(err)
		}
		for name, p := range brokers {
			direct, err := dial(ctx, t, p.Addr())
			if err != nil {
				t.Fatal(err)
			}
			s, err := direct.NewSender(ctx, news, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Send(ctx, amqp.NewMessage([]byte(client+" from "+name)), nil); err != nil {
				t.Fatal(err)
			}
		}
		id := []string{"B", "C"}[i%2]
		again, r := m.subscribe(ctx, id, client)
		wantNext(ctx, t, r, client+" from "+keeper)
		again.Close()
	}
	if len(at) != 2 {
		t.Errorf("the subscriptions are at %v, want some at each", at)
	}
}

// news is a topic of the Proton broker.
const news = "topic/news"

// subscribe has a client take up its durable subscription to the news at a router.
func (m *mesh) subscribe(ctx context.Context, id, client string) (*amqp.Conn, *amqp.Receiver) {
	m.t.Helper()
	conn, err := amqp.Dial(ctx, "amqp://"+m.addr(id), &amqp.ConnOptions{SASLType: amqp.SASLTypeAnonymous(), ContainerID: client})
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { conn.Close() })
	session, err := conn.NewSession(ctx, nil)
	if err != nil {
		m.t.Fatal(err)
	}
	r, err := session.NewReceiver(ctx, news, &amqp.ReceiverOptions{
		Name: "morning", Durability: amqp.DurabilityUnsettledState,
		SourceDurability: amqp.DurabilityUnsettledState, SourceExpiryPolicy: amqp.ExpiryPolicyNever,
	})
	if err != nil {
		m.t.Fatal(err)
	}
	return conn, r
}

// subscribed and left are what a broker sees of a client's subscription.
func subscribed(client string) func(brokertest.Event) bool {
	return func(e brokertest.Event) bool { return e.Event == "attach" && e.Link == client+"/morning" }
}

func left(client string) func(brokertest.Event) bool {
	return func(e brokertest.Event) bool { return e.Event == "detach" && e.Link == client+"/morning" }
}

// keeperOf is the one of several brokers that has a client's subscription, and how it came there;
// empty if none has it.
func keeperOf(ctx context.Context, brokers map[string]*brokertest.Proton, client string) (keeper string, came brokertest.Event) {
	ctx, found := context.WithCancel(ctx)
	defer found()
	var all sync.WaitGroup
	var mu sync.Mutex
	for name, p := range brokers {
		all.Go(func() {
			if e, err := p.Await(ctx, "the subscription came", subscribed(client)); err == nil {
				mu.Lock()
				keeper, came = name, e
				mu.Unlock()
				found()
			}
		})
	}
	all.Wait()
	return keeper, came
}

// wantNext receives a message.
func wantNext(ctx context.Context, t *testing.T, r *amqp.Receiver, want string) {
	t.Helper()
	msg, err := r.Receive(ctx, nil)
	if err != nil {
		t.Fatalf("instead of %q: %v", want, err)
	}
	if got := string(msg.GetData()); got != want {
		t.Fatalf("received %q, want %q", got, want)
	}
	if err := r.AcceptMessage(ctx, msg); err != nil {
		t.Fatal(err)
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

// awaitWays returns when durable subscriptions of clients of a router come to each of the brokers
// by each of the two routers that are connected to it.
func (m *mesh) awaitWays(ctx context.Context, id string, brokers map[string]*brokertest.Proton) {
	m.t.Helper()
	seen := map[string]bool{}
	for n := 0; len(seen) < 2*len(brokers); n++ {
		if n == 200 || ctx.Err() != nil {
			m.t.Fatalf("durable subscriptions of clients of router %s go to brokers by these ways only: %v", id, seen)
		}
		client := fmt.Sprintf("probe %d at %s", n, id)
		conn, _ := m.subscribe(ctx, id, client)
		short, cancel := context.WithTimeout(ctx, time.Second)
		if keeper, e := keeperOf(short, brokers, client); keeper != "" {
			seen[keeper+" by "+e.Container] = true
		}
		cancel()
		conn.Close()
	}
}
