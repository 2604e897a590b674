// Package management is the agent that answers management requests: AMQP messages that ask
// for what a router knows of itself, or have it change something (AMQP Management, working
// draft 9, in the form that the field's tools speak).
//
// It consumes requests and [Table]s, which the router fills; it produces one answer for
// every request that says where to send it. It owns the requests that it has in hand and the
// answers that nobody has taken yet, both bounded, and knows nothing of the router.
//
//	request.go   a message -> a Request
//	agent.go     a Request -> a Response: which operation it is
//	node.go      operations on the agent itself: QUERY, GET-TYPES, ...
//	entity.go    operations on one entity: CREATE, READ, UPDATE, DELETE
//	table.go     what an entity type is made of
//	schema.go    GET-SCHEMA
//	pages.go     a listing that is asked for in pages
//	endpoint.go  the AMQP end: requests come in by links, answers go out by replies.go
package management
