// Command sharded-queue spreads one address over three RabbitMQ brokers by customer: the orders
// of a customer keep their order, and a broker that dies concerns its own customers only.
//
//	             ┌── broker-1
//	30 customers ── router ── broker-2
//	             └── broker-3
package main

import (
	"context"
	"embed"
	"fmt"
	"time"

	"github.com/Azure/go-amqp"

	"github.com/meshway/meshway/examples/internal/stage"
	"github.com/meshway/meshway/internal/brokertest"
)

//go:embed *.yaml
var files embed.FS

func main() { stage.Play("sharded-queue", files, run) }

const port = "5693"

// brokers are the ports of the files.
var brokers = []string{"5672", "5673", "5674"}

const (
	customers = 30
	orders    = 20 // of a customer
)

func run(ctx context.Context, s *stage.Stage) error {
	s.Say("Three RabbitMQ brokers start, and a router that is connected to each.")
	nodes, err := s.RabbitMQs(ctx, brokers...)
	if err != nil {
		return err
	}
	if err := s.Start("router"); err != nil {
		return err
	}
	sender, err := s.Sender(ctx, port, "orders")
	if err != nil {
		return err
	}
	for n := range orders {
		if accepted := order(ctx, sender, n); await(accepted, customers, ctx.Done()) < customers {
			return fmt.Errorf("some orders were not accepted: %w", ctx.Err())
		}
	}
	s.Say("  %d orders of %d customers sent, all accepted", customers*orders, customers)
	for i, node := range nodes {
		n, err := node.Depth(ctx, "orders")
		if err != nil {
			return err
		}
		s.Say("  broker-%d has %d of them, of %d customers", i+1, n, n/orders)
	}
	if err := collect(ctx, s); err != nil {
		return err
	}
	return lose(ctx, s, nodes[1], sender)
}

// order sends the n-th order of every customer, and returns what tells of each when it is
// accepted.
func order(ctx context.Context, sender *amqp.Sender, n int) <-chan struct{} {
	accepted := make(chan struct{}, customers)
	for c := range customers {
		go func() { // ends when the order is accepted, or with ctx
			customer := fmt.Sprintf("customer %d", c)
			m := amqp.NewMessage(nil)
			m.Properties = &amqp.MessageProperties{GroupID: &customer}
			m.ApplicationProperties = map[string]any{"n": int64(n)}
			if stage.SendDurable(ctx, sender, m) == nil {
				accepted <- struct{}{}
			}
		}()
	}
	return accepted
}

// await counts what is accepted until so many are, or until the end.
func await[T any](accepted <-chan struct{}, count int, end <-chan T) (n int) {
	for ; n < count; n++ {
		select {
		case <-accepted:
		case <-end:
			return n
		}
	}
	return n
}

// collect receives all orders and looks at their order.
func collect(ctx context.Context, s *stage.Stage) error {
	r, err := s.Receiver(ctx, port, "orders")
	if err != nil {
		return err
	}
	next := map[string]int64{}
	for range customers * orders {
		m, err := r.Receive(ctx, nil)
		if err != nil {
			return err
		}
		customer, n := *m.Properties.GroupID, m.ApplicationProperties["n"].(int64)
		if n != next[customer] {
			return fmt.Errorf("order %d of %s came before order %d", n, customer, next[customer])
		}
		next[customer]++
		if err := r.AcceptMessage(ctx, m); err != nil {
			return err
		}
	}
	s.Say("  one receiver got all of them, those of each customer in their order")
	return r.Close(ctx)
}

// patience is how long orders are waited for that need not wait for the broker.
const patience = 3 * time.Second

// lose kills a broker: the orders of its customers wait, the others do not.
func lose(ctx context.Context, s *stage.Stage, node *brokertest.Rabbit, sender *amqp.Sender) error {
	s.Say("\nbroker-2 is killed. Every customer orders again.")
	if err := node.Kill(); err != nil {
		return err
	}
	accepted := order(ctx, sender, orders)
	now := await(accepted, customers, time.After(patience))
	s.Say("  %d orders were accepted at once, %d wait for broker-2", now, customers-now)
	if err := node.Start(ctx); err != nil {
		return err
	}
	then := now + await(accepted, customers-now, ctx.Done())
	s.Say("broker-2 is back.\n  %d of %d orders are accepted", then, customers)
	return nil
}
