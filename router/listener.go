package router

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"

	"go.uber.org/zap"

	"github.com/meshway/meshway/broker-link"
	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/logging"
	"github.com/meshway/meshway/internal/sasl"
	"github.com/meshway/meshway/internal/wire"
)

// listener accepts connections and makes each a peer.
type listener struct {
	router *Router
	cfg    *config.Listener
	amqp   *amqp.Config // of those that speak AMQP
	http   *http.Server // of those that speak HTTP
	ln     net.Listener // after bind

	accepting *atomic.Bool // serve runs; that of the older listener whose socket it has

	// next is what a reload put in its place, by the same socket.
	next  atomic.Pointer[listener]
	upset atomic.Pointer[string] // why its connections are closed, if they are
}

func (r *Router) newListener(cfg *config.Listener, users *sasl.Users) (*listener, error) {
	l := &listener{router: r, cfg: cfg, accepting: new(atomic.Bool)}
	if cfg.HTTP {
		l.http = r.newHTTP(cfg)
		return l, nil
	}
	mechanisms, err := mechanisms(cfg, users)
	if err != nil {
		return nil, fmt.Errorf("listener %s: %w", cfg.Name, err)
	}
	if cfg.Role == config.RoleInterRouter {
		l.amqp = r.mesh.amqp(cfg.Cost, cfg.MaxFrameSize, cfg.IdleTimeout)
		l.amqp.Properties = append(l.amqp.Properties, failoverList(cfg.FailoverURLs)...)
		if cfg.InitialHandshakeTimeout > 0 {
			l.amqp.HandshakeTimeout = cfg.InitialHandshakeTimeout
		}
	} else {
		l.amqp = r.clientAMQP(cfg)
	}
	l.amqp.MaxSessionFrames, l.amqp.Mechanisms, l.amqp.RequireSASL = cfg.MaxSessionFrames, mechanisms, cfg.AuthenticatePeer
	return l, nil
}

// clientAMQP is how the router speaks to those that connect to a listener and are no routers.
func (r *Router) clientAMQP(cfg *config.Listener) *amqp.Config {
	return &amqp.Config{
		ContainerID: r.cfg.Router.ID, MaxFrameSize: cfg.MaxFrameSize, ChannelMax: uint16(min(cfg.MaxSessions, 1<<16) - 1),
		IdleTimeout: cfg.IdleTimeout, HandshakeTimeout: cfg.InitialHandshakeTimeout,
		Budget: r.budget, Clock: &r.clock, Delay: r.delay(kindOf(cfg.Role)),
		Offered: []wire.Symbol{anonymousRelay}, Desired: []wire.Symbol{anonymousRelay},
		Properties: openProperties(cfg.FailoverURLs, cfg.OpenProperties), NumberProperty: connectionNumber,
	}
}

// anonymousRelay is the capability of taking messages on a link without a target.
const anonymousRelay = "ANONYMOUS-RELAY"

// mechanisms are those that the listener offers. Without a list it offers all
// that can work.
func mechanisms(cfg *config.Listener, users *sasl.Users) ([]sasl.Mechanism, error) {
	names := cfg.SASLMechanisms
	if len(names) == 0 {
		names = []string{"ANONYMOUS"}
	}
	var list []sasl.Mechanism
	for _, name := range names {
		switch name {
		case "ANONYMOUS":
			if cfg.AuthenticatePeer {
				continue // it proves nothing
			}
			list = append(list, sasl.Anonymous{})
		case "PLAIN":
			if users == nil {
				return nil, errors.New("saslMechanisms has PLAIN, but no users file is configured (users: {file: ...})")
			}
			list = append(list, sasl.Plain{Users: users})
		default:
			return nil, fmt.Errorf("saslMechanisms: %q is not built; there are ANONYMOUS and PLAIN", name)
		}
	}
	if cfg.AuthenticatePeer && len(list) == 0 {
		return nil, errors.New("authenticatePeer is set, and saslMechanisms has none by which a peer could prove who it is")
	}
	return list, nil
}

// openProperties are what we say of ourselves in open.
func openProperties(failover []config.FailoverURL, more map[string]any) wire.Map {
	m := wire.Map{
		{Key: wire.Symbol("product"), Value: "meshway"},
		{Key: wire.Symbol("version"), Value: Version},
	}
	m = append(m, failoverList(failover)...)
	for k, v := range more {
		m = append(m, wire.Pair{Key: wire.Symbol(k), Value: v})
	}
	return m
}

// failoverList is the property of open that names other places of the same service; none
// without such places.
func failoverList(failover []config.FailoverURL) wire.Map {
	if len(failover) == 0 {
		return nil
	}
	var list []any
	for _, u := range failover {
		e := wire.Map{
			{Key: wire.Symbol("network-host"), Value: u.Host},
			{Key: wire.Symbol("port"), Value: u.Port},
		}
		if u.Scheme != "" {
			e = append(e, wire.Pair{Key: wire.Symbol("scheme"), Value: u.Scheme})
		}
		list = append(list, e)
	}
	return wire.Map{{Key: wire.Symbol(brokerlink.FailoverProperty), Value: list}}
}

// connectionNumber is the property of open in which a peer finds the identity that management
// shows for its connection.
const connectionNumber = "qd.conn-id"

