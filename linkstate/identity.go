package linkstate

import "time"

// Identity is what a router says of itself when a connection opens.
type Identity struct {
	ID   string
	Boot uint64 // random, another in each life
}

// Admission is what becomes of a new connection between routers.
type Admission uint8

// What becomes of a new connection between routers.
const (
	// Welcome: it is the only one to that router.
	Welcome Admission = iota
	// Second: both belong to one adjacency. The one that was ready first carries it, the
	// other stands by.
	Second
	// Challenge: the id is connected with another boot id. If the old connection
	// answers a heartbeat within [ChallengeTime], two routers share the id and the
	// new one is refused; else the router was started anew, and the new connection
	// takes the place of the old.
	Challenge
	// RefuseSelf: the router is connected to itself.
	RefuseSelf
	// RefuseTwin: another router has our id.
	RefuseTwin
)

func (a Admission) String() string {
	return [...]string{"welcome", "second", "challenge", "refuse: it is ourselves", "refuse: another router has our id"}[a]
}

// Admit decides about a connection to newcomer. Old is whom a live connection to
// the same id belongs to, or nil.
func Admit(self, newcomer Identity, old *Identity) Admission {
	switch {
	case newcomer == self:
		return RefuseSelf
	case newcomer.ID == self.ID:
		return RefuseTwin
	case old == nil:
		return Welcome
	case old.Boot == newcomer.Boot:
		return Second
	default:
		return Challenge
	}
}

// ChallengeTime is how long an old connection has to answer, given the connection's
// round-trip time.
func ChallengeTime(rtt time.Duration) time.Duration { return 2*rtt + 200*time.Millisecond }
