// Package linkstate is what a router knows of the mesh: which routers there are,
// which adjacencies they have, and what those cost.
//
//	heartbeats, messages,   +---------+   messages, broadcasts
//	adjacencies up, down -> | Core    | -> Topology, tables
//	                        | (value) |   events for the log
//	                        +---------+
//	                         Speaker: the loop around it
//
// It consumes what the router says of its own adjacencies, and the messages of
// other routers' speakers. It produces messages for adjacent routers, broadcasts
// for gossip to carry, and an immutable [Topology] each time the picture changes.
// It owns the database of link-state advertisements (LSAs) and the sequence of
// the router's own.
//
// [Core] holds all rules and is a value: no clock, no goroutine, no connection.
// [Speaker] is the one goroutine that owns a core: it ends when its context does.
// [Detector] says when a silent neighbour is suspect or dead, and [Admit] whether
// a connection with a known id may come in; both are values that the connection's
// owner holds.
//
// # How the picture spreads
//
// An LSA newer than ours, from wherever, is installed, sent to every adjacent
// router but the one it came from, and handed to gossip. Routers tell their
// neighbours the hash of their database after every change and with every
// heartbeat. Where two differ for a while, they exchange the headers of all they
// have, and send each other what is newer. So a lost message costs a delay, never
// the picture.
//
// # What counts
//
// An adjacency is in a router's LSA when heartbeats come in, databases agreed once
// since it came up, and it is not suspect. It is in the topology when both ends
// report it. A router without such a path is listed as unreachable; after ten
// minutes it is buried, which all routers do together, and an hour later nobody
// remembers it.
package linkstate
