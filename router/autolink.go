package router

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/meshway/meshway/broker-link"
	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/logging"
	"github.com/meshway/meshway/internal/wire"
)

// autoLink is a link that the router attaches by itself on every connection to a container
// that configuration means: out of the mesh it is a consumer of its address, into the mesh
// a sender to it, and to the forwarder like any other.
type autoLink struct {
	// Immutable after it is made.
	router *Router
	cfg    config.AutoLink
	key    string // of the part of the address; a shard's is set before anybody sees the link

	mu   sync.Mutex // guards all below
	ends map[*container]*brokerlink.Attachment
	last brokerlink.AttachStatus // of the end that went last
	said logging.Repeat          // of what was lost with an end
}

// autoLinks are those of a router.
type autoLinks struct {
	router *Router
	log    *zap.Logger

	mu        sync.Mutex // guards all below
	list      []*autoLink
	attachers map[*container]*brokerlink.Attacher
	manners   map[string]*brokerlink.Manners // of the brokers behind connections, by name
	stopped   bool
}

// newAutoLinks makes the links that the router begins with.
func newAutoLinks(r *Router) *autoLinks {
	return &autoLinks{
		router: r, log: r.log.Named("broker"), list: r.autoLinksOf(&r.cfg),
		attachers: make(map[*container]*brokerlink.Attacher), manners: make(map[string]*brokerlink.Manners),
	}
}

// autoLinksOf are the links of a configuration: those that it lists, and those of shards.
func (r *Router) autoLinksOf(cfg *config.Config) (list []*autoLink) {
	for _, l := range cfg.AutoLinks {
		list = append(list, r.newAutoLink(l))
	}
	for i := range cfg.Addresses {
		list = append(list, r.shardLinks(cfg, &cfg.Addresses[i])...)
	}
	r.intoShards(cfg, list)
	return list
}

// become has the links attached that are configured. What nothing changed for stays as it
// is; what is not wanted any more, or otherwise, is detached.
func (s *autoLinks) become(cfg *config.Config) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return
	}
	old := s.list
	s.list = s.router.autoLinksOf(cfg)
	for i, l := range s.list {
		same := slices.IndexFunc(old, func(o *autoLink) bool { return o.key == l.key && reflect.DeepEqual(o.cfg, l.cfg) })
		if same >= 0 {
			s.list[i] = old[same]
			old = slices.Delete(old, same, same+1)
			continue
		}
		for _, c := range s.router.containers.find(l.cfg.Connection, l.cfg.ContainerID) {
			l.join(s.log, c, s.attacherFor(c))
		}
	}
	var b amqp.Batch
	for _, l := range old {
		l.remove(&b)
	}
	b.Flush()
}

func (r *Router) newAutoLink(cfg config.AutoLink) *autoLink {
	address := r.normalize(cfg.Address)
	key := phaseKey(address, cfg.Phase)
	switch {
	case cfg.Fallback && cfg.Direction == config.DirectionIn:
		key = address // for the consumers that were not there
	case cfg.Fallback:
		key = fallbackKey(address)
	}
	if cfg.ExternalAddress == "" {
		cfg.ExternalAddress = cfg.Address
	}
	return &autoLink{router: r, cfg: cfg, key: key, ends: make(map[*container]*brokerlink.Attachment)}
}

// containerUp attaches what belongs on the connection.
func (s *autoLinks) containerUp(_ *amqp.Batch, c *container) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return
	}
	for _, l := range s.list {
		if c.answersTo(l.cfg.Connection, l.cfg.ContainerID) {
			l.join(s.log, c, s.attacherFor(c))
		}
	}
	s.missing()
}

// attacherFor is the attacher of a connection, made if need be. The caller holds mu.
func (s *autoLinks) attacherFor(c *container) *brokerlink.Attacher {
	if a := s.attachers[c]; a != nil {
		return a
	}
	m := s.manners[c.connection]
	if m == nil {
		m = new(brokerlink.Manners)
		s.manners[c.connection] = m
	}
	a := brokerlink.NewAttacher(&c.peer.conn, m)
	s.attachers[c] = a
	s.router.background(a.Run) // ends with the connection
	return a
}

// missing logs which containers are wanted by their id, and are not there though every
// connector is connected. The caller holds mu.
func (s *autoLinks) missing() {
	ids, connections := s.router.containers.names()
	for _, k := range s.router.brokers.all() {
		if !connections[k.cfg.Name] {
			return
		}
	}
	for _, l := range s.list {
		if id := l.cfg.ContainerID; id != "" && !ids[id] {
			s.log.Warn("no connected container has the id that an auto-link is for", zap.String("autoLink", l.cfg.Name), zap.String("containerId", id),
				zap.Strings("connected", slices.Sorted(maps.Keys(ids))), zap.String("do", "correct containerId, or name the connection instead"))
		}
	}
}

// containerDown forgets the connection.
func (s *autoLinks) containerDown(c *container) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.attachers[c]
	if a == nil {
		return
	}
	a.Stop()
	delete(s.attachers, c)
	for _, l := range s.list {
		l.leave(c)
	}
}

// stop has nothing attached any more. Links that stand stay.
func (s *autoLinks) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	for _, a := range s.attachers {
		a.Stop()
	}
}

