package router

import (
	"errors"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/wire"
	"github.com/meshway/meshway/linkstate"
)

// admit decides whether a connection may become an adjacency. It runs on its reader.
func (x *mesh) admit(j *adjacency) *wire.Error {
	x.linking.Lock()
	defer x.linking.Unlock()
	id := j.neighbour.ID
	n := x.neighbours[id]
	var old *linkstate.Identity
	if n != nil {
		old = &n.all[0].neighbour
	}
	switch linkstate.Admit(x.identity, j.neighbour, old) {
	case linkstate.RefuseSelf:
		return refusal(wire.CondNotAllowed, "this is router %q itself: a connector leads to a listener of the same router; remove it", id)
	case linkstate.RefuseTwin:
		return refusal(wire.CondNotAllowed, "both ends are called %q: give each router an id of its own (router: {id: ...})", id)
	case linkstate.Challenge:
		go x.challenge(j, n.all[0]) // ends within ChallengeTime
		return nil
	}
	x.enter(j)
	return nil
}

// enter counts a connection as one to its neighbour. The caller holds linking.
func (x *mesh) enter(j *adjacency) {
	x.mu.Lock()
	defer x.mu.Unlock()
	id := j.neighbour.ID
	n := x.neighbours[id]
	if n == nil {
		n = new(neighbour)
		x.neighbours[id] = n
	}
	n.all = append(n.all, j)
	j.admitted = true
}

// challenge gives an old connection time to answer, when a router of the same id and
// another life has connected. If it does, two routers share the id, and the newcomer has
// to go; else the old connection does.
func (x *mesh) challenge(j, old *adjacency) {
	old.mu.Lock()
	wait := linkstate.ChallengeTime(old.rtt.mean)
	old.mu.Unlock()
	asked := time.Now()
	var b amqp.Batch
	old.beat(&b, asked)
	b.Flush()
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
	case <-old.over:
	case <-j.over:
		return
	}
	if old.peer.conn.LastRead().After(asked) && !old.down.Load() {
		j.close(refusal(wire.CondNotAllowed, "router id %q is taken: %v has it, and lives; give each router an id of its own (router: {id: ...})", j.neighbour.ID, old.peer.conn.RemoteAddr()))
		j.peer.log(zap.WarnLevel, "neighbour refused: another router with its id is connected", zap.String("id", j.neighbour.ID), zap.Stringer("other", old.peer.conn.RemoteAddr()))
		return
	}
	old.down.Store(true)
	old.peer.conn.Abort(errors.New("the neighbour was started anew"))
	<-old.over
	x.linking.Lock()
	entered := !j.down.Load() // else nobody would take it out again
	if entered {
		x.enter(j)
	}
	x.linking.Unlock()
	if entered && j.ready.Load() {
		x.adjacencyReady(j)
	}
}

// adjacencyReady is called when control messages can be sent by an adjacency, and again
// once it is admitted.
func (x *mesh) adjacencyReady(j *adjacency) {
	x.linking.Lock()
	defer x.linking.Unlock()
	n := x.neighbours[j.neighbour.ID]
	if !j.admitted || n == nil || !j.joined.CompareAndSwap(false, true) {
		return
	}
	j.log("neighbour connected", zap.Uint32("cost", j.cost))
	if n.carrier == nil {
		x.carry(n, j)
	}
}

// carry makes a connection the one by which everything goes. The caller holds linking.
func (x *mesh) carry(n *neighbour, j *adjacency) {
	id := j.neighbour.ID
	x.mu.Lock()
	n.carrier = j
	x.mu.Unlock()
	j.mu.Lock()
	suspect := j.suspect
	j.mu.Unlock()
	x.speaker.AdjacencyUp(id, j.cost)
	x.speaker.Suspect(id, suspect) // not what the one before it was
	x.tables.AdjacencyUp(id)
	x.gossip.AdjacencyUp(id)
	x.rewire()
}

// adjacencyEnded forgets a connection. Another one to the same neighbour takes over.
func (x *mesh) adjacencyEnded(j *adjacency) {
	defer close(j.over)
	x.linking.Lock()
	defer x.linking.Unlock()
	id := j.neighbour.ID
	n := x.neighbours[id]
	if n == nil || !j.admitted {
		return
	}
	if !x.leave(n, j) {
		return
	}
	x.tables.AdjacencyDown(id)
	x.gossip.AdjacencyDown(id)
	for _, o := range n.all {
		if o.joined.Load() && !o.down.Load() {
			j.log("another connection to the neighbour takes over")
			x.carry(n, o)
			return
		}
	}
	x.speaker.AdjacencyDown(id)
	x.rewire()
}

// leave takes a connection out, and says whether it was the one that carried.
func (x *mesh) leave(n *neighbour, j *adjacency) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	n.all = slices.DeleteFunc(n.all, func(o *adjacency) bool { return o == j })
	if len(n.all) == 0 {
		delete(x.neighbours, j.neighbour.ID)
	}
	if n.carrier != j {
		return false
	}
	n.carrier = nil
	return true
}

// carrier is the connection by which everything to a neighbour goes; nil if there is none.
func (x *mesh) carrier(id string) *adjacency {
	x.mu.Lock()
	defer x.mu.Unlock()
	if n := x.neighbours[id]; n != nil {
		return n.carrier
	}
	return nil
}

func (x *mesh) carries(j *adjacency) bool { return x.carrier(j.neighbour.ID) == j }

// adjacencies are all connections that control messages can be sent by.
func (x *mesh) adjacencies() []*adjacency {
	x.mu.Lock()
	defer x.mu.Unlock()
	var list []*adjacency
	for _, n := range x.neighbours {
		for _, j := range n.all {
			if j.joined.Load() && !j.down.Load() {
				list = append(list, j)
			}
		}
	}
	return list
}

// unfinished are the connections to neighbours that should have been set up by now.
func (x *mesh) unfinished(now time.Time) (list []*adjacency) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, n := range x.neighbours {
		for _, j := range n.all {
			if !j.joined.Load() && !j.down.Load() && now.Sub(j.since) > setupTimeout {
				list = append(list, j)
			}
		}
	}
	return list
}

// carriers are the neighbours' connections, by id.
func (x *mesh) carriers() map[string]*adjacency {
	x.mu.Lock()
	defer x.mu.Unlock()
	m := make(map[string]*adjacency, len(x.neighbours))
	for id, n := range x.neighbours {
		if n.carrier != nil {
			m[id] = n.carrier
		}
	}
	return m
}
