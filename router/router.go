package router

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/sasl"
	"github.com/meshway/meshway/internal/telemetry"
)

// Router is one node: its listeners, the peers connected to it, and the
// addresses that they use.
type Router struct {
	// Immutable after New.
	cfg         config.Config
	log         *zap.Logger
	connLog     *zap.Logger // of connections
	started     time.Time
	ownPrefixes []string
	budget      *amqp.Budget // of what waits
	table       addressTable
	streams     streamRegistry
	series      seriesSet
	delays      [kinds]*telemetry.Histogram // of a sample of deliveries, by who sent them
	linkRoutes  *linkRoutes
	containers  containers
	brokers     brokers
	autoLinks   *autoLinks
	undialled   sync.Map // of connectors to other routers: names -> why they failed last
	listen      func(network, address string) (net.Listener, error)
	dial        func(ctx context.Context, network, address string) (net.Conn, error)
	timeOfDay   func() time.Time // the time of day: others are told it, nothing is decided by it
	mesh        *mesh            // nil for a router by itself
	agent       *agent           // after Start
	frames      frameTracing

	rules  atomic.Pointer[rules]
	reload reload

	probing  chan struct{} // has room for the probes that may run at a time
	failed   chan error    // gets why the router cannot go on; room for one
	keeper   atomic.Pointer[Keeper]
	asked    chan struct{} // gets a word when management wants the router to end; room for one
	draining atomic.Bool   // shutting down: nobody gets credit any more
	connID   atomic.Uint64
	saidFull atomic.Int64 // when it was last said that too much waits, by elapsed; 0 never
	linkID   atomic.Uint64
	flows    atomic.Uint32 // flow labels given to links

	redirected atomic.Uint64 // messages that went to the fallback of their address
	clock      amqp.Clock    // seconds since it was made; set by the ticker

	mu        sync.Mutex // guards all below
	listeners []*listener
	peers     map[*peer]struct{}
	mostPeers int // see shrunk
	stopped   bool
	past      map[at]*past
	changed   chan struct{} // closed and replaced when a peer leaves

	done  chan struct{} // closed by Shutdown, under mu: no task begins after it
	tasks sync.WaitGroup
}

// waitingLimit is how many payload bytes may wait in the router before nobody's
// session window is extended any more.
const waitingLimit = 1 << 30

// waitingCeiling is from how many on nothing that a client sends may wait any more: session
// windows that were given before, by thousands of connections, allow more than
// waitingLimit.
const waitingCeiling = waitingLimit + waitingLimit/4

// full says, and logs now and then, that no more messages of clients can wait.
func (r *Router) full() bool {
	if r.budget.Held() < waitingCeiling {
		return false
	}
	now := r.elapsed()
	if last := r.saidFull.Load(); (last == 0 || now-last > int64(10*time.Second)) && r.saidFull.CompareAndSwap(last, now) {
		r.log.Error("too much waits in this router: new messages that no consumer takes at once are released until less does; see which consumers are behind",
			zap.Int64("bytes waiting", r.budget.Held()), zap.Int64("limit", waitingCeiling))
	}
	return true
}

// elapsed is the time since the router was made, in nanoseconds and never 0. Nothing is decided by
// the time of day, which jumps when a clock is set.
func (r *Router) elapsed() int64 { return max(int64(time.Since(r.started)), 1) }

// ClockBy makes the router tell others the time of day by f: by a clock that is not the
// system's. Call it before Start.
func (r *Router) ClockBy(f func() time.Time) { r.timeOfDay = f }

// Endpoint is something that the router listens on.
type Endpoint struct {
	Name string
	Addr net.Addr
}

