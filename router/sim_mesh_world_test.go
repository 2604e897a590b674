package router_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/router"
)

// meshWorld is one run of the simulation of a mesh: routers with paths between them that
// fail, and the applications of [world] at them.
type meshWorld struct {
	*world
	stage *meshStage
	plan  meshPlan

	hosts  []string
	pairs  [][2]string // that are adjacent
	costs  map[[2]string]uint32
	broken [][2]string // paths that are cut or silent
	dead   []string    // routers that were killed
	faults int
}

// meshPlan is how a run goes.
type meshPlan struct {
	routers int
	apps    int
	storm   bool // applications run by themselves, all at once
	faults  int  // at most
	steps   int
}

func meshPlanOf(seed uint64) meshPlan {
	rng := rand.New(rand.NewPCG(seed, 2))
	p := meshPlan{routers: 2 + rng.IntN(4), apps: 4 + rng.IntN(7), storm: seed%2 == 1, steps: 100 + rng.IntN(150)}
	if seed%3 != 0 {
		p.faults = 1 + rng.IntN(5)
	}
	switch seed % 20 {
	case 7:
		p.routers = 6 + rng.IntN(6)
	case 13:
		p.routers, p.steps = 12+rng.IntN(9), 80
	}
	if p.storm {
		p.steps *= 2
	}
	return p
}

// newMeshWorld draws a mesh at random and starts it.
func newMeshWorld(t *testing.T, seed uint64) *meshWorld {
	s := &meshStage{stage: &stage{t: t}, routers: map[string]*router.Router{}, configs: map[string]config.Config{}, dialled: map[string][]*meshtest.Conn{}}
	w := &meshWorld{
		world: &world{t: t, seed: seed, net: &s.net, rng: rand.New(rand.NewPCG(seed, 3<<32)), cfg: standalone()},
		stage: s, plan: meshPlanOf(seed), costs: make(map[[2]string]uint32),
	}
	w.ledger.byID = make(map[uint64]*letter)
	w.ledger.mesh = true
	w.addresses()
	w.draw()
	for _, id := range w.hosts {
		w.configureRouter(id)
		s.startRouter(id)
	}
	w.listeners()
	return w
}

// draw makes a tree of routers, and some adjacencies more.
func (w *meshWorld) draw() {
	costly := w.rng.IntN(2) == 0
	join := func(a, b string) {
		cost := 1
		if costly {
			cost = 1 + w.rng.IntN(5)
		}
		p := [2]string{a, b}
		if slices.Contains(w.pairs, p) {
			return
		}
		w.pairs = append(w.pairs, p)
		w.costs[p] = uint32(cost)
		w.stage.draw(a, b, fmt.Sprint(cost))
	}
	for i := range w.plan.routers {
		id := fmt.Sprintf("R%02d", i)
		if i > 0 {
			join(w.hosts[w.rng.IntN(i)], id)
		}
		w.hosts = append(w.hosts, id)
	}
	for range w.rng.IntN(w.plan.routers + 1) {
		i, j := w.rng.IntN(w.plan.routers), w.rng.IntN(w.plan.routers)
		if i != j {
			join(w.hosts[min(i, j)], w.hosts[max(i, j)])
		}
	}
	w.ledger.note("the mesh: %v", w.costs)
}

// configureRouter gives a router listeners with what is special about the seed.
func (w *meshWorld) configureRouter(id string) {
	c := w.stage.configs[id]
	c.Addresses = w.cfg.Addresses
	c.Router.Heartbeat = 300 * time.Millisecond
	normal := &c.Listeners[0]
	normal.MaxFrameSize = []uint32{512, 4 << 10, 16 << 10, 64 << 10}[w.rng.IntN(4)]
	normal.LinkCapacity = []int{3, 10, 50, capacity}[w.rng.IntN(4)]
	tracing := *normal
	tracing.Name, tracing.Port, tracing.StripAnnotations = "tracing", "5673", config.StripNone
	if w.rng.IntN(4) == 0 {
		c.Listeners = append(c.Listeners, tracing)
	}
	w.stage.configs[id] = c
}

// listeners are where applications can connect now.
func (w *meshWorld) listeners() {
	w.cfg.Listeners = nil
	for _, id := range w.hosts {
		if w.stage.routers[id] == nil {
			continue
		}
		for _, l := range w.stage.configs[id].Listeners {
			if l.Role == config.RoleNormal {
				w.cfg.Listeners = append(w.cfg.Listeners, l)
			}
		}
	}
}

// run plays the whole of it.
func (w *meshWorld) run() {
	w.slots = make([]*simApp, w.plan.apps)
	if why := w.agree(20 * time.Second); why != "" {
		w.fail("at the beginning: %s", why)
	}
	for i := range w.slots {
		w.connect(i)
	}
	w.pass(time.Second)
	for n := 0; n < w.plan.steps && !w.ledger.failed(); {
		n += w.play()
		switch w.rng.IntN(12) {
		case 0:
			w.pass(time.Duration(100+w.rng.IntN(3000)) * time.Millisecond)
		case 1:
			w.fault()
		case 2:
			w.heal()
		case 3:
			w.slow()
		}
		w.pass(time.Millisecond) // everybody notices
		w.calmDown(false)
	}
	if w.ledger.failed() {
		w.describeMesh()
	} else {
		w.finish()
	}
	w.abandon()
}

// play lets applications do something, and a moment pass. It returns how many steps that
// were.
func (w *meshWorld) play() (n int) {
	if !w.plan.storm {
		for range 1 + w.rng.IntN(8) {
			w.slotRun(w.rng.IntN(len(w.slots)), 1)
			n++
			w.pass(time.Duration(w.rng.IntN(8)) * time.Millisecond)
		}
		return n
	}
	each := 1 + w.rng.IntN(8)
	var running sync.WaitGroup
	for slot := range w.slots {
		running.Go(func() { w.slotRun(slot, each) })
	}
	running.Wait()
	w.pass(time.Duration(w.rng.IntN(40)) * time.Millisecond)
	return each * len(w.slots)
}