// join has the link attached on a connection, once.
func (l *autoLink) join(log *zap.Logger, c *container, a *brokerlink.Attacher) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ends[c] != nil {
		return
	}
	log = log.With(zap.String("autoLink", l.cfg.Name), zap.String("direction", string(l.cfg.Direction)),
		zap.String("address", l.cfg.ExternalAddress), zap.String("at", c.connection), zap.String("container", c.id))
	end := &autoEnd{link: l, container: c, log: log}
	l.ends[c] = a.Add(brokerlink.Spec{Log: log, Seen: l.last.Seen, Attach: end.attach, Look: end.look})
}

// remove has the link attached nowhere.
func (l *autoLink) remove(b *amqp.Batch) {
	l.mu.Lock()
	ends := slices.Collect(maps.Values(l.ends))
	clear(l.ends)
	l.mu.Unlock()
	for _, at := range ends {
		at.Remove(b)
	}
}

func (l *autoLink) leave(c *container) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if at := l.ends[c]; at != nil {
		l.last = at.Status()
		delete(l.ends, c)
	}
}

// status is how the link stands where it stands best; without any connection it is
// inactive, for the reason why it ended last, or because nobody is there for it.
func (l *autoLink) status() brokerlink.AttachStatus {
	l.mu.Lock()
	defer l.mu.Unlock()
	best := l.last
	best.State = brokerlink.Inactive
	for _, at := range l.ends {
		if s := at.Status(); s.State == brokerlink.Active || best.State == brokerlink.Inactive {
			best = s
		}
	}
	if len(l.ends) == 0 && best.LastError == "" && l.cfg.ContainerID != "" {
		best.LastError = fmt.Sprintf("no connected container has the id %q", l.cfg.ContainerID)
	}
	return best
}

// autoEnd is the link on one connection.
type autoEnd struct {
	// Immutable after it is made.
	link      *autoLink
	container *container
	log       *zap.Logger

	// Owned by the attacher's goroutine.
	out  *autoEgress // attached last, of a link out of the mesh
	thin starved
}

var errUnavailable = errors.New("the address is configured as unavailable: change its distribution, or remove the auto-link")

// attach attaches the link on a session.
func (e *autoEnd) attach(b *amqp.Batch, s *amqp.Session, at *brokerlink.Attachment) error {
	l, p := e.link, e.container.peer
	a := p.router.table.acquire(l.key)
	err := errUnavailable
	if !a.unavailable() {
		name := l.cfg.Name + "@" + e.container.connection
		if l.cfg.Direction == config.DirectionOut {
			err = e.attachOut(b, s, at, a, name)
		} else {
			err = e.attachIn(b, s, at, a, name)
		}
	}
	if err != nil {
		p.router.table.release(a)
	}
	return err
}

// look is called now and then while the link stands.
func (e *autoEnd) look(now time.Time) {
	if e.out == nil {
		return
	}
	unsettled, credit := e.out.link.Load()
	dry := unsettled+credit == 0
	if !dry && !e.thin.said.IsZero() {
		e.out.at.Ails("")
	}
	if since, say := e.thin.look(dry, now); say {
		e.out.at.Ails("the broker grants no credit since " + e.thin.since.Format(time.DateTime))
		e.log.Warn("the broker grants no credit: what is sent to the address waits with its senders", zap.Duration("for", since),
			zap.String("do", "look whether the queue is full, or the broker short of memory or disk, and whether anybody consumes from it"))
	}
}

// starved decides when to say that a link has had no credit for long.
type starved struct{ since, said time.Time }

const (
	starvedAfter = time.Minute // until it is said first
	starvedAgain = time.Hour   // until it is said again
)

func (s *starved) look(dry bool, now time.Time) (since time.Duration, say bool) {
	if !dry {
		*s = starved{}
		return 0, false
	}
	if s.since.IsZero() {
		s.since = now
	}
	since = now.Sub(s.since)
	if since < starvedAfter || !s.said.IsZero() && now.Sub(s.said) < starvedAgain {
		return 0, false
	}
	s.said = now
	return since, true
}

// durability is what is asked of the broker's terminus. [3.5.5]
func (l *autoLink) durability() wire.TerminusDurability {
	switch l.cfg.Durable {
	case config.DurableConfiguration:
		return 1
	case config.DurableUnsettled:
		return 2
	case config.DurableNone:
	}
	return 0
}

func (l *autoLink) capabilities() (list []wire.Symbol) {
	for _, c := range l.cfg.Capabilities {
		list = append(list, wire.Symbol(c))
	}
	return list
}

// outcomesFor are the outcomes that are asked for: modified only of those who are known to
// know it, since some brokers end the session at one that they do not know.
func (e *autoEnd) outcomesFor() []wire.Symbol {
	product, _ := e.container.peer.conn.Peer().Properties.Get("product")
	if knowsModified[fmt.Sprint(product)] {
		return allOutcomes
	}
	return allOutcomes[:len(allOutcomes)-1]
}

// knowsModified are the products, as they name themselves, that take the outcome modified.
var knowsModified = map[string]bool{
	"meshway": true, "qpid-dispatch-router": true, "skupper-router": true, "qpid-cpp": true, "qpid": true,
	"apache-activemq-artemis": true, "ActiveMQ": true,
}
