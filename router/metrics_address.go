package router

import (
	"slices"
	"sync"
	"time"

	"github.com/meshway/meshway/internal/telemetry"
)

// Metrics of addresses are bounded: the first that come have their own, as many as configuration
// allows, and what the others carry is summed. An address keeps its place when it goes out of
// use, and loses it to a newer one when it has been out of use for seriesKept.

// seriesKept is for how long an address that is out of use keeps its metrics.
const seriesKept = 10 * time.Minute

// seriesSet is the addresses that have metrics of their own.
type seriesSet struct {
	limit int // immutable

	mu      sync.Mutex // taken last of all; guards all below
	byName  map[string]*series
	due     time.Time // none loses its place before
	retired traffic   // of those that lost their place
	floor   map[string]float64
}

// series is the metrics of an address, which comes and goes in the table. Guarded by the set's
// mutex.
type series struct {
	name  string
	addrs []*address // one, or for a moment also the one before it; none while it is out of use
	past  traffic    // of those that are gone
	since time.Time  // out of use
}

// seriesName is by which name an address has metrics; "" if it has none.
func seriesName(key string) string {
	if !isMobile(key) || isManagement(key) {
		return ""
	}
	if _, class := part(key); class != '0' {
		return shownKey(key)
	}
	return key
}

// enter gives an address that is new in the table its metrics, if there is room.
func (s *seriesSet) enter(a *address) {
	name := seriesName(a.key)
	if name == "" || s.limit == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.byName[name]
	if e == nil {
		if len(s.byName) >= s.limit && !s.retire(time.Now()) {
			return
		}
		e = &series{name: name}
		if s.byName == nil {
			s.byName = make(map[string]*series)
		}
		s.byName[name] = e
	}
	e.addrs = append(e.addrs, a)
	a.series = e
}

// retire takes its place from the address that has been out of use for longest, if that is long
// enough. The caller holds mu.
func (s *seriesSet) retire(now time.Time) bool {
	if now.Before(s.due) {
		return false
	}
	var oldest *series
	for _, e := range s.byName {
		if len(e.addrs) == 0 && (oldest == nil || e.since.Before(oldest.since)) {
			oldest = e
		}
	}
	switch {
	case oldest == nil:
		s.due = now.Add(seriesKept)
		return false
	case now.Sub(oldest.since) < seriesKept:
		s.due = oldest.since.Add(seriesKept)
		return false
	}
	delete(s.byName, oldest.name)
	s.retired.add(&oldest.past)
	return true
}

// leave takes over what an address has carried that is out of the table. The caller holds no
// lock.
func (s *seriesSet) leave(a *address) {
	e := a.series
	if e == nil {
		return
	}
	t := a.traffic()
	s.mu.Lock()
	defer s.mu.Unlock()
	e.past.add(&t)
	if i := slices.Index(e.addrs, a); i >= 0 {
		e.addrs = slices.Delete(e.addrs, i, i+1)
	}
	if len(e.addrs) == 0 {
		e.since = time.Now()
	}
}

// look is a copy of all, and what those have carried that have no metrics any more.
func (s *seriesSet) look() (list []series, retired traffic) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.byName {
		c := *e
		c.addrs = append([]*address(nil), e.addrs...)
		list = append(list, c)
	}
	return list, s.retired
}

// total is what the address has carried.
func (e *series) total() traffic {
	t := e.past
	for _, a := range e.addrs {
		now := a.traffic()
		t.add(&now)
	}
	return t
}

// rest is the difference of two sums that were not taken at the same moment. It never falls: a
// counter that does looks as if the router had started anew.
func (s *seriesSet) rest(what string, all, named uint64) float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.floor == nil {
		s.floor = make(map[string]float64)
	}
	s.floor[what] = max(s.floor[what], float64(max(all, named)-named))
	return s.floor[what]
}

const otherAddresses = "other"

// collectAddresses says what addresses carry.
func (r *Router) collectAddresses(to *telemetry.Sink) {
	list, named := r.series.look()
	for i := range list {
		e := &list[i]
		t := e.total()
		named.add(&t)
		e.collect(to, &t)
	}
	// Later than the parts, so that it is not less than they are.
	var all traffic
	for kind, c := range r.carried() {
		if kind == int(kindNeighbour) {
			continue
		}
		all.in += c.in.Deliveries
		all.out += c.out.Deliveries
		all.ins.Add(&c.in)
		all.outs.Add(&c.out)
	}
	s := &r.series
	to.Set(&telemetry.AddressDeliveries, s.rest("in", all.in, named.in), otherAddresses, "in")
	to.Set(&telemetry.AddressDeliveries, s.rest("out", all.out, named.out), otherAddresses, "out")
	to.Set(&telemetry.AddressRedirected, s.rest("fallback", r.redirected.Load(), named.fallback), otherAddresses)
	for _, w := range []struct {
		direction  string
		all, named []outcomeCount
	}{{"in", outcomesIn(&all.ins), outcomesIn(&named.ins)}, {"out", outcomesIn(&all.outs), outcomesIn(&named.outs)}} {
		for i, o := range w.all {
			to.Set(&telemetry.AddressOutcomes, s.rest(w.direction+o.name, o.count, w.named[i].count), otherAddresses, w.direction, o.name)
		}
	}
}

func (e *series) hasFallback() bool {
	return slices.ContainsFunc(e.addrs, func(a *address) bool { f := a.front.Load(); return f != nil && f.fallback != nil })
}

// collect says what one address carries.
func (e *series) collect(to *telemetry.Sink, t *traffic) {
	to.Set(&telemetry.AddressDeliveries, float64(t.in), e.name, "in")
	to.Set(&telemetry.AddressDeliveries, float64(t.out), e.name, "out")
	to.Set(&telemetry.AddressDeliveries, float64(t.transit), e.name, "transit")
	if e.hasFallback() || t.fallback > 0 {
		to.Set(&telemetry.AddressRedirected, float64(t.fallback), e.name)
	}
	for _, o := range outcomesIn(&t.ins) {
		to.Set(&telemetry.AddressOutcomes, float64(o.count), e.name, "in", o.name)
	}
	for _, o := range outcomesIn(&t.outs) {
		to.Set(&telemetry.AddressOutcomes, float64(o.count), e.name, "out", o.name)
	}
	var here, elsewhere, producers int
	var waiting int64
	for _, a := range e.addrs {
		set := a.consumers.Load()
		here += len(set.list)
		elsewhere += len(set.remotes)
		a.mu.Lock()
		producers += len(a.credit.producers)
		a.mu.Unlock()
		waiting += a.busy.Load()
	}
	to.Set(&telemetry.AddressConsumers, float64(here), e.name, "here")
	to.Set(&telemetry.AddressConsumers, float64(elsewhere), e.name, "elsewhere")
	to.Set(&telemetry.AddressProducers, float64(producers), e.name)
	to.Set(&telemetry.AddressWaiting, float64(waiting), e.name)
}
