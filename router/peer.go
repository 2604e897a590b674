package router

import (
	"net"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/wire"
)

// peer is one connection, as the router sees it.
type peer struct {
	// Immutable after newPeer.
	router    *Router
	place     string    // name of the listener or connector
	listener  *listener // that has accepted it; nil for others
	conn      amqp.Conn
	adj       *adjacency // of a neighbour; nil for others
	container *container // of a broker, or another container that addresses are kept in; nil for others
	id        uint64
	capacity  uint32 // linkCapacity of the listener; 0 leaves it to the address
	stripIn   bool
	stripOut  bool
	largest   uint64 // max-message-size of what it sends, in bytes; 0 is no limit
	inside    bool   // it is the router's own management agent
	manages   config.Management
	since     time.Time
	dialled   string // host:port that a connector has dialled; empty if the peer has

	adminDeleted atomic.Bool                // management has closed it
	trace        atomic.Pointer[frameTrace] // nil unless its frames are logged
	links        linkSet
	routes       ownRoutes

	routed map[*amqp.Session]*routedSession // sessions with routed links; owned by the reader

	begun    int  // bytes of messages that have not arrived whole; owned by the reader
	violated bool // the log has been warned of what ends the connection; owned by the reader
}

func newPeer(r *Router, l *listener, nc net.Conn) *peer {
	p := &peer{
		router: r, place: l.cfg.Name, listener: l, id: r.connID.Add(1),
		capacity: uint32(l.cfg.LinkCapacity), largest: l.cfg.MaxMessageSize,
		stripIn:  l.cfg.StripAnnotations.In(),
		stripOut: l.cfg.StripAnnotations.Out(),
		manages:  l.cfg.Management, since: time.Now(),
	}
	if l.cfg.Role == config.RoleInterRouter {
		p.stripIn, p.stripOut = false, false
		p.adj = &adjacency{peer: p, mesh: r.mesh, own: l.cfg.Cost, since: time.Now(), over: make(chan struct{})}
	}
	if l.cfg.Role == config.RoleRouteContainer {
		p.container = &container{peer: p, connection: l.cfg.Name}
	}
	p.conn.InitServer(nc, l.amqp, p)
	p.conn.SetNumber(p.id)
	p.traceFromStart(l.cfg.TraceFrames)
	return p
}

// newNeighbourPeer makes a peer of a connection that a connector has dialled.
func newNeighbourPeer(x *mesh, nc net.Conn, conf *amqp.Config, c *connector) *peer {
	r := x.router
	p := &peer{router: r, place: c.cfg.Name, id: r.connID.Add(1), since: time.Now()}
	p.adj = &adjacency{peer: p, mesh: x, own: c.cfg.Cost, dialler: c, since: time.Now(), over: make(chan struct{})}
	p.conn.InitClient(nc, conf, p)
	p.conn.SetNumber(p.id)
	p.traceFromStart(c.cfg.TraceFrames)
	return p
}

// ended is the last thing that the connection's reader does.
func (p *peer) ended(err error) {
	defer p.router.leave(p)
	p.endTrace(nil)
	if p.adj != nil {
		p.adj.ended()
	}
	p.endRoutes()
	if p.container != nil {
		p.router.containers.down(p.container)
	}
	level := zap.WarnLevel
	if p.violated {
		level = zap.InfoLevel
	}
	switch {
	case p.container != nil && p.container.try != nil:
		p.container.try.Ended(err) // and is logged there
	case p.conn.Peer() == nil:
		p.log(level, "connection refused", zap.Error(err))
	case err != nil:
		p.log(level, "connection lost", zap.Error(err))
	default:
		p.log(zap.InfoLevel, "connection closed")
	}
}

// closeForced closes the connection because of what the operator does.
func (p *peer) closeForced(why string) {
	var b amqp.Batch
	p.conn.Close(&b, &wire.Error{Condition: wire.CondConnectionForced, Description: why})
	b.Flush()
}

// log writes a line about the connection.
func (p *peer) log(level zapcore.Level, msg string, fields ...zap.Field) {
	if e := p.router.connLog.Check(level, msg); e != nil {
		p.write(e, fields...)
	}
}

// write writes a line about the connection that was checked before its fields were made.
func (p *peer) write(e *zapcore.CheckedEntry, fields ...zap.Field) {
	e.Write(append(fields, zap.Uint64("connection", p.id), zap.Stringer("peer", p.conn.RemoteAddr()))...)
}

// anonymousWindow is the window of a sender without a target.
func (p *peer) anonymousWindow() uint32 {
	if p.capacity == 0 {
		return consumerWindow
	}
	return p.capacity
}

// OnOpen lets the peer in. [2.7.1]
func (p *peer) OnOpen(c *amqp.Conn, b *amqp.Batch) *wire.Error {
	if p.router.draining.Load() {
		return &wire.Error{Condition: wire.CondConnectionForced, Description: "the router is shutting down"}
	}
	if p.adj != nil {
		if err := p.adj.onOpen(c, b); err != nil {
			p.log(zap.WarnLevel, "neighbour refused", zap.String("at", p.place), zap.String("container", c.Peer().ContainerID), zap.Error(err))
			return err
		}
	}
	if p.inside {
		return nil
	}
	if e := p.router.connLog.Check(zap.InfoLevel, "connection opened"); e != nil {
		user, mechanism := c.Identity()
		p.write(e, zap.String("container", c.Peer().ContainerID), zap.String("at", p.place),
			zap.String("user", user), zap.String("mechanism", mechanism))
	}
	return nil
}

// OnOpened is called when both sides have opened the connection.
func (p *peer) OnOpened(b *amqp.Batch) {
	if p.container != nil {
		p.container.id = p.conn.Peer().ContainerID
		if t := p.container.try; t != nil {
			t.Opened(p.conn.Peer())
		}
		p.router.containers.up(b, p.container)
	}
}

// OnFault logs a violation of the protocol, once.
func (p *peer) OnFault(_ *amqp.Conn, scope string, err *wire.Error) {
	p.violated = p.violated || scope == "connection"
	p.router.log.Named("protocol").Warn("protocol violation", zap.Uint64("connection", p.id), zap.Stringer("peer", p.conn.RemoteAddr()),
		zap.String("scope", scope), zap.String("condition", string(err.Condition)), zap.String("description", err.Description))
}

// detached logs a link that ended with an error.
func (p *peer) detached(name string, err *wire.Error) {
	if err != nil {
		p.log(zap.DebugLevel, "link lost", zap.String("link", name), zap.Error(err))
	}
}
