package brokers

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/Azure/go-amqp"

	"github.com/meshway/meshway/internal/brokertest"
)

// A crowd of devices sends into a queue, and services receive what comes out of it, all through
// the mesh. Each router has one connection to the broker.

// ids are the routers.
var ids = []string{"A", "B", "C"}

// device is one connection that sends numbered messages.
type device struct {
	name   string
	sender *amqp.Sender
}

// connectDevices connects them to the routers in turn.
func connectDevices(ctx context.Context, t *testing.T, m *mesh, count int, address string) []device {
	t.Helper()
	devices := make([]device, count)
	each(t, count, func(i int) error {
		session, err := m.dial(ctx, ids[i%len(ids)])
		if err != nil {
			return err
		}
		sender, err := session.NewSender(ctx, address, nil)
		devices[i] = device{fmt.Sprintf("device %d", i), sender}
		return err
	})
	return devices
}

// inFlight is how many messages a device sends before it waits for their outcomes.
const inFlight = 5

// send sends messages, and notes which are accepted. What is not is an error, unless it may be
// sent again: then it is, until it is accepted.
func (d device) send(ctx context.Context, count int, sent *account, again bool) error {
	for todo := bodies(d.name, count); len(todo) > 0; {
		now := todo[:min(inFlight, len(todo))]
		todo = todo[len(now):]
		refused, err := d.sendSome(ctx, now, sent)
		if err != nil {
			return err
		}
		if len(refused) > 0 && !again {
			return fmt.Errorf("%q was not accepted", refused)
		}
		todo = append(refused, todo...)
	}
	return nil
}

// sendSome sends messages without waiting in between, and returns those that were not accepted.
func (d device) sendSome(ctx context.Context, bodies []string, sent *account) (refused []string, err error) {
	receipts := make([]amqp.SendReceipt, len(bodies))
	for i, body := range bodies {
		if receipts[i], err = d.sender.SendWithReceipt(ctx, durable(body), nil); err != nil {
			return nil, fmt.Errorf("send %q: %w", body, err)
		}
	}
	for i, r := range receipts {
		switch outcome, err := r.Wait(ctx); {
		case err != nil:
			return nil, fmt.Errorf("outcome of %q: %w", bodies[i], err)
		case accepted(outcome):
			sent.add(bodies[i])
		default:
			refused = append(refused, bodies[i])
		}
	}
	return refused, nil
}

func bodies(name string, count int) (all []string) {
	for n := range count {
		all = append(all, fmt.Sprintf("%s message %d", name, n))
	}
	return all
}

// serve receives at a router until the context ends, and counts a message before the broker can
// forget it.
func serve(ctx context.Context, m *mesh, id, address string, got *account) error {
	session, err := m.dial(ctx, id)
	if err != nil {
		return err
	}
	r, err := session.NewReceiver(ctx, address, &amqp.ReceiverOptions{Credit: 500})
	if err != nil {
		return err
	}
	for {
		msg, err := r.Receive(ctx, nil)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("receive at %s: %w", id, err)
		}
		got.add(string(msg.GetData()))
		if err := r.AcceptMessage(ctx, msg); err != nil && ctx.Err() == nil {
			return fmt.Errorf("accept at %s: %w", id, err)
		}
	}
}

// throughQueue is what all routers have in these stories.
func throughQueue(name string, r *brokertest.Rabbit) entries {
	all := []section{connector("rabbit", r.Port), address("prefix: " + name + ", waypoint: true")}
	return entries{"*": append(all, both(name, "rabbit", ", durable: unsettled-state")...)}
}

// awaitEmpty returns when the broker has heard of every message that was accepted.
func awaitEmpty(ctx context.Context, node *brokertest.Rabbit, queue string) error {
	for {
		switch n, err := node.Depth(ctx, queue); {
		case err != nil:
			return fmt.Errorf("the queue is not empty, or cannot be seen: %w", err)
		case n == 0:
			return nil
		}
	}
}

func TestAQueueBehindAMeshLosesAndRepeatsNothing(t *testing.T) {
	volume(t)
	const address = "crowd"
	devices, messages := 1000, more(100, 1000)
	node := rabbits(t, 1)[0]
	before := node.Accepted()
	m := startMesh(t, throughQueue(address, node))
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()

	crowd := connectDevices(ctx, t, m, devices, address)
	sent, got := newAccount(), newAccount()
	each(t, devices, func(i int) error { return crowd[i].send(ctx, messages, sent, false) })
	if n := sent.len(); n != devices*messages {
		t.Fatalf("%d messages accepted, want %d", n, devices*messages)
	}
	if n, err := node.Depth(ctx, address); err != nil || n != devices*messages {
		t.Errorf("the queue has %d messages, want %d (%v)", n, devices*messages, err)
	}
	if list, err := node.Connections(ctx); err != nil || len(list) > len(ids) {
		t.Errorf("the broker's clients are %v, want one a router at most (%v)", list, err)
	}

	drained, enough := context.WithCancel(ctx)
	defer enough()
	each(t, len(ids)+1, func(i int) error {
		if i < len(ids) {
			return serve(drained, m, ids[i], address, got)
		}
		defer enough()
		return awaitEmpty(ctx, node, address)
	})
	if lost := got.missing(sent); len(lost) > 0 {
		t.Errorf("%d messages lost, one is %q", len(lost), lost[0])
	}
	if n := got.repeated(); n > 0 {
		t.Errorf("%d messages came twice", n)
	}
	if n := node.Accepted() - before; n > len(ids) {
		t.Errorf("the routers connected to the broker %d times, want once each", n)
	}
}

func TestEveryDurableMessageThatWasAcceptedOutlivesTheBroker(t *testing.T) {
	const address = "survivors"
	devices, messages := 60, more(100, 5000)
	node := rabbits(t, 1)[0]
	m := startMesh(t, throughQueue(address, node))
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()

	crowd := connectDevices(ctx, t, m, devices, address)
	sent, got := newAccount(), newAccount()
	half := make(chan struct{})
	sent.at(devices*messages/2, func() { close(half) })
	failed := make(chan error, 1)
	go func() { // ends when the broker is back, or cannot come back
		<-half
		failed <- errors.Join(node.Kill(), node.Start(ctx))
	}()
	drained, enough := context.WithCancel(ctx)
	defer enough()
	var sending sync.WaitGroup
	sending.Add(devices)
	each(t, devices+len(ids)+1, func(i int) error {
		switch {
		case i < devices:
			defer sending.Done()
			return crowd[i].send(ctx, messages, sent, true)
		case i < devices+len(ids):
			return serve(drained, m, ids[i-devices], address, got)
		}
		defer enough()
		if err := <-failed; err != nil {
			return err
		}
		sending.Wait()
		return awaitEmpty(ctx, node, address)
	})
	if lost := got.missing(sent); len(lost) > 0 {
		t.Errorf("%d messages that were accepted are lost, one is %q", len(lost), lost[0])
	}
	t.Logf("%d messages, %d came more than once", sent.len(), got.repeated())
}
