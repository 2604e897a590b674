// Package router is the data plane of one node and what wires it together.
//
// It consumes connections and their protocol events from internal/amqp, produces
// the transfers, credit and outcomes that go to other connections, and owns the
// addresses, their consumers, and what waits for those. It never owns a message:
// nothing is stored, and a delivery is settled towards its sender only by what
// its receiver said, or by the loss of the way to it.
//
// The way of a message:
//
//	ingress.go    a link by which messages come in: OnTransfer is where it starts
//	forward.go    which consumer gets it
//	queue.go      where it waits while none can take it
//	stream.go     one that is long goes out while it is still coming in
//	multicast.go  one that goes to several
//	limit.go      one that is too large for some of its consumers
//	egress.go     a link by which messages go out
//	outcome.go    what its sender may hear of it
//
// Beside it: attach.go decides what a link is for, names.go what an address is
// called, credit.go when senders may send, peer.go is a connection, listener.go
// where those come from.
package router
