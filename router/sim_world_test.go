package router_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/internal/wire"
	"github.com/meshway/meshway/router"
)

// world is one run of the simulation: a router, applications that do things at
// random, and the ledger that knows what must come of it.
type world struct {
	t      *testing.T
	seed   uint64
	rng    *rand.Rand
	net    *meshtest.Network
	cfg    config.Config
	router *router.Router
	ledger ledger

	mu    sync.Mutex // guards the following while applications run by themselves
	slots []*simApp
	all   []*simApp
	born  int
}

// plan is how a run goes.
type plan struct {
	apps  int
	storm bool // applications run by themselves, all at once
	steps int  // of all applications together
	halt  bool // the router is shut down in the middle of it
	rush  bool // everybody sends much to few addresses, again and again
}

// planOf makes a run's plan from its seed.
func planOf(seed uint64) plan {
	rng := rand.New(rand.NewPCG(seed, 0))
	p := plan{apps: 5 + rng.IntN(8), storm: seed%2 == 1, steps: 110 + rng.IntN(110), halt: seed%7 == 3}
	if seed%10 == 9 {
		p.apps = 40
	}
	if p.storm {
		p.steps *= 2
		p.rush = seed%10 == 1
	}
	return p
}

// newWorld starts a router with what is special about the seed.
func newWorld(t *testing.T, seed uint64) *world {
	w := &world{t: t, seed: seed, net: new(meshtest.Network), rng: rand.New(rand.NewPCG(seed, 1<<32))}
	w.ledger.byID = make(map[uint64]*letter)
	w.configure()
	r, err := router.New(w.cfg, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	w.router = r
	r.ListenBy(w.net.Listen)
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) configure() {
	w.cfg = standalone()
	normal := w.cfg.Listeners[0]
	normal.MaxFrameSize = []uint32{512, 4 << 10, 16 << 10, 64 << 10}[w.rng.IntN(4)]
	normal.LinkCapacity = []int{3, 10, 50, capacity}[w.rng.IntN(4)]
	tracing := normal
	tracing.Name, tracing.Port, tracing.StripAnnotations = "tracing", "5673", config.StripNone
	tracing.LinkCapacity = []int{4, 20, capacity}[w.rng.IntN(3)]
	w.cfg.Listeners = []config.Listener{normal, normal, normal, tracing}[3*w.rng.IntN(2):]
	if len(w.cfg.Listeners) == 4 {
		w.cfg.Listeners = []config.Listener{normal, tracing}
	} else {
		w.cfg.Listeners = w.cfg.Listeners[:1]
	}
	if planOf(w.seed).rush {
		for i := range w.cfg.Listeners {
			w.cfg.Listeners[i].LinkCapacity = capacity
		}
		w.ledger.newAddress("balanced.0", config.Balanced)
		w.ledger.newAddress("multicast.0", config.Multicast)
		return
	}
	w.addresses()
}

// addresses are those that applications use.
func (w *world) addresses() {
	nine := uint8(9)
	w.cfg.Addresses = append(w.cfg.Addresses, config.Address{Prefix: "urgent", Distribution: config.Balanced, Priority: &nine})
	for i := range 1 + w.rng.IntN(2) {
		w.ledger.newAddress(fmt.Sprintf("balanced.%d", i), config.Balanced)
		w.ledger.newAddress(fmt.Sprintf("closest.%d", i), config.Closest)
		w.ledger.newAddress(fmt.Sprintf("multicast.%d", i), config.Multicast)
	}
	w.ledger.newAddress("urgent", config.Balanced).priority = &nine
	w.ledger.newAddress("released", config.Balanced).onLoss = wire.StateReleased
}

// someAddress chooses among the addresses that have a name by now. The caller
// holds the ledger's lock.
func (w *world) someAddress(rng *rand.Rand) *simAddress {
	for {
		if a := w.ledger.addresses[rng.IntN(len(w.ledger.addresses))]; a.name != "" {
			return a
		}
	}
}

// run plays the whole of it.
func (w *world) run(p plan) {
	w.slots = make([]*simApp, p.apps)
	for i := range w.slots {
		w.connect(i)
		synctest.Wait() // in which order they attach is not left to the scheduler
	}
	if p.storm {
		w.storm(p)
	} else {
		w.calm(p)
	}
	if w.ledger.failed() {
		w.describe()
		w.abandon()
		return
	}
	if p.halt {
		w.halt()
		return
	}
	w.settleDown()
	if !w.ledger.failed() {
		w.leave()
	}
	w.abandon()
}

// calm takes one step at a time, and looks after each whether the laws hold.
func (w *world) calm(p plan) {
	for n := 0; n < p.steps && !w.ledger.failed(); n++ {
		// Were it one source for all steps, a step more or less would change all that follow.
		w.rng = rand.New(rand.NewPCG(w.seed, 1<<32+uint64(n)))
		for !w.someStep() {
		}
		synctest.Wait()
		w.atRest()
		if n%20 == 19 {
			w.checkCredit(false)
		}
	}
}

// someStep has somebody do something. False says that there was nothing to do.
func (w *world) someStep() bool {
	slot := w.rng.IntN(len(w.slots))
	switch a := w.slots[slot]; {
	case a.gone:
		w.connect(slot)
	case w.rng.IntN(40) == 0:
		w.passTime()
	default:
		return a.step()
	}
	return true
}

// storm lets every application run by itself for a while, again and again, and
// looks in between whether the laws hold.
func (w *world) storm(p plan) {
	for n := 0; n < p.steps && !w.ledger.failed(); {
		if p.rush {
			w.rush()
			n += 2 * rushed
		}
		each := 1 + w.rng.IntN(20)
		var running sync.WaitGroup
		for slot := range w.slots {
			running.Go(func() { w.slotRun(slot, each) })
		}
		running.Wait()
		n += each * len(w.slots)
		synctest.Wait()
		w.atRest()
		w.checkCredit(false)
		if w.rng.IntN(6) == 0 {
			w.passTime()
			w.atRest()
		}
	}
}

// slotRun is one application's part in a storm. When its connection is gone,
// another takes its place.
func (w *world) slotRun(slot, steps int) {
	for range steps {
		a := w.slots[slot]
		if a.isGone() {
			w.mu.Lock()
			w.connect(slot)
			w.mu.Unlock()
			continue
		}
		a.step()
		runtime.Gosched()
	}
}

func (a *simApp) isGone() bool {
	l := &a.w.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	return a.gone
}

// looked ends a look at applications at rest: what they do from now on comes after
// it, as far as the memory model is concerned.
func (w *world) looked() {
	for _, a := range w.all {
		a.client.Do(func() {})
	}
}

// passTime lets time go by: little, or so much that patience ends.
func (w *world) passTime() {
	d := time.Duration(1+w.rng.IntN(400)) * time.Millisecond
	if w.rng.IntN(2) == 0 {
		d = 4*time.Second + time.Duration(w.rng.IntN(7000))*time.Millisecond
	}
	w.ledger.mu.Lock()
	w.ledger.note("%v pass", d)
	w.ledger.mu.Unlock()
	time.Sleep(d)
	synctest.Wait()
	w.ledger.mu.Lock()
	before := w.ledger.clock
	w.ledger.mu.Unlock()
	if d < 4*time.Second {
		return
	}
	time.Sleep(3 * time.Second)
	synctest.Wait()
	w.ledger.mu.Lock()
	quiet := w.ledger.clock == before
	w.ledger.mu.Unlock()
	w.checkCredit(quiet)
}

// describe writes the router's state into the trace.
func (w *world) describe() {
	for _, what := range append(w.router.Residue(), w.router.Consumers()...) {
		w.ledger.note("state: %s", what)
	}
}

// abandon ends what is left, so that the bubble can end.
func (w *world) abandon() {
	for _, a := range w.all {
		a.client.Kill()
	}
	synctest.Wait()
	if n := w.router.Peers(); n != 0 {
		w.fail("%d connections are left", n)
	}
	if err := w.router.Shutdown(context.Background()); err != nil {
		w.fail("shutdown: %v", err)
	}
	synctest.Wait()
}

func (w *world) fail(format string, args ...any) {
	w.ledger.mu.Lock()
	defer w.ledger.mu.Unlock()
	w.ledger.violation(format, args...)
}
