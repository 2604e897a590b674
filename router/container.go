package router

import (
	"slices"
	"sync"

	"github.com/meshway/meshway/broker-link"
	"github.com/meshway/meshway/internal/amqp"
)

// container is a peer of role route-container while its connection is open: a broker most
// often. Its connection is the listener or connector that it came by; several may come by
// one listener.
type container struct {
	// Immutable after it is made.
	peer       *peer
	connection string          // name of the listener or connector
	broker     *broker         // that it is the connection to; nil by a listener
	try        *brokerlink.Try // of the broker

	id string // container-id of its open; immutable once it is up

	gate attachGate // of routed links
}

// answersTo says whether configuration means this container: by the name of a connection,
// or by a container id. One of the two is empty.
func (c *container) answersTo(connection, id string) bool {
	if connection != "" {
		return c.connection == connection
	}
	return id != "" && c.id == id
}

// containerWatcher wants to know which containers there are. It is called by the reader of
// the container's connection, with no lock held: up before anything else that happens on
// the open connection, down as the last thing, when all of its links have ended.
type containerWatcher interface {
	containerUp(b *amqp.Batch, c *container)
	containerDown(c *container)
}

// containers are those that are up.
type containers struct {
	watchers []containerWatcher // immutable after Start

	mu   sync.Mutex   // guards all below
	list []*container // in the order in which they came
}

// watch has w called from now on. It is called before the router is started.
func (s *containers) watch(w containerWatcher) { s.watchers = append(s.watchers, w) }

// up is called when a container's connection is open.
func (s *containers) up(b *amqp.Batch, c *container) {
	s.mu.Lock()
	s.list = append(s.list, c)
	s.mu.Unlock()
	for _, w := range s.watchers {
		w.containerUp(b, c)
	}
}

// down is called when the connection of a container is over. One that was never up is
// passed over.
func (s *containers) down(c *container) {
	s.mu.Lock()
	i := slices.Index(s.list, c)
	if i >= 0 {
		s.list = slices.Delete(s.list, i, i+1)
	}
	s.mu.Unlock()
	if i < 0 {
		return
	}
	for _, w := range s.watchers {
		w.containerDown(c)
	}
}

// find is the containers that configuration means, in the order in which they came: whoever
// goes round robin over them keeps its place as long as none comes or goes.
func (s *containers) find(connection, id string) (list []*container) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.list {
		if c.answersTo(connection, id) {
			list = append(list, c)
		}
	}
	return list
}

// names are the container ids and the connections of all that are up.
func (s *containers) names() (ids, connections map[string]bool) {
	ids, connections = make(map[string]bool), make(map[string]bool)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.list {
		ids[c.id], connections[c.connection] = true, true
	}
	return ids, connections
}
