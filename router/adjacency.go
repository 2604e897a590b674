package router

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/wire"
	"github.com/meshway/meshway/linkstate"
)

// adjacency is a connection to a neighbour router. Each side has sessions of its own
// for what it sends: one for control, one for each class of priority, and one for each
// long message that is under way.
type adjacency struct {
	// Immutable after it is made.
	peer    *peer
	mesh    *mesh
	dialler *connector // that has dialled it; nil if the neighbour has
	own     uint32     // cost as configured here
	since   time.Time  // when it was made

	// Set by OnOpen, immutable then.
	neighbour linkstate.Identity
	cost      uint32 // the larger of both ends

	// Set by the reader when our sessions are begun, immutable after ready.
	control *control
	trunks  [numClasses]*trunk

	begun    bool                          // our sessions are; owned by the reader
	admitted bool                          // it may be one; guarded by the mesh's mutex
	stranger atomic.Bool                   // the peer is no router, but a client that came to the wrong listener
	over     chan struct{}                 // closed when it has ended
	ready    atomic.Bool                   // control messages can be sent
	joined   atomic.Bool                   // the mesh knows it
	down     atomic.Bool                   // it is over, or about to be
	answered atomic.Int64                  // when the heartbeat was sent that the neighbour answered last, by our clock
	hears    atomic.Pointer[amqp.Receiver] // the neighbour's control link

	waiting  sources      // what the neighbour has sent and waits here
	followed atomic.Int32 // entries of followers, for a look without the lock

	mu        sync.Mutex // guards all below
	lanes     []*trunk
	opened    uint64              // lanes so far
	followers map[follower]*trunk // links whose messages keep to a lane for now
	detector  linkstate.Detector
	rtt       rtt
	echo      uint64    // the clock that the neighbour's last heartbeat carried
	echoAt    time.Time // when that came
	suspect   bool
}

const (
	// interRouterVersion is the protocol between routers that this one speaks.
	interRouterVersion = 1

	propertyVersion = "meshway.version"
	propertyBoot    = "meshway.boot"
	propertyCost    = "qd.inter-router-cost"

	meshPrefix    = "$meshway."
	controlTarget = meshPrefix + "control"
	trunkTarget   = meshPrefix + "class."
	laneTarget    = meshPrefix + "lane"

	// unlimitedCredit is for links between routers: what goes over them is bounded by
	// sessions' windows, and by what an egress has granted.
	unlimitedCredit     = 1 << 30
	interRouterChannels = 65535    // one for each session with routed links; memory is for those in use
	leastFrameSize      = 16 << 10 // control messages and routing data go into one frame
)

// routerProperties are what open says of a router to a neighbour.
func (x *mesh) routerProperties(cost uint32) wire.Map {
	return wire.Map{
		{Key: wire.Symbol("product"), Value: "meshway"},
		{Key: wire.Symbol("version"), Value: Version},
		{Key: wire.Symbol(propertyVersion), Value: uint32(interRouterVersion)},
		{Key: wire.Symbol(propertyBoot), Value: x.identity.Boot},
		{Key: wire.Symbol(propertyCost), Value: int32(cost)},
	}
}

// amqp is how the router speaks to a neighbour, whoever of them dials.
func (x *mesh) amqp(cost, maxFrame uint32, idle time.Duration) *amqp.Config {
	r := x.router
	return &amqp.Config{
		ContainerID: x.identity.ID, MaxFrameSize: maxFrame, ChannelMax: interRouterChannels - 1,
		IdleTimeout: idle, HandshakeTimeout: setupTimeout,
		Budget: r.budget, Clock: &r.clock, Delay: r.delay(kindNeighbour), BetweenRouters: true,
		Properties: x.routerProperties(cost), NumberProperty: connectionNumber,
	}
}

