package linkstate

import (
	"encoding/binary"
	"maps"
	"slices"
	"time"
)

// Flush ends a batch of events, and hands out what they led to, in the order in
// which the fields of Output say.
func (c *Core) Flush(now time.Time) Output {
	if c.fatal != nil {
		return Output{Events: c.out.Events, Fatal: c.fatal}
	}
	c.compareAll(now)
	for _, a := range c.adjacencies {
		c.review(a, "", now)
	}
	if !c.own.at.IsZero() && !now.Before(c.own.at) {
		c.originate(now)
	}
	if c.graphChanged {
		c.publish(now)
	}
	c.compareAll(now) // our hash is another now
	for _, a := range c.adjacencies {
		c.send(a)
	}
	c.broadcast()
	c.publishSynced()
	out := c.out
	c.out = Output{}
	return out
}

func (c *Core) compareAll(now time.Time) {
	for _, a := range c.adjacencies {
		if a.open {
			c.compare(a, now)
		}
	}
}

// publish makes the topology, and moves the records whose origins became reachable
// or unreachable by it.
func (c *Core) publish(now time.Time) {
	c.graphChanged = false
	t := c.db.topology(c.own.id, c.topology)
	for _, r := range c.db.order {
		switch found := c.db.found(r); {
		case found && r.standing != reachable:
			c.db.move(r, reachable, now)
			if r.lsa.Origin != c.own.id {
				c.log(RouterReachable{r.lsa.Origin, r.lsa.Incarnation})
			}
		case !found && r.standing == reachable:
			c.db.move(r, unreachable, now)
			c.expiry = earlier(c.expiry, r.expires())
			c.log(RouterUnreachable{r.lsa.Origin})
		}
	}
	if !t.Equal(c.topology) {
		c.topology, c.out.Topology = t, t
	}
}

// send packs what one neighbour is to be sent: first what it does not have, last
// our hash, which says that this was all.
func (c *Core) send(a *adjacency) {
	if !a.open {
		return
	}
	s := &a.sync
	var p packer
	for _, id := range sorted(s.send) {
		if r := c.db.records[id]; r != nil {
			p.frame(kindLSA, r.raw)
		}
	}
	clear(s.send)
	if s.done {
		p.frame(kindDone, binary.AppendUvarint(nil, s.theirExchange))
	}
	if s.headers {
		s.exchange++
		for _, body := range encodeExchange(s.exchange, c.db.entries()) {
			p.frame(kindHeaders, body)
		}
	}
	if s.say || s.ours != c.db.hash {
		s.ours = c.db.hash
		p.frame(kindHash, binary.BigEndian.AppendUint64(nil, s.ours))
	}
	s.done, s.headers, s.say = false, false, false
	for _, m := range p.messages() {
		c.out.Messages = append(c.out.Messages, Message{a.neighbour, m})
	}
}

// sorted are the members of a set in order. It is mostly empty, and looking through an
// empty map takes as long as when it was at its largest.
func sorted(set map[string]bool) []string {
	if len(set) == 0 {
		return nil
	}
	return slices.Sorted(maps.Keys(set))
}

func (c *Core) broadcast() {
	for _, id := range sorted(c.changed) {
		if r := c.db.records[id]; r != nil && len(r.raw) <= maxBroadcast {
			c.out.Broadcasts = append(c.out.Broadcasts, Broadcast{id, message(kindLSA, r.raw)})
		}
	}
	clear(c.changed)
}

func (c *Core) publishSynced() {
	var synced []string
	for _, a := range c.adjacencies {
		if a.synced(c.db.hash) {
			synced = append(synced, a.neighbour)
		}
	}
	if !slices.Equal(synced, c.synced) {
		c.synced = synced
		c.out.Synced, c.out.SyncedChanged = synced, true
	}
}
