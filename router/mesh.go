package router

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/telemetry"
	"github.com/meshway/meshway/linkstate"
	"github.com/meshway/meshway/linkstate/addrtable"
	"github.com/meshway/meshway/linkstate/gossip"
	"github.com/meshway/meshway/routing"
)

// mesh is this router's part in a mesh: it wires link state, gossip, address tables
// and routes to the adjacencies.
type mesh struct {
	// Immutable after newMesh.
	router    *Router
	log       *zap.Logger
	identity  linkstate.Identity
	key       routing.Key
	heartbeat time.Duration
	started   time.Time // of the clock in heartbeats
	speaker   *linkstate.Speaker
	gossip    *gossip.Gossip
	tables    *addrtable.Tables
	own       *addrtable.Own
	withheld  atomic.Bool // own has refused addresses of ours
	pump      *pump
	counts    meshCounts
	stop      context.CancelFunc
	ctx       context.Context

	// forwarding is what messages go by; replaced as a whole under computing.
	forwarding atomic.Pointer[forwarding]
	computing  sync.Mutex
	holddown   routing.Holddown    // guarded by computing
	topology   *linkstate.Topology // the newest; guarded by computing
	synced     []string            // neighbours that know all that we know; guarded by computing
	base       *routing.Routes     // the last that all neighbours know the reason of; guarded by computing
	pending    *time.Timer         // of a computation that is due; guarded by computing

	parking parking
	changed atomic.Int64 // when the topology changed last, in seconds since 1970
	leaving atomic.Bool  // addresses are withdrawn

	// linking orders the coming and going of adjacencies. neighbours changes under it and
	// mu, so that either is enough to look.
	linking    sync.Mutex
	mu         sync.Mutex
	neighbours map[string]*neighbour
	connectors map[string]*connector // by name; guarded by mu alone
}

// neighbour is a router that is connected to this one, by one connection or several.
type neighbour struct {
	carrier *adjacency   // by which everything goes; nil until one is ready
	all     []*adjacency // those that were admitted
}

func newMesh(r *Router) (*mesh, error) {
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails
	now := time.Now()
	x := &mesh{
		router: r, log: r.log.Named("mesh"), heartbeat: r.cfg.Router.Heartbeat, started: now,
		identity:   linkstate.Identity{ID: r.cfg.Router.ID, Boot: binary.BigEndian.Uint64(random[:])},
		key:        routing.KeyOf(r.cfg.Router.ID),
		holddown:   routing.NewHolddown(),
		counts:     meshCounts{spf: telemetry.NewWork()},
		neighbours: make(map[string]*neighbour), connectors: make(map[string]*connector),
	}
	if x.heartbeat <= 0 {
		x.heartbeat = linkstate.HeartbeatInterval
	}
	x.pump = newPump(x)
	core, err := linkstate.NewCore(linkstate.Config{ID: x.identity.ID, Boot: x.identity.Boot, Started: now})
	if err != nil {
		return nil, err
	}
	x.speaker = linkstate.NewSpeaker(core, (*speakerHandler)(x))
	x.topology = x.speaker.Topology()
	x.base = routing.Compute(x.topology, x.identity.ID)
	x.forwarding.Store(&forwarding{routes: x.base})
	if err := x.makeTables(addrtable.Options{}); err != nil {
		return nil, err
	}
	x.ctx, x.stop = context.WithCancel(context.Background())
	x.gossip, err = gossip.New(gossip.Config{
		ID: x.identity.ID, Boot: x.identity.Boot, Log: x.log,
		Send:      x.sendGossip,
		NextHop:   x.nextHopTo,
		OnMessage: x.onGossip,
		OnDead:    func(id string) { x.log.Debug("gossip has buried a router", zap.String("router", id)) },
	})
	return x, err
}

// makeTables makes the address tables, with the limits of o.
func (x *mesh) makeTables(o addrtable.Options) (err error) {
	o.OnChange = x.onOwnersChanged
	o.Always = linkRoutePrefixes
	o.OnPending = func(string) { x.pump.wake() }
	o.OnRefused = func(err error) { x.log.Error(err.Error()) }
	x.tables = addrtable.New(o)
	x.own, err = x.tables.Originate(owner(x.identity.ID), uint64(x.started.UnixMilli()))
	return err
}