// onOpen checks who the neighbour is, and whether it may be one.
func (j *adjacency) onOpen(c *amqp.Conn, b *amqp.Batch) *wire.Error {
	o := c.Peer()
	err := j.introduce(o)
	if err != nil || j.stranger.Load() {
		return err
	}
	if err = j.mesh.admit(j); err != nil {
		return err
	}
	j.mu.Lock()
	j.detector = linkstate.NewDetector(j.mesh.heartbeat, time.Now())
	j.mu.Unlock()
	if j.dialler != nil {
		j.dialler.learn(o)
		j.begin(b)
	}
	return nil
}

// introduce takes over what the neighbour says of itself.
func (j *adjacency) introduce(o *amqp.Peer) *wire.Error {
	get := func(key string) any { v, _ := o.Properties.Get(key); return v }
	product, _ := get("product").(string)
	version, ok := get(propertyVersion).(uint32)
	switch {
	case !ok && j.dialler == nil && !slices.Contains(otherRouters, product):
		j.stranger.Store(true)
		j.peer.log(zap.WarnLevel, "a client at a listener for routers: its links are refused", zap.String("at", j.peer.place), zap.String("container", o.ContainerID))
		return nil
	case !ok:
		return refusal(wire.CondNotAllowed, "this is an inter-router connection of Meshway, and %q (%s) does not speak its protocol; clients connect to a listener of role normal", o.ContainerID, cmp.Or(product, "a peer that does not say what it is"))
	case version != interRouterVersion:
		return refusal(wire.CondNotImplemented, "router %q speaks version %d of the inter-router protocol, and this one version %d; upgrade the older of the two", o.ContainerID, version, interRouterVersion)
	}
	boot, ok := get(propertyBoot).(uint64)
	if !ok {
		return refusal(wire.CondInvalidField, "open: %s is missing or no ulong", propertyBoot)
	}
	cost, ok := get(propertyCost).(int32)
	if !ok || cost < 1 || uint32(cost) > linkstate.MaxCost {
		return refusal(wire.CondInvalidField, "open: %s is %v; it must be an int from 1 to %d", propertyCost, get(propertyCost), linkstate.MaxCost)
	}
	if err := linkstate.CheckID(o.ContainerID); err != nil {
		return refusal(wire.CondInvalidField, "open: container-id: %v", err)
	}
	if o.MaxFrame < leastFrameSize {
		return refusal(wire.CondInvalidField, "open: max-frame-size is %d; between routers it must be at least %d", o.MaxFrame, leastFrameSize)
	}
	j.neighbour = linkstate.Identity{ID: o.ContainerID, Boot: boot}
	j.cost = max(j.own, uint32(cost))
	return nil
}

// otherRouters are the products of routers that speak a protocol of their own between each
// other. Links that are refused tell them nothing: their connections are.
var otherRouters = []string{"qpid-dispatch-router", "skupper-router"}

// condRole says that a connection is not for links of that kind, in the field's words.
const condRole wire.Symbol = "qd:connection-role"

// refuseStranger refuses a link of a client.
func (j *adjacency) refuseStranger() *wire.Error {
	return refusal(condRole, "listener %q is for the routers of the mesh; clients connect to a listener of role normal", j.peer.place)
}

// begin begins our sessions and attaches our links. It runs on the reader.
func (j *adjacency) begin(b *amqp.Batch) {
	if j.begun {
		return
	}
	j.begun = true
	j.control = &control{adj: j}
	err := j.attach(b, controlTarget, controlTarget, j.control)
	for class := range j.trunks {
		if err == nil {
			j.trunks[class] = newTrunk(j, false)
			target := fmt.Sprintf("%s%d", trunkTarget, class)
			err = j.attach(b, target, target, j.trunks[class].egress)
		}
	}
	if err != nil {
		j.peer.conn.Abort(fmt.Errorf("setting up the adjacency: %w", err))
	}
}

// attach begins a session and attaches a link that we send by.
func (j *adjacency) attach(b *amqp.Batch, name, target string, h amqp.SenderHandler) error {
	s, err := j.peer.conn.Begin(b)
	if err != nil {
		return err
	}
	_, err = s.AttachSender(b, name, h, &amqp.Answer{
		Source: &wire.Source{Address: wire.Some(j.mesh.identity.ID)}, Target: &wire.Target{Address: wire.Some(target)},
		SndSettleMode: wire.SndMixed, RcvSettleMode: wire.RcvFirst,
	})
	return err
}

