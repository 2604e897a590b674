package router

import (
	"context"
	"errors"
	"net"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/meshway/meshway/broker-link"
	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/wire"
)

// broker is a connector of role route-container: its connection is kept up.
type broker struct {
	// Immutable after it is made.
	router *Router
	cfg    config.Connector
	link   *brokerlink.Link
	ctx    context.Context
	stop   context.CancelFunc // has nothing dialled any more; a connection that stands stays
}

// brokers are those of a router.
type brokers struct {
	mu      sync.Mutex // guards all below
	list    []*broker
	stopped bool
}

// become has those connected that are configured. What nothing changed for stays; what is
// not wanted any more, or otherwise, is closed.
func (s *brokers) become(r *Router, connectors []config.Connector) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return
	}
	old := s.list
	s.list = nil
	for _, cfg := range connectors {
		if cfg.Role != config.RoleRouteContainer {
			continue
		}
		i := slices.IndexFunc(old, func(k *broker) bool { return reflect.DeepEqual(k.cfg, cfg) })
		if i >= 0 {
			s.list = append(s.list, old[i])
			old = slices.Delete(old, i, i+1)
		} else {
			s.list = append(s.list, r.newBroker(cfg))
		}
	}
	for _, k := range old {
		k.stop()
		k.close()
	}
}

// stop has nothing dialled any more. Connections that stand stay.
func (s *brokers) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	for _, k := range s.list {
		k.stop()
	}
}

// all is the brokers as they are now.
func (s *brokers) all() []*broker {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.list)
}

// newBroker makes a broker and begins to connect to it.
func (r *Router) newBroker(cfg config.Connector) *broker {
	k := &broker{router: r, cfg: cfg}
	k.ctx, k.stop = context.WithCancel(context.Background())
	k.link = brokerlink.New(brokerlink.Config{
		Name: cfg.Name, Hosts: cfg.DialAddresses(), Dial: r.dialBroker, Serve: k.serve,
		Retries: retries, DialTimeout: dialTimeout, Log: r.log.Named("broker"),
	})
	r.background(func() { k.link.Run(k.ctx) }) // ends after stop, when the connection that stood has ended
	return k
}

// close ends the connection, in an orderly way.
func (k *broker) close() {
	var b amqp.Batch
	for _, p := range k.router.eachPeer() {
		if p.container != nil && p.container.broker == k {
			p.conn.Close(&b, refusal(wire.CondConnectionForced, "the connector %q is not wanted any more", k.cfg.Name))
		}
	}
	b.Flush()
}

func (r *Router) dialBroker(ctx context.Context, network, address string) (net.Conn, error) {
	return r.dial(ctx, network, address)
}

var errStopping = errors.New("the router is shutting down")

// serve makes a peer of a connection to a host of the broker.
func (k *broker) serve(nc net.Conn, host string, t *brokerlink.Try) error {
	r := k.router
	conf, err := k.amqp(host)
	if err != nil {
		return err
	}
	p := k.newPeer(nc, conf, host, t)
	if !r.join(p) {
		return errStopping
	}
	if k.ctx.Err() != nil { // it was stopped before its peer could be found
		defer k.close()
	}
	p.conn.Start(p.ended)
	return nil
}

// amqp is how the router speaks to the broker at one of its hosts.
func (k *broker) amqp(host string) (*amqp.Config, error) {
	logins, err := loginsOf(&k.cfg)
	if err != nil {
		return nil, err
	}
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		return nil, err
	}
	r, cfg := k.router, k.cfg
	return &amqp.Config{
		ContainerID: r.cfg.Router.ID, Hostname: name,
		MaxFrameSize: cfg.MaxFrameSize, ChannelMax: uint16(min(max(cfg.MaxSessions, 1), 1<<16) - 1),
		IdleTimeout: cfg.IdleTimeout, HandshakeTimeout: setupTimeout,
		Budget: r.budget, Clock: &r.clock, Delay: r.delay(kindContainer), MaxSessionFrames: cfg.MaxSessionFrames, HoldBySession: true, Overrun: true, MaxInFlight: cfg.MaxInFlight,
		Offered: []wire.Symbol{anonymousRelay}, Desired: []wire.Symbol{anonymousRelay},
		Properties: openProperties(nil, cfg.OpenProperties), NumberProperty: connectionNumber,
		Login: logins[0], WeakerLogins: logins[1:],
	}, nil
}

// newPeer makes a peer of a connection that was dialled.
func (k *broker) newPeer(nc net.Conn, conf *amqp.Config, host string, t *brokerlink.Try) *peer {
	r, cfg := k.router, &k.cfg
	p := &peer{
		router: r, place: cfg.Name, id: r.connID.Add(1), since: time.Now(), dialled: host, capacity: uint32(cfg.LinkCapacity),
		stripIn: cfg.StripAnnotations.In(), stripOut: cfg.StripAnnotations.Out(),
	}
	p.container = &container{peer: p, connection: cfg.Name, broker: k, try: t}
	p.conn.InitClient(nc, conf, p)
	p.conn.SetNumber(p.id)
	p.traceFromStart(cfg.TraceFrames)
	return p
}
