package addrtable

import "time"

// MaxAddress is the length of the longest address, in bytes.
const MaxAddress = 2048

// MinMessage is the least that [Tables.Next] takes as the size of a message.
const MinMessage = 8192

const (
	maxOwnerID = 255
	maxOwners  = 1 << 16

	// pace is how far apart messages to a neighbour are when nothing is urgent:
	// what changes meanwhile is sent once.
	pace = 50 * time.Millisecond
	// patience is how long a question to a neighbour may stay without effect
	// before another neighbour is asked.
	patience = time.Second
	// keepMasked is how long the table of an unreachable owner is kept.
	keepMasked = 10 * time.Minute
)

// OwnerKind says what an owner is.
type OwnerKind uint8

// Kinds of owners. Tables of kinds that a router does not know are passed on like
// any other.
const (
	Router OwnerKind = iota // a router of the mesh
	Edge                    // an edge router behind one
)

// String names the kind.
func (k OwnerKind) String() string {
	switch k {
	case Router:
		return "router"
	case Edge:
		return "edge"
	}
	return "owner"
}

// Owner is who has the users of a table's addresses, and alone changes it.
type Owner struct {
	Kind OwnerKind
	ID   string
}

// String is the owner's kind and id, for people.
func (o Owner) String() string { return o.Kind.String() + " " + o.ID }

// Flags say what an owner's users of an address can do now.
type Flags uint8

// Flags that have a meaning here. Others are passed on.
const (
	Open     Flags = 1 << iota // some consumer had credit lately
	Draining                   // the consumers are about to leave
)

// Entry is what an owner says about an address.
type Entry struct {
	Flags Flags
	Phase uint8 // the phase of a waypoint's address, else 0
}

// OwnerRef is an owner that has an address, and what it says about it.
type OwnerRef struct {
	Owner Owner
	Entry Entry
}

// Options say how much is taken and who is told. The zero value is usable. The
// functions are called without locks, by the goroutine whose call caused it.
type Options struct {
	MaxPerOwner int // addresses in one table; 0 is 2,000,000
	MaxTotal    int // addresses in all tables; 0 is 8,000,000

	// Always are beginnings of addresses that are watched without being asked for: of
	// those, which are few, one has to know what there is.
	Always []string

	// OnChange is called when the owners of a watched address, or what they say of
	// it, have changed. Calls for one address may come from several goroutines at
	// once, so it asks [Tables.Owners] anew.
	OnChange func(addr string)
	// OnPending is called when there is something for a neighbour where there was
	// nothing before: time to ask [Tables.Due]. It must not wait.
	OnPending func(neighbour string)
	// OnRefused is called once for each table that does not fit the limits, until
	// it fits again; and once if there are more than 65,536 owners.
	OnRefused func(error)
}

// Result is what a message did.
type Result struct {
	Changed int     // entries that are new, different or gone
	Owners  []Owner // whose tables moved on; one may be named twice
	// Contested is set if the mesh has seen a table of one of our own owners that
	// is not ours: that of an earlier life, or of another router with the same id.
	// The owner's incarnation must be raised above it with [Own.Reincarnate].
	Contested []Contest
}

// Contest is a table that somebody else has originated in our name.
type Contest struct {
	Owner       Owner
	Incarnation uint64
}

// Status is the state of one table, for management.
type Status struct {
	Owner       Owner
	Incarnation uint64
	Version     uint64
	Digest      uint64
	Addresses   int
	Tombstones  int
	Refused     uint64 // entries that did not fit the limits
	Own         bool   // originated here
	Masked      bool   // its owner is unreachable
	Exact       bool   // it has caught up with what neighbours have
	Suspect     bool   // it differs from the owner's, and is being repaired
}
