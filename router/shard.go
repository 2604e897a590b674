package router

import (
	"fmt"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/wire"
)

// choose is the index of the message's shard, -1 if none can be used.
func (p *shardPlan) choose(m *message, usable func(int) bool) int {
	if !p.move {
		usable = nil
	}
	var buf [64]byte
	key := p.keyOf(m.beginning(), buf[:0])
	if key == nil {
		// Without a key, what comes by one link keeps together, and so in order.
		key = fmt.Appendf(buf[:0], "\x00%s/%d", m.in.peer.router.cfg.Router.ID, m.in.flow)
	}
	return p.shards.Choose(key, usable)
}

// keyOf finds the key in the sections before the body; nil if there is none, or if they
// cannot be read. buf is room for one that must be written down.
func (p *shardPlan) keyOf(message, buf []byte) []byte {
	want := wire.SectionProperties
	if p.key == config.ShardByProperty {
		want = wire.SectionApplicationProperties
	}
	for rest := message; len(rest) > 0; {
		s, next, err := wire.NextSection(rest)
		if err != nil || s.Code > want {
			return nil
		}
		if s.Code == want {
			return p.keyIn(s.Value, buf)
		}
		rest = next
	}
	return nil
}

// keyIn reads the key out of its section.
func (p *shardPlan) keyIn(section, buf []byte) (key []byte) {
	var err error
	switch p.key {
	case config.ShardByGroup:
		key, _, err = wire.PropertiesGroupID(section)
	case config.ShardBySubject:
		key, _, err = wire.PropertiesSubject(section)
	case config.ShardByTo:
		key, _, err = wire.PropertiesTo(section)
	case config.ShardByProperty:
		return propertyKey(section, p.name, buf)
	}
	if err != nil {
		return nil
	}
	return key
}

// propertyKey finds an application property. A number is a key by its digits, so that
// clients which encode it differently agree.
func propertyKey(section []byte, name string, buf []byte) []byte {
	it, err := wire.IterMap(section)
	if err != nil {
		return nil
	}
	for key, value, ok := it.Next(); ok; key, value, ok = it.Next() {
		if text, ok := wire.Text(key); !ok || string(text) != name {
			continue
		}
		if text, ok := wire.Text(value); ok {
			return text
		}
		v, _, err := wire.DecodeValue(value)
		if err != nil || v == nil {
			return nil
		}
		return fmt.Append(buf, v)
	}
	return nil
}

// forwardSticky gives a message to the consumer that gets all of its link: the closest,
// and among equals one that its flow decides; if it is too large for that, the next. When that
// has no room the message waits, so that order is kept.
func (a *address) forwardSticky(b *amqp.Batch, m *message, set *consumerSet) bool {
	n := uint32(len(set.list))
	for i := range n {
		e := set.list[(m.in.flow%n+i)%n]
		if e.takes(m) {
			return e.hasCredit() && a.give(b, m, e)
		}
	}
	if m.here {
		return false
	}
	var best *remote
	for _, r := range set.remotes {
		if cost := r.cost.Load(); cost != unreachable && (best == nil || cost < best.cost.Load()) {
			best = r // by id among equals, so that all senders agree
		}
	}
	return best != nil && best.room() && a.giveFar(b, m, best)
}
