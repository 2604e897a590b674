package config

// AutoLink is a link that the router attaches by itself to a broker, or another
// container, whenever a connection to it stands. Exactly one of Connection and
// ContainerID is set.
type AutoLink struct {
	Name            string
	Address         string // in the mesh
	Direction       Direction
	Phase           uint8  // 0-9, of Address; 0 with Fallback
	ExternalAddress string // of the queue, or whatever it is, at the container
	Connection      string // name of a connector or listener of RoleRouteContainer
	ContainerID     string // of the peer, on any connection of RoleRouteContainer
	Fallback        bool   // the link is to the fallback destination of Address
	Durable         Durability
	Capabilities    []string // wanted of the terminus, as "queue"; nil is none
}

// LinkRoute hands the attaches that match it on to a broker, or another
// container. Exactly one of Prefix and Pattern is set, and at most one of
// Connection and ContainerID: with neither, another router of the mesh has the
// connection.
type LinkRoute struct {
	Name              string
	Prefix            string // whole tokens, split at "/" or "."
	Pattern           string // "*" is one token, "#" any number of them, none too
	Direction         Direction
	Connection        string // name of a connector or listener of RoleRouteContainer
	ContainerID       string // of the peer, on any connection of RoleRouteContainer
	AddExternalPrefix string // put in front of the address at the container
	DelExternalPrefix string // taken off the address before it goes to the container
}

// Direction is the way of messages over a link, as the router sees it.
type Direction string

// The directions. A link route counts from its client: in is senders.
const (
	DirectionIn  Direction = "in"  // into the router
	DirectionOut Direction = "out" // out of the router
)

// Durability is what of a terminus a container is asked to keep [3.5.5].
type Durability string

// The degrees.
const (
	DurableNone          Durability = "none"
	DurableConfiguration Durability = "configuration"
	DurableUnsettled     Durability = "unsettled-state"
)
