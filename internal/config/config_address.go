package config

// Address says how the addresses that match it are treated. Exactly one of
// Prefix and Pattern is set.
type Address struct {
	Name         string
	Prefix       string // whole tokens, split at "/" or "."
	Pattern      string // "*" is one token, "#" any number of them, none too
	Distribution Distribution
	Priority     *uint8 // 0-9, overrides the message's own; nil leaves that alone
	OnLoss       Outcome

	// Waypoint puts something, most often a queue, in the middle: what senders
	// send is in IngressPhase, what receivers get in EgressPhase.
	Waypoint     bool
	IngressPhase uint8 // 0-9
	EgressPhase  uint8 // 0-9; 1 with Waypoint unless the file says otherwise

	EnableFallback   bool    // what nobody can take goes to the fallback destination; excludes Waypoint and phases
	Shards           *Shards // nil without; Waypoint is set with it
	PresettledDirect bool    // presettled deliveries pass the waypoint by
}

// Shards spreads a waypoint over several brokers: the router attaches to each,
// in both directions, without auto-links.
type Shards struct {
	Key         ShardKey
	Connections []string // names of connectors or listeners of RoleRouteContainer, at least two; another router of the mesh may have them
	OnLoss      ShardLoss
}

// ShardKey is what of a message decides its shard. The zero value is nothing:
// the shard with the most room is taken.
type ShardKey struct {
	Kind     ShardKind
	Property string // its name, with ShardByProperty
}

// String is the key as it stands in the file.
func (k ShardKey) String() string {
	if k.Kind == ShardByProperty {
		return string(k.Kind) + ":" + k.Property
	}
	return string(k.Kind)
}

// ShardKind is the part of a message that a shard is chosen by.
type ShardKind string

// The parts.
const (
	ShardByLoad     ShardKind = "" // none
	ShardByGroup    ShardKind = "group-id"
	ShardBySubject  ShardKind = "subject"
	ShardByTo       ShardKind = "to"
	ShardByProperty ShardKind = "application-property"
)

// ShardLoss is what becomes of the keys of a shard whose broker is lost.
type ShardLoss string

// The ways.
const (
	ShardWait ShardLoss = "wait" // they wait for it, in order
	ShardMove ShardLoss = "move" // they go to the shards that are left
)
