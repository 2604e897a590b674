package brokerlink

import (
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/wire"
)

// Manners are what is known of a broker's ways. They outlive its connections: what one of
// them taught is used on the next. It may be used from any goroutine.
type Manners struct {
	mu    sync.Mutex
	alone bool
}

// rabbitMQ is a product by the name that its open tells.
const rabbitMQ = "RabbitMQ"

// endsSessions says of a product that it ends a session, with all of its links, when it refuses
// an attach on it.
func endsSessions(product string) bool { return product == rabbitMQ }

// miscounts says of a product that it takes the credit of a flow as it is, and leaves out what
// is on its way inside of it: RabbitMQ does, as long as AMQP 1.0 was a plugin of it.
func miscounts(product, version string) bool {
	return product == rabbitMQ && strings.HasPrefix(version, "3.")
}

// meet takes over what the product in a broker's open tells.
func (m *Manners) meet(product string) {
	if endsSessions(product) {
		m.learn()
	}
}

// learn notes that the broker ends sessions.
func (m *Manners) learn() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.alone = true
}

// linksAlone says that each link should have a session of its own.
func (m *Manners) linksAlone() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.alone
}

// sessions puts links on sessions of one connection: on shared ones, a new one whenever
// the peer's handle-max is reached, or each on its own where the broker ends the whole
// session for one link that it refuses. When channels run out, links share after all.
type sessions struct {
	conn    *amqp.Conn
	manners *Manners
	changed func() // is called when a link that found no place may find one

	mu   sync.Mutex // guards list, and the fields of its places
	list []*place
}

// place is a session, and how many links are on it.
type place struct {
	of      *sessions
	session *amqp.Session

	// Guarded by of.mu:
	links   int
	pending int  // links without an answer
	begun   bool // the peer has answered: before, its handle-max is not known
	full    bool // it has as many links as the peer takes
	alone   bool // for one link only
	over    bool
}

// errLater says that there is no place for one more link just now: changed is called.
var errLater = errors.New("the session is not begun yet")

// attach finds a place for a link, and calls f to attach it there. errLater says that it
// must be tried again, and nothing happened.
func (s *sessions) attach(b *amqp.Batch, f func(*place) error) error {
	for {
		p, err := s.find(b)
		if err != nil {
			return err
		}
		if err = f(p); err == nil {
			return nil
		}
		p.leave(b, true)
		if !errors.Is(err, amqp.ErrNoHandle) {
			return err
		}
		s.mu.Lock()
		p.full = true
		s.mu.Unlock()
	}
}

// find is a place for one more link, which counts as on it and pending.
func (s *sessions) find(b *amqp.Batch) (*place, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	alone := s.manners.linksAlone()
	if !alone {
		if p, err := s.share(); p != nil || err != nil {
			return p, err
		}
	}
	p := &place{of: s, alone: alone, links: 1, pending: 1}
	session, err := s.conn.BeginWith(b, p)
	switch {
	case err == nil:
		p.session = session
		s.list = append(s.list, p)
		return p, nil
	case alone && errors.Is(err, amqp.ErrNoChannel):
		if p, later := s.share(); p != nil || later != nil {
			return p, later
		}
	}
	return nil, err
}

// share is the place with the fewest links among those that have room, nil if there is
// none. The caller holds mu.
func (s *sessions) share() (*place, error) {
	var best *place
	later := false
	for _, p := range s.list {
		switch {
		case p.over || p.full:
		case !p.begun && p.links > 0:
			later = true // one link fits whatever handle-max is
		case best == nil || p.links < best.links:
			best = p
		}
	}
	if best == nil {
		if later {
			return nil, errLater
		}
		return nil, nil
	}
	best.links++
	best.pending++
	return best, nil
}

// answered says that a link on the place has been answered.
func (p *place) answered() {
	p.of.mu.Lock()
	defer p.of.mu.Unlock()
	p.pending--
}

// leave says that a link on the place is over; pending, that it was never answered. A
// session that was for it alone is ended.
func (p *place) leave(b *amqp.Batch, pending bool) {
	s := p.of
	s.mu.Lock()
	p.links--
	p.full = false
	if pending {
		p.pending--
	}
	end := p.alone && p.links == 0 && !p.over
	if end {
		s.remove(p)
	}
	s.mu.Unlock()
	if end {
		p.session.End(b, nil)
	}
}

// remove takes the place out. The caller holds mu.
func (s *sessions) remove(p *place) {
	p.over = true
	s.list = slices.DeleteFunc(s.list, func(o *place) bool { return o == p })
}

// OnBegun is called when the peer has answered our begin.
func (p *place) OnBegun(*amqp.Batch, *amqp.Session) {
	p.of.mu.Lock()
	p.begun = true
	p.of.mu.Unlock()
	p.of.changed()
}

// OnEnd is called when the session is over. A peer that ends one on which a link waits for
// its answer may have meant that link: from then on each gets its own.
func (p *place) OnEnd(_ *amqp.Batch, _ *amqp.Session, _ *wire.Error, byPeer bool) {
	s := p.of
	s.mu.Lock()
	teaches := byPeer && !p.alone && p.pending > 0
	s.remove(p)
	s.mu.Unlock()
	if teaches {
		s.manners.learn()
	}
	s.changed()
}
