package router

import (
	"context"
	"errors"
	"net"
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
	cfg    *config.Connector
	link   *brokerlink.Link
}

// brokers are those of a router. Immutable after make.
type brokers struct {
	list []*broker
	ctx  context.Context
	stop context.CancelFunc // has nothing dialled any more; connections that stand stay
}

// make makes those that are configured.
func (s *brokers) make(r *Router) {
	s.ctx, s.stop = context.WithCancel(context.Background())
	for i := range r.cfg.Connectors {
		if cfg := &r.cfg.Connectors[i]; cfg.Role == config.RoleRouteContainer {
			k := &broker{router: r, cfg: cfg}
			k.link = brokerlink.New(brokerlink.Config{
				Name: cfg.Name, Hosts: cfg.DialAddresses(), Dial: r.dialBroker, Serve: k.serve,
				Retries: retries, DialTimeout: dialTimeout, Log: r.log.Named("broker"),
			})
			s.list = append(s.list, k)
		}
	}
}

// start begins to connect to them.
func (s *brokers) start() {
	for _, k := range s.list {
		k.router.tasks.Add(1)
		go func() {
			defer k.router.tasks.Done()
			k.link.Run(s.ctx) // ends after stop, when the connection that stood has ended
		}()
	}
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
	p := newDialledContainer(r, nc, conf, k.cfg, host, t)
	if !r.join(p) {
		return errStopping
	}
	p.conn.Start(p.ended)
	return nil
}

// amqp is how the router speaks to the broker at one of its hosts.
func (k *broker) amqp(host string) (*amqp.Config, error) {
	logins, err := loginsOf(k.cfg)
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
		Properties: openProperties(nil, cfg.OpenProperties),
		Login:      logins[0], WeakerLogins: logins[1:],
	}, nil
}

// newDialledContainer makes a peer of a connection that a connector has dialled.
func newDialledContainer(r *Router, nc net.Conn, conf *amqp.Config, cfg *config.Connector, host string, t *brokerlink.Try) *peer {
	p := &peer{
		router: r, place: cfg.Name, id: r.connID.Add(1), since: time.Now(), dialled: host, capacity: uint32(cfg.LinkCapacity),
		stripIn: cfg.StripAnnotations.In(), stripOut: cfg.StripAnnotations.Out(),
	}
	p.container = &container{peer: p, connection: cfg.Name, try: t}
	p.conn = amqp.NewClient(nc, conf, p)
	return p
}