// New makes a router from a configuration that has been checked. It does nothing
// until Start.
func New(cfg config.Config, log *zap.Logger) (*Router, error) {
	r := &Router{
		cfg: cfg, log: log, connLog: log.Named("connection"), started: time.Now(), listen: listenTCP, dial: dialTCP, timeOfDay: time.Now,
		ownPrefixes: ownPrefixes(&cfg.Router),
		budget:      amqp.NewBudget(waitingLimit),
		frames:      newFrameTracing(log),
		peers:       make(map[*peer]struct{}),
		changed:     make(chan struct{}),
		done:        make(chan struct{}),
		failed:      make(chan error, 1),
		asked:       make(chan struct{}, 1),
		past:        make(map[at]*past),
		delays:      newDelays(),
		probing:     make(chan struct{}, probesAtOnce),
	}
	r.table.router = r
	r.series.limit = cfg.Router.MetricsAddresses
	r.linkRoutes = newLinkRoutes(r)
	r.containers.watch(r.linkRoutes)
	r.streams.set = make(map[*stream]struct{})
	rules, err := newRules(&cfg)
	if err != nil {
		return nil, err
	}
	r.rules.Store(rules)
	r.reload.cfg = cfg
	if r.reload.users, err = r.openUsers(cfg.Users); err != nil {
		return nil, err
	}
	if cfg.Router.Mode == config.Interior {
		var err error
		if r.mesh, err = newMesh(r); err != nil {
			return nil, err
		}
	}
	r.autoLinks = newAutoLinks(r)
	r.containers.watch(r.autoLinks)
	for i := range cfg.LinkRoutes {
		r.linkRoutes.insert(newLinkRoute(&cfg.LinkRoutes[i]))
	}
	for i := range cfg.Listeners {
		l, err := r.newListener(&cfg.Listeners[i], r.reload.users)
		if err != nil {
			return nil, err
		}
		r.listeners = append(r.listeners, l)
	}
	return r, nil
}

// openUsers opens the users file; nil if there is none.
func (r *Router) openUsers(cfg config.Users) (*sasl.Users, error) {
	if cfg.File == "" {
		return nil, nil
	}
	return sasl.OpenUsers(cfg.File, r.log.Named("users"))
}

// Start binds every listener and begins to serve. When one cannot be bound, none
// stays.
func (r *Router) Start() error {
	for i, l := range r.listeners {
		if err := l.bind(); err != nil {
			for _, bound := range r.listeners[:i] {
				_ = bound.ln.Close()
			}
			return err
		}
	}
	r.startAgent()
	for _, l := range r.listeners {
		r.tasks.Add(1)
		go l.serve() // ends when the listener is closed
	}
	r.tasks.Add(1)
	go r.ticks() // ends when done is closed
	if r.mesh != nil {
		r.mesh.start()
	}
	r.brokers.become(r, r.cfg.Connectors)
	return nil
}

// Listening is what the router listens on, after Start.
func (r *Router) Listening() []Endpoint {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []Endpoint
	for _, l := range r.listeners {
		list = append(list, Endpoint{Name: l.cfg.Name, Addr: l.ln.Addr()})
	}
	return list
}

// Failed gives why the router cannot go on, should that happen: call Shutdown then.
func (r *Router) Failed() <-chan error { return r.failed }

func (r *Router) fail(err error) {
	select {
	case r.failed <- err:
	default:
	}
}

// join counts the peer in; false when the router is stopping.
func (r *Router) join(p *peer) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped {
		return false
	}
	r.peers[p] = struct{}{}
	r.pastAt(p).joined++
	r.tasks.Add(1)
	return true
}

func (r *Router) leave(p *peer) {
	c := p.links.sum()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pastAt(p).add(&c)
	delete(r.peers, p)
	r.peers = shrunk(r.peers, &r.mostPeers)
	close(r.changed)
	r.changed = make(chan struct{})
	r.tasks.Done()
}

// begin counts n tasks more, unless the router is over.
func (r *Router) begin(n int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case <-r.done:
		return false
	default:
		r.tasks.Add(n)
		return true
	}
}

// background runs f beside the readers, unless the router is over. It ends when f does; f
// is bounded work.
func (r *Router) background(f func()) {
	if !r.begin(1) {
		return
	}
	go func() {
		defer r.tasks.Done()
		f()
	}()
}

// ticks does what has to be done now and then, until the router is shut down.
func (r *Router) ticks() {
	defer r.tasks.Done()
	t := time.NewTicker(tickEvery)
	defer t.Stop()
	var mem reclaimer
	for {
		select {
		case <-r.done:
			return
		case now := <-t.C:
			r.clock.Set(uint32(now.Sub(r.started) / time.Second))
			var b amqp.Batch
			r.table.tick(&b)
			r.streams.breakStalled(&b, now)
			b.Flush()
			r.mu.Lock()
			connections := len(r.peers)
			r.mu.Unlock()
			mem.tick(connections)
		}
	}
}

func (r *Router) isUnavailable(key string) bool {
	return r.treatmentOf(key).distribution == config.Unavailable
}

func (a *address) unavailable() bool { return a.treated().distribution == config.Unavailable }
