// Package brokers holds the tests of meshes of built routers in front of real brokers: RabbitMQ,
// and a small broker on Proton for what RabbitMQ's AMQP 1.0 plugin does not do. Devices and
// services are go-amqp clients.
//
// Consumes: the command `meshway` (built once for a run), package brokertest. Produces: nothing
// but test results. Owns: the routers and brokers that it starts; each is stopped by its own id.
//
// With MESHWAY_SOAK=1 in the environment there are more messages.
//
//	main_test.go    the binary, the brokers that the stories share
//	mesh_test.go    three routers in a line, each a process
//	client_test.go  devices and services
//	*_story_test.go what is promised
package brokers
