package router

import (
	"cmp"
	"slices"
	"strings"

	"github.com/meshway/meshway/internal/management"
)

// addressRow is an address that is in use.
type addressRow struct {
	a     *address  // nil for a link route
	route *routeRow // nil for an address proper
	key   string    // as it is shown
	now   *traffic
}

func (w *addressRow) traffic() *traffic {
	if w.now == nil {
		w.now = new(traffic)
		if w.a != nil {
			*w.now = w.a.traffic()
		}
	}
	return w.now
}

// addressRows are the addresses in use here and at other routers, and the link routes, in no
// order.
func (r *Router) addressRows() (rows []*addressRow) {
	used := make(map[string]bool)
	r.table.each(func(a *address) {
		used[a.key] = true
		if !a.hidden() {
			rows = append(rows, &addressRow{a: a, key: a.shownKey()})
		}
	})
	for _, route := range append(r.routeRows(), r.farRows(used)...) {
		rows = append(rows, &addressRow{route: route, key: route.key})
	}
	return rows
}

// hidden says that only the agent uses the address: that of a client which has gone, most
// often.
func (a *address) hidden() bool {
	if strings.HasSuffix(a.key, readSuffix) && isManagement(a.key) {
		return true
	}
	if a.consumers.Load().count() > 0 || a.busy.Load() > 0 {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return !slices.ContainsFunc(a.credit.producers, func(in *ingress) bool { return !in.peer.inside })
}

func (r *Router) addressTable() management.Entities {
	return management.NewTable(management.Type{
		Name: "router.address", Base: management.BaseOperational, Help: "an address in use", Operations: []string{"READ"},
	}, addressColumns, func(management.Client) []*addressRow {
		rows := r.addressRows()
		slices.SortFunc(rows, func(a, b *addressRow) int { return cmp.Compare(a.key, b.key) })
		return rows
	})
}

func (w *addressRow) distribution() string {
	if w.route != nil {
		return w.route.treatment
	}
	return string(w.a.treated().distribution)
}

// consumers are how many there are of the router itself, of containers, and of clients.
func (w *addressRow) consumers() (own, containers, others uint32) {
	if w.route != nil {
		return 0, 0, 0
	}
	for _, e := range w.a.consumers.Load().list {
		switch {
		case e.peer.inside:
			own++
		case e.peer.container != nil:
			containers++
		default:
			others++
		}
	}
	return own, containers, others
}

// remotes are the other routers with consumers, or with containers.
func (w *addressRow) remotes() []any {
	if w.route != nil {
		return append([]any{}, w.route.remotes...)
	}
	list := []any{}
	for _, r := range w.a.consumers.Load().remotes {
		list = append(list, r.id)
	}
	return list
}

// undelivered is how many deliveries wait here.
func (w *addressRow) undelivered() uint64 {
	if w.a == nil {
		return 0
	}
	w.a.mu.Lock()
	defer w.a.mu.Unlock()
	n := w.a.busy.Load()
	if w.a.draining {
		n--
	}
	return uint64(max(n, 0))
}

func (w *addressRow) priority() int {
	if w.a == nil || w.a.treated().priority == nil {
		return -1
	}
	return int(*w.a.treated().priority)
}

func addressCounter(name, help string, get func(*traffic) uint64) management.Column[*addressRow] {
	return counter(name, help, func(w *addressRow) uint64 { return get(w.traffic()) })
}

func (w *addressRow) shown() string { return w.key }

var addressColumns = append(
	identified((*addressRow).shown, (*addressRow).shown),
	text("key", "a letter for its class, the phase, and the address", (*addressRow).shown),
	text("distribution", "how deliveries are spread over its consumers", (*addressRow).distribution),
	gauge("inProcess", "consumers that are the router itself", func(w *addressRow) uint32 { n, _, _ := w.consumers(); return n }),
	gauge("subscriberCount", "consumers at this router", func(w *addressRow) uint32 { _, c, n := w.consumers(); return c + n }),
	gauge("remoteCount", "other routers with consumers", func(w *addressRow) uint32 { return uint32(len(w.remotes())) }),
	gauge("containerCount", "containers here to which links are routed", func(w *addressRow) uint32 {
		if w.route == nil {
			return 0
		}
		return uint32(w.route.containers)
	}),
	column(typeList, "remoteHostRouters", "the other routers with consumers, or with containers", func(w *addressRow) any { return w.remotes() }),
	addressCounter("deliveriesIngress", "deliveries that came in for it at this router", func(t *traffic) uint64 { return t.in }),
	addressCounter("deliveriesEgress", "deliveries that went to its consumers at this router", func(t *traffic) uint64 { return t.out }),
	addressCounter("deliveriesTransit", "deliveries that went from this router to others", func(t *traffic) uint64 { return t.transit }),
	addressCounter("deliveriesToContainer", "deliveries that went to the router itself", func(t *traffic) uint64 { return t.toAgent }),
	addressCounter("deliveriesFromContainer", "always 0", func(*traffic) uint64 { return 0 }),
	addressCounter("deliveriesIngressRouteContainer", "deliveries that came from containers", func(t *traffic) uint64 { return t.inCont }),
	addressCounter("deliveriesEgressRouteContainer", "deliveries that went to containers", func(t *traffic) uint64 { return t.outCont }),
	addressCounter("deliveriesRedirectedToFallback", "deliveries that went to its fallback consumers", func(t *traffic) uint64 { return t.fallback }),
	counter("undeliveredCount", "deliveries that wait at this router for its consumers", (*addressRow).undelivered),
	always[*addressRow](typeList, "transitOutstanding", "always none", nil),
	always[*addressRow](typeNumber, "trackedDeliveries", "always 0", int64(0)),
	number("priority", "configured; -1 if none is", (*addressRow).priority),
)
