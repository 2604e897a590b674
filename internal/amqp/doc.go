// Package amqp is the protocol engine: one AMQP 1.0 connection, in either role,
// with its sessions, links, flow control and unsettled deliveries.
//
// It consumes the bytes of a connection and calls a [Handler]; it produces
// frames when a handler or anybody else calls a method of a [Conn], [Session],
// [Receiver] or [Sender]. It owns the connection's sockets, tables and delivery
// records, and knows nothing of routing: what pairs a delivery that came in
// with one that went out are the [Origin] and the context that the caller gives.
//
// # Who runs what
//
// A connection has one reader at a time: it alone parses, and calls the handlers. On
// Linux that is the poller which watches its socket, and those of many others: a handler
// must not wait. Elsewhere, and where there is no socket, it is a goroutine of the
// connection's own. One mutex guards what others reach: the output
// buffer, credit and windows, and the rings of unsettled deliveries. It is held
// for a few dozen nanoseconds at a time, never across a system call or a call of
// a handler, and never together with another connection's.
//
// A method that takes a [Batch] may be called from any goroutine that holds no
// lock of this package; what it encodes is written when the batch is flushed.
// The reader flushes its own batch after every read, a poller after every round.
//
// # Where to look
//
//	conn.go          the connection and its life
//	conn_recv.go     bytes -> frames -> one method a frame
//	conn_handshake.go, conn_sasl.go  protocol headers, SASL, open
//	conn_send.go     the output buffer, flushing, the writer on demand
//	transport.go     the reader's buffer
//	accept_linux.go  sockets that are accepted for a poller
//	poller_linux.go, socket_linux.go, conn_polled_linux.go  sockets that a poller watches
//	poller_load_linux.go  which poller has which
//	conn_timer.go    idle-time-out both ways, handshake deadline
//	tap.go           whoever wants to see each frame
//	session.go       begin, end
//	session_window.go  how many frames may come
//	link.go          attach, detach, names
//	receiver.go      links by which messages come in: credit granted, outcomes sent
//	sender.go        links by which messages go out: credit used, outcomes received
//	recv_transfer.go, recv_disposition.go, recv_flow.go  what happens when that frame arrives
package amqp
