package brokers

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/Azure/go-amqp"
)

// What RabbitMQ's AMQP 1.0 plugin does in its own way must not be felt by clients of the mesh.
// The broker is behind router C, the clients are at A.

// behindC has an address with a queue in the middle, at router C.
func behindC(port int, prefix, external string, more ...section) entries {
	waypoint := address("prefix: " + prefix + ", waypoint: true")
	own := append([]section{connector("rabbit", port)}, both(prefix, "rabbit", ", externalAddress: "+external+", durable: unsettled-state")...)
	return entries{"*": {waypoint}, "C": append(own, more...)}
}

// through sends a message through the queue and takes it out again.
func through(ctx context.Context, m *mesh, address, body string) *amqp.Message {
	m.t.Helper()
	receipt, err := m.sender(ctx, "A", address).SendWithReceipt(ctx, durable(body), nil)
	if err != nil {
		m.t.Fatal(err)
	}
	wantAccepted(ctx, m.t, receipt, "a message to "+address)
	msg, err := m.receiver(ctx, "A", address, nil).Receive(ctx, nil)
	if err != nil {
		m.t.Fatal(err)
	}
	if got := string(msg.GetData()); got != body {
		m.t.Fatalf("%s gave %q, want %q", address, got, body)
	}
	return msg
}

func TestARefusedAttachHarmsNoOtherLinkOfTheConnection(t *testing.T) {
	node := rabbits(t, 1)[0]
	if err := node.DeclareQueue(t.Context(), "transient", false); err != nil {
		t.Fatal(err)
	}
	before := node.Accepted()
	m := startMesh(t, behindC(node.Port, "healthy", "healthy",
		// The broker ends the sessions of both of these.
		autoLink("name: missing, address: missing, connection: rabbit, direction: in, externalAddress: /amq/queue/missing"),
		autoLink("name: otherwise, address: otherwise, connection: rabbit, direction: out, externalAddress: transient, durable: configuration"),
	))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	m.routers["C"].awaitLog(t, "missing", "amqp:not-found")
	m.routers["C"].awaitLog(t, "otherwise", "amqp:precondition-failed")
	m.routers["C"].wantAttachedOnce(t, "healthy")
	through(ctx, m, "healthy", "fine")
	if n := node.Accepted() - before; n != 1 {
		t.Errorf("router C connected %d times, want once", n)
	}
}

func TestAQueueWhoseNameHasASlash(t *testing.T) {
	node := rabbits(t, 1)[0]
	m := startMesh(t, behindC(node.Port, "plant/north", "/queue/plant%2Fnorth"))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	m.routers["C"].wantAttachedOnce(t, "/queue/plant%2Fnorth")
	through(ctx, m, "plant/north", "cold")
	queues, err := node.Queues(ctx)
	if err != nil || !queues["plant/north"].Durable {
		t.Errorf("the broker has the queues %v (%v)", queues, err)
	}
}

