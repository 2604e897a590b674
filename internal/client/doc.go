// Package client asks routers about themselves, and tells them what to change: a small
// client of AMQP management over go-amqp.
//
// It consumes an open connection to any router of a mesh. By it each router of that mesh
// can be asked, by its id: the requests go by one sender without an address, the replies
// come to one address that the router made up, and are told apart by correlation-id.
//
//	client.go   the connection: requests out, replies in
//	node.go     what an agent can do: query, page by page, and the routers that there are
//	entity.go   what it knows: entities, and their attributes as text and numbers
//	errors.go   what can go wrong, and whose fault that is
//
// It produces entities and errors that are fit to be shown. It owns the sender and the
// receiver, and the goroutine that reads replies; the connection stays its caller's.
package client
