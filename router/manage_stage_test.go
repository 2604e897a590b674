package router_test

import (
	"fmt"

	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/internal/wire"
)

// manager is an application that manages routers: it sends requests to an address, and has
// the answers come to one of its own.
type manager struct {
	app     *app
	to      *producer
	replies *consumer
	next    uint64
}

// manager attaches what it takes to manage the router at an address.
func (a *app) manager(address string) *manager {
	m := &manager{app: a, to: a.producer(address)}
	m.replies = a.consumerWith(meshtest.ReceiverOptions{Source: &wire.Source{Dynamic: true}, Snd: wire.SndMixed, Credit: 10})
	return m
}

// replyTo is where its answers come to.
func (m *manager) replyTo() string { return m.replies.Answer.Source.Address.V }

// response is an answer.
type response struct {
	code int32
	text string
	body any
	id   any
}

// request is what makes a request: an operation and further properties, in pairs.
func (m *manager) request(body any, operation string, properties ...any) *wire.Message {
	m.next++
	p := wire.Map{{Key: "operation", Value: operation}}
	for i := 0; i < len(properties); i += 2 {
		p = append(p, wire.Pair{Key: properties[i], Value: properties[i+1]})
	}
	return &wire.Message{
		Properties:            &wire.MessageProperties{ReplyTo: wire.Some(m.replyTo()), CorrelationID: m.next},
		ApplicationProperties: p, Value: wire.Some(body),
	}
}

// ask sends a request and returns the answer.
func (m *manager) ask(body any, operation string, properties ...any) response {
	m.app.stage.t.Helper()
	had := len(m.replies.got)
	m.send(m.request(body, operation, properties...))
	if len(m.replies.got) != had+1 {
		m.app.stage.t.Fatalf("%s %v: %d answers, want 1", operation, properties, len(m.replies.got)-had)
	}
	r := m.response(had)
	if r.id != m.next {
		m.app.stage.t.Errorf("the answer's correlation-id is %v, want %v", r.id, m.next)
	}
	return r
}

// send sends a message, and returns the delivery.
func (m *manager) send(msg *wire.Message) *meshtest.Out {
	m.app.stage.t.Helper()
	payload, err := msg.Append(nil)
	if err != nil {
		m.app.stage.t.Fatal(err)
	}
	return m.to.send(payload)
}

// response reads the i-th answer.
func (m *manager) response(i int) response {
	m.app.stage.t.Helper()
	msg, err := wire.ParseMessage(m.replies.got[i].bytes)
	if err != nil {
		m.app.stage.t.Fatal(err)
	}
	code, _ := msg.ApplicationProperties.Get("statusCode")
	text, _ := msg.ApplicationProperties.Get("statusDescription")
	r := response{text: fmt.Sprint(text), body: msg.Value.V, id: msg.Properties.CorrelationID}
	r.code, _ = code.(int32)
	return r
}

// rows are the entities of a type, as maps.
func (m *manager) rows(entityType string) (list []map[string]any) {
	m.app.stage.t.Helper()
	r := m.ask(wire.Map{{Key: "attributeNames", Value: []any{}}}, "QUERY", "type", "org.amqp.management", "name", "self", "entityType", entityType)
	if r.code != 200 {
		m.app.stage.t.Fatalf("QUERY %s: %d %s", entityType, r.code, r.text)
	}
	body := r.body.(wire.Map)
	names, _ := body.Get("attributeNames")
	results, _ := body.Get("results")
	for _, values := range results.([]any) {
		row := map[string]any{}
		for i, v := range values.([]any) {
			row[names.([]any)[i].(string)] = v
		}
		list = append(list, row)
	}
	return list
}