// pass lets time pass.
func (w *meshWorld) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
	w.ledger.mu.Lock()
	if d > 50*time.Millisecond {
		w.ledger.note("%v pass", d)
	}
	w.noteRead(w.ledger.active)
	w.ledger.mu.Unlock()
	w.looked()
}

// fault breaks something, if the plan has more of that.
func (w *meshWorld) fault() {
	if w.faults >= w.plan.faults {
		return
	}
	w.faults++
	w.disturb()
	p := w.pairs[w.rng.IntN(len(w.pairs))]
	switch w.rng.IntN(6) {
	case 0, 1:
		w.note("the path between %s and %s is cut", p[0], p[1])
		w.stage.cut(p[0], p[1])
		w.broken = append(w.broken, p)
	case 2:
		w.note("the path between %s and %s is silent", p[0], p[1])
		w.stage.silence(p[0], p[1])
		w.broken = append(w.broken, p)
	case 3:
		w.note("the connection between %s and %s is lost", p[0], p[1])
		w.stage.cut(p[0], p[1])
		w.stage.heal(p[0], p[1])
	case 4:
		half := len(w.hosts) / 2
		for _, p := range w.pairs {
			if i, j := slices.Index(w.hosts, p[0]), slices.Index(w.hosts, p[1]); (i < half) != (j < half) {
				w.stage.cut(p[0], p[1])
				w.broken = append(w.broken, p)
			}
		}
		w.note("the mesh falls apart behind %s", w.hosts[half])
	case 5:
		w.endRouter(w.hosts[w.rng.IntN(len(w.hosts))], w.rng.IntN(3) == 0)
	}
}

func (w *meshWorld) note(format string, args ...any) {
	w.ledger.mu.Lock()
	defer w.ledger.mu.Unlock()
	w.ledger.note(format, args...)
}

// endRouter kills a router, or shuts it down.
func (w *meshWorld) endRouter(id string, orderly bool) {
	r := w.stage.routers[id]
	if r == nil || len(w.stage.routers) == 1 {
		return
	}
	w.note("%s ends, orderly %v", id, orderly)
	patience := time.Duration(0)
	for _, a := range w.all {
		if a.at == id && !a.isGone() {
			a.client.Do(func() {
				a.leave(nil, true, false, "loses its router")
				a.wasOver = true
			})
			if !orderly {
				a.client.Kill()
			}
		}
	}
	if orderly {
		patience = 500 * time.Millisecond
	} else {
		for _, other := range w.hosts {
			if other != id {
				w.stage.cut(id, other)
			}
		}
	}
	delete(w.stage.routers, id)
	w.dead = append(w.dead, id)
	w.listeners()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_ = r.Shutdown(ctx) // it says what was in flight
	synctest.Wait()
	w.looked()
}

// heal mends one of the things that are broken.
func (w *meshWorld) heal() {
	n := w.rng.IntN(len(w.broken) + len(w.dead) + 1)
	switch {
	case n < len(w.broken):
		p := w.broken[n]
		w.broken = slices.Delete(w.broken, n, n+1)
		w.mend(p[0], p[1])
	case n < len(w.broken)+len(w.dead):
		n -= len(w.broken)
		id := w.dead[n]
		w.dead = slices.Delete(w.dead, n, n+1)
		w.note("%s starts anew", id)
		for _, other := range w.hosts {
			if other != id {
				w.mend(id, other)
			}
		}
		w.stage.startRouter(id)
		w.listeners()
	}
}

// mend lets bytes go between two routers, unless that path is still broken.
func (w *meshWorld) mend(a, b string) {
	p := [2]string{min(a, b), max(a, b)}
	if !slices.Contains(w.broken, p) && !slices.Contains(w.dead, a) && !slices.Contains(w.dead, b) {
		w.note("the path between %s and %s is mended", a, b)
		w.stage.cut(a, b) // a connection of which bytes were swallowed never goes on
		w.stage.heal(a, b)
	}
}

// slow changes how fast bytes travel between two routers.
func (w *meshWorld) slow() {
	var l meshtest.Line
	if w.rng.IntN(2) == 0 {
		l.Delay = time.Duration(w.rng.IntN(60)) * time.Millisecond
	}
	if w.rng.IntN(2) == 0 {
		l.Buffer = 2048 << w.rng.IntN(6)
		l.Delay = min(l.Delay, 2*time.Millisecond)
	}
	if w.rng.IntN(2) == 0 {
		l.Rate = 400_000 << w.rng.IntN(4)
	}
	if w.rng.IntN(3) == 0 {
		l.Piece = 1 + w.rng.IntN(3000)
	}
	p := w.pairs[w.rng.IntN(len(w.pairs))]
	w.note("between %s and %s: %+v", p[0], p[1], l)
	w.net.Between(p[0], p[1]).Set(l, l)
}

// abandon ends what is left, so that the bubble can end.
func (w *meshWorld) abandon() {
	for _, a := range w.all {
		a.client.Kill()
	}
	synctest.Wait()
	for _, id := range w.hosts {
		if r := w.stage.routers[id]; r != nil {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			if err := r.Shutdown(ctx); err != nil {
				w.fail("shutdown of %s: %v", id, err)
			}
			cancel()
		}
	}
	time.Sleep(2 * time.Minute) // what gossip has begun ends with its timers
	synctest.Wait()
	runtime.Gosched()
}
