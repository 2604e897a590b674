// Package meshtest simulates what connects routers and applications, and the
// applications themselves, so that a whole mesh runs in one process and, inside a
// testing/synctest bubble, in virtual time.
//
// It consumes nothing but the bytes that both sides write, and produces
// connections that can be slow, stalled, silent or cut ([Pair], [Network]), and
// applications that speak AMQP frame by frame ([Client]). It owns the simulated
// connections and the goroutine that each client reads with.
//
// A [Client] does only what it is told, so that a test can be as slow, as
// unusual or as rude as it likes, and it knows nothing of internal/amqp: what it
// checks of every frame that comes (windows, credit, ids, order of frames) is
// checked by other code than that which is to be proved. Whatever it finds wrong
// it reports once and goes on.
//
//	way.go, conn.go  one direction, and one end, of a connection
//	network.go       listeners and connections by name
//	client.go        a connection of an application
//	session.go, sender.go, receiver.go  what is on it
package meshtest
