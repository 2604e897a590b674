package linkstate

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	longestWait  = 60 * time.Second // until an adjacency that flaps is announced again
	stablePeriod = 2 * time.Minute  // without a loss, after which flaps are forgotten
)

// adjacency is what the core knows of one neighbour.
//
//	        AdjacencyUp            heard, agreed           held for wait()
//	down  ---------------> open  ---------------> ready  -----------------> announced
//	 ^                      ^                                                   |
//	 |                      |     suspect (again open when it is not)           |
//	 |                      +---------------------------------------------------+
//	 +------------- AdjacencyDown, from anywhere -------------------------------+
//
// Leaving announced is a flap, but for the first time that it was only suspect. A neighbour that is down stays here until its flaps
// are forgotten.
type adjacency struct {
	neighbour string
	cost      uint32

	open    bool
	heard   bool // a heartbeat came since it opened
	agreed  bool // both databases were the same once since it opened
	suspect bool

	announced  bool
	readySince time.Time // zero if not ready
	flaps      int       // not forgotten
	doubted    bool      // it was suspect once without having been lost, which is no flap yet
	lostAt     time.Time // the last flap

	sync syncState
	complaints
}

func (a *adjacency) ready() bool { return a.open && a.heard && a.agreed && !a.suspect }

// wait is how long it must be ready before it is announced: 0, 1, 2, 4 ... 60 s.
func (a *adjacency) wait() time.Duration {
	if a.flaps == 0 {
		return 0
	}
	return min(longestWait, time.Second<<min(a.flaps-1, 10))
}

// adjacency finds what is known of a neighbour, or nil and the place where it
// belongs.
func (c *Core) adjacency(neighbour string) (int, *adjacency) {
	at, known := slices.BinarySearchFunc(c.adjacencies, neighbour, func(a *adjacency, id string) int {
		return strings.Compare(a.neighbour, id)
	})
	if !known {
		return at, nil
	}
	return at, c.adjacencies[at]
}

// AdjacencyUp says that a connection to neighbour is open, and that the identities
// of both ends are checked. It comes before anything that was received on it. A
// second call changes the cost. An adjacency that cannot be is logged, and nothing
// else.
func (c *Core) AdjacencyUp(neighbour string, cost uint32, now time.Time) {
	at, a := c.adjacency(neighbour)
	if err := c.checkAdjacency(a, neighbour, cost); err != nil {
		c.log(AdjacencyRefused{neighbour, err})
		return
	}
	if a == nil {
		a = &adjacency{neighbour: neighbour}
		c.adjacencies = slices.Insert(c.adjacencies, at, a)
	}
	if a.open {
		if a.cost != cost && a.announced {
			c.originateAt(now)
		}
		a.cost = cost
		return
	}
	a.open, a.cost = true, cost
	a.heard, a.agreed, a.suspect = false, false, false
	a.sync = syncState{send: map[string]bool{}, opened: a.sync.exchange, exchange: a.sync.exchange}
	c.startExchange(a, now)
}

func (c *Core) checkAdjacency(a *adjacency, neighbour string, cost uint32) error {
	switch {
	case neighbour == c.own.id:
		return errors.New("that is this router")
	case cost == 0 || cost > MaxCost:
		return fmt.Errorf("its cost %d is not within 1 and %d", cost, MaxCost)
	case a == nil && len(c.adjacencies) == MaxAdjacencies:
		return fmt.Errorf("there are %d already", MaxAdjacencies)
	}
	return CheckID(neighbour)
}

// AdjacencyDown says that the connection to neighbour is closed.
func (c *Core) AdjacencyDown(neighbour string, now time.Time) {
	_, a := c.adjacency(neighbour)
	if a == nil || !a.open {
		return
	}
	a.open = false
	c.review(a, "lost", now)
	c.forgetFlaps(a, now)
}

// Suspect says that neighbour is silent for too long, or not any more.
func (c *Core) Suspect(neighbour string, suspect bool, now time.Time) {
	if _, a := c.adjacency(neighbour); a != nil {
		a.suspect = suspect
		c.review(a, "suspect", now)
	}
}

// Heartbeat says that a heartbeat came from neighbour, and which hash it had.
func (c *Core) Heartbeat(neighbour string, hash uint64, now time.Time) {
	if _, a := c.adjacency(neighbour); a != nil && a.open {
		a.heard = true
		c.onHash(a, hash, now)
	}
}

// review announces or withdraws an adjacency, as its state and the time want it.
func (c *Core) review(a *adjacency, why string, now time.Time) {
	if !a.ready() {
		a.readySince = time.Time{}
		if a.announced {
			c.withdraw(a, why, now)
		}
		return
	}
	if a.announced {
		return
	}
	if a.readySince.IsZero() {
		a.readySince = now
		if a.wait() > 0 {
			c.log(AnnouncementDelayed{a.neighbour, a.flaps, a.wait()})
		}
	}
	if !now.Before(a.readySince.Add(a.wait())) {
		c.announce(a, now)
	}
}

func (c *Core) announce(a *adjacency, now time.Time) {
	a.announced = true
	c.log(AdjacencyAnnounced{a.neighbour, a.cost})
	c.originateSoon(now)
}

func (c *Core) withdraw(a *adjacency, why string, now time.Time) {
	a.announced = false
	if why == "suspect" && !a.doubted {
		a.doubted = true // a machine that is busy for a moment is no bad connection
	} else {
		a.flaps++
	}
	a.lostAt = now
	c.log(AdjacencyWithdrawn{a.neighbour, why})
	c.originateAt(now)
}

// forgetFlaps forgets them if their time has come, and the neighbour if nothing
// else is left of it.
func (c *Core) forgetFlaps(a *adjacency, now time.Time) {
	if !now.Before(a.lostAt.Add(stablePeriod)) {
		a.flaps, a.doubted = 0, false
	}
	if a.flaps == 0 && !a.open {
		at, _ := c.adjacency(a.neighbour)
		c.adjacencies = slices.Delete(c.adjacencies, at, at+1)
	}
}

// due is when time alone will change something about the adjacency; zero: never.
func (a *adjacency) due() time.Time {
	var at time.Time
	if a.flaps > 0 {
		at = a.lostAt.Add(stablePeriod)
	}
	if a.open {
		at = earlier(at, a.sync.exchangeAt)
	}
	if a.ready() && !a.announced {
		at = earlier(at, a.readySince.Add(a.wait()))
	}
	return at
}

// earlier is the earlier of two times; the zero time is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
