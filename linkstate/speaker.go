package linkstate

import (
	"bytes"
	"context"
	"slices"
	"sync/atomic"
	"time"
)

const (
	inboxLength = 1024
	inboxForAll = inboxLength / 2 // of these for what may be lost, the rest for adjacencies
	inboxBytes  = 4 << 20         // of messages
	batchLength = 256             // events before the others are told
)

// Update is what a speaker publishes.
type Update struct {
	Topology *Topology // the newest, never nil
	Synced   []string  // the neighbours that know all that we know, sorted
	Tables   []Table   // that were announced anew
}

// Handler is what a speaker needs of the router. All is called by the speaker's
// goroutine: nothing may block, or call the speaker.
type Handler interface {
	// Send queues a message for an adjacent router, in front of any data. It may be
	// lost; more than a few make convergence slow.
	Send(neighbour string, msg []byte)
	// Broadcast gives gossip a message for all routers, in the place of an older
	// one of the same origin.
	Broadcast(origin string, msg []byte)
	// Publish hands over what changed, after the messages about it were sent.
	Publish(Update)
	// Log is given what happened.
	Log(Event)
}

// Speaker is the loop around a [Core]: the one goroutine that owns it, which is that
// of Run. All other methods may be called from anywhere, and return at once unless
// hundreds of adjacencies change in a moment.
type Speaker struct {
	// Immutable after NewSpeaker:
	core    *Core
	handler Handler
	inbox   chan event
	ended   chan struct{}

	queued  atomic.Int64 // bytes of messages in the inbox
	dropped atomic.Uint64
	hash    atomic.Uint64
	latest  atomic.Pointer[Update]
}

// event is something for the core, and how many bytes of messages it holds.
type event struct {
	apply func(c *Core, now time.Time)
	bytes int
}

// NewSpeaker makes a speaker of a new core.
func NewSpeaker(core *Core, handler Handler) *Speaker {
	s := &Speaker{core: core, handler: handler, inbox: make(chan event, inboxLength), ended: make(chan struct{})}
	s.hash.Store(core.Hash())
	s.latest.Store(&Update{Topology: NewTopology([]Node{{ID: core.own.id, Incarnation: core.own.incarnation}})})
	return s
}

// Run owns the core until the context ends, or until another router turns out to
// have our id: then it returns a [*DuplicateIDError]. It is called once.
func (s *Speaker) Run(ctx context.Context) error {
	defer close(s.ended)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		if err := s.flush(); err != nil {
			return err
		}
		timer.Reset(s.untilTick())
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		case e := <-s.inbox:
			s.apply(e)
			s.applyWaiting()
		}
		s.core.Tick(time.Now())
	}
}

func (s *Speaker) untilTick() time.Duration {
	at := s.core.NextTick()
	if at.IsZero() {
		return time.Hour
	}
	return max(0, time.Until(at))
}

func (s *Speaker) apply(e event) {
	s.queued.Add(-int64(e.bytes))
	e.apply(s.core, time.Now())
}

// applyWaiting takes what else is in the inbox: events that come together lead to
// fewer messages together.
func (s *Speaker) applyWaiting() {
	for range batchLength {
		select {
		case e := <-s.inbox:
			s.apply(e)
		default:
			return
		}
	}
}

// flush carries out what a batch of events led to.
func (s *Speaker) flush() error {
	out := s.core.Flush(time.Now())
	for _, e := range out.Events {
		s.handler.Log(e)
	}
	if out.Fatal != nil {
		return out.Fatal
	}
	for _, m := range out.Messages {
		s.handler.Send(m.To, m.Data)
	}
	for _, b := range out.Broadcasts {
		s.handler.Broadcast(b.Origin, b.Data)
	}
	s.hash.Store(s.core.Hash())
	if out.Topology == nil && !out.SyncedChanged && out.Tables == nil {
		return nil
	}
	u := *s.latest.Load()
	u.Tables = out.Tables
	if out.Topology != nil {
		u.Topology = out.Topology
	}
	if out.SyncedChanged {
		u.Synced = out.Synced
	}
	s.latest.Store(&u)
	s.handler.Publish(u)
	return nil
}

// must queues what may not be lost.
func (s *Speaker) must(apply func(c *Core, now time.Time)) {
	s.put(event{apply: apply})
}

// may queues what the protocol repairs if it is lost, or drops it. A few more at a
// time than are allowed do no harm.
func (s *Speaker) may(bytes int, apply func(c *Core, now time.Time)) {
	if len(s.inbox) >= inboxForAll || s.queued.Load()+int64(bytes) > inboxBytes {
		s.dropped.Add(1)
		return
	}
	s.queued.Add(int64(bytes))
	s.put(event{apply, bytes})
}

func (s *Speaker) put(e event) {
	select {
	case s.inbox <- e:
	case <-s.ended:
	}
}

// AdjacencyUp is [Core.AdjacencyUp].
func (s *Speaker) AdjacencyUp(neighbour string, cost uint32) {
	s.must(func(c *Core, now time.Time) { c.AdjacencyUp(neighbour, cost, now) })
}

// AdjacencyDown is [Core.AdjacencyDown].
func (s *Speaker) AdjacencyDown(neighbour string) {
	s.must(func(c *Core, now time.Time) { c.AdjacencyDown(neighbour, now) })
}

// Suspect is [Core.Suspect].
func (s *Speaker) Suspect(neighbour string, suspect bool) {
	s.must(func(c *Core, now time.Time) { c.Suspect(neighbour, suspect, now) })
}

// Heartbeat is [Core.Heartbeat].
func (s *Speaker) Heartbeat(neighbour string, hash uint64) {
	s.may(0, func(c *Core, now time.Time) { c.Heartbeat(neighbour, hash, now) })
}

// Receive is [Core.Receive]. The message is copied.
func (s *Speaker) Receive(from string, msg []byte) {
	s.receive(msg, func(c *Core, msg []byte, now time.Time) { c.Receive(from, msg, now) })
}

// ReceiveBroadcast is [Core.ReceiveBroadcast]. The message is copied.
func (s *Speaker) ReceiveBroadcast(msg []byte) {
	s.receive(msg, (*Core).ReceiveBroadcast)
}

func (s *Speaker) receive(msg []byte, to func(c *Core, msg []byte, now time.Time)) {
	msg = bytes.Clone(msg[:min(len(msg), MaxMessage+1)]) // the core refuses what is longer
	s.may(len(msg), func(c *Core, now time.Time) { to(c, msg, now) })
}

// SetTable is [Core.SetTable].
func (s *Speaker) SetTable(version, digest uint64) {
	s.must(func(c *Core, now time.Time) { c.SetTable(version, digest, now) })
}

// SetDraining is [Core.SetDraining].
func (s *Speaker) SetDraining(draining bool) {
	s.must(func(c *Core, now time.Time) { c.SetDraining(draining, now) })
}

// Hash is what heartbeats are to carry.
func (s *Speaker) Hash() uint64 { return s.hash.Load() }

// Topology is the newest.
func (s *Speaker) Topology() *Topology { return s.latest.Load().Topology }

// Synced is [Core.Synced].
func (s *Speaker) Synced(neighbour string) bool {
	_, synced := slices.BinarySearch(s.latest.Load().Synced, neighbour)
	return synced
}

// Dropped counts the messages and heartbeats for which the inbox had no room.
func (s *Speaker) Dropped() uint64 { return s.dropped.Load() }
