package router

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"go.uber.org/zap"

	"github.com/meshway/meshway/broker-link"
	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/telemetry"
)

// newHTTP makes what answers on a listener that speaks HTTP.
func (r *Router) newHTTP(cfg *config.Listener) *http.Server {
	log := r.log.Named("http")
	pages := telemetry.Pages{Profiling: cfg.Profiling}
	if cfg.Metrics {
		pages.Metrics = telemetry.NewGatherer((*metricsSource)(r))
	}
	if cfg.Healthz {
		pages.Alive, pages.Missing = r.Alive, r.missing
	}
	return telemetry.NewServer(telemetry.NewHandler(pages, log), log)
}

// serveHTTP answers until the listener is closed.
func (l *listener) serveHTTP() {
	err := l.http.Serve(telemetry.Limit(l.ln))
	if !errors.Is(err, http.ErrServerClosed) && !l.router.over() {
		l.router.log.Named("http").Error("HTTP is not served any more", zap.String("listener", l.cfg.Name), zap.Error(err))
	}
}

// over says that the router is shut down, or about to be.
func (r *Router) over() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stopped
}

// openListeners is the listeners that there are.
func (r *Router) openListeners() []*listener {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.listeners)
}

// missing is what the router waits for before clients should be sent to it, one sentence each.
func (r *Router) missing() (list []string) {
	if r.draining.Load() {
		list = append(list, "the router drains: it is shutting down and takes no more messages")
	}
	for _, l := range r.openListeners() {
		if l.http == nil && !l.accepting.Load() {
			list = append(list, fmt.Sprintf("listener %s accepts no connections", l.cfg.Name))
		}
	}
	if r.mesh != nil {
		list = append(list, r.mesh.missing()...)
	}
	return append(list, r.missingBrokers()...)
}

// missingBrokers is which brokers are not connected, and what is not attached on those that are.
func (r *Router) missingBrokers() (list []string) {
	for _, k := range r.brokers.all() {
		if s := k.link.Status(); s.State != brokerlink.Up {
			list = append(list, because(fmt.Sprintf("connector %s has no connection to its broker", k.cfg.Name), s.LastError))
		}
	}
	for _, l := range r.autoLinks.all() {
		if s := l.status(); s.State != brokerlink.Active {
			list = append(list, because(fmt.Sprintf("auto-link %s is not attached", l.cfg.Name), s.LastError))
		}
	}
	return list
}

// because adds the reason, if one is known.
func because(what, why string) string {
	if why == "" {
		return what
	}
	return what + ": " + strings.ReplaceAll(why, "\n", " ")
}

// all is the auto-links that there are.
func (s *autoLinks) all() []*autoLink {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.list)
}

// missing is what the router waits for before it is a part of the mesh: one neighbour, if any
// is to be dialled, and that one's picture of the mesh.
func (x *mesh) missing() []string {
	x.mu.Lock()
	places := slices.Sorted(maps.Keys(x.connectors))
	x.mu.Unlock()
	switch {
	case x.anySynced():
	case len(x.carriers()) > 0:
		return []string{"the mesh is not joined yet: neighbours are connected, and what they know of the mesh is still on its way"}
	case len(places) > 0:
		return []string{"the mesh is not joined: no neighbour is connected, neither by connector " + strings.Join(places, " or ") + " nor by a listener for routers"}
	}
	return nil
}
