package router

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"go.uber.org/zap"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/logging"
	"github.com/meshway/meshway/internal/sasl"
)

// reload is which configuration is in effect. What the router began with stays in
// Router.cfg: of that, what never changes is used.
type reload struct {
	mu    sync.Mutex // held for a whole reload; guards all below
	cfg   config.Config
	users *sasl.Users // nil without a users file
}

// Config is the configuration that is in effect.
func (r *Router) Config() config.Config {
	r.reload.mu.Lock()
	defer r.reload.mu.Unlock()
	return r.reload.cfg
}

// Change makes the router one of the configuration that edit makes of the present one, as
// [Router.Reload] does; nobody else changes it in between. edit may be called from any
// goroutine but must not wait for the router.
func (r *Router) Change(edit func(config.Config) (config.Config, error)) ([]config.Change, error) {
	r.reload.mu.Lock()
	defer r.reload.mu.Unlock()
	cfg, err := edit(r.reload.cfg)
	if err != nil {
		return nil, err
	}
	return r.takeOver(cfg)
}

// Reload makes the router one of another configuration that has been checked, and returns
// what changed: connections that nothing changed for stay, as do all but the changed
// entities. Either all of it is applied or, with an error, none: a [*RestartError] if
// something of it cannot change while the router runs.
//
// Other attributes of a listener are for the connections that it accepts from then on; a
// removed listener's connections are closed, and so are those of one whose role, cost, SASL
// mechanisms, users or use of management changed. An address that is in use takes over its priority, its
// outcome on loss, and balanced for closest or the reverse; anything else once no link uses
// it any more.
func (r *Router) Reload(cfg config.Config) ([]config.Change, error) {
	return r.Change(func(config.Config) (config.Config, error) { return cfg, nil })
}

// Preview is what [Router.Reload] would change, without any effect: a [*RestartError] if it
// cannot. Whether ports are free, and the users file can be read, shows only then.
func (r *Router) Preview(cfg config.Config) ([]config.Change, error) {
	before := r.Config()
	changes := config.Diff(before, cfg)
	return changes, restarting(changes)
}

// RestartError names what cannot change while the router runs.
type RestartError struct {
	Attributes []string // "router.id"
}

func (e *RestartError) Error() string {
	return fmt.Sprintf("%s cannot change while the router runs; nothing was changed: restart it, or undo that", strings.Join(e.Attributes, ", "))
}

var errNotRunning = errors.New("the router is shutting down; nothing was changed")

// takeOver prepares all that may fail, and then applies what cannot. The caller holds the
// reload's mutex.
func (r *Router) takeOver(cfg config.Config) ([]config.Change, error) {
	old := &r.reload.cfg
	changes := config.Diff(*old, cfg)
	if err := restarting(changes); err != nil {
		return nil, err
	}
	if len(changes) == 0 {
		r.reload.cfg = cfg // its file may be another
		return nil, nil
	}
	rules, err := newRules(&cfg)
	if err != nil {
		return nil, err
	}
	users := r.reload.users
	if cfg.Users != old.Users {
		if users, err = r.openUsers(cfg.Users); err != nil {
			return nil, err
		}
	}
	doors, err := r.prepareDoors(&cfg, users)
	if err != nil {
		return nil, err
	}
	if err := doors.open(); err != nil {
		return nil, err
	}
	r.reload.users = users
	r.applyRules(rules)
	r.applyLinkRoutes(changes, &cfg)
	r.applyConnectors(changes, &cfg)
	r.autoLinks.become(&cfg)
	r.brokers.become(r, cfg.Connectors)
	if log := logging.Of(r.log); log != nil {
		r.applyLevels(log, old, &cfg)
	}
	r.reload.cfg = cfg
	for _, c := range changes {
		r.log.Named("config").Info("changed", zap.Stringer("what", c))
	}
	return changes, nil
}

// live are the entities that a running router takes over.
var live = []string{"router", "listener", "connector", "address", "autoLink", "linkRoute", "users", "log"}

// restarting is an error if something among the changes needs a restart.
func restarting(changes []config.Change) error {
	var names []string
	for _, c := range changes {
		for _, attribute := range c.Fixed() {
			names = append(names, c.Entity+"."+attribute)
		}
		if !slices.Contains(live, c.Entity) {
			names = append(names, c.Entity+" "+c.Name)
		}
	}
	if len(names) > 0 {
		return &RestartError{names}
	}
	return nil
}

// applyRules has addresses treated by other rules, those in use as far as they can be.
func (r *Router) applyRules(s *rules) {
	r.rules.Store(s)
	later := 0
	r.table.each(func(a *address) {
		old, t := a.treated(), r.treatmentOf(a.key)
		switch {
		case t.takesOver(old):
			a.treatment.Store(t)
		case isMobile(a.key):
			later++
		}
	})
	if later > 0 {
		r.log.Warn("addresses in use keep their distribution, phases, fallback and shards until their links are gone", zap.Int("addresses", later))
	}
}

// applyConnectors ends the connections to neighbours that are not wanted so any more, and
// begins others.
func (r *Router) applyConnectors(changes []config.Change, cfg *config.Config) {
	if r.mesh == nil {
		return
	}
	for _, c := range changes {
		if c.Entity != "connector" {
			continue
		}
		if c.Kind != config.Added {
			r.mesh.disconnect(c.Name)
		}
		i := slices.IndexFunc(cfg.Connectors, func(n config.Connector) bool { return n.Name == c.Name })
		if c.Kind != config.Removed && cfg.Connectors[i].Role == config.RoleInterRouter {
			r.mesh.connect(&cfg.Connectors[i])
		}
	}
}

// applyLevels sets log levels where the configuration changed them: what was set by other
// means at run time stays otherwise.
func (r *Router) applyLevels(log *logging.Log, old, cfg *config.Config) {
	if old.Log.Level == cfg.Log.Level && maps.Equal(old.Log.Modules, cfg.Log.Modules) {
		return
	}
	if err := log.SetLevels(string(cfg.Log.Level), cfg.Log.ModuleLevels()); err != nil {
		r.log.Error("log levels stay as they are", zap.Error(err))
	}
}
