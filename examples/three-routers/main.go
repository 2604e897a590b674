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
	"io"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/Azure/go-amqp"
	"go.uber.org/zap"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/router"
)

//go:embed *.yaml
var files embed.FS

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	d := &demo{out: os.Stdout, routers: map[string]*router.Router{}}
	if err := d.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "three-routers:", err)
		os.Exit(1)
	}
}

// demo is the mesh and its clients.
type demo struct {
	out     io.Writer
	ports   *strings.Replacer // other ports than those in the files; nil for none
	routers map[string]*router.Router
	clients []*amqp.Conn
}

func (d *demo) run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	defer d.end()
	for _, id := range []string{"A", "B", "C"} {
		if err := d.start(id); err != nil {
			return err
		}
	}
	receiver, err := d.receiver(ctx, "C", "orders")
	if err != nil {
		return err
	}
	ways := accept(ctx, receiver)
	sender, err := d.sender(ctx, "A", "orders")
	if err != nil {
		return err
	}
	d.say("A sender at A, a receiver at C. The sender gets credit once A knows of the receiver.")
	if err := d.pass(ctx, sender, ways, "order 1", "A B C"); err != nil {
		return err
	}

	d.say("\nB stops. Messages take the other way, which costs more.")
	if err := d.stop("B"); err != nil {
		return err
	}
	if err := d.pass(ctx, sender, ways, "order 2", "A C"); err != nil {
		return err
	}

	d.say("\nB is back, and with it the cheap way.")
	if err := d.start("B"); err != nil {
		return err
	}
	if err := d.pass(ctx, sender, ways, "order 3", "A B C"); err != nil {
		return err
	}
	return d.news(ctx)
}

// pass sends messages until one has taken the way that is expected, and says how the last
// one went. Routes follow a change within milliseconds, but not before it.
func (d *demo) pass(ctx context.Context, s *amqp.Sender, ways <-chan string, body, way string) error {
	for {
		if err := s.Send(ctx, amqp.NewMessage([]byte(body)), nil); err != nil {
			var outcome *amqp.Error
			if errors.As(err, &outcome) {
				continue // it was on its way when the path was lost; it may be sent again
			}
			return fmt.Errorf("send: %w", err)
		}
		if trace := <-ways; trace == way {
			d.say("  %q came by %s and was accepted", body, strings.ReplaceAll(trace, " ", " -> "))
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
func (d *demo) news(ctx context.Context) error {
	d.say("\nA multicast address: a sender at B, a subscriber at each router.")
	subscribers := map[string]*amqp.Receiver{}
	for _, id := range []string{"A", "B", "C"} {
		r, err := d.receiver(ctx, id, "news/today")
		if err != nil {
			return err
		}
		subscribers[id] = r
	}
	s, err := d.sender(ctx, "B", "news/today")
	if err != nil {
		return err
	}
	// The sender cannot know when B has heard of the others: it sends until all got one.
	for len(subscribers) > 0 {
		if err := d.broadcast(ctx, s, subscribers); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) broadcast(ctx context.Context, s *amqp.Sender, subscribers map[string]*amqp.Receiver) error {
	msg := amqp.NewMessage([]byte("it rains"))
	if err := s.Send(ctx, msg, &amqp.SendOptions{Settled: true}); err != nil {
		return err
	}
	for id, r := range subscribers {
		short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		m, err := r.Receive(short, nil)
		cancel()
		if err != nil {
			continue // not yet
		}
		d.say("  the subscriber at %s got %q", id, m.GetData())
		delete(subscribers, id)
	}
	return nil
}

// start starts a router from its file.
func (d *demo) start(id string) error {
	name := strings.ToLower(id) + ".yaml"
	text, err := files.ReadFile(name)
	if err != nil {
		return err
	}
	cfg, err := config.Parse(name, []byte(d.local(string(text))))
	if err != nil {
		return err
	}
	r, err := router.New(cfg, zap.NewNop())
	if err != nil {
		return err
	}
	if err := r.Start(); err != nil {
		return err
	}
	d.routers[id] = r
	return nil
}

// local puts other ports into a text, if there are.
func (d *demo) local(text string) string {
	if d.ports == nil {
		return text
	}
	return d.ports.Replace(text)
}

func (d *demo) stop(id string) error {
	r := d.routers[id]
	delete(d.routers, id)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return r.Shutdown(ctx)
}

// end stops what runs.
func (d *demo) end() {
	for _, c := range d.clients {
		_ = c.Close()
	}
	for id := range d.routers {
		_ = d.stop(id)
	}
}

// session connects a client to a router.
func (d *demo) session(ctx context.Context, id string) (*amqp.Session, error) {
	port := map[string]string{"A": "5681", "B": "5682", "C": "5683"}[id]
	c, err := amqp.Dial(ctx, "amqp://127.0.0.1:"+d.local(port), &amqp.ConnOptions{SASLType: amqp.SASLTypeAnonymous()})
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", id, err)
	}
	d.clients = append(d.clients, c)
	return c.NewSession(ctx, nil)
}

func (d *demo) sender(ctx context.Context, id, address string) (*amqp.Sender, error) {
	s, err := d.session(ctx, id)
	if err != nil {
		return nil, err
	}
	return s.NewSender(ctx, address, nil)
}

func (d *demo) receiver(ctx context.Context, id, address string) (*amqp.Receiver, error) {
	s, err := d.session(ctx, id)
	if err != nil {
		return nil, err
	}
	return s.NewReceiver(ctx, address, nil)
}

func (d *demo) say(format string, args ...any) { fmt.Fprintf(d.out, format+"\n", args...) }
