// Package stage is what the examples have in common: it starts routers from the files of an
// example, the brokers and clients beside them, and ends all that it started.
//
// Consumes: YAML files with the ports that an example is described with. Produces: routers in
// this process, RabbitMQ nodes in processes of their own, go-amqp clients. Owns: all of them.
package stage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/Azure/go-amqp"
	"go.uber.org/zap"

	"github.com/meshway/meshway/internal/brokertest"
	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/freeport"
	"github.com/meshway/meshway/router"
)

// Stage is the routers, brokers and clients of an example. It is for one goroutine, but Dial,
// Sender, Receiver and Say are not after all routers and brokers have started.
type Stage struct {
	out     io.Writer
	files   fs.FS
	ports   []string // pairs of a port of the files and the one that is used in its place
	dirs    []string // of the brokers
	routers map[string]*router.Router
	brokers []*brokertest.Rabbit
	clients chan *amqp.Conn
}

// maxClients bounds the clients of an example.
const maxClients = 4096

// New is an empty stage for routers whose files are ID.yaml, in small letters.
func New(out io.Writer, files fs.FS) *Stage {
	return &Stage{out: out, files: files, routers: map[string]*router.Router{}, clients: make(chan *amqp.Conn, maxClients)}
}

// Play runs an example as a command: until it is done, or interrupted.
func Play(name string, files fs.FS, example func(context.Context, *Stage) error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	s := New(os.Stdout, files)
	err := s.Run(ctx, example)
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
}

// Run runs an example and ends what it started.
func (s *Stage) Run(ctx context.Context, example func(context.Context, *Stage) error) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	err := example(ctx, s)
	return errors.Join(err, s.end())
}

// Say writes a line.
func (s *Stage) Say(format string, args ...any) { fmt.Fprintf(s.out, format+"\n", args...) }

// Elsewhere has a port of the files replaced by one that is free, for tests.
func (s *Stage) Elsewhere(ports ...string) error {
	for _, port := range ports {
		free, err := freeport.Take()
		if err != nil {
			return err
		}
		s.ports = append(s.ports, port, strconv.Itoa(free))
	}
	return nil
}

func (s *Stage) local(text string) string { return strings.NewReplacer(s.ports...).Replace(text) }

// Start starts routers from their files, one after the other.
func (s *Stage) Start(ids ...string) error {
	for _, id := range ids {
		if err := s.start(id); err != nil {
			return fmt.Errorf("start %s: %w", id, err)
		}
	}
	return nil
}

func (s *Stage) start(id string) error {
	name := strings.ToLower(id) + ".yaml"
	text, err := fs.ReadFile(s.files, name)
	if err != nil {
		return err
	}
	cfg, err := config.Parse(name, []byte(s.local(string(text))))
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
	s.routers[id] = r
	return nil
}

// Stop stops a router.
func (s *Stage) Stop(id string) error {
	r := s.routers[id]
	delete(s.routers, id)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return r.Shutdown(ctx)
}

// rabbitPort is where the files believe a single broker to be.
const rabbitPort = "5672"

// StartBehind starts a broker, and then the routers that connect to it.
func (s *Stage) StartBehind(ctx context.Context, ids ...string) (*brokertest.Rabbit, error) {
	nodes, err := s.RabbitMQs(ctx, rabbitPort)
	if err == nil {
		err = s.Start(ids...)
	}
	return nodes[0], err
}

// RabbitMQs starts brokers, which the files believe to be on these ports, all at once. They are
// to be started before the routers that connect to them.
func (s *Stage) RabbitMQs(ctx context.Context, ports ...string) ([]*brokertest.Rabbit, error) {
	nodes := make([]*brokertest.Rabbit, len(ports))
	dir, err := os.MkdirTemp("", "meshway-example-")
	if err != nil {
		return nodes, err
	}
	s.dirs = append(s.dirs, dir)
	err = Each(len(ports), func(i int) (err error) {
		nodes[i], err = brokertest.LaunchRabbit(ctx, filepath.Join(dir, ports[i]))
		return err
	})
	for i, r := range nodes {
		if r != nil {
			s.brokers = append(s.brokers, r)
			s.ports = append(s.ports, ports[i], strconv.Itoa(r.Port))
		}
	}
	return nodes, err
}

// Dial connects a client to the router that listens on a port of the files.
func (s *Stage) Dial(ctx context.Context, port string) (*amqp.Session, error) {
	c, err := amqp.Dial(ctx, "amqp://127.0.0.1:"+s.local(port), &amqp.ConnOptions{SASLType: amqp.SASLTypeAnonymous()})
	if err != nil {
		return nil, fmt.Errorf("connect to the router on port %s: %w", port, err)
	}
	s.clients <- c
	return c.NewSession(ctx, nil)
}

// Sender connects a client and attaches a sender.
func (s *Stage) Sender(ctx context.Context, port, address string) (*amqp.Sender, error) {
	session, err := s.Dial(ctx, port)
	if err != nil {
		return nil, err
	}
	return session.NewSender(ctx, address, nil)
}

// Receiver connects a client and attaches a receiver.
func (s *Stage) Receiver(ctx context.Context, port, address string) (*amqp.Receiver, error) {
	session, err := s.Dial(ctx, port)
	if err != nil {
		return nil, err
	}
	return session.NewReceiver(ctx, address, nil)
}

// SendDurable sends a message until it is accepted: when a broker or the way to it is lost, what
// is on its way is released or modified, and may be sent again.
func SendDurable(ctx context.Context, sender *amqp.Sender, m *amqp.Message) error {
	m.Header = &amqp.MessageHeader{Durable: true}
	for {
		receipt, err := sender.SendWithReceipt(ctx, m, nil)
		if err != nil && ctx.Err() != nil {
			return fmt.Errorf("send: the router gave no credit in time, as it does while it has not found the broker: %w", ctx.Err())
		}
		if err != nil {
			return fmt.Errorf("send: %w", err)
		}
		outcome, err := receipt.Wait(ctx)
		if err != nil {
			return fmt.Errorf("wait for an outcome: %w", err)
		}
		if _, ok := outcome.(*amqp.StateAccepted); ok {
			return nil
		}
	}
}

// Each does something for 0 to n-1 at the same time, and returns when all are done.
func Each(n int, do func(int) error) error {
	errs := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { errs[i] = do(i) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// end ends what runs, the clients first.
func (s *Stage) end() error {
	var errs []error
	for len(s.clients) > 0 {
		_ = (<-s.clients).Close()
	}
	for id := range s.routers {
		errs = append(errs, s.Stop(id))
	}
	for _, b := range s.brokers {
		errs = append(errs, b.Kill(), b.Stop()) // nobody needs what it keeps
	}
	for _, dir := range s.dirs {
		errs = append(errs, os.RemoveAll(dir))
	}
	return errors.Join(errs...)
}
