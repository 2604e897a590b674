// Package interop holds the tests of the built router against clients that
// this project did not write: go-amqp, Qpid Proton for Python and rhea for
// Node.js, each as sender and as receiver.
//
// Consumes: the command `meshway` (built once for a run), the three clients
// (`make deps` installs the two that are not Go). Produces: the table
// docs/interop.md, rewritten by `go test ./internal/interop -update`. Owns:
// every process that it starts; each is stopped by its own id.
//
// # How it is put together
//
//	row (rows_*_test.go)     a story, told once:  "three receivers, mixed outcomes"
//	  | calls verbs of
//	stage (stage_test.go)    connections, senders and receivers of one row
//	  | which send commands to
//	client (client_test.go)  connect, attach, credit, drain, send, settle ...
//	  | of which there are two kinds
//	  +- goamqp_*_test.go    go-amqp, in this process
//	  +- process_test.go     a driver in a process of its own, lines of JSON
//	       +- testdata/proton/driver.py
//	       +- testdata/rhea/driver.js
//
// TestManagement (manage_*_test.go) has the routers of a mesh managed by the
// same clients. What it does with entities follows from the schema that the
// router gives, so that a new one is covered without being named.
//
// # The line protocol
//
// A driver reads one JSON object a line from standard input and writes one a
// line to standard output. A command carries an id and an op; the answer has
// the same id and either the results, "error" {condition, description}, or
// "lacks", the reason why this client cannot do such a thing. Answers come in
// any order: a command is answered when what it asks for has happened, so
// waiting is a command too (receive, outcomes, settled, detached, closed), and
// no test needs to sleep. The types command and reply in client_test.go are
// the protocol. A driver ends when its standard input does.
//
//	connect   conn host port [user password] [sasl] [idle_ms] [max_frame] [container]
//	attach    conn [session] link role address|dynamic|anonymous|coordinator
//	          [name] [settle] [second] [properties] [typed]
//	credit    link count              more credit, nothing is waited for
//	drain     link [count]            answered when the sender gave all credit back
//	send      link messages|bulk [settled]   answered when all had credit and went out
//	abort     link                    begin a message, send a part, abort it
//	outcomes  link first count        answered when those deliveries have ended
//	receive   link count              answered when so many more messages are there
//	settle    link first count state  with error, failed, undeliverable, annotations;
//	          pending: send the outcome without settling
//	settled   link first count        answered when the peer has settled those
//	state     link                    credit, sent, ended, received, settled: as they are now
//	barrier   conn                    begin and end a session: what was sent before
//	                                  has been read by the peer
//	hold      conn on|off             settle nothing that the peer says something of, until off;
//	          a client that cannot leave that be reads nothing meanwhile
//	detach    link      detached link     end  conn session
//	close     conn      closed   conn     wait for the peer's
//
// Numbers, strings, booleans, lists and maps are JSON's; binary is
// {"$bin": base64}. A receiver that is attached as typed has {"$ulong": 1} for a
// number, and so may a message that is sent: management depends on it. That a symbol stayed a symbol is checked elsewhere, byte by
// byte: what a library makes of a type is its own affair.
package interop
