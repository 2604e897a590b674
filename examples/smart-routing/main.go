// Command smart-routing sends two kinds of messages to one address: what may be lost goes
// straight from the sensor to the dashboard, what must not be lost goes through RabbitMQ.
//
//	sensor ── router ───────────── dashboard     presettled: readings
//	            └── RabbitMQ ──────┘             unsettled: alarms
package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"time"

	"github.com/Azure/go-amqp"

	"github.com/meshway/meshway/examples/internal/stage"
)

//go:embed *.yaml
var files embed.FS

func main() { stage.Play("smart-routing", files, run) }

const (
	port     = "5694" // of the file
	readings = 1000
	patience = time.Second // of who looks whether the alarm waits
)

func run(ctx context.Context, s *stage.Stage) error {
	s.Say("RabbitMQ and a router start; a dashboard receives from the address, a sensor sends to it.")
	broker, err := s.StartBehind(ctx, "router")
	if err != nil {
		return err
	}
	r, err := s.Receiver(ctx, port, "events")
	if err != nil {
		return err
	}
	dashboard := watch(ctx, r)
	sensor, err := s.Sender(ctx, port, "events")
	if err != nil {
		return err
	}
	if err := errors.Join(read(ctx, sensor), alarm(ctx, sensor)); err != nil {
		return err
	}
	if err := see(ctx, s, dashboard, readings, 1); err != nil {
		return err
	}

	s.Say("\nRabbitMQ is killed. Readings do not need it; the alarm does.")
	if err := broker.Kill(); err != nil {
		return err
	}
	if err := read(ctx, sensor); err != nil {
		return err
	}
	alarmed := make(chan error, 1)
	go func() { alarmed <- alarm(ctx, sensor) }() // ends when it is accepted, or with ctx
	if err := see(ctx, s, dashboard, readings, 0); err != nil {
		return err
	}
	select {
	case err := <-alarmed:
		return errors.Join(errors.New("the alarm did not wait for RabbitMQ"), err)
	case <-time.After(patience):
		s.Say("  the alarm waits")
	}
	s.Say("\nRabbitMQ starts again.")
	if err := errors.Join(broker.Start(ctx), <-alarmed); err != nil {
		return err
	}
	return see(ctx, s, dashboard, 0, 1)
}

// read sends readings that nobody answers for.
func read(ctx context.Context, sensor *amqp.Sender) error {
	for n := range readings {
		m := amqp.NewMessage([]byte("reading"))
		if err := sensor.Send(ctx, m, &amqp.SendOptions{Settled: true}); err != nil {
			return fmt.Errorf("send reading %d: %w", n, err)
		}
	}
	return nil
}

// alarm sends an alarm until RabbitMQ has accepted it.
func alarm(ctx context.Context, sensor *amqp.Sender) error {
	return stage.SendDurable(ctx, sensor, amqp.NewMessage([]byte("alarm")))
}

// watch receives all that comes. It ends with ctx, or with the receiver.
func watch(ctx context.Context, r *amqp.Receiver) <-chan string {
	seen := make(chan string, 2*readings)
	go func() {
		defer close(seen)
		for {
			m, err := r.Receive(ctx, nil)
			if err != nil || r.AcceptMessage(ctx, m) != nil {
				return
			}
			select {
			case seen <- string(m.GetData()):
			case <-ctx.Done():
				return
			}
		}
	}()
	return seen
}

// see waits until the dashboard has seen so many more, and says so.
func see(ctx context.Context, s *stage.Stage, dashboard <-chan string, readings, alarms int) error {
	wanted := map[string]int{"reading": readings, "alarm": alarms}
	for wanted["reading"] > 0 || wanted["alarm"] > 0 {
		select {
		case body, ok := <-dashboard:
			if wanted[body]--; !ok || wanted[body] < 0 {
				return fmt.Errorf("the dashboard got %q, and still waits for %v", body, wanted)
			}
		case <-ctx.Done():
			return fmt.Errorf("the dashboard still waits for %v: %w", wanted, ctx.Err())
		}
	}
	s.Say("  readings straight from the sensor: %d; alarms through RabbitMQ: %d", readings, alarms)
	return nil
}