func owner(id string) addrtable.Owner { return addrtable.Owner{Kind: addrtable.Router, ID: id} }

// start begins to take part. What it starts ends with close.
func (x *mesh) start() {
	r := x.router
	r.tasks.Add(4)
	go x.speak()    // ends with ctx
	go x.beats()    // ends with ctx
	go x.tends()    // ends with ctx
	go x.pump.run() // ends with ctx
	for i := range r.cfg.Connectors {
		if c := &r.cfg.Connectors[i]; c.Role == config.RoleInterRouter {
			x.connect(c)
		}
	}
}

// connect keeps a connection to a neighbour from now on.
func (x *mesh) connect(cfg *config.Connector) {
	c := newConnector(x, cfg)
	x.mu.Lock()
	x.connectors[cfg.Name] = c
	x.mu.Unlock()
	x.router.background(c.run) // ends with ctx, or when the connector is removed
}

// disconnect ends that.
func (x *mesh) disconnect(name string) {
	x.mu.Lock()
	c := x.connectors[name]
	delete(x.connectors, name)
	x.mu.Unlock()
	if c != nil { // else it leads to a broker
		close(c.removed)
	}
}

// close ends what start began.
func (x *mesh) close() {
	x.stop()
	x.gossip.Close()
	x.computing.Lock()
	defer x.computing.Unlock()
	if x.pending != nil {
		x.pending.Stop()
	}
}

// speak runs the speaker. Should another router turn out to have our id, this one
// cannot stay.
func (x *mesh) speak() {
	defer x.router.tasks.Done()
	err := x.speaker.Run(x.ctx)
	if err == nil {
		return
	}
	x.log.Error("this router leaves the mesh", zap.Error(err))
	x.router.fail(err)
}

// speakerHandler is what the speaker needs of the router. All is called by its
// goroutine.
type speakerHandler mesh

// Send sends a message to a neighbour.
func (h *speakerHandler) Send(neighbour string, msg []byte) {
	if j := (*mesh)(h).carrier(neighbour); j != nil {
		j.sendNow(controlLinkState, true, msg)
	}
}

// Broadcast has gossip spread a message.
func (h *speakerHandler) Broadcast(origin string, msg []byte) {
	if err := h.gossip.Broadcast(origin, msg); err != nil {
		h.log.Debug("broadcast", zap.Error(err))
	}
}

// Publish takes over what changed.
func (h *speakerHandler) Publish(u linkstate.Update) { (*mesh)(h).onUpdate(u) }

// Log writes what happened.
func (h *speakerHandler) Log(e linkstate.Event) {
	h.counts.event(e)
	switch e.(type) {
	case linkstate.AdjacencyAnnounced, linkstate.RouterReachable:
		h.log.Info(e.String())
	default:
		h.log.Warn(e.String())
	}
}

// sendGossip queues a packet of the membership.
func (x *mesh) sendGossip(neighbour string, packet []byte) bool {
	j := x.carrier(neighbour)
	return j != nil && j.sendNow(controlGossip, false, packet)
}

// nextHopTo is the neighbour on the way to a router.
func (x *mesh) nextHopTo(id string) (string, bool) {
	f := x.forwarding.Load()
	t := f.routes.Topology()
	to, ok := t.Index(id)
	if !ok {
		return "", false
	}
	hop, ok := f.routes.NextHop(to, 0)
	if !ok {
		return "", false
	}
	return t.Node(hop).ID, true
}

// onGossip takes a message that gossip carried.
func (x *mesh) onGossip(_ string, msg []byte, direct bool) bool {
	if !direct {
		x.speaker.ReceiveBroadcast(msg)
	}
	return false // the speaker spreads what is new to it
}

// nameOf is how annotations name a router.
func (x *mesh) nameOf(k routing.Key) string {
	r := x.forwarding.Load().routes
	if i, ok := r.ByKey(k); ok {
		return "0/" + r.Topology().Node(i).ID
	}
	return fmt.Sprintf("0/?%x", uint64(k))
}

