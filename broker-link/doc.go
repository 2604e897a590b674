// Package brokerlink keeps connections to brokers, and links on them.
//
// It consumes hosts, and functions of the router that make a connection of a socket and a
// link of a session; it produces connections that are dialled again whenever they are lost,
// and links that are attached again whenever their connection, session or link ended. It
// owns when that happens, how many attaches are under way, and on which session each link
// is; it does not know what the links are for.
//
//	link.go        one connection to a broker: its states
//	hosts.go       where the broker may be
//	advice.go      what to do about a connection that fails
//	attacher.go    the links of one connection: when each is attached
//	attachment.go  one of them, and its states
//	sessions.go    on which session it is
//
// # A connection
//
//	            next host
//	          ┌───────────┐
//	          ▼           │
//	──► dialling ──► opening ──► up
//	      ▲   │           │       │ closed or lost
//	      │   │ that was the last │
//	      │   ▼                   │
//	      waiting ◄───────────────┘
//
// # A link
//
//	inactive ──► attaching ──► active
//	                 ▲  │        │ detached, or its session ended
//	                 │  ▼        │
//	                failed ◄─────┘
package brokerlink