// Version is what the router says of itself in open; the command sets it.
var Version = "dev"

// listenTCP is net.Listen without the system's keep-alive, four system calls for
// each connection: idle-time-out finds out about silent peers, see [listener.watch].
func listenTCP(network, address string) (net.Listener, error) {
	lc := net.ListenConfig{KeepAlive: -1}
	return lc.Listen(context.Background(), network, address)
}

// ListenBy makes the router listen by f instead of [net.Listen]: on a network
// that is not the system's. Call it before Start.
func (r *Router) ListenBy(f func(network, address string) (net.Listener, error)) { r.listen = f }

func (l *listener) bind() error {
	address := l.cfg.ListenAddress()
	ln, err := l.router.listen(l.cfg.ListenNetwork(), address)
	if err != nil {
		if errors.Is(err, syscall.EADDRINUSE) {
			return &AddressInUseError{Listener: l.cfg.Name, Address: address, By: l.router.boundAt(address), Err: err}
		}
		return fmt.Errorf("listener %s: %w", l.cfg.Name, err)
	}
	if l.http == nil {
		ln = amqp.Accepting(ln)
	}
	l.ln = ln
	l.router.connLog.Info("listening", zap.String("listener", l.cfg.Name), zap.Stringer("address", ln.Addr()))
	return nil
}

// boundAt is the name of the listener of this router that has the port of address, on the same
// host or on one of the two as every host; empty if none has.
func (r *Router) boundAt(address string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	want, err := netip.ParseAddrPort(address)
	if err != nil {
		return ""
	}
	for _, l := range r.listeners {
		if l.ln == nil {
			continue
		}
		has, err := netip.ParseAddrPort(l.ln.Addr().String())
		if err == nil && has.Port() == want.Port() &&
			(has.Addr() == want.Addr() || has.Addr().IsUnspecified() || want.Addr().IsUnspecified()) {
			return l.cfg.Name
		}
	}
	return ""
}

// AddressInUseError says that somebody has the port of a listener already: the listener By of
// the same router, or with an empty By another process.
type AddressInUseError struct {
	Listener, Address, By string
	Err                   error
}

func (e *AddressInUseError) Error() string {
	by := "another process"
	if e.By != "" {
		by = "listener " + e.By
	}
	return fmt.Sprintf("listener %s: %s is in use by %s", e.Listener, e.Address, by)
}

// Unwrap gives the system's error.
func (e *AddressInUseError) Unwrap() error { return e.Err }

// serve accepts until the listener is closed.
func (l *listener) serve() {
	defer l.router.tasks.Done()
	l.accepting.Store(true)
	defer l.accepting.Store(false)
	if l.http != nil {
		l.serveHTTP()
		return
	}
	wait := time.Duration(0)
	var said logging.Repeat
	for {
		nc, err := l.ln.Accept()
		if err == nil {
			wait = 0
			l.router.accept(l.newest(), nc)
			continue
		}
		if errors.Is(err, net.ErrClosed) {
			return
		}
		// Out of file descriptors, most likely: others will be closed. A little
		// patience keeps this from spinning.
		wait = min(max(2*wait, 5*time.Millisecond), time.Second)
		if left, write := said.Write(err.Error(), time.Now(), repeatAccept); write {
			l.router.connLog.Error("cannot accept connections", zap.String("listener", l.cfg.Name), zap.Error(err),
				zap.String("do", acceptAdvice(err)), zap.Int("not logged before", left))
		}
		select {
		case <-l.router.done:
			return
		case <-time.After(wait):
		}
	}
}

// repeatAccept is how often the same reason why nothing can be accepted is logged.
const repeatAccept = time.Minute

// acceptAdvice is what to do about connections that cannot be accepted.
func acceptAdvice(err error) string {
	if errors.Is(err, syscall.EMFILE) {
		return "raise the limit of open files of this process (ulimit -n, LimitNOFILE of systemd): each connection takes one"
	}
	return "tries go on, a second apart at the most"
}

// newest is what accepts by the listener's socket now.
func (l *listener) newest() *listener {
	for next := l.next.Load(); next != nil; next = l.next.Load() {
		l = next
	}
	return l
}

// accept makes a connection a peer and starts its reader, which ends with the
// connection.
func (r *Router) accept(l *listener, nc net.Conn) {
	l.watch(nc)
	p := newPeer(r, l, nc)
	if !r.join(p) {
		_ = nc.Close()
		return
	}
	p.conn.Start(p.ended)
	p.leaveUpset() // should it have come at the last moment
}

// close ends the listener; connections that it has accepted stay, but for those of HTTP.
func (l *listener) close() {
	if l.ln == nil {
		return
	}
	_ = l.ln.Close()
	if l.http != nil {
		_ = l.http.Close()
	}
}

// watch lets the system find out about a silent peer where idle-time-out does not:
// a minute after its last sign of life.
func (l *listener) watch(nc net.Conn) {
	if tc, ok := nc.(interface {
		SetKeepAliveConfig(net.KeepAliveConfig) error
	}); ok && l.cfg.IdleTimeout == 0 {
		_ = tc.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 15 * time.Second, Count: 3})
	}
}
