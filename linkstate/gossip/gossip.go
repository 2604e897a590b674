package gossip

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
	"go.uber.org/zap"

	"github.com/meshway/meshway/linkstate"
)

// Config says who a router is, and what its gossip reaches it and others by. The
// callbacks come from several goroutines at once, and must not wait; a message
// or state is theirs for the time of the call only. One that had begun may still
// be under way when Close returns.
type Config struct {
	ID   string      // as linkstate.CheckID wants it
	Boot uint64      // random, another in each life
	Log  *zap.Logger // nil for none

	// Send queues a copy of a packet on the control link of an adjacency, where order
	// is kept; false if there is no such adjacency or it has no room. Receive and
	// SendAdjacent call it, too, so they are not to be called under a lock that it takes.
	Send func(neighbour string, packet []byte) bool
	// NextHop is the neighbour on the way to a router further away.
	NextHop func(dest string) (neighbour string, ok bool)

	// OnMessage takes a message: a direct one from that neighbour, or a broadcast
	// that began at that router. If it says that a broadcast is fresh, this router
	// spreads it too.
	OnMessage func(from string, msg []byte, direct bool) (fresh bool)
	// OnDead says that a router is reached by nobody any more, or left.
	OnDead func(id string)
	// OnConflict says that another living router has our id, and its boot id; again
	// each minute. Optional.
	OnConflict func(boot uint64)
	// State is what a neighbour gets at each join; at most MaxState bytes, and it must
	// be at hand. Optional.
	State func() []byte
	// MergeState takes the State of a neighbour. Optional.
	MergeState func(from string, state []byte)
}

// Gossip is the membership of one router. Its methods may be called from any
// goroutine.
type Gossip struct {
	config    Config
	transport *transport
	delegate  *delegate
	list      *memberlist.Memberlist

	fresh chan struct{} // an adjacency came
	done  chan struct{} // closed by Close
	close sync.Once
	ended sync.WaitGroup
}

// New begins to gossip. The router is alone until an adjacency comes up.
func New(c Config) (*Gossip, error) {
	if err := c.complete(); err != nil {
		return nil, fmt.Errorf("gossip: %w", err)
	}
	g := &Gossip{config: c, fresh: make(chan struct{}, 1), done: make(chan struct{})}
	g.transport = newTransport(&g.config)
	g.delegate = newDelegate(&g.config, &g.transport.count)
	list, err := memberlist.Create(settings(&g.config, g.transport, g.delegate))
	if err != nil {
		return nil, fmt.Errorf("gossip: %w", err)
	}
	g.list = list
	g.ended.Go(g.join)
	g.ended.Go(func() { g.delegate.tell(g.done) })
	return g, nil
}

// complete checks the configuration and fills in what is optional.
func (c *Config) complete() error {
	if err := linkstate.CheckID(c.ID); err != nil {
		return err
	}
	if c.Send == nil || c.NextHop == nil || c.OnMessage == nil || c.OnDead == nil {
		return errors.New("the functions Send, NextHop, OnMessage and OnDead are required")
	}
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	if c.OnConflict == nil {
		c.OnConflict = func(uint64) {}
	}
	if c.State == nil {
		c.State = func() []byte { return nil }
	}
	if c.MergeState == nil {
		c.MergeState = func(string, []byte) {}
	}
	return nil
}

// AdjacencyUp says that packets can be exchanged with a neighbour now.
func (g *Gossip) AdjacencyUp(id string) {
	if linkstate.CheckID(id) != nil || id == g.config.ID {
		return
	}
	g.transport.up(id)
	select {
	case g.fresh <- struct{}{}:
	default:
	}
}

// AdjacencyDown says that they cannot any more. Streams with the neighbour end.
func (g *Gossip) AdjacencyDown(id string) { g.transport.down(id) }

// Receive takes a packet that a neighbour sent. It never waits, changes the
// packet, and does not keep it.
func (g *Gossip) Receive(from string, packet []byte) { g.transport.receive(from, packet) }

// SendAdjacent sends a message of at most MaxMessage bytes to a neighbour. An
// error says that it was not sent; without one it may still be lost with the
// adjacency, or be overtaken by a later one.
func (g *Gossip) SendAdjacent(id string, msg []byte) error {
	if len(msg) > MaxMessage {
		return fmt.Errorf("message of %d bytes to %q: at most %d can be sent", len(msg), id, MaxMessage)
	}
	if g.transport.closed.Load() {
		return errClosed
	}
	b := append(appendMessage(make([]byte, 0, len(msg)+len(g.config.ID)+3), messageAdjacent, g.config.ID), msg...)
	if err := g.list.SendToAddress(memberlist.Address{Addr: hostPort(id, portAdjacent), Name: id}, b); err != nil {
		return fmt.Errorf("message to %q: %w", id, err)
	}
	return nil
}

// Broadcast has a message of at most MaxBroadcast bytes sent to some random
// members, and each that finds it fresh does the same: it reaches all but one in
// some thousand, so that what must arrive needs another way, too. Of messages with
// one key, which says what they are about, only the last is still sent.
func (g *Gossip) Broadcast(key string, msg []byte) error {
	switch {
	case key == "" || len(key) > maxKey:
		return fmt.Errorf("broadcast with a key of %d bytes: it must have 1 to %d", len(key), maxKey)
	case len(msg) > MaxBroadcast:
		return fmt.Errorf("broadcast of %d bytes about %q: at most %d can be sent", len(msg), key, MaxBroadcast)
	case g.transport.closed.Load():
		return errClosed
	}
	b := appendMessage(make([]byte, 0, len(msg)+len(key)+len(g.config.ID)+4), messageBroadcast, g.config.ID)
	b = append(append(b, byte(len(key))), key...)
	g.delegate.enqueue(&broadcast{key: key, message: append(b, msg...)})
	return nil
}

// Members are the routers that live, as far as is known, ourselves included, in
// order.
func (g *Gossip) Members() []string {
	g.delegate.mu.Lock()
	defer g.delegate.mu.Unlock()
	return slices.Sorted(maps.Keys(g.delegate.members))
}

// Stats counts what happened.
func (g *Gossip) Stats() Stats { return g.transport.count.stats() }

// Close ends gossiping without a word to others, who bury this router in time.
func (g *Gossip) Close() {
	g.close.Do(func() {
		_ = g.list.Shutdown() // cannot fail with our transport
		close(g.done)
	})
	g.ended.Wait()
}

// join compares all that is known with each new neighbour, and then with a random
// one now and then, until Close.
func (g *Gossip) join() {
	timer := time.NewTimer(rand.N(joinInterval))
	defer timer.Stop()
	for {
		var with []string
		select {
		case <-g.done:
			return
		case <-g.fresh:
			with = g.transport.unjoined()
		case <-timer.C:
			with = g.transport.anyNeighbour()
			timer.Reset(joinInterval)
		}
		for _, id := range with {
			if _, err := g.list.Join([]string{id + "/" + hostPort(id, portRelayed)}); err != nil {
				g.config.Log.Debug("join failed", zap.String("neighbour", id), zap.Error(err))
			}
		}
	}
}
