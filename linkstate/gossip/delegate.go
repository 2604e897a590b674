package gossip

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
	"go.uber.org/zap"

	"github.com/meshway/meshway/linkstate"
)

const (
	// maxBroadcasts is how many messages memberlist gets for a packet.
	maxBroadcasts = 100
	// maxQueued bounds the broadcasts that are not yet sent often enough.
	maxQueued = maxMembers
	// buriedFor is how long a dead router counts among those that take room.
	buriedFor = 10 * time.Minute
)

// delegate is called by memberlist, partly under its lock: it copies and
// enqueues, nothing else.
type delegate struct {
	// Immutable after New:
	config *Config
	meta   []byte
	count  *counters
	queue  *memberlist.TransmitLimitedQueue
	wake   chan struct{} // something is to be told

	mu       sync.Mutex
	members  map[string]struct{}  // living routers, ourselves included
	buried   map[string]time.Time // routers that memberlist may still remember, and when they died
	dead     map[string]struct{}  // to be told
	twin     twin
	conflict *uint64 // to be told: the boot id of another router of our id
}

func newDelegate(c *Config, count *counters) *delegate {
	d := &delegate{
		config: c, count: count, meta: encodeMeta(c.Boot),
		wake:    make(chan struct{}, 1),
		members: make(map[string]struct{}),
		buried:  make(map[string]time.Time),
		dead:    make(map[string]struct{}),
	}
	d.queue = &memberlist.TransmitLimitedQueue{RetransmitMult: 4, NumNodes: d.size}
	return d
}

func (d *delegate) size() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return max(1, len(d.members))
}

// NodeMeta is what everybody learns of this router.
func (d *delegate) NodeMeta(int) []byte { return d.meta }

// NotifyAlive says whether memberlist may believe in a router, whose name,
// address and versions came from anywhere: one that does not fit would be in
// the way of every join in the mesh.
func (d *delegate) NotifyAlive(n *memberlist.Node) error {
	err := d.believable(n)
	if err != nil {
		d.count.refused.Add(1)
		return err
	}
	if n.Name != d.config.ID {
		return nil
	}
	if boot, ok := bootOf(n.Meta); ok && boot != d.config.Boot {
		d.foreign(boot)
	}
	return nil
}

func (d *delegate) believable(n *memberlist.Node) error {
	switch v := memberlist.ProtocolVersion2Compatible; {
	case int(n.PMin) > v || int(n.PMax) < v || int(n.PCur) != v || n.DMin != 0 || n.DMax != 0 || n.DCur != 0:
		return fmt.Errorf("router %q speaks version %d of %d to %d", n.Name, n.PCur, n.PMin, n.PMax)
	case len(n.Meta) > maxMeta:
		return fmt.Errorf("router %q with %d bytes of meta data", n.Name, len(n.Meta))
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, known := d.members[n.Name]; known {
		return nil // memberlist compares its address with what it knows
	}
	if err := linkstate.CheckID(n.Name); err != nil {
		return err
	}
	if !n.Addr.Equal(addressOf(n.Name)) || n.Port != portRelayed {
		return fmt.Errorf("router %q at an address that is not made from its id", n.Name)
	}
	if _, known := d.buried[n.Name]; !known && !d.hasRoom(time.Now()) {
		return fmt.Errorf("router %q is one more than %d", n.Name, maxMembers)
	}
	return nil
}

// hasRoom says whether one router more may be believed in. The caller holds mu.
func (d *delegate) hasRoom(now time.Time) bool {
	if len(d.buried) >= maxMembers {
		maps.DeleteFunc(d.buried, func(_ string, since time.Time) bool { return now.Sub(since) > buriedFor })
	}
	return len(d.members) < maxMembers && len(d.buried) < maxMembers
}

// foreign takes note that somebody else goes by our id.
func (d *delegate) foreign(boot uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.twin.heard(boot, time.Now()) {
		d.conflict = &boot
		d.wakeUp()
	}
}

// NotifyJoin is memberlist's word that a router lives.
func (d *delegate) NotifyJoin(n *memberlist.Node) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.members[n.Name] = struct{}{}
	delete(d.buried, n.Name)
	delete(d.dead, n.Name)
}

