package router

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"

	"github.com/meshway/meshway/internal/telemetry"
	"github.com/meshway/meshway/linkstate"
)

// meshCounts is what is counted of a router's part in the mesh.
type meshCounts struct {
	sent, got [controlRouted + 1]controlCount // by kind
	spf       *telemetry.Histogram

	mu     sync.Mutex
	events map[string]uint64 // by name
}

// controlCount counts control messages.
type controlCount struct{ messages, bytes atomic.Uint64 }

func (c *controlCount) add(bytes int) {
	c.messages.Add(1)
	c.bytes.Add(uint64(bytes))
}

// event counts what has happened in the link state.
func (c *meshCounts) event(e linkstate.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.events == nil {
		c.events = make(map[string]uint64)
	}
	c.events[eventName(e)]++
}

// eventName is the name of an event's type as metrics have names: adjacency_announced.
func eventName(e linkstate.Event) string {
	name := fmt.Sprintf("%T", e)
	var b strings.Builder
	for i, c := range name[strings.LastIndexByte(name, '.')+1:] {
		if unicode.IsUpper(c) && i > 0 {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return b.String()
}

// controlSubjects are the kinds of control messages by name.
var controlSubjects = map[controlKind]string{
	controlHeartbeat: "heartbeat", controlLinkState: "link_state", controlGossip: "gossip", controlTables: "address_tables", controlRouted: "windows",
}

func (x *mesh) collect(to *telemetry.Sink) {
	to.Set(&telemetry.Routers, float64(x.forwarding.Load().routes.Topology().Len()))
	to.Histogram(&telemetry.SPF, x.counts.spf)
	for k, subject := range controlSubjects {
		for direction, c := range map[string]*controlCount{"out": &x.counts.sent[k], "in": &x.counts.got[k]} {
			to.Set(&telemetry.Control, float64(c.messages.Load()), subject, direction)
			to.Set(&telemetry.ControlBytes, float64(c.bytes.Load()), subject, direction)
		}
	}
	x.counts.mu.Lock()
	for name, n := range x.counts.events {
		to.Set(&telemetry.LinkStateEvent, float64(n), name)
	}
	x.counts.mu.Unlock()
	x.collectAdjacencies(to)
}

func (x *mesh) collectAdjacencies(to *telemetry.Sink) {
	states := map[string]int{"setup": 0, "up": 0, "suspect": 0, "standby": 0}
	x.mu.Lock()
	carriers := make(map[string]*adjacency)
	for id, n := range x.neighbours {
		for _, j := range n.all {
			switch {
			case !j.joined.Load():
				states["setup"]++
			case j != n.carrier:
				states["standby"]++
			default:
				carriers[id] = j
			}
		}
	}
	x.mu.Unlock()
	for id, j := range carriers {
		j.mu.Lock()
		suspect, rtt := j.suspect, j.rtt.mean
		j.mu.Unlock()
		if suspect {
			states["suspect"]++
		} else {
			states["up"]++
		}
		to.Set(&telemetry.AdjacencyRTT, rtt.Seconds(), id)
	}
	for state, n := range states {
		to.Set(&telemetry.Adjacencies, float64(n), state)
	}
}

// computed counts a computation of routes that began at a time.
func (c *meshCounts) computed(began time.Time) { c.spf.Observe(time.Since(began)) }
