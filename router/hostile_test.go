package router_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"maps"
	"math/rand/v2"
	"net"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	goamqp "github.com/Azure/go-amqp"
	"go.uber.org/zap"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/wire"
	"github.com/meshway/meshway/router"
)

// startRouter starts a router on a port of its own, which is shut down, and must
// have nothing left, when the test ends.
func startRouter(t *testing.T) (address string) {
	t.Helper()
	startPollers(t)
	before := runtime.NumGoroutine()
	cfg := config.Default()
	cfg.Router.ID = "under-attack"
	l := &cfg.Listeners[0]
	l.Host, l.Port = "127.0.0.1", "0"
	l.InitialHandshakeTimeout = 2 * time.Second
	gone, fan := config.DefaultAddress(), config.DefaultAddress()
	gone.Prefix, gone.Distribution = "gone", config.Unavailable
	fan.Prefix, fan.Distribution = "fan", config.Multicast
	cfg.Addresses = append(cfg.Addresses, gone, fan)
	r, err := router.New(cfg, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), rawPatience)
		defer cancel()
		if err := r.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		awaitGoroutines(t, before)
	})
	return r.Listening()[0].Addr.String()
}

// startPollers has the process start what watches sockets, and stays.
func startPollers(t *testing.T) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nc, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_ = ln.Close() // and the connection with it
	_ = amqp.NewClient(nc, new(amqp.Config), nil).Run()
}

// awaitGoroutines waits until there are no more goroutines than before.
func awaitGoroutines(t *testing.T, before int) {
	t.Helper()
	for end := time.Now().Add(rawPatience); runtime.NumGoroutine() > before; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			stacks := make([]byte, 1<<20)
			t.Errorf("%d goroutines, there were %d:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
			return
		}
	}
}

// heap is the memory in use, after a collection.
func heap() uint64 {
	runtime.GC()
	runtime.GC() // pools keep what they had for one more
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// pair is a sender and a receiver that keep to the rules, and check that nobody
// disturbs them: every message arrives, once, in order and unchanged.
type pair struct {
	address string
	n       atomic.Int64 // messages that have arrived
	err     error
}

// run exchanges messages over an address until stop is closed.
func (p *pair) run(router string, stop <-chan struct{}) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	in, err := goamqp.Dial(ctx, "amqp://"+router, nil)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := goamqp.Dial(ctx, "amqp://"+router, nil)
	if err != nil {
		return err
	}
	defer out.Close()
	inSession, err := in.NewSession(ctx, nil)
	if err != nil {
		return err
	}
	outSession, err := out.NewSession(ctx, nil)
	if err != nil {
		return err
	}
	receiver, err := inSession.NewReceiver(ctx, p.address, &goamqp.ReceiverOptions{Credit: 50})
	if err != nil {
		return err
	}
	sender, err := outSession.NewSender(ctx, p.address, nil)
	if err != nil {
		return err
	}
	received := make(chan error, 1)
	go func() {
		received <- p.receive(ctx, receiver)
		cancel()
	}()
	rnd := rand.New(rand.NewPCG(8, 8))
	sent := int64(0)
	for running := true; running; sent++ {
		if err := sender.Send(ctx, goamqp.NewMessage(numbered(sent, rnd)), nil); err != nil {
			select {
			case err = <-received:
			default:
			}
			return fmt.Errorf("message %d: %w", sent, err)
		}
		select {
		case <-stop:
			running = false
		default:
		}
	}
	if got := p.n.Load(); got != sent { // every send has been accepted by the receiver
		return fmt.Errorf("%d messages have arrived of %d", got, sent)
	}
	return nil
}

// numbered is a message of any size with a number and a checksum.
func numbered(n int64, rnd *rand.Rand) []byte {
	size := rnd.IntN(2000)
	if n%50 == 0 {
		size = rnd.IntN(200_000)
	}
	b := make([]byte, 12+size)
	binary.BigEndian.PutUint64(b[4:], uint64(n))
	for i := 12; i < len(b); i += 1 + i%7 {
		b[i] = byte(rnd.Uint32())
	}
	binary.BigEndian.PutUint32(b, crc32.ChecksumIEEE(b[4:]))
	return b
}

