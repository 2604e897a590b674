package router

import (
	"bytes"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/wire"
)

// normalize brings an address into the form by which it is known here: without a
// scheme and host, without a leading slash, and with this router's own
// topological addresses as local ones.
func (r *Router) normalize(address string) string {
	s := address
	if rest, ok := cutScheme(s); ok {
		s = rest
		if strings.HasPrefix(s, "//") {
			_, path, _ := strings.Cut(s[2:], "/")
			s = path
		}
	}
	s = strings.TrimPrefix(s, "/")
	if s == managementName {
		return localPrefix + s
	}
	for _, own := range r.ownPrefixes {
		if rest, ok := strings.CutPrefix(s, own); ok {
			return localPrefix + rest
		}
	}
	return s
}

// cutScheme takes "amqp:" or "amqps:" off.
func cutScheme(s string) (string, bool) {
	if rest, ok := strings.CutPrefix(s, "amqp:"); ok {
		return rest, true
	}
	return strings.CutPrefix(s, "amqps:")
}

const (
	localPrefix = "_local/"
	topoPrefix  = "_topo/"
)

// everywherePrefix begins addresses that mean every router of the mesh: what follows is
// each one's local address.
const everywherePrefix = topoPrefix + "0/all/"

// ownPrefixes are the beginnings of addresses that mean this very router, which by itself
// is all that there are.
func ownPrefixes(cfg *config.Router) []string {
	own := []string{topoPrefix + "0/" + cfg.ID + "/"}
	if cfg.Mode == config.Standalone {
		own = append(own, everywherePrefix)
	}
	return own
}

// isPlain says that the address is in its normal form already.
func isPlain(to []byte) bool {
	return len(to) > 0 && to[0] != '/' && to[0] != '_' && to[0] != '$' && !bytes.HasPrefix(to, []byte("amqp"))
}

// temporaryName makes the last part of the address of a dynamic node. It cannot
// be guessed, since whoever knows it can send to it.
func temporaryName() string {
	var random [15]byte
	_, _ = rand.Read(random[:]) // never fails
	return "temp." + base32.StdEncoding.EncodeToString(random[:])
}

// resolveTo finds the address that a message on an anonymous link names in its
// properties. Nil without an error means that nobody here uses that address. The
// caller releases what it gets.
func (p *peer) resolveTo(payload []byte) (*address, *wire.Error) {
	r := p.router
	to, err := messageTo(payload)
	if err != nil {
		return nil, err
	}
	if len(to) > maxAddressLength {
		return nil, longAddress(to)
	}
	if !isPlain(to) {
		key, err := p.managementKey(r.normalize(string(to)))
		if err != nil {
			return nil, err
		}
		to = []byte(key)
	}
	if isPart(to) {
		return nil, marked(to)
	}
	if r.rules.Load().phased {
		to = []byte(end{}.key(r, string(to)))
	}
	a := r.table.find(to)
	if strings.HasPrefix(string(to), meshPrefix) {
		if a != nil {
			r.table.release(a)
		}
		return nil, refusal(wire.CondUnauthorizedAccess, "%q is for routers among themselves", to)
	}
	if a == nil && (r.mesh.knows(string(to)) || r.treatmentOf(string(to)).composite()) {
		a = r.table.acquire(string(to))
	}
	if a == nil && r.isUnavailable(string(to)) || a != nil && a.unavailable() {
		if a != nil {
			r.table.release(a)
		}
		return nil, unavailable(string(to), "Deliveries cannot be sent to an unavailable address")
	}
	return a, nil
}

// marked refuses an address that looks like the key of a part of one.
func marked[K string | []byte](address K) *wire.Error {
	return refusal(wire.CondInvalidField, "the address %.40q begins with a control character", address)
}

// unavailable refuses an address that is configured so, in words that clients of the field
// know; the rest is in the error's map.
func unavailable(address, words string) *wire.Error {
	return &wire.Error{Condition: wire.CondNotFound, Description: words, Info: wire.Map{
		{Key: wire.Symbol("address"), Value: address},
		{Key: wire.Symbol("reason"), Value: "it is configured as unavailable"},
	}}
}

// longAddress refuses an address that has no room in front of a message.
func longAddress[K string | []byte](key K) *wire.Error {
	return refusal(wire.CondInvalidField, "the address %.40q has %d bytes; it must have at most %d", key, len(key), maxAddressLength)
}

// messageTo finds the field "to" of a message's properties. [3.2.4]
func messageTo(payload []byte) ([]byte, *wire.Error) {
	for rest := payload; len(rest) > 0; {
		s, next, err := wire.NextSection(rest)
		if err != nil {
			if errors.Is(err, wire.ErrShort) && len(payload) > 0 {
				err = fmt.Errorf("the sections before the body are cut off or too long: %w", err)
			}
			return nil, &wire.Error{Condition: wire.CondDecodeError, Description: "invalid message: " + err.Error()}
		}
		if s.Code == wire.SectionProperties {
			to, ok, err := wire.PropertiesTo(s.Value)
			if err != nil {
				return nil, &wire.Error{Condition: wire.CondDecodeError, Description: "invalid message properties: " + err.Error()}
			}
			if ok && len(to) > 0 {
				return to, nil
			}
			break
		}
		if s.Code > wire.SectionProperties {
			break
		}
		rest = next
	}
	return nil, &wire.Error{Condition: wire.CondPreconditionFailed,
		Description: "the message has no address: on a link without a target, set \"to\" in the message's properties"}
}

// class is the priority in which the message waits: the address's, else the
// message's own. [3.2.1]
func (a *address) class(m *message) uint8 {
	if a.trunk != nil {
		return m.trunkClass()
	}
	if p := a.treated().priority; p != nil {
		return *p
	}
	s, _, err := wire.NextSection(m.beginning())
	if err != nil || s.Code != wire.SectionHeader {
		return defaultPriority
	}
	var h wire.Header
	if h.Decode(s.Value) != nil {
		return defaultPriority
	}
	return min(h.Priority.Or(defaultPriority), numClasses-1)
}

const defaultPriority = 4

// beginning is the first bytes of the message, as long as they are kept.
func (m *message) beginning() []byte {
	if m.stream != nil {
		return m.stream.beginning()
	}
	return m.payload
}

func (s *stream) beginning() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.first > 0 || len(s.chunks) == 0 {
		return nil
	}
	return s.chunks[0].bytes
}
