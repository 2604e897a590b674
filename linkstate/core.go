package linkstate

import (
	"bytes"
	"slices"
	"time"
)

// maxBroadcast bounds what gossip is given, in bytes: it must fit a packet together
// with others. Longer LSAs spread over the adjacencies alone.
const maxBroadcast = 4096

// Config is what a core is made of.
type Config struct {
	ID      string    // of our router
	Boot    uint64    // random, another in each life
	Started time.Time // when this life began, by the wall clock
}

// Core holds the rules of link state. Its methods are the events that reach a
// router; each is given the time. What they lead to is collected until [Core.Flush].
// A Core is not safe for concurrent use.
type Core struct {
	own         origin
	adjacencies []*adjacency // in the order of neighbour
	db          database
	topology    *Topology // the last that was published

	// Collected since the last Flush:
	out          Output
	changed      map[string]bool // origins to broadcast
	graphChanged bool
	synced       []string // as the last Flush had it
	fatal        *DuplicateIDError

	expiry    time.Time // when a record may expire; zero: never
	gossip    complaints
	refusedAt time.Time // when a router was refused that found no room, and it was logged
}

// Message goes to an adjacent router.
type Message struct {
	To   string
	Data []byte
}

// Broadcast goes to all routers, by gossip. It takes the place of an older one of
// the same origin.
type Broadcast struct {
	Origin string
	Data   []byte
}

// Table says what a router announces of its address table. Our own is among them:
// when its incarnation rises, because something older or foreign stood above it, the
// table has to be made anew by that.
type Table struct {
	Owner                        string
	Incarnation, Version, Digest uint64
}

// Output is what events led to. The messages go out before anything is done with
// the topology, so that no neighbour gets data by routes whose reason it does not
// know yet.
type Output struct {
	Messages   []Message
	Broadcasts []Broadcast
	Topology   *Topology // nil: as it was
	Tables     []Table   // that were announced anew
	Synced     []string  // neighbours that know all that we know, sorted; valid if SyncedChanged
	Events     []Event

	SyncedChanged bool
	Fatal         error // a *DuplicateIDError: our router must stop; nothing else is set any more
}

// NewCore makes the core of a router that knows itself alone.
func NewCore(cfg Config) (*Core, error) {
	if err := CheckID(cfg.ID); err != nil {
		return nil, err
	}
	c := &Core{
		own: origin{
			id: cfg.ID, boot: cfg.Boot, started: cfg.Started,
			incarnation: uint64(max(1, cfg.Started.UnixMilli())), rivals: map[uint64]*rival{},
		},
		db:      database{records: map[string]*record{}},
		changed: map[string]bool{},
	}
	c.originate(cfg.Started)
	return c, nil
}

func (c *Core) log(e Event) { c.out.Events = append(c.out.Events, e) }

// onLSA installs an LSA if it is newer than ours. It came from a neighbour, or by
// gossip (nil).
func (c *Core) onLSA(from *adjacency, body []byte, now time.Time) error {
	l, err := decodeLSA(body)
	if err != nil {
		return err
	}
	if l.Origin == c.own.id {
		c.onOwn(l, now)
		return nil
	}
	old := c.db.records[l.Origin]
	if old == nil && !c.db.makeRoom() {
		if c.refusedAt.IsZero() || !now.Before(c.refusedAt.Add(complainEvery)) {
			c.refusedAt = now
			c.log(RouterRefused{l.Origin})
		}
		return nil
	}
	if old == nil || l.Compare(old.lsa.Header) > 0 {
		c.install(l, bytes.Clone(body), from, now)
	} else if from != nil && l.Compare(old.lsa.Header) == 0 {
		delete(from.sync.send, l.Origin) // it has that
	}
	return nil
}

// install puts an LSA into the database, and floods it to all but where it came
// from.
func (c *Core) install(l *LSA, raw []byte, from *adjacency, now time.Time) {
	var was *LSA
	if r := c.db.records[l.Origin]; r != nil {
		was = r.lsa
		c.graphChanged = c.graphChanged || r.standing == buried
	}
	r := c.db.install(l, raw, now)
	c.expiry = earlier(c.expiry, r.expires())
	c.graphChanged = c.graphChanged || was == nil || !was.sameGraph(l)
	c.changed[l.Origin] = true
	for _, a := range c.adjacencies {
		if !a.open {
			continue
		}
		if a == from {
			delete(a.sync.send, l.Origin)
		} else {
			a.sync.send[l.Origin] = true
		}
	}
	if was == nil || was.Incarnation != l.Incarnation || was.TableVersion != l.TableVersion || was.TableDigest != l.TableDigest {
		c.out.Tables = append(c.out.Tables, Table{l.Origin, l.Incarnation, l.TableVersion, l.TableDigest})
	}
}

// bury drops what an unreachable router said, but for what is needed to know old
// copies of it again.
func (c *Core) bury(r *record, now time.Time) {
	c.db.move(r, buried, now)
	c.expiry = earlier(c.expiry, r.expires())
	c.graphChanged = true
	c.log(RouterForgotten{r.lsa.Origin})
}

// Tick does what time alone leads to: it is to be called at NextTick, and harmless
// at any other time.
func (c *Core) Tick(now time.Time) {
	for _, a := range slices.Clone(c.adjacencies) {
		if s := &a.sync; a.open && !s.exchangeAt.IsZero() && !now.Before(s.exchangeAt) {
			c.startExchange(a, now)
		}
		c.forgetFlaps(a, now)
		c.review(a, "", now)
	}
	if !c.expiry.IsZero() && !now.Before(c.expiry) {
		c.expire(now)
	}
}

// expire buries and forgets the routers whose time has come.
func (c *Core) expire(now time.Time) {
	c.expiry = time.Time{}
	for _, r := range slices.Clone(c.db.order) {
		switch at := r.expires(); {
		case at.IsZero():
		case now.Before(at):
			c.expiry = earlier(c.expiry, at)
		case r.standing == unreachable:
			c.bury(r, now)
		default:
			c.db.remove(r)
		}
	}
}

// NextTick is when Tick has something to do, if nothing happens before; the zero
// time if never. It is valid after Flush.
func (c *Core) NextTick() time.Time {
	at := earlier(c.own.at, c.expiry)
	for _, a := range c.adjacencies {
		at = earlier(at, a.due())
	}
	return at
}