func (p *pair) receive(ctx context.Context, r *goamqp.Receiver) error {
	for {
		m, err := r.Receive(ctx, nil)
		if err != nil {
			return err
		}
		b := m.GetData()
		switch n := p.n.Load(); {
		case len(b) < 12 || binary.BigEndian.Uint32(b) != crc32.ChecksumIEEE(b[4:]):
			return fmt.Errorf("message %d has changed on its way", n)
		case binary.BigEndian.Uint64(b[4:]) != uint64(n):
			return fmt.Errorf("message %d came when %d was due", binary.BigEndian.Uint64(b[4:]), n)
		}
		p.n.Add(1)
		if err := r.AcceptMessage(ctx, m); err != nil {
			return err
		}
	}
}

// While a pair exchanges messages, twenty peers do whatever is not allowed. The pair
// is not disturbed, and the router is as it was when they have gone.
func TestHostilePeersDisturbNobody(t *testing.T) {
	address := startRouter(t)
	stop := make(chan struct{})
	var pairs, peers sync.WaitGroup
	good := []*pair{{address: "good"}, {address: "fan/good"}}
	for _, p := range good {
		pairs.Go(func() { p.err = p.run(address, stop) })
	}
	awaitProgress(t, good, 20)
	goroutines, memory := runtime.NumGoroutine(), heap()

	names := slices.Sorted(maps.Keys(attacks))
	halt := make(chan struct{})
	for id := range 20 {
		peers.Go(func() {
			a := &attacker{address: address, id: id, rnd: rand.New(rand.NewPCG(uint64(id), 9)), stop: halt}
			for _, i := range a.rnd.Perm(len(names)) {
				attacks[names[i]](a)
			}
		})
	}
	done := make(chan struct{})
	go func() {
		peers.Wait()
		close(done)
	}()
	for over := false; !over; {
		awaitProgress(t, good, 5)
		select {
		case <-done:
			over = true
		case <-time.After(10 * time.Millisecond):
		}
	}
	close(halt)
	awaitProgress(t, good, 50)
	awaitGoroutines(t, goroutines)
	if now := heap(); now > memory+32<<20 {
		t.Errorf("the heap has grown from %d to %d KiB", memory>>10, now>>10)
	}
	close(stop)
	pairs.Wait()
	for _, p := range good {
		if p.err != nil {
			t.Errorf("%s: %v", p.address, p.err)
		}
	}
}

// awaitProgress waits until every pair has got n messages through.
func awaitProgress(t *testing.T, pairs []*pair, n int64) {
	t.Helper()
	for _, p := range pairs {
		goal := p.n.Load() + n
		for end := time.Now().Add(3 * rawPatience); p.n.Load() < goal; time.Sleep(time.Millisecond) {
			if time.Now().After(end) || p.err != nil {
				stacks := make([]byte, 1<<20)
				t.Fatalf("%s: %d messages, and no more: %v\n%s", p.address, p.n.Load(), p.err, stacks[:runtime.Stack(stacks, true)])
			}
		}
	}
}

// Each attack by itself, so that one that goes wrong has a name.
func TestEachAttackIsOver(t *testing.T) {
	address := startRouter(t)
	for _, name := range slices.Sorted(maps.Keys(attacks)) {
		t.Run(name, func(t *testing.T) {
			goroutines := runtime.NumGoroutine()
			halt := make(chan struct{})
			defer close(halt)
			attacks[name](&attacker{address: address, rnd: rand.New(rand.NewPCG(1, 9)), stop: halt})
			awaitGoroutines(t, goroutines)
		})
	}
	c := rawDial(address).open()
	defer c.close()
	c.write(sender("still", 0, "there"))
	if c.await(wire.CodeAttach).body == nil {
		t.Fatalf("the router does not answer: %v", c.gone)
	}
}
