package router

import (
	"encoding/binary"
	"strings"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/wire"
	"github.com/meshway/meshway/routing"
)

// Router annotations are those message annotations that say which way a message
// went. They are for those who asked for them by stripAnnotations; everybody
// else's messages come and go without.
const (
	annotationPrefix  = "x-opt-qd."
	annotationIngress = "x-opt-qd.ingress" // the router where the message came in
	annotationTrace   = "x-opt-qd.trace"   // every router that it passed
)

// stripAnnotations removes router annotations from a message. One that has none,
// or whose sections cannot be read, comes back as it is and unchanged.
func stripAnnotations(payload []byte) []byte {
	head, annotations, tail, ok := cutAnnotations(payload)
	if !ok || !hasRouterAnnotations(annotations) {
		return payload
	}
	m, err := wire.DecodeAnnotations(annotations)
	if err != nil {
		return payload
	}
	kept := m[:0]
	for _, p := range m {
		if k, isSymbol := p.Key.(wire.Symbol); !isSymbol || !strings.HasPrefix(string(k), annotationPrefix) {
			kept = append(kept, p)
		}
	}
	return withAnnotations(head, kept, tail, payload)
}

// strip removes router annotations from the message.
func (m *message) strip() {
	if s := stripAnnotations(m.payload); len(s) != len(m.payload) {
		m.payload, m.buffer = s, nil
	}
}

// dress gives a message on its way out the annotations that its consumer is to see.
func (e *egress) dress(out *amqp.Outgoing, m *message) {
	if e.peer.inside {
		out.Head = m.cameBy()
	}
	switch {
	case e.annotate:
		out.Payload, out.In = e.annotated(out.Payload, m.way), nil
	case !m.in.peer.stripIn: // else they are gone already
		if s := stripAnnotations(out.Payload); len(s) != len(out.Payload) {
			out.Payload, out.In = s, nil
		}
	}
}

// front is what a consumer sees of a message's first sections instead of the first n of
// these bytes; nil if it sees the message as it is, or not all of those sections are here.
func (e *egress) front(p []byte, m *message) (front []byte, n int) {
	if e.trunk != nil || !e.annotate && m.in.peer.stripIn || !headIsWhole(p) {
		return nil, 0
	}
	_, _, tail, _ := cutAnnotations(p)
	n = len(p) - len(tail)
	if e.annotate {
		return e.annotated(p[:n], m.way), n
	}
	if front = stripAnnotations(p[:n]); len(front) == n {
		return nil, 0
	}
	return front, n
}

// annotated adds what a consumer that keeps annotations wants to know. w is the way by
// which the message came from another router; nil if it did not.
func (e *egress) annotated(payload []byte, w *way) []byte {
	head, annotations, tail, _ := cutAnnotations(payload)
	var m wire.Map
	if annotations != nil {
		var err error
		if m, err = wire.DecodeAnnotations(annotations); err != nil {
			return payload
		}
	}
	r := e.peer.router
	here := "0/" + r.cfg.Router.ID
	kept := make(wire.Map, 0, len(m)+2)
	ingress, trace := any(here), []any{}
	for _, p := range m {
		switch p.Key {
		case wire.Symbol(annotationIngress):
			ingress = p.Value
		case wire.Symbol(annotationTrace):
			if l, ok := p.Value.([]any); ok {
				trace = append(trace, l...)
			}
		default:
			kept = append(kept, p)
		}
	}
	if w != nil {
		ingress = r.mesh.nameOf(w.ingress)
		for t := w.trace; len(t) >= keySize; t = t[keySize:] {
			trace = append(trace, r.mesh.nameOf(routing.Key(binary.BigEndian.Uint64(t))))
		}
	}
	kept = append(kept,
		wire.Pair{Key: wire.Symbol(annotationIngress), Value: ingress},
		wire.Pair{Key: wire.Symbol(annotationTrace), Value: append(trace, here)})
	return withAnnotations(head, kept, tail, payload)
}

// withAnnotations puts a message together again; whole is what comes back if the
// annotations cannot be encoded.
func withAnnotations(head []byte, m wire.Map, tail, whole []byte) []byte {
	out := append(make([]byte, 0, len(whole)+128), head...)
	if len(m) > 0 {
		var err error
		if out, err = wire.AppendAnnotations(out, wire.SectionMessageAnnotations, m); err != nil {
			return whole
		}
	}
	return append(out, tail...)
}

// cutAnnotations splits a message before and behind its message-annotations,
// whose map it returns; ok is false when it has none, and then head and tail are
// where they would stand.
func cutAnnotations(payload []byte) (head, annotations, tail []byte, ok bool) {
	rest := payload
	for len(rest) > 0 {
		s, next, err := wire.NextSection(rest)
		if err != nil || s.Code > wire.SectionMessageAnnotations {
			break
		}
		if s.Code == wire.SectionMessageAnnotations {
			return payload[:len(payload)-len(rest)], s.Value, next, true
		}
		rest = next
	}
	return payload[:len(payload)-len(rest)], nil, rest, false
}

// hasRouterAnnotations looks for our keys without decoding the map.
func hasRouterAnnotations(value []byte) bool {
	it, err := wire.IterMap(value)
	if err != nil {
		return false
	}
	for {
		key, _, ok := it.Next()
		if !ok {
			return false
		}
		if k, isText := wire.Text(key); isText && strings.HasPrefix(string(k), annotationPrefix) {
			return true
		}
	}
}
