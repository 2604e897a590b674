// Package loadgen puts load on an AMQP 1.0 peer and measures what becomes of it.
//
// It consumes an address to dial and [Options]; it produces a [Result]. It owns
// the connections that it opens, and ends them before it returns. It runs on the
// project's own engine, so that on the same machine it costs less than the router.
//
// # Who runs what
//
// Every connection has its engine's reader, and nothing else: a sender fills its
// link from the reader's events (credit, room, outcomes), a receiver settles
// within them. Beside the readers there is one goroutine for a whole run: the
// controller ([Run] itself), and with a rate the pacer, which hands out
// permission to send by the clock. Neither touches a message.
//
// # Where to look
//
//	options.go     what can be asked for, and its defaults
//	run.go         a run, phase by phase
//	idle.go        the other kind of run: connections that do nothing
//	conn.go        one client connection
//	sender.go, sender_stream.go  links by which messages go out
//	receiver.go    links by which they come back
//	body.go, stream.go, order.go  what is in the messages, and how that is checked
//	ledger.go      an account of every message, and of silence at receivers
//	pace.go        who may send when
//	histogram.go   latencies
//	watch.go       what the peer's process costs meanwhile
package loadgen
