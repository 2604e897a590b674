package router

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/wire"
)

// Shutdown ends the router: it takes no more connections, leaves the mesh's paths and
// withdraws its addresses, stops credit, lets what is in flight settle until ctx ends, and
// closes every connection with amqp:connection:forced: clients first, so that what waited
// for them can go elsewhere, then neighbours, when nothing more is on its way through here.
func (r *Router) Shutdown(ctx context.Context) error {
	r.mu.Lock()
	if r.stopped {
		r.mu.Unlock()
		return nil
	}
	r.stopped = true
	listeners := r.listeners
	r.mu.Unlock()
	r.draining.Store(true)
	for _, l := range listeners {
		if l.http == nil { // those say until the end that the router drains
			l.close()
		}
	}
	r.brokers.stop()
	r.autoLinks.stop()
	if r.mesh != nil {
		r.mesh.withdraw()
	}
	var b amqp.Batch
	for _, p := range r.eachPeer() {
		if p.adj == nil {
			p.conn.StopCredit(&b, nil)
		}
	}
	b.Flush()
	r.linkRoutes.leave(ctx)
	// Not what only passes through here: where there is no way round, that never ends.
	clients := func(p *peer) bool { return p.adj == nil }
	err := r.awaitSettled(ctx, clients)
	if err != nil {
		err = r.giveBack(clients, err)
	}
	lastWords()
	r.closePeers(clients)
	if r.mesh != nil {
		moved, cancel := context.WithTimeout(ctx, moveGrace)
		_ = r.awaitSettled(moved, everybody)
		cancel()
		r.mesh.quiesce(ctx)
		if late := r.awaitSettled(ctx, everybody); err == nil {
			err = late
		}
		r.mesh.stop()
		r.closePeers(everybody)
		r.mesh.close()
	}
	r.stopAgent()
	for _, l := range r.listeners {
		l.close()
	}
	r.mu.Lock()
	close(r.done)
	r.mu.Unlock()
	r.tasks.Wait()
	return err
}

const (
	settlePoll     = 5 * time.Millisecond
	lastWordsGrace = 100 * time.Millisecond
	// moveGrace is how long what waited for clients of this router may take to get to
	// those of another one, and consumers to answer that their links are over.
	moveGrace = time.Second
	// quietGrace, and two heartbeats, is how long neighbours have to answer that they
	// send no more.
	quietGrace = 2 * time.Second
	// closeGrace is how long peers have to answer the close. The engine waits
	// two seconds for it, so this is only for what hangs beyond that.
	closeGrace = 4 * time.Second
)

// lastWords gives clients time to take in what they were told last: some look at a close
// before the outcomes that came ahead of it, and would think those lost.
func lastWords() { time.Sleep(lastWordsGrace) }

// giveBack ends the links of the consumers among the peers that which picks, so that senders are
// told of what these did not settle in time before they are told that all is over. It returns
// late, which tells of that, with what nobody is told of.
func (r *Router) giveBack(which func(*peer) bool, late error) error {
	forced := &wire.Error{Condition: wire.CondDetachForced, Description: fmt.Sprintf("router %s is shutting down", r.cfg.Router.ID)}
	var b amqp.Batch
	for _, p := range r.eachPeer() {
		if !which(p) {
			continue
		}
		_, out, _ := p.links.look()
		for _, e := range out {
			e.link.Detach(&b, forced)
		}
	}
	b.Flush()
	ctx, cancel := context.WithTimeout(context.Background(), moveGrace)
	defer cancel()
	if r.awaitSettled(ctx, which) == nil {
		return fmt.Errorf("%w; their senders are told so", late)
	}
	return fmt.Errorf("%w; not all of their senders hear what became of them", late)
}

func everybody(*peer) bool { return true }

// awaitSettled waits until no delivery is in flight to or from the peers that which picks,
// or ctx ends.
func (r *Router) awaitSettled(ctx context.Context, which func(*peer) bool) error {
	t := time.NewTicker(settlePoll)
	defer t.Stop()
	for {
		n := 0
		for _, p := range r.eachPeer() {
			if which(p) {
				n += p.conn.Unsettled()
			}
		}
		if n == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d deliveries, each counted where it comes in and where it goes out, were still in flight", n)
		case <-t.C:
		}
	}
}

// closePeers closes the connections that which picks, and waits for them to be gone. Those
// that do not go are aborted.
func (r *Router) closePeers(which func(*peer) bool) {
	forced := &wire.Error{Condition: wire.CondConnectionForced, Description: fmt.Sprintf("router %s is shutting down", r.cfg.Router.ID)}
	if r.mesh != nil {
		if others := r.mesh.others(); len(others) > 0 {
			forced.Info = wire.Map{{Key: wire.Symbol("routers"), Value: others}}
		}
	}
	var b amqp.Batch
	for _, p := range r.eachPeer() {
		if which(p) {
			p.conn.Close(&b, forced)
		}
	}
	b.Flush()
	deadline := time.NewTimer(closeGrace)
	defer deadline.Stop()
	for {
		r.mu.Lock()
		changed := r.changed
		var left []*peer
		for p := range r.peers {
			if which(p) {
				left = append(left, p)
			}
		}
		r.mu.Unlock()
		if len(left) == 0 {
			return
		}
		select {
		case <-changed:
		case <-deadline.C:
			for _, p := range left {
				p.conn.Abort(nil)
			}
		}
	}
}

func (r *Router) eachPeer() []*peer {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]*peer, 0, len(r.peers))
	for p := range r.peers {
		list = append(list, p)
	}
	return list
}

// withdraw takes this router out of the paths of others, as far as there are other ways,
// and its addresses out of the mesh.
func (x *mesh) withdraw() {
	x.leaving.Store(true)
	x.speaker.SetDraining(true)
	x.router.table.each((*address).advertise)
	x.router.linkRoutes.withdraw()
}

// quiesce has neighbours send no more deliveries, and returns when all that they sent
// before they knew has come, or they do not answer. What they keep goes another way once
// their connection is over.
func (x *mesh) quiesce(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, quietGrace+2*x.heartbeat)
	defer cancel()
	var b amqp.Batch
	list := x.adjacencies()
	for _, j := range list {
		j.peer.conn.StopCredit(&b, j.hears.Load())
	}
	b.Flush()
	// Who has answered a heartbeat that is sent from now on has heard before, and its
	// answer overtakes nothing that it sent.
	asked := int64(time.Since(x.started))
	t := time.NewTicker(settlePoll)
	defer t.Stop()
	for slices.ContainsFunc(list, func(j *adjacency) bool { return j.answered.Load() < asked && !j.down.Load() }) {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// others are the ids of the other routers of the mesh.
func (x *mesh) others() (list []any) {
	routes := x.forwarding.Load().routes
	t := routes.Topology()
	for i := range t.Len() {
		if i != routes.Self() {
			list = append(list, t.Node(i).ID)
		}
	}
	return list
}
