package brokerlink

import (
	"net"
	"slices"
	"strconv"

	"github.com/meshway/meshway/internal/wire"
)

// Hosts are the places where a peer may be, and which of them is next: those that are
// configured, in their order, and behind them those that the peer named that was connected
// last. It is for one goroutine at a time.
type Hosts struct {
	configured []string // at least one
	learned    []string
	next       int
}

// NewHosts begins with the places that are configured, host:port, at least one.
func NewHosts(configured []string) Hosts { return Hosts{configured: configured} }

// List is all places in the order in which they will be tried, beginning with the current one.
func (h *Hosts) List() []string {
	all := slices.Concat(h.configured, h.learned)
	return slices.Concat(all[h.next:], all[:h.next])
}

// Current is the place to dial now.
func (h *Hosts) Current() string {
	if h.next < len(h.configured) {
		return h.configured[h.next]
	}
	return h.learned[h.next-len(h.configured)]
}

// Advance goes on to the next place. False means that there is none, and the first is
// next.
func (h *Hosts) Advance() bool {
	if h.next++; h.next < len(h.configured)+len(h.learned) {
		return true
	}
	h.Rewind()
	return false
}

// Rewind makes the first place the next.
func (h *Hosts) Rewind() { h.next = 0 }

// Learn takes over what a peer names; what another one named before is forgotten. It keeps
// the place of the connection that stands, as far as that is one of those configured.
func (h *Hosts) Learn(list []string) {
	h.learned = nil
	for _, place := range list {
		if !slices.Contains(h.configured, place) && !slices.Contains(h.learned, place) && len(h.learned) < mostLearned {
			h.learned = append(h.learned, place)
		}
	}
	h.next = min(h.next, len(h.configured)+len(h.learned)-1)
}

// mostLearned bounds what a peer can make us dial.
const mostLearned = 16

// FailoverProperty is what a peer says in open of where else the same service is.
const FailoverProperty = "failover-server-list"

// Failover reads [FailoverProperty] of an open: host:port for each entry that can be dialled.
// What else stands there is passed over.
func Failover(properties wire.Map) (places []string) {
	v, _ := properties.Get(FailoverProperty)
	list, ok := v.([]any)
	if !ok {
		return nil
	}
	for _, e := range list {
		m, ok := e.(wire.Map)
		if !ok {
			continue
		}
		if scheme := text(m, "scheme"); scheme != "" && scheme != "amqp" {
			continue // over TLS, or inside of something else
		}
		host, port := text(m, "network-host"), text(m, "port")
		if port == "" {
			port = "5672"
		}
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || host == "" || len(host) > 253 {
			continue
		}
		places = append(places, net.JoinHostPort(host, port))
	}
	return places
}

// text is a value of the map as text: peers write ports as strings and as numbers.
func text(m wire.Map, key string) string {
	switch v, _ := m.Get(key); v := v.(type) {
	case string:
		return v
	case wire.Symbol:
		return string(v)
	case uint16:
		return strconv.FormatUint(uint64(v), 10)
	case uint32:
		return strconv.FormatUint(uint64(v), 10)
	case int32:
		return strconv.FormatInt(int64(v), 10)
	case int64:
		return strconv.FormatInt(v, 10)
	}
	return ""
}
