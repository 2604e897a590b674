package brokers

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/Azure/go-amqp"

	"github.com/meshway/meshway/internal/brokertest"
	"github.com/meshway/meshway/routing"
)

// One address over three brokers, each behind a router of its own.

// shardNames are the connections to the brokers, in the order of the routers.
var shardNames = []string{"broker-1", "broker-2", "broker-3"}

// Addresses over the three. That of the loss has a name of its own: a broker that is killed may
// come back with messages that had been taken from it.
const (
	keepsOrder = "shards-in-order"
	waits      = "shards-that-wait"
	moves      = "shards-that-move"
)

// sharded has each router connected to a broker of its own.
func sharded(nodes []*brokertest.Rabbit) entries {
	all := entries{}
	for name, loss := range map[string]string{keepsOrder: "wait", waits: "wait", moves: "move"} {
		all["*"] = append(all["*"], address(fmt.Sprintf("prefix: %s, shards: {key: group-id, connections: [%s], onLoss: %s}",
			name, strings.Join(shardNames, ", "), loss)))
	}
	for i, id := range ids {
		all[id] = []section{connector(shardNames[i], nodes[i].Port)}
	}
	return all
}

func key(n int) string { return fmt.Sprintf("key %d", n) }

// shardOf is the shard of a key.
func shardOf(key string) int { return routing.NewShards(shardNames).Choose([]byte(key), nil) }

// keyed sends the n-th message of a key and does not wait for its outcome.
func keyed(ctx context.Context, s *amqp.Sender, key string, n int) (amqp.SendReceipt, error) {
	m := durable(fmt.Sprintf("%s/%d", key, n))
	m.Properties = &amqp.MessageProperties{GroupID: &key}
	r, err := s.SendWithReceipt(ctx, m, nil)
	if err != nil {
		return r, fmt.Errorf("send message %d of %s: %w", n, key, err)
	}
	return r, nil
}

// sendKeys sends rounds of messages, one for each key in each, by a few senders that share the
// keys among them, and returns when all are accepted.
func sendKeys(ctx context.Context, t *testing.T, m *mesh, address string, keys, rounds int) {
	t.Helper()
	const senders = 20
	each(t, senders, func(i int) error {
		session, err := m.dial(ctx, "A")
		if err != nil {
			return err
		}
		s, err := session.NewSender(ctx, address, nil)
		if err != nil {
			return err
		}
		var receipts []amqp.SendReceipt
		for n := range rounds {
			for k := i; k < keys; k += senders {
				r, err := keyed(ctx, s, key(k), n)
				if err != nil {
					return err
				}
				receipts = append(receipts, r)
			}
		}
		for _, r := range receipts {
			if outcome, err := r.Wait(ctx); err != nil || !accepted(outcome) {
				return fmt.Errorf("outcome %T: %w", outcome, err)
			}
		}
		return nil
	})
}

// depths are the numbers of messages that the shards have.
func depths(ctx context.Context, t *testing.T, nodes []*brokertest.Rabbit, queue string) []int {
	t.Helper()
	list := make([]int, len(nodes))
	each(t, len(nodes), func(i int) (err error) {
		list[i], err = nodes[i].Depth(ctx, queue)
		return err
	})
	return list
}

// takeAll receives so many messages and wants those of each key in their order.
func takeAll(ctx context.Context, t *testing.T, r *amqp.Receiver, count int) map[string]int {
	t.Helper()
	next := map[string]int{}
	for range count {
		m, err := r.Receive(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		key, n, _ := strings.Cut(string(m.GetData()), "/")
		if n != fmt.Sprint(next[key]) {
			t.Fatalf("message %s of %s came, want %d", n, key, next[key])
		}
		next[key]++
		if err := r.AcceptMessage(ctx, m); err != nil {
			t.Fatal(err)
		}
	}
	return next
}

func TestTenThousandKeysOverThreeBrokers(t *testing.T) {
	volume(t)
	keys, rounds := 10_000, more(2, 20)
	nodes := rabbits(t, 3)
	m := startMesh(t, sharded(nodes))
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()

	sendKeys(ctx, t, m, keepsOrder, keys, rounds)
	for i, n := range depths(ctx, t, nodes, keepsOrder) {
		if fair := keys * rounds / 3; n < fair*9/10 || n > fair*11/10 {
			t.Errorf("%s has %d messages, want %d and at most a tenth more or less", shardNames[i], n, fair)
		}
	}
	r := m.receiver(ctx, "C", keepsOrder, &amqp.ReceiverOptions{Credit: 500})
	if got := takeAll(ctx, t, r, keys*rounds); len(got) != keys {
		t.Errorf("messages of %d keys came, want all %d", len(got), keys)
	}
	if err := r.Close(ctx); err != nil {
		t.Fatal(err)
	}
	testLostShard(ctx, t, m, nodes)
}

// testLostShard kills a broker: with wait, messages of its keys wait for it, and no other ones;
// with move, others take them.
func testLostShard(ctx context.Context, t *testing.T, m *mesh, nodes []*brokertest.Rabbit) {
	const lost, keys = 1, 60
	s := m.sender(ctx, "A", waits)
	m.sender(ctx, "A", moves)
	if err := nodes[lost].Kill(); err != nil {
		t.Fatal(err)
	}
	// Router A hears of it from B: what it sends there until then comes back released.
	for _, address := range []string{waits, moves} {
		m.routers["A"].awaitLog(t, "a shard is lost", address, shardNames[lost])
	}
	receipts := map[string]amqp.SendReceipt{}
	for k := range keys {
		r, err := keyed(ctx, s, key(k), 0)
		if err != nil {
			t.Fatal(err)
		}
		receipts[key(k)] = r
	}
	for key, r := range receipts {
		if shardOf(key) != lost {
			wantAccepted(ctx, t, r, "a message of a key whose broker is there")
		}
	}
	sendKeys(ctx, t, m, moves, keys, 1)
	short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	for key, r := range receipts {
		if shardOf(key) == lost {
			if outcome, err := r.Wait(short); err == nil {
				t.Errorf("a message of %s, whose broker is lost, has the outcome %T", key, outcome)
			}
		}
	}

	brokertest.RestartRabbit(t, nodes[lost])
	for key, r := range receipts {
		if shardOf(key) == lost {
			wantAccepted(ctx, t, r, "a message that waited for its broker")
		}
	}
	want := make([]int, len(nodes))
	for k := range keys {
		want[shardOf(key(k))]++
	}
	if got := depths(ctx, t, nodes, waits); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the brokers have %v messages, want those of their keys: %v", got, want)
	}
	moved := depths(ctx, t, append(nodes[:lost:lost], nodes[lost+1:]...), moves)
	if moved[0] < want[0] || moved[1] < want[2] || moved[0]+moved[1] != keys {
		t.Errorf("the brokers that were there have %v messages, want all %d, and each those of its own keys", moved, keys)
	}
}
