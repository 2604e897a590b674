package router

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/meshway/meshway/broker-link"
	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/backoff"
	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/sasl"
)

// connector keeps a connection to a neighbour: it dials again when that is lost, less
// and less often.
type connector struct {
	mesh    *mesh
	cfg     *config.Connector
	removed chan struct{} // closed when configuration has it no more

	mu    sync.Mutex // guards hosts
	hosts brokerlink.Hosts
}

func newConnector(x *mesh, cfg *config.Connector) *connector {
	return &connector{mesh: x, cfg: cfg, removed: make(chan struct{}), hosts: brokerlink.NewHosts(cfg.DialAddresses())}
}

// place is where the neighbour is to be found now.
func (c *connector) place() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hosts.Current()
}

// places are all of them, in the order in which they will be tried.
func (c *connector) places() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hosts.List()
}

// learn takes over where else the neighbour says that the mesh is to be found. One that says
// nothing of that changes nothing, so that there is a way back from where it stands in.
func (c *connector) learn(o *amqp.Peer) {
	if _, says := o.Properties.Get(brokerlink.FailoverProperty); !says {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hosts.Learn(brokerlink.Failover(o.Properties))
}

// advance chooses the place after one where the connection stood for so long: the first again
// after one that was stable, else the next. False means that a pause is due.
func (c *connector) advance(stood time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if stood >= retries.Stable {
		c.hosts.Rewind()
		return false
	}
	return c.hosts.Advance()
}

const (
	dialTimeout  = 5 * time.Second
	setupTimeout = 10 * time.Second // from the first byte to open
)

// retries is how the waits between tries to connect grow.
var retries = backoff.Policy{First: 100 * time.Millisecond, Longest: 30 * time.Second, Stable: 5 * time.Second}

// run dials until the mesh is closed or the connector is removed.
func (c *connector) run() {
	x := c.mesh
	var wait backoff.Backoff
	for {
		place := c.place()
		stood, err := c.connect(place)
		if x.ctx.Err() != nil || c.isRemoved() {
			return
		}
		pause := time.Duration(0) // while there is another place to try
		if !c.advance(stood) {
			pause = wait.Next(retries, stood, rand.Int64N)
		}
		x.router.undialled.Store(c.cfg.Name, fmt.Sprintf("Connection to %s failed: %v", place, err))
		x.log.Warn("not connected", zap.String("connector", c.cfg.Name), zap.String("to", place), zap.Error(err), zap.Duration("next try in", pause.Round(time.Millisecond)))
		t := time.NewTimer(pause)
		select {
		case <-x.ctx.Done():
			t.Stop()
			return
		case <-c.removed:
			t.Stop()
			return
		case <-t.C:
		}
	}
}

// connect dials a place once, and returns when the connection is over, and how long it stood.
func (c *connector) connect(place string) (stood time.Duration, err error) {
	x := c.mesh
	logins, err := loginsOf(c.cfg)
	if err != nil {
		return 0, err
	}
	host, _, err := net.SplitHostPort(place)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(x.ctx, dialTimeout)
	nc, err := x.router.dial(ctx, "tcp", place)
	cancel()
	if err != nil {
		return 0, err
	}
	conf := x.amqp(c.cfg.Cost, c.cfg.MaxFrameSize, c.cfg.IdleTimeout)
	conf.Hostname, conf.Login = host, logins[0]
	p := newNeighbourPeer(x, nc, conf, c)
	p.dialled = place
	if !x.router.join(p) {
		_ = nc.Close()
		return 0, context.Canceled
	}
	began := time.Now()
	ended := make(chan error, 1)
	p.conn.Start(func(err error) {
		p.ended(err)
		ended <- err
	})
	select {
	case err = <-ended:
	case <-c.removed:
		p.closeForced("the connector has been removed or changed")
		err = <-ended
	}
	if p.conn.Peer() != nil {
		stood = time.Since(began)
	}
	return stood, err
}

func (c *connector) isRemoved() bool {
	select {
	case <-c.removed:
		return true
	default:
		return false
	}
}

// loginsOf are the ways by which a connector proves who it is, the strongest first.
func loginsOf(cfg *config.Connector) (list []sasl.ClientMechanism, err error) {
	password := ""
	if cfg.SASLUsername != "" {
		if password, err = cfg.SASLPassword.Reveal(); err != nil {
			return nil, err
		}
	}
	for _, name := range cfg.SASLMechanisms {
		switch name {
		case "ANONYMOUS":
			list = append(list, sasl.AnonymousClient{})
		case "PLAIN":
			list = append(list, sasl.PlainClient{Username: cfg.SASLUsername, Password: password})
		case "SCRAM-SHA-256":
			list = append(list, sasl.ScramClient{Username: cfg.SASLUsername, Password: password})
		default:
			return nil, fmt.Errorf("saslMechanisms: %q is not built", name)
		}
	}
	if list == nil {
		list = []sasl.ClientMechanism{sasl.AnonymousClient{}}
	}
	return list, nil
}

// dialTCP is how connectors reach their hosts.
func dialTCP(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{KeepAlive: -1}
	return d.DialContext(ctx, network, address)
}

// DialBy makes the router's connectors dial by f: on a network that is not the
// system's. Call it before Start.
func (r *Router) DialBy(f func(ctx context.Context, network, address string) (net.Conn, error)) {
	r.dial = f
}
