package router

import (
	"cmp"
	"slices"
	"time"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/management"
	"github.com/meshway/meshway/internal/wire"
)

// connectionTable is the connections: those of clients, containers and neighbours.
func (r *Router) connectionTable() management.Entities {
	t := management.NewTable(management.Type{
		Name: "connection", Base: management.BaseOperational, Help: "a connection to the router",
		Operations: []string{"READ", "UPDATE"},
	}, connectionColumns, func(management.Client) []*peer {
		list := slices.DeleteFunc(r.eachPeer(), func(p *peer) bool { return p.conn.Peer() == nil || p.adminDeleted.Load() })
		slices.SortFunc(list, func(a, b *peer) int { return cmp.Compare(a.id, b.id) })
		return list
	})
	t.Refuse("CREATE", "connections are created by those who connect, or by a connector").
		Refuse("DELETE", "a connection is closed by UPDATE with adminStatus: deleted")
	return &connectionEntities{t}
}

// connectionEntities are connections, which can be closed.
type connectionEntities struct{ *management.Table[*peer] }

// adminDeleted is the adminStatus that closes a connection.
const (
	adminEnabled = "enabled"
	adminDeleted = "deleted"
)

// Update closes a connection, or has its frames logged.
func (*connectionEntities) Update(_ management.Client, entity any, values wire.Map) (any, error) {
	p := entity.(*peer)
	if err := p.updateTrace(values); err != nil {
		return nil, err
	}
	status, _ := values.Get("adminStatus")
	if status != adminDeleted {
		return p, nil
	}
	if p.adj != nil && !p.adj.stranger.Load() {
		return nil, management.Forbidden("connection %d is one between routers: remove its connector or listener instead", p.id)
	}
	p.adminDeleted.Store(true)
	var b amqp.Batch
	p.conn.Close(&b, &wire.Error{Condition: wire.CondConnectionForced, Description: "Connection forced-closed by management request"})
	b.Flush()
	return p, nil
}

var connectionColumns = append(append(
	identified(func(p *peer) string { return "connection/" + p.conn.RemoteAddr().String() }, func(p *peer) string { return decimal(p.id) }),
	text("host", "the other end, host:port", func(p *peer) string { return p.host() }),
	text("role", "normal, inter-router or route-container", func(p *peer) string { return p.role() }),
	text("protocol", "always amqp", func(*peer) string { return "amqp" }),
	text("dir", "in if the other end has connected, out if this router has", func(p *peer) string { return p.direction() }),
	text("container", "the other end's container-id", func(p *peer) string { return p.conn.Peer().ContainerID }),
	text("sasl", "the SASL mechanism that it has logged in with", func(p *peer) string { _, m := p.conn.Identity(); return m }),
	truth("isAuthenticated", "it has said who it is by SASL", func(p *peer) bool { _, m := p.conn.Identity(); return m != "" }),
	text("place", "the listener by which it came, or the connector that opened it", func(p *peer) string { return p.place }),
	column(typeNumber, "cost", "of an adjacency, as this router has it configured", func(p *peer) any {
		if p.adj == nil {
			return nil
		}
		return int32(p.adj.own)
	}),
	counter("deliveriesIn", "deliveries that came by it", func(p *peer) uint64 { return p.links.sum().in.Deliveries }),
	counter("deliveriesOut", "deliveries that went by it", func(p *peer) uint64 { return p.links.sum().out.Deliveries }),
	text("user", "as whom it has logged in", func(p *peer) string { u, _ := p.conn.Identity(); return u }),
	always[*peer](typeTruth, "isEncrypted", "the connection is encrypted", false),
	always[*peer](typeText, "sslProto", "the version of TLS", nil),
	always[*peer](typeText, "sslCipher", "the cipher", nil),
	always[*peer](typeNumber, "sslSsf", "the strength of the cipher in bits", int64(0)),
	always[*peer](typeTruth, "ssl", "TLS is used", false),
	column(typeMap, "properties", "of the other end's open", func(p *peer) any { return simpleProperties(p.conn.Peer().Properties) }),
	always[*peer](typeText, "tenant", "always empty", nil),
	truth("opened", "both ends have opened it", func(*peer) bool { return true }),
	truth("active", "it carries messages; false for a connection to a neighbour that stands by", func(p *peer) bool { return p.active() }),
	changeable(text("adminStatus", "deleted closes the connection", func(p *peer) string { return p.adminStatus() }), adminEnabled, adminDeleted),
	text("operStatus", "up, or closing", func(p *peer) string { return p.operStatus() }),
	gauge("uptimeSeconds", "since it was opened", func(p *peer) uint32 { return uint32(time.Since(p.since) / time.Second) }),
	column(typeNumber, "lastDlvSeconds", "since the last delivery; none if there was none", func(p *peer) any {
		if s, ok := p.conn.LastDelivery(); ok {
			return s
		}
		return nil
	}),
), traceColumns...)

// changeable is a column whose value UPDATE may set to one of these.
func changeable[E any](c management.Column[E], values ...string) management.Column[E] {
	c.Values = values
	return updatable(c)
}

// host is the other end: what was dialled, or who dialled.
func (p *peer) host() string {
	if p.dialled != "" {
		return p.dialled
	}
	return p.conn.RemoteAddr().String()
}

func (p *peer) role() string {
	switch p.kind() {
	case kindNeighbour:
		return "inter-router"
	case kindContainer:
		return "route-container"
	}
	return "normal"
}

func (p *peer) direction() string {
	if p.dialled != "" {
		return "out"
	}
	return "in"
}

func (p *peer) active() bool { return p.adj == nil || p.adj.mesh.carries(p.adj) }

func (p *peer) adminStatus() string {
	if p.adminDeleted.Load() {
		return adminDeleted
	}
	return adminEnabled
}

func (p *peer) operStatus() string {
	if p.adminDeleted.Load() {
		return "closing"
	}
	return "up"
}

// simpleProperties are those with a text or a number as their value.
func simpleProperties(m wire.Map) wire.Map {
	out := wire.Map{}
	for _, p := range m {
		switch p.Value.(type) {
		case string, wire.Symbol, int8, int16, int32, int64, uint8, uint16, uint32, uint64:
			out = append(out, p)
		}
	}
	return out
}