// openLane attaches one more link for long messages; nil if it cannot. The caller holds mu.
func (j *adjacency) openLane(b *amqp.Batch) *trunk {
	if j.down.Load() {
		return nil
	}
	j.opened++
	t := newTrunk(j, true)
	if err := j.attach(b, fmt.Sprintf("%s.%d", laneTarget, j.opened), laneTarget, t.egress); err != nil {
		return nil
	}
	return t
}

// isReady is called when control messages can be sent: the mesh may have the adjacency.
// True means that it was the first time.
func (j *adjacency) isReady() bool {
	first := j.ready.CompareAndSwap(false, true)
	if first {
		j.mesh.adjacencyReady(j)
	}
	return first
}

// ended is called when the connection is over, after all of its links.
func (j *adjacency) ended() {
	j.down.Store(true)
	j.mesh.adjacencyEnded(j)
}

// close ends the adjacency in an orderly way.
func (j *adjacency) close(e *wire.Error) {
	var b amqp.Batch
	j.peer.conn.Close(&b, e)
	b.Flush()
}

// trunkLost forgets a lane whose link is over. Without a link of another kind there is
// no adjacency.
func (j *adjacency) trunkLost(t *trunk) {
	if !t.lane {
		j.down.Store(true)
		j.peer.conn.Abort(errLinkLost)
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for i, o := range j.lanes {
		if o == t {
			j.lanes = append(j.lanes[:i], j.lanes[i+1:]...)
			break
		}
	}
	j.unfollow(t)
}

var errLinkLost = fmt.Errorf("the neighbour has detached a link that routers keep")

// attachTrunk answers a link by which a neighbour sends.
func (j *adjacency) attachTrunk(b *amqp.Batch, r *amqp.AttachRequest) *wire.Error {
	j.begin(b)
	name := ""
	if t := r.Attach.Target; t != nil {
		name = t.Address.V
	}
	answer := amqp.Answer{
		Source: r.Attach.Source, Target: r.Attach.Target,
		SndSettleMode: wire.SndMixed, RcvSettleMode: wire.RcvFirst,
	}
	var class uint8
	_, err := fmt.Sscanf(name, trunkTarget+"%d", &class)
	switch {
	case r.Attach.Role != wire.RoleSender:
		return refusal(wire.CondNotAllowed, "between routers, each attaches the links by which it sends")
	case name == controlTarget:
		link, err := r.AcceptReceiver(b, &controlReceiver{adj: j}, &answer)
		if err == nil {
			link.SetWindow(b, controlCredit)
			j.hears.Store(link)
		}
		return nil
	case err == nil && class < numClasses:
	case name == laneTarget:
		r.Session.ForLong()
	default:
		return refusal(wire.CondNotFound, "%q is no link between routers", name)
	}
	in := &ingress{peer: j.peer, trunk: true, outcomes: outcomesOf(nil), waiting: &j.waiting}
	link, aerr := r.AcceptReceiver(b, in, &answer)
	if aerr == nil {
		in.link = link
		j.peer.links.addIn(in)
		link.SetWindow(b, unlimitedCredit)
	}
	return nil
}

// rtt is the time that a heartbeat takes there and back, smoothed as a TCP socket
// does. [RFC 6298]
type rtt struct{ mean, deviation time.Duration }

func (r *rtt) add(sample time.Duration) {
	if r.mean == 0 {
		r.mean, r.deviation = sample, sample/2
		return
	}
	d := r.mean - sample
	r.deviation += (max(d, -d) - r.deviation) / 4
	r.mean += (sample - r.mean) / 8
}

// rto is how long one waits for an answer before it counts as lost.
func (r *rtt) rto() time.Duration { return r.mean + 4*r.deviation }

// logAdjacency writes a line about the adjacency.
func (j *adjacency) log(msg string, fields ...zap.Field) {
	j.peer.log(zap.InfoLevel, msg, append(fields, zap.String("neighbour", j.neighbour.ID))...)
}
