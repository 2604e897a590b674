// Package brokertest runs real message brokers for tests and examples.
//
// Consumes: Debian's rabbitmq-server (3.10, with the AMQP 1.0 plugin that comes with it) and
// Debian's python3-qpid-proton; `make deps` installs both. Produces: brokers that listen on
// free ports of 127.0.0.1, keep everything in one folder, and can be killed and started again
// where they were. Owns: the processes that it starts. Each is stopped by its own id, and none
// outlives the process that started it (on Linux).
//
//	ports.go       ports that nobody takes while a broker is down
//	process.go     a process whose output is read line by line, and awaited
//	rabbit.go      a RabbitMQ node: launch, kill, restart, stop
//	rabbit_ctl.go  what a node says of its queues and connections
//	proton.go      a small broker on Proton for what RabbitMQ's plugin cannot do, or never does wrong
//	transact.go    a client of transactions
//	start.go       both for tests: skipped where they are not installed, log shown on failure
//
// The Proton broker is testdata/broker.py, in the binary. It has queues, topics with durable
// subscriptions, selectors, browsing, drain and transactions, and it misbehaves as it is told
// ([Behaviour]).
//
// # Goroutines
//
// One waits for the end of each process, one more copies its output; both end with it.
package brokertest
