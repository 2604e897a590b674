// Command edge-gateway puts a mesh of two routers between many devices and one RabbitMQ broker:
// the broker has one client, however many devices there are, and its death costs nobody a
// message.
//
//	200 devices ── gateway ── hub ── RabbitMQ
//	                           └── service
package main

import (
	"context"
	"embed"
	"errors"
	"fmt"

	"github.com/Azure/go-amqp"

	"github.com/meshway/meshway/examples/internal/stage"
	"github.com/meshway/meshway/internal/brokertest"
)

//go:embed *.yaml
var files embed.FS

func main() { stage.Play("edge-gateway", files, run) }

// Ports of the files.
const (
	gateway = "5691"
	hub     = "5692"
)

const (
	devices  = 200
	readings = 10 // that a device sends before the broker dies, and again meanwhile
)

func run(ctx context.Context, s *stage.Stage) error {
	s.Say("RabbitMQ and two routers start: devices connect to the gateway, the hub to RabbitMQ.")
	broker, err := s.StartBehind(ctx, "hub", "gateway")
	if err != nil {
		return err
	}
	senders, err := connect(ctx, s)
	if err != nil {
		return err
	}
	if err := send(ctx, senders, 0); err != nil {
		return err
	}
	clients, err := broker.Connections(ctx)
	if err != nil {
		return err
	}
	s.Say("  %d devices sent %d readings, all accepted by the broker", devices, devices*readings)
	s.Say("  RabbitMQ has %d client", len(clients))

	if err := die(ctx, s, broker, senders); err != nil {
		return err
	}
	s.Say("\nA service at the hub receives from the address: what comes out of the queue.")
	return collect(ctx, s)
}

// connect connects every device to the gateway.
func connect(ctx context.Context, s *stage.Stage) ([]*amqp.Sender, error) {
	senders := make([]*amqp.Sender, devices)
	err := stage.Each(devices, func(i int) (err error) {
		senders[i], err = s.Sender(ctx, gateway, "telemetry")
		return err
	})
	return senders, err
}

// send has every device send its readings, one after the other, each until it is accepted.
func send(ctx context.Context, senders []*amqp.Sender, first int) error {
	return stage.Each(devices, func(device int) error {
		for n := first; n < first+readings; n++ {
			m := amqp.NewMessage(fmt.Appendf(nil, "device %d reading %d", device, n))
			if err := stage.SendDurable(ctx, senders[device], m); err != nil {
				return err
			}
		}
		return nil
	})
}

// die kills the broker while devices send, and starts it again.
func die(ctx context.Context, s *stage.Stage, broker *brokertest.Rabbit, senders []*amqp.Sender) error {
	s.Say("\nRabbitMQ is killed while the devices send on. They keep their connections, and wait.")
	if err := broker.Kill(); err != nil {
		return err
	}
	sent := make(chan error, 1)
	go func() { sent <- send(ctx, senders, readings) }() // ends when all are accepted, or with ctx
	s.Say("RabbitMQ starts again. The hub finds it by itself.")
	if err := errors.Join(broker.Start(ctx), <-sent); err != nil {
		return err
	}
	s.Say("  the %d devices sent another %d readings, all accepted, without connecting again", devices, devices*readings)
	return nil
}

// collect receives what the devices sent, as a service would.
func collect(ctx context.Context, s *stage.Stage) error {
	receiver, err := s.Receiver(ctx, hub, "telemetry")
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	twice := 0
	for len(seen) < 2*devices*readings {
		m, err := receiver.Receive(ctx, nil)
		if err != nil {
			return fmt.Errorf("after %d readings: %w", len(seen), err)
		}
		if body := string(m.GetData()); seen[body] {
			twice++
		} else {
			seen[body] = true
		}
		if err := receiver.AcceptMessage(ctx, m); err != nil {
			return err
		}
	}
	s.Say("  it got all %d readings, %d of them twice", len(seen), twice)
	return nil
}