// beats sends heartbeats and judges neighbours by theirs, until the mesh is closed.
func (x *mesh) beats() {
	defer x.router.tasks.Done()
	t := time.NewTicker(x.heartbeat)
	defer t.Stop()
	// Until a neighbour's picture of the mesh is ours too, nobody should send through here
	// what can go another way.
	starting := true
	x.speaker.SetDraining(true)
	for {
		select {
		case <-x.ctx.Done():
			return
		case <-t.C:
		}
		now := time.Now()
		if starting && (x.anySynced() || now.Sub(x.started) > startTime) {
			starting = false
			x.speaker.SetDraining(false)
			if x.leaving.Load() { // it may have said so just before
				x.speaker.SetDraining(true)
			}
		}
		var b amqp.Batch
		for _, j := range x.adjacencies() {
			j.beat(&b, now)
			x.judge(j, now)
		}
		b.Flush()
	}
}

// startTime is how long a router waits at start for a neighbour to agree with.
const startTime = 5 * time.Second

func (x *mesh) anySynced() bool {
	for id := range x.carriers() {
		if x.speaker.Synced(id) {
			return true
		}
	}
	return false
}

// tendEvery is how often windows, tables and what is parked are looked after.
const tendEvery = 250 * time.Millisecond

// tends looks after them until the mesh is closed. It is not what sends heartbeats: with
// very many addresses it may take longer than neighbours wait for those.
func (x *mesh) tends() {
	defer x.router.tasks.Done()
	t := time.NewTicker(tendEvery)
	defer t.Stop()
	for {
		select {
		case <-x.ctx.Done():
			return
		case now := <-t.C:
			x.tend(now)
		}
	}
}

func (x *mesh) tend(now time.Time) {
	x.tables.Tick(now)
	_, version, digest := x.own.Word()
	x.speaker.SetTable(version, digest)
	if x.withheld.Load() && x.own.HasRoom() {
		x.withheld.Store(false)
		x.router.background(func() { x.router.table.each((*address).advertise) })
	}
	var b amqp.Batch
	x.parking.expire(&b, now)
	x.tendWindows(&b, now)
	for _, j := range x.unfinished(now) {
		j.down.Store(true)
		j.peer.conn.Abort(errors.New("the neighbour did not attach its links in time"))
	}
	for _, j := range x.carriers() {
		j.tendLanes()
		for _, t := range j.trunks {
			t.breakStuck(&b, now)
		}
	}
	b.Flush()
}

// judge acts on how long a neighbour has been silent.
func (x *mesh) judge(j *adjacency, now time.Time) {
	j.mu.Lock()
	j.detector.Heard(j.peer.conn.LastRead())
	verdict := j.detector.Check(now)
	if verdict != linkstate.Alive && j.peer.conn.Unread() {
		j.detector.Heard(now) // it was not the neighbour that was silent
		verdict = linkstate.Alive
	}
	was := j.suspect
	j.suspect = verdict != linkstate.Alive
	is := j.suspect
	j.mu.Unlock()
	if verdict == linkstate.Dead {
		j.down.Store(true)
		j.peer.conn.Abort(errors.New("the neighbour is silent"))
		return
	}
	if is == was || !x.carries(j) {
		return
	}
	if is && x.heardElsewhere(j, now) {
		j.down.Store(true)
		j.peer.conn.Abort(errors.New("the neighbour is silent on this connection, and not on another"))
		return
	}
	x.speaker.Suspect(j.neighbour.ID, is)
}

// heardElsewhere says that the neighbour lives, by another connection, as of now: what is
// silent is the connection then, and the other one can take over at once.
func (x *mesh) heardElsewhere(j *adjacency, now time.Time) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	n := x.neighbours[j.neighbour.ID]
	return n != nil && slices.ContainsFunc(n.all, func(o *adjacency) bool {
		return o != j && o.joined.Load() && !o.down.Load() && now.Sub(o.peer.conn.LastRead()) <= 2*x.heartbeat
	})
}
