package linkstate

import (
	"fmt"
	"time"
)

// Event is something that belongs into the log. Its text is a sentence.
type Event interface{ String() string }

// AdjacencyAnnounced says that an adjacency is in our LSA now.
type AdjacencyAnnounced struct {
	Neighbour string
	Cost      uint32
}

// AdjacencyWithdrawn says that an adjacency has left our LSA.
type AdjacencyWithdrawn struct {
	Neighbour string
	Why       string // "lost" or "suspect"
}

// AnnouncementDelayed says that an adjacency is ready, but was lost lately, so that
// it has to hold for a while before it is announced again.
type AnnouncementDelayed struct {
	Neighbour string
	Losses    int
	Wait      time.Duration
}

// AdjacencyRefused says that a connection cannot be an adjacency.
type AdjacencyRefused struct {
	Neighbour string
	Err       error
}

// AdjacenciesRefused says that our LSA has no room for some adjacencies, which
// carry no traffic therefore.
type AdjacenciesRefused struct{ Neighbours []string }

// RouterReachable says that a path to a router exists now.
type RouterReachable struct {
	ID          string
	Incarnation uint64
}

// RouterUnreachable says that no path to a router exists any more. What it told
// the mesh is kept, masked, until it is reachable or forgotten.
type RouterUnreachable struct{ ID string }

// RouterForgotten says that a router was unreachable for so long that what it told
// the mesh is to be dropped.
type RouterForgotten struct{ ID string }

// RouterRefused says that a router is not let into the picture, which is full.
type RouterRefused struct{ ID string }

// MessageRefused says that a message, or a part of one, could not be understood.
// It is given at most once a minute for each source.
type MessageRefused struct {
	From string // the neighbour, "" for gossip
	Err  error
}

// IncarnationRaised says that an LSA of our id was seen which is not ours, and
// that we went above it.
type IncarnationRaised struct {
	ID, Reason      string
	From, To, Above uint64
}

// DuplicateID says that another router has our id. The one that started later
// stops; this is the other.
type DuplicateID struct {
	ID                string
	OurBoot, TheyBoot uint64
}

// DuplicateIDError is fatal: another router, which started earlier, has our id.
type DuplicateIDError struct {
	ID                       string
	OurBoot, TheyBoot        uint64
	OurStarted, TheirStarted time.Time
}

func (e AdjacencyAnnounced) String() string {
	return fmt.Sprintf("adjacency to %s is up with cost %d", e.Neighbour, e.Cost)
}

func (e AdjacencyWithdrawn) String() string {
	return fmt.Sprintf("adjacency to %s is %s", e.Neighbour, e.Why)
}

func (e AnnouncementDelayed) String() string {
	return fmt.Sprintf("adjacency to %s must hold for %s before it is used: lost lately, times: %d", e.Neighbour, e.Wait, e.Losses)
}

func (e AdjacencyRefused) String() string {
	return fmt.Sprintf("adjacency to %s refused: %v", e.Neighbour, e.Err)
}

func (e AdjacenciesRefused) String() string {
	return fmt.Sprintf("too many adjacencies for one router: those to %q are not used; connect these routers to others", e.Neighbours)
}

func (e RouterReachable) String() string { return fmt.Sprintf("router %s is reachable", e.ID) }

func (e RouterUnreachable) String() string { return fmt.Sprintf("router %s is unreachable", e.ID) }

func (e RouterForgotten) String() string {
	return fmt.Sprintf("router %s was unreachable for long and is forgotten", e.ID)
}

func (e RouterRefused) String() string {
	return fmt.Sprintf("router %s is not let in: a mesh has at most %d routers", e.ID, MaxRouters)
}

func (e MessageRefused) String() string {
	from := "gossip"
	if e.From != "" {
		from = "router " + e.From
	}
	return fmt.Sprintf("link-state message from %s refused: %v", from, e.Err)
}

func (e IncarnationRaised) String() string {
	return fmt.Sprintf("an LSA of our id %s was seen, incarnation %d, %s: our incarnation goes from %d to %d", e.ID, e.Above, e.Reason, e.From, e.To)
}

func (e DuplicateID) String() string {
	return fmt.Sprintf("another router has our id %s (boot %x, ours is %x); it started later and must stop: give it an id of its own", e.ID, e.TheyBoot, e.OurBoot)
}

func (e DuplicateIDError) Error() string {
	const stamp = "2006-01-02T15:04:05.000Z07:00"
	return fmt.Sprintf("router id %s belongs to another router, which started earlier (boot %x at %s; ours: boot %x at %s): give this router an id of its own",
		e.ID, e.TheyBoot, e.TheirStarted.UTC().Format(stamp), e.OurBoot, e.OurStarted.UTC().Format(stamp))
}
