package router

import (
	"context"
	"time"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/wire"
)

// routedGrace is how long deliveries on routed links may take to be settled when the router
// shuts down.
const routedGrace = time.Second

// leave ends all routed links, once what clients have sent by them is settled or it has had
// its time: nobody can take their place.
func (t *linkRoutes) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, routedGrace)
	defer cancel()
	tick := time.NewTicker(settlePoll)
	defer tick.Stop()
	for t.unsettled() > 0 && ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
	forced := refusal(wire.CondConnectionForced, "router %s is shutting down", t.router.cfg.Router.ID)
	var b amqp.Batch
	for _, rs := range t.all() {
		rs.leave(&b, forced)
	}
	b.Flush()
}

func (t *linkRoutes) all() (list []*routedSession) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for rs := range t.sessions {
		list = append(list, rs)
	}
	return list
}

// unsettled is how many deliveries of clients are not settled.
func (t *linkRoutes) unsettled() (n int) {
	for _, rs := range t.all() {
		rs.mu.Lock()
		for _, m := range rs.mirrors {
			for l := range m.links {
				if l.sends == sideUp {
					n += l.ends[sideUp].raw.Unsettled()
				}
			}
		}
		rs.mu.Unlock()
	}
	return n
}

// leave ends the links of a session, and its mirrors.
func (rs *routedSession) leave(b *amqp.Batch, why *wire.Error) {
	rs.mu.Lock()
	mirrors, links := rs.dropAll()
	rs.mu.Unlock()
	for i, m := range mirrors {
		m.pipes[sideUp].cut(b)
		m.pipes[sideDown].cut(b)
		for _, l := range links[i] {
			l.ends[sideUp].raw.Detach(b, true, why)
			l.detachDown(b, false, why)
		}
		m.session.End(b, why)
	}
}
