// Package gossip runs hashicorp's memberlist inside the adjacencies of the mesh:
// its packets are control messages between neighbours, relayed hop by hop to
// routers further away, so that a router that is "alive" is one that messages
// reach, and a mesh needs no port, address or trust beyond its adjacencies.
//
// It carries link-state messages to one neighbour ([Gossip.SendAdjacent], the
// flood) and to everybody ([Gossip.Broadcast]), and buries routers that nobody
// reaches any more ([Config.OnDead]). Membership never decides a route.
//
// It consumes packets that came over an adjacency ([Gossip.Receive]), adjacencies
// that come and go, and the router's next hops; it produces packets for
// adjacencies ([Config.Send]) and the messages, states and deaths of [Config].
//
// It owns the membership, the broadcast queue, the streams with direct
// neighbours, and two goroutines of its own that end with Close: one joins
// neighbours, one tells of deaths and conflicts. memberlist's end with Close too,
// but for those in the middle of a probe, which live on until its timers (40 s at
// most) and reach nobody any more.
//
// Messages to one neighbour may overtake each other: memberlist handles what
// waits newest first.
package gossip
