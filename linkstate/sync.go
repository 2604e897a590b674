package linkstate

import (
	"errors"
	"time"
)

const (
	differFor     = 200 * time.Millisecond // of hashes, after which headers are exchanged
	longestDiffer = 10 * time.Second       // between exchanges which change nothing
	complainEvery = time.Minute
)

// syncState is how far one neighbour and we know the same.
type syncState struct {
	theirs uint64 // the hash that it told last
	told   bool   // it told one since the adjacency opened

	exchangeAt time.Time     // when to exchange headers; zero while we agree
	pause      time.Duration // after that, until the next
	opened     uint64        // our last exchange before the adjacency opened
	exchange   uint64        // our last exchange
	headers    bool          // our headers are to be sent

	theirExchange uint64 // the one whose headers come in
	upto          string // as far as they came without a gap
	done          bool   // and that all that is newer here was sent, is to be said

	send map[string]bool // origins whose LSA is to be sent
	ours uint64          // the hash that we told last
	say  bool            // our hash is to be told, be it the same
}

// complaints bounds what is logged about one source.
type complaints struct {
	newerVersion bool // was logged
	at           time.Time
}

// refuse logs that a message could not be read, but not too often.
func (c *Core) refuse(from string, l *complaints, err error, now time.Time) {
	var newer NewerVersionError
	switch {
	case errors.As(err, &newer):
		if l.newerVersion {
			return
		}
		l.newerVersion = true
	case !l.at.IsZero() && now.Before(l.at.Add(complainEvery)):
		return
	default:
		l.at = now
	}
	c.log(MessageRefused{from, err})
}

// Receive takes a message which came over the adjacency to from. What cannot be
// understood in it is logged and refused, what came before that counts. A message
// of a neighbour that is not up is dropped.
func (c *Core) Receive(from string, msg []byte, now time.Time) {
	_, a := c.adjacency(from)
	if a == nil || !a.open {
		return
	}
	err := eachFrame(msg, func(kind uint64, body []byte) error { return c.onFrame(a, kind, body, now) })
	if err != nil {
		c.refuse(from, &a.complaints, err, now)
	}
}

// ReceiveBroadcast takes a message that gossip carried.
func (c *Core) ReceiveBroadcast(msg []byte, now time.Time) {
	err := eachFrame(msg, func(kind uint64, body []byte) error {
		if kind != kindLSA {
			return nil
		}
		return c.onLSA(nil, body, now)
	})
	if err != nil {
		c.refuse("", &c.gossip, err, now)
	}
}

func (c *Core) onFrame(a *adjacency, kind uint64, body []byte, now time.Time) error {
	switch kind {
	case kindLSA:
		return c.onLSA(a, body, now)
	case kindHeaders:
		f, err := decodeHeaders(body)
		if err == nil {
			c.onHeaders(a, f, now)
		}
		return err
	case kindDone:
		exchange, err := decodeDone(body)
		if err == nil {
			c.onDone(a, exchange, now)
		}
		return err
	case kindHash:
		hash, err := decodeHash(body)
		if err == nil {
			c.onHash(a, hash, now)
		}
		return err
	default:
		return nil // of a later version of the protocol
	}
}

// onHash compares what a neighbour has with what we have.
func (c *Core) onHash(a *adjacency, hash uint64, now time.Time) {
	a.sync.theirs, a.sync.told = hash, true
	c.compare(a, now)
	c.review(a, "", now)
}

// compare starts or stops the wait for an exchange of headers.
func (c *Core) compare(a *adjacency, now time.Time) {
	s := &a.sync
	switch {
	case a.synced(c.db.hash):
		a.agreed = true
		s.exchangeAt, s.pause = time.Time{}, 0
	case s.exchangeAt.IsZero():
		s.exchangeAt, s.pause = now.Add(differFor), differFor
	}
}

// startExchange sends our headers, and will do so again later and later, until both
// agree: a part may be lost, or neither may have what the other wants.
func (c *Core) startExchange(a *adjacency, now time.Time) {
	s := &a.sync
	s.headers, s.say = true, true
	s.pause = min(max(2*s.pause, differFor), longestDiffer)
	s.exchangeAt = now.Add(s.pause)
}

// onHeaders sends what is newer here than in one part of a neighbour's headers.
// What is newer there comes when it has ours.
func (c *Core) onHeaders(a *adjacency, f headersFrame, now time.Time) {
	theirs := make(map[string]headerEntry, len(f.entries))
	for _, e := range f.entries {
		theirs[e.Origin] = e
	}
	for _, r := range c.db.order {
		id := r.lsa.Origin
		if id <= f.after || f.upto != "" && id > f.upto {
			continue
		}
		e, known := theirs[id]
		switch {
		case !known && r.standing != buried, known && r.lsa.Compare(e.Header) > 0:
			a.sync.send[id] = true
		case known && r.lsa.Compare(e.Header) == 0:
			c.agreeOnBurial(r, e.buried, now)
		}
	}
	s := &a.sync
	if f.after != "" && (s.theirExchange != f.exchange || s.upto != f.after) {
		return // a part was lost; they will try again
	}
	s.theirExchange, s.upto = f.exchange, f.upto
	if f.upto == "" {
		s.done = true
	}
}

// agreeOnBurial buries what a neighbour has buried, unless it is reachable from
// here: then the neighbour will find that, too, by the adjacency between us.
func (c *Core) agreeOnBurial(r *record, theirs bool, now time.Time) {
	if theirs && r.standing == unreachable {
		c.bury(r, now)
	}
}

// onDone takes that a neighbour sent all that was newer than our headers.
func (c *Core) onDone(a *adjacency, exchange uint64, now time.Time) {
	if exchange > a.sync.opened && exchange <= a.sync.exchange {
		a.agreed = true
		c.review(a, "", now)
	}
}

// Hash is over all that our database holds, for our next heartbeats. It is valid
// after Flush.
func (c *Core) Hash() uint64 { return c.db.hash }

// Synced reports whether a neighbour said last that it has just what we have: then
// it knows all that we sent it.
func (c *Core) Synced(neighbour string) bool {
	_, a := c.adjacency(neighbour)
	return a != nil && a.synced(c.db.hash)
}

func (a *adjacency) synced(hash uint64) bool { return a.open && a.sync.told && a.sync.theirs == hash }