// NotifyUpdate is memberlist's word that a router has another boot id.
func (d *delegate) NotifyUpdate(*memberlist.Node) {}

// NotifyLeave is memberlist's word that a router is dead.
func (d *delegate) NotifyLeave(n *memberlist.Node) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.members, n.Name)
	d.buried[n.Name] = time.Now()
	if len(d.dead) < maxMembers {
		d.dead[n.Name] = struct{}{}
	}
	d.wakeUp()
}

func (d *delegate) wakeUp() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// tell calls the router about deaths and conflicts until done.
func (d *delegate) tell(done <-chan struct{}) {
	for {
		select {
		case <-done:
			return
		case <-d.wake:
		}
		d.mu.Lock()
		dead, conflict := d.dead, d.conflict
		d.dead, d.conflict = make(map[string]struct{}), nil
		d.mu.Unlock()
		if conflict != nil {
			d.tellConflict(*conflict)
		}
		for _, id := range slices.Sorted(maps.Keys(dead)) {
			d.config.Log.Info("router buried: nobody reaches it any more", zap.String("router", id))
			d.config.OnDead(id)
		}
	}
}

func (d *delegate) tellConflict(boot uint64) {
	d.config.Log.Error("another living router has our id; give one of the two another id",
		zap.String("router", d.config.ID), zap.Uint64("our boot", d.config.Boot), zap.Uint64("their boot", boot))
	d.config.OnConflict(boot)
}

// NotifyMsg is a message that the inspection let through.
func (d *delegate) NotifyMsg(b []byte) {
	m, err := parseMessage(b)
	if err != nil {
		return
	}
	fresh := d.config.OnMessage(string(m.source), m.payload, m.kind == messageAdjacent)
	if fresh && m.kind == messageBroadcast {
		d.enqueue(&broadcast{key: string(m.key), message: append([]byte(nil), b...)})
	}
}

// enqueue has a broadcast sent to a few random members, some times over.
func (d *delegate) enqueue(b *broadcast) {
	d.queue.QueueBroadcast(b)
	d.queue.Prune(maxQueued)
}

// GetBroadcasts gives memberlist what fits into the rest of a packet.
func (d *delegate) GetBroadcasts(overhead, limit int) [][]byte {
	// A byte counts the messages of a packet, and memberlist's own come first.
	room := min(maxBroadcasts, maxCompound-1-(packetSize-limit)/smallestGossip)
	if room <= 0 {
		return nil
	}
	return d.queue.GetBroadcasts(max(overhead, limit/room), limit)
}

// LocalState is what goes with a join.
func (d *delegate) LocalState(bool) []byte {
	state := d.config.State()
	if len(state) > MaxState {
		d.config.Log.Warn("the state for a join is too long and is left out", zap.Int("bytes", len(state)), zap.Int("limit", MaxState))
		state = nil
	}
	return append(appendMessage(nil, messageState, d.config.ID), state...)
}

// MergeRemoteState is the other end's LocalState.
func (d *delegate) MergeRemoteState(b []byte, _ bool) {
	m, err := parseMessage(b)
	if err != nil || m.kind != messageState {
		d.count.unknown.Add(1)
		return
	}
	if len(m.payload) > 0 {
		d.config.MergeState(string(m.source), m.payload)
	}
}

// broadcast is a message in the queue; a later one of the same key replaces it.
type broadcast struct {
	key     string
	message []byte
}

func (b *broadcast) Name() string    { return b.key }
func (b *broadcast) Message() []byte { return b.message }
func (b *broadcast) Finished()       {}

func (b *broadcast) Invalidates(other memberlist.Broadcast) bool {
	o, ok := other.(*broadcast)
	return ok && o.key == b.key
}
