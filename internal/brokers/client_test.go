package brokers

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/Azure/go-amqp"
)

// addr is where clients of a router connect.
func (m *mesh) addr(id string) string { return fmt.Sprintf("127.0.0.1:%d", m.routers[id].clients) }

// dial connects a client to a router; the connection is closed when the test ends.
func (m *mesh) dial(ctx context.Context, id string) (*amqp.Session, error) {
	return dial(ctx, m.t, m.addr(id))
}

func dial(ctx context.Context, t *testing.T, addr string) (*amqp.Session, error) {
	c, err := amqp.Dial(ctx, "amqp://"+addr, &amqp.ConnOptions{SASLType: amqp.SASLTypeAnonymous()})
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	t.Cleanup(func() { c.Close() })
	return c.NewSession(ctx, nil)
}

func (m *mesh) sender(ctx context.Context, id, address string) *amqp.Sender {
	m.t.Helper()
	s, err := m.dial(ctx, id)
	if err != nil {
		m.t.Fatal(err)
	}
	l, err := s.NewSender(ctx, address, nil)
	if err != nil {
		m.t.Fatal(err)
	}
	return l
}

func (m *mesh) receiver(ctx context.Context, id, address string, o *amqp.ReceiverOptions) *amqp.Receiver {
	m.t.Helper()
	s, err := m.dial(ctx, id)
	if err != nil {
		m.t.Fatal(err)
	}
	l, err := s.NewReceiver(ctx, address, o)
	if err != nil {
		m.t.Fatal(err)
	}
	return l
}

// each does something for 0 to n-1 at the same time, and fails the test if one fails.
func each(t *testing.T, n int, do func(int) error) {
	t.Helper()
	errs := make(chan error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			if err := do(i); err != nil {
				errs <- err
			}
		})
	}
	all.Wait()
	if len(errs) > 0 {
		t.Fatalf("%d of %d failed, one so: %v", len(errs), n, <-errs)
	}
}

// durable is a message that a broker keeps.
func durable(body string) *amqp.Message {
	m := amqp.NewMessage([]byte(body))
	m.Header = &amqp.MessageHeader{Durable: true}
	return m
}

func accepted(s amqp.DeliveryState) bool {
	_, ok := s.(*amqp.StateAccepted)
	return ok
}

func wantAccepted(ctx context.Context, t *testing.T, r amqp.SendReceipt, what string) {
	t.Helper()
	if outcome, err := r.Wait(ctx); err != nil || !accepted(outcome) {
		t.Fatalf("%s: outcome %T, %v", what, outcome, err)
	}
}

// account counts messages by their bodies.
type account struct {
	mu    sync.Mutex
	times map[string]int
	mark  int    // how many different ones reach is called at
	reach func() // nil if there is no mark
}

func newAccount() *account { return &account{times: map[string]int{}} }

// at has f called once when there are so many different messages.
func (a *account) at(mark int, f func()) { a.mark, a.reach = mark, f }

func (a *account) add(body string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.times[body]++
	if a.reach != nil && len(a.times) >= a.mark {
		a.reach()
		a.reach = nil
	}
}

func (a *account) len() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.times)
}

// repeated is how many came more than once.
func (a *account) repeated() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := 0
	for _, times := range a.times {
		if times > 1 {
			n++
		}
	}
	return n
}

// missing are those of another account that are not in this one.
func (a *account) missing(other *account) (list []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	other.mu.Lock()
	defer other.mu.Unlock()
	for body := range other.times {
		if a.times[body] == 0 {
			list = append(list, body)
		}
	}
	return list
}
