// Command three-routers starts a mesh of three routers in one process, connects clients to
// them, and shows what happens to their messages when a router is lost.
//
//	A ──1── B ──1── C
//	└───────5───────┘
package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/Azure/go-amqp"

	"github.com/meshway/meshway/examples/internal/stage"
)

//go:embed *.yaml
var files embed.FS

func main() { stage.Play("three-routers", files, run) }

// Ports of the routers.
const a, b, c = "5681", "5682", "5683"

func run(ctx context.Context, s *stage.Stage) error {
	if err := s.Start("A", "B", "C"); err != nil {
		return err
	}
	receiver, err := s.Receiver(ctx, c, "orders")
	if err != nil {
		return err
	}
	ways := accept(ctx, receiver)
	sender, err := s.Sender(ctx, a, "orders")
	if err != nil {
		return err
	}
	s.Say("A sender at A, a receiver at C. The sender gets credit once A knows of the receiver.")
	if err := pass(ctx, s, sender, ways, "order 1", "A B C"); err != nil {
		return err
	}

	s.Say("\nB stops. Messages take the other way, which costs more.")
	if err := s.Stop("B"); err != nil {
		return err
	}
	if err := pass(ctx, s, sender, ways, "order 2", "A C"); err != nil {
		return err
	}

	s.Say("\nB is back, and with it the cheap way.")
	if err := s.Start("B"); err != nil {
		return err
	}
	if err := pass(ctx, s, sender, ways, "order 3", "A B C"); err != nil {
		return err
	}
	return news(ctx, s)
}

// pass sends messages until one has taken the way that is expected, and says how the last
// one went. Routes follow a change within milliseconds, but not before it.
func pass(ctx context.Context, s *stage.Stage, sender *amqp.Sender, ways <-chan string, body, way string) error {
	for {
		if err := sender.Send(ctx, amqp.NewMessage([]byte(body)), nil); err != nil {
			var outcome *amqp.Error
			if errors.As(err, &outcome) {
				continue // it was on its way when the path was lost; it may be sent again
			}
			return fmt.Errorf("send: %w", err)
		}
		if trace := <-ways; trace == way {
			s.Say("  %q came by %s and was accepted", body, strings.ReplaceAll(trace, " ", " -> "))
			return nil
		}
	}
}

// accept accepts all that comes, and tells which way it came. It ends with ctx, or with
// the receiver.
func accept(ctx context.Context, r *amqp.Receiver) <-chan string {
	ways := make(chan string, 1)
	go func() {
		defer close(ways)
		for {
			msg, err := r.Receive(ctx, nil)
			if err != nil {
				return
			}
			select {
			case <-ways: // of a message whose outcome was lost
			default:
			}
			ways <- wayOf(msg)
			if r.AcceptMessage(ctx, msg) != nil {
				return
			}
		}
	}()
	return ways
}

// wayOf is the routers that a message passed.
func wayOf(m *amqp.Message) string {
	list, _ := m.Annotations["x-opt-qd.trace"].([]any)
	var ids []string
	for _, r := range list {
		id, _ := r.(string)
		ids = append(ids, strings.TrimPrefix(id, "0/"))
	}
	return strings.Join(ids, " ")
}

// news sends a multicast message from B to subscribers at all three.
func news(ctx context.Context, s *stage.Stage) error {
	s.Say("\nA multicast address: a sender at B, a subscriber at each router.")
	subscribers := map[string]*amqp.Receiver{}
	for id, port := range map[string]string{"A": a, "B": b, "C": c} {
		r, err := s.Receiver(ctx, port, "news/today")
		if err != nil {
			return err
		}
		subscribers[id] = r
	}
	sender, err := s.Sender(ctx, b, "news/today")
	if err != nil {
		return err
	}
	// The sender cannot know when B has heard of the others: it sends until all got one.
	for len(subscribers) > 0 {
		if err := broadcast(ctx, s, sender, subscribers); err != nil {
			return err
		}
	}
	return nil
}

func broadcast(ctx context.Context, s *stage.Stage, sender *amqp.Sender, subscribers map[string]*amqp.Receiver) error {
	msg := amqp.NewMessage([]byte("it rains"))
	if err := sender.Send(ctx, msg, &amqp.SendOptions{Settled: true}); err != nil {
		return err
	}
	for id, r := range subscribers {
		short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		m, err := r.Receive(short, nil)
		cancel()
		if err != nil {
			continue // not yet
		}
		s.Say("  the subscriber at %s got %q", id, m.GetData())
		delete(subscribers, id)
	}
	return nil
}