func TestAConsumerThatModifiesAMessageDoesNotEndTheSession(t *testing.T) {
	node := rabbits(t, 1)[0]
	before := node.Accepted()
	m := startMesh(t, behindC(node.Port, "modified", "modified"))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	receipt, err := m.sender(ctx, "A", "modified").SendWithReceipt(ctx, durable("again"), nil)
	if err != nil {
		t.Fatal(err)
	}
	wantAccepted(ctx, t, receipt, "a message")
	r := m.receiver(ctx, "A", "modified", nil)
	first, err := r.Receive(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.ModifyMessage(ctx, first, &amqp.ModifyMessageOptions{DeliveryFailed: true}); err != nil {
		t.Fatal(err)
	}
	second, err := r.Receive(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(second.GetData()); got != "again" {
		t.Errorf("the message that was given back came as %q", got)
	}
	if err := r.AcceptMessage(ctx, second); err != nil {
		t.Fatal(err)
	}
	m.routers["C"].wantAttachedOnce(t, "modified")
	if n := node.Accepted() - before; n != 1 {
		t.Errorf("router C connected %d times, want once", n)
	}
}

// RabbitMQ counts credit without what is on its way from the queue to the link: a full queue has
// it send the more beyond its credit the more often it hears of credit.
func TestAFullQueueComesInOrderAndWhole(t *testing.T) {
	volume(t)
	node := rabbits(t, 1)[0]
	m := startMesh(t, behindC(node.Port, "full", "full",
		linkRoute("prefix: direct, connection: rabbit, direction: out"), linkRoute("prefix: direct, connection: rabbit, direction: in")))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	const count = 10_000
	for _, name := range []string{"full", "direct"} {
		s := m.sender(ctx, "A", name)
		receipts := make([]amqp.SendReceipt, count)
		for n := range receipts {
			var err error
			if receipts[n], err = s.SendWithReceipt(ctx, durable(fmt.Sprint(n)), nil); err != nil {
				t.Fatal(err)
			}
		}
		for _, r := range receipts {
			wantAccepted(ctx, t, r, "a message to "+name)
		}
		r := m.receiver(ctx, "A", name, &amqp.ReceiverOptions{Credit: 500})
		for n := range count {
			msg, err := r.Receive(ctx, nil)
			if err != nil {
				t.Fatalf("after %d messages of %s: %v", n, name, err)
			}
			if got := string(msg.GetData()); got != fmt.Sprint(n) {
				t.Fatalf("%s: message %s came, want %d", name, got, n)
			}
			if err := r.AcceptMessage(ctx, msg); err != nil {
				t.Fatal(err)
			}
		}
	}
	m.routers["C"].wantAttachedOnce(t, "full")
}

// RabbitMQ reads nothing more from a connection that sends while it is short of memory.
func TestABrokerThatIsShortOfMemoryHoldsUpItsOwnSendersOnly(t *testing.T) {
	if os.Getenv("MESHWAY_SOAK") == "" {
		t.Skip("RabbitMQ does not always stop reading at its memory alarm, and then there is nothing to see: MESHWAY_SOAK=1 runs it")
	}
	node := rabbits(t, 1)[0]
	before := node.Accepted()
	m := startMesh(t, behindC(node.Port, "memory", "memory"))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	other := m.receiver(ctx, "A", "other", nil)
	through(ctx, m, "memory", "before")
	watermark := func(fraction string) {
		if _, err := node.Ctl(ctx, "set_vm_memory_high_watermark", fraction); err != nil {
			t.Fatal(err)
		}
	}
	watermark("0.00001")
	t.Cleanup(func() { _, _ = node.Ctl(context.Background(), "set_vm_memory_high_watermark", "0.4") })
	if err := node.AwaitLog(ctx, "memory resource limit alarm set"); err != nil {
		t.Fatal(err)
	}

	held := sendUntilHeld(ctx, t, m.sender(ctx, "A", "memory"))
	if err := m.sender(ctx, "B", "other").Send(ctx, amqp.NewMessage([]byte("x")), &amqp.SendOptions{Settled: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Receive(ctx, nil); err != nil {
		t.Fatal(err)
	}
	watermark("0.4")
	wantAccepted(ctx, t, held, "the message that was held up")
	if n := node.Accepted() - before; n != 1 {
		t.Errorf("router C connected %d times, want once", n)
	}
}

// sendUntilHeld sends messages until one has no outcome for half a second: the broker takes what
// comes until it notices that it should not.
func sendUntilHeld(ctx context.Context, t *testing.T, s *amqp.Sender) amqp.SendReceipt {
	t.Helper()
	for {
		receipt, err := s.SendWithReceipt(ctx, durable("meanwhile"), nil)
		if err != nil {
			t.Fatal(err)
		}
		short, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
		_, err = receipt.Wait(short)
		cancel()
		if err != nil {
			return receipt
		}
	}
}
