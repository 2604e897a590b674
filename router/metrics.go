package router

import (
	"time"

	"github.com/meshway/meshway/broker-link"
	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/telemetry"
)

// metricsSource reads metrics off the router when somebody asks for them. Nothing is counted on
// the way of messages that management does not count too, but for how long a few of them take.
type metricsSource Router

// Collect reads them.
func (m *metricsSource) Collect(to *telemetry.Sink) {
	r := (*Router)(m)
	to.Set(&telemetry.Info, 1, r.cfg.Router.ID, string(r.cfg.Router.Mode), Version)
	to.Set(&telemetry.Draining, oneIf(r.draining.Load()))
	to.Set(&telemetry.HeldBytes, float64(r.budget.Held()))
	to.Set(&telemetry.HeldLimit, waitingLimit)
	to.Set(&telemetry.Addresses, float64(r.table.size()))
	for _, l := range r.openListeners() {
		to.Set(&telemetry.ListenersUp, oneIf(l.accepting.Load()), l.cfg.Name)
	}
	for k, h := range r.delays {
		to.Histogram(&telemetry.Delay, h, kind(k).String())
	}
	r.collectPlaces(to)
	r.collectAddresses(to)
	r.collectBrokers(to)
	if r.mesh != nil {
		r.mesh.collect(to)
	}
}

func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// String is the role of the peers.
func (k kind) String() string {
	switch k {
	case kindContainer:
		return "route-container"
	case kindNeighbour:
		return "inter-router"
	}
	return "normal"
}

// presence is how it stands with the peers of a place just now.
type presence struct {
	past
	connections int
	output      int
	in, out     linksNow
}

// linksNow is how it stands with the links of one direction.
type linksNow struct{ links, dry, unsettled, waiting int }

func (n *linksNow) add(g amqp.Gauge) {
	n.links++
	n.unsettled += int(g.Unsettled)
	if g.Credit == 0 {
		n.dry++
	}
}

// collectPlaces says what listeners and connectors carry.
func (r *Router) collectPlaces(to *telemetry.Sink) {
	pasts, peers := r.lookAtPeers()
	places := make(map[at]*presence, len(pasts))
	for k, v := range pasts {
		places[k] = &presence{past: v}
	}
	for _, p := range peers {
		places[at{p.place, p.kind()}].look(p)
	}
	for k, v := range places {
		v.collect(to, k)
	}
}

// look adds a peer.
func (n *presence) look(p *peer) {
	n.connections++
	n.output += p.conn.Backlog()
	in, out, gone := p.links.look()
	n.add(&gone)
	for _, l := range in {
		c, g := l.link.Look()
		l.asPresettled(&c)
		n.carried.in.Add(&c)
		n.droppedIn += l.tally.dropped.Load()
		n.in.add(g)
		if !l.trunk {
			n.in.waiting += l.waiting.count()
		}
	}
	if p.adj != nil {
		n.in.waiting += p.adj.waiting.count()
	}
	for _, l := range out {
		c, g := l.link.Look()
		n.carried.out.Add(&c)
		n.droppedOut += l.tally.dropped.Load()
		n.out.add(g)
		if l.trunk == nil {
			n.out.waiting += l.undelivered()
		}
	}
}

// count is how many messages wait.
func (s *sources) count() (n int) {
	s.each(func(q *queue) { n += q.count })
	return n
}

func (n *presence) collect(to *telemetry.Sink, k at) {
	place, role := k.place, k.kind.String()
	to.Set(&telemetry.Connections, float64(n.connections), place, role)
	to.Set(&telemetry.Opened, float64(n.joined), place, role)
	to.Set(&telemetry.OutputBytes, float64(n.output), place, role)
	for _, w := range []struct {
		direction string
		count     *amqp.Count
		dropped   uint64
		now       *linksNow
	}{{"in", &n.carried.in, n.droppedIn, &n.in}, {"out", &n.carried.out, n.droppedOut, &n.out}} {
		set := func(m *telemetry.Metric, v uint64) { to.Set(m, float64(v), place, role, w.direction) }
		set(&telemetry.Deliveries, w.count.Deliveries)
		set(&telemetry.Presettled, w.count.Presettled)
		set(&telemetry.Dropped, w.dropped)
		set(&telemetry.Unsettled, uint64(w.now.unsettled))
		set(&telemetry.Waiting, uint64(w.now.waiting))
		set(&telemetry.Links, uint64(w.now.links))
		set(&telemetry.NoCredit, uint64(w.now.dry))
		to.Set(&telemetry.Delayed, float64(w.count.Delayed1), place, role, w.direction, "1s")
		to.Set(&telemetry.Delayed, float64(w.count.Delayed10), place, role, w.direction, "10s")
		for _, o := range outcomesIn(w.count) {
			to.Set(&telemetry.Outcomes, float64(o.count), place, role, w.direction, o.name)
		}
	}
}

// outcomeCount is how many deliveries came to an outcome.
type outcomeCount struct {
	name  string
	count uint64
}

func outcomesIn(c *amqp.Count) []outcomeCount {
	return []outcomeCount{{"accepted", c.Accepted}, {"rejected", c.Rejected}, {"released", c.Released}, {"modified", c.Modified}}
}

// collectBrokers says how it stands with brokers, and with what is attached there.
func (r *Router) collectBrokers(to *telemetry.Sink) {
	for _, k := range r.brokers.all() {
		to.Set(&telemetry.BrokerConnected, oneIf(k.link.Status().State == brokerlink.Up), k.cfg.Name)
	}
	states := make(map[brokerlink.AttachState]int)
	for _, l := range r.autoLinks.all() {
		states[l.status().State]++
	}
	for _, s := range []brokerlink.AttachState{brokerlink.Inactive, brokerlink.Attaching, brokerlink.Active, brokerlink.Failed} {
		to.Set(&telemetry.AutoLinks, float64(states[s]), s.String())
	}
}

// newDelays makes the histograms of delays.
func newDelays() (h [kinds]*telemetry.Histogram) {
	for k := range h {
		h[k] = telemetry.NewDelays()
	}
	return h
}

// delay is who hears how long deliveries from such peers take.
func (r *Router) delay(k kind) func(time.Duration) { return r.delays[k].Observe }
