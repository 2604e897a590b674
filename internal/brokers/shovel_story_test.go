package brokers

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/meshway/meshway/internal/brokertest"
)

// RabbitMQ's shovels are clients of the mesh, with an engine that no other client has.

// shovel has a node move messages from one end to the other, until it is stopped.
func shovel(ctx context.Context, t *testing.T, node *brokertest.Rabbit, name string, ends map[string]any) (stop func()) {
	t.Helper()
	definition, err := json.Marshal(ends)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := node.Ctl(ctx, "set_parameter", "shovel", name, string(definition)); err != nil {
		t.Fatal(err)
	}
	return func() {
		if _, err := node.Ctl(ctx, "clear_parameter", "shovel", name); err != nil {
			t.Error(err)
		}
	}
}

// From the mesh into a queue by one shovel, and from there back by another, which has fewer
// messages on their way than it may: more would be too many for its own count of credit.
func TestShovelsMoveMessagesBetweenAQueueAndTheMesh(t *testing.T) {
	node := rabbits(t, 1)[0]
	m := startMesh(t, nil)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	broker := fmt.Sprintf("amqp://guest:guest@127.0.0.1:%d", node.Port)
	router := fmt.Sprintf("amqp://127.0.0.1:%d?sasl=anonymous", m.routers["A"].clients)
	stopIn := shovel(ctx, t, node, "in", map[string]any{
		"src-protocol": "amqp10", "src-uri": router, "src-address": "shovelled/in",
		"dest-protocol": "amqp091", "dest-uri": broker, "dest-queue": "shovelled"})
	stopOut := shovel(ctx, t, node, "out", map[string]any{
		"src-protocol": "amqp091", "src-uri": broker, "src-queue": "shovelled", "src-prefetch-count": 100,
		"dest-protocol": "amqp10", "dest-uri": router, "dest-address": "shovelled/out"})

	const count = 3000
	s, r := m.sender(ctx, "C", "shovelled/in"), m.receiver(ctx, "B", "shovelled/out", nil)
	go func() {
		for n := range count {
			if _, err := s.SendWithReceipt(ctx, durable(fmt.Sprint(n)), nil); err != nil {
				return // the receiver waits in vain, and says so
			}
		}
	}()
	for n := range count {
		msg, err := r.Receive(ctx, nil)
		if err != nil {
			t.Fatalf("after %d messages: %v", n, err)
		}
		if got := string(msg.GetData()); got != fmt.Sprint(n) {
			t.Fatalf("message %s came, want %d", got, n)
		}
		if err := r.AcceptMessage(ctx, msg); err != nil {
			t.Fatal(err)
		}
	}
	stopIn()
	stopOut()
	m.routers["A"].awaitLog(t, "connection closed") // and no violation: its log is searched
}
