package interop

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// Management by the clients of other projects: requests as their libraries encode them, and
// answers as those read them.

// managers are the clients that manage. Rhea's driver does not tell AMQP's numbers apart.
var managers = []kind{goAMQP, proton}

// The listeners of the managed router.
const (
	lookListener      = "look" // management: read
	containerListener = "containers"
	meshListener      = "mesh"
)

// managedMesh runs routers A and B with something of every kind of entity that there is, and
// returns A once it knows B.
func managedMesh(t *testing.T) (a, b *router) {
	t.Helper()
	a = launch(t, func(port func(string) int) string {
		return fmt.Sprintf(`router: {id: A, mode: interior}
listeners:
  - {name: plain, port: %d}
  - {name: look, port: %d, management: read}
  - {name: containers, port: %d, role: route-container}
  - {name: mesh, port: %d, role: inter-router}
%s`, port(plainListener), port(lookListener), port(containerListener), port(meshListener), managedEntities)
	})
	b = launch(t, func(port func(string) int) string {
		return fmt.Sprintf(`router: {id: B, mode: interior}
listeners:
  - {name: plain, port: %d}
  - {name: containers, port: %d, role: route-container}
connectors:
  - {name: up, port: %d, role: inter-router}
%s`, port(plainListener), port(containerListener), a.ports[meshListener], managedEntities)
	})
	s := newStage(t, a, "the mesh forms", goAMQP, goAMQP)
	m := s.sendingSide().manager("_topo/0/B/$management") // has credit once there is a way to B
	m.wants(200, "GET-MGMT-NODES", nil, nil)
	return a, b
}

const managedEntities = `addresses:
  - {name: queue, prefix: queue, waypoint: true, priority: 3}
autoLinks:
  - {name: queue-in, address: queue, direction: in, connection: containers}
linkRoutes:
  - {name: tx, prefix: tx, direction: in, connection: containers}
`

// TestManagement has routers managed by every client, near and across the mesh.
func TestManagement(t *testing.T) {
	lookAtSources(t)
	a, b := managedMesh(t)
	for _, k := range managers {
		t.Run(string(k), func(t *testing.T) {
			for _, story := range []struct {
				name string
				tell func(*manager)
			}{
				{"every operation of the agent", everyNodeOperation},
				{"every operation on every entity", everyEntity},
				{"every attribute has its type", everyAttributeHasItsType},
				{"wrong requests are answered with what is wrong", wrongRequestsAreAnswered},
				{"a listing in pages", listingInPages},
			} {
				for router, address := range map[string]string{"A": "$management", "B": "_topo/0/B/$management"} {
					t.Run(story.name+" at "+router, func(t *testing.T) {
						s := newStage(t, a, story.name+router, k, k)
						story.tell(s.sendingSide().manager(address))
					})
				}
			}
			t.Run("hostile", func(t *testing.T) { hostileManagers(t, a, k) })
			t.Run("containers", func(t *testing.T) { managedConnections(t, a, k) })
		})
	}
	t.Run("drain", func(t *testing.T) { drainedByManagement(t, a, b) })
}

// manager is a client of management: requests go out by one link, answers come by another.
type manager struct {
	*connection
	to      *sender
	answers *receiver
	asked   int64
}

// manager attaches what it takes to ask the agent at an address.
func (c *connection) manager(address string) *manager {
	c.Helper()
	typed := func(c *command) { c.Typed = true }
	return &manager{connection: c, to: c.sender(address), answers: c.receiver("", dynamic, typed)}
}

// response is an answer of an agent.
type response struct {
	code int
	text string
	body any
}

// properties are those of a request beside its operation.
type properties map[string]any

// request makes a request, with a number of its own; an empty operation is none.
func (m *manager) request(operation string, p properties, body any) message {
	m.asked++
	application := map[string]any{}
	if operation != "" {
		application["operation"] = operation
	}
	maps.Copy(application, p)
	return message{Value: body, ReplyTo: m.answers.address, CorrelationID: number{"ulong", m.asked}, Application: application}
}

// ask sends a request and returns the answer.
func (m *manager) ask(operation string, p properties, body any) response {
	m.Helper()
	m.answers.credit(1)
	m.to.send(m.request(operation, p, body))
	return m.answer(m.asked)
}

// answer reads the next answer, which must be that to a request.
func (m *manager) answer(request int64) response {
	m.Helper()
	got := m.answers.receive(1)[0]
	m.equal("correlation-id", untyped(got.CorrelationID), request) // Proton does not tell its type
	code := got.Application["statusCode"]
	if amqpType(code) != "int" {
		m.Fatalf("statusCode is %v, which is %s; it must be an int", code, amqpType(code))
	}
	return response{int(amount(code)), fmt.Sprint(got.Application["statusDescription"]), got.Value}
}

// wants asks, checks the status, and returns the body.
func (m *manager) wants(code int, operation string, p properties, body any) any {
	m.Helper()
	r := m.ask(operation, p, body)
	if r.code != code {
		m.Fatalf("%s %v %v: got %d %s, want %d", operation, p, body, r.code, r.text, code)
	}
	return r.body
}

// refused asks for what must not be done, and checks that the answer says why.
func (m *manager) refused(codes []int, says, operation string, p properties, body any) {
	m.Helper()
	r := m.ask(operation, p, body)
	if !slices.Contains(codes, r.code) || !strings.Contains(r.text, says) {
		m.Errorf("%s %v %v: got %d %q, want %v and something of %q", operation, p, body, r.code, r.text, codes, says)
	}
}

// rows are the entities of a type as maps, without attributes that are null.
func (m *manager) rows(entityType string) (list []map[string]any) {
	m.Helper()
	return rowsOf(m.wants(200, "QUERY", properties{"entityType": entityType}, map[string]any{"attributeNames": []any{}}))
}

func rowsOf(body any) (list []map[string]any) {
	answer, _ := body.(map[string]any)
	names, _ := answer["attributeNames"].([]any)
	results, _ := answer["results"].([]any)
	for _, r := range results {
		row := map[string]any{}
		for i, v := range r.([]any) {
			if v != nil {
				row[names[i].(string)] = v
			}
		}
		list = append(list, row)
	}
	return list
}

// only is the one entity of a type whose attribute has a value.
func (m *manager) only(entityType, attribute string, value any) map[string]any {
	m.Helper()
	var found []map[string]any
	for _, row := range m.rows(entityType) {
		if row[attribute] == value {
			found = append(found, row)
		}
	}
	if len(found) != 1 {
		m.Fatalf("%d of %s have %s %v, want 1", len(found), entityType, attribute, value)
	}
	return found[0]
}

// schema is what an agent says of its entities.
type schema struct {
	Prefix      string
	EntityTypes map[string]entitySchema
}

type entitySchema struct {
	Attributes         map[string]attributeSchema
	Operations         []string
	FullyQualifiedType string
	Description        string
	Singleton          bool
}

type attributeSchema struct {
	Type                                     any // a name, or the words of an enumeration
	Create, Update, Required, Unique, Hidden bool
	Graph                                    bool // a counter
	Default                                  any
	Description                              string
}

// words are those of an enumeration; none if it is not one.
func (a attributeSchema) words() []any {
	list, _ := a.Type.([]any)
	return list
}

func (e entitySchema) has(operation string) bool { return slices.Contains(e.Operations, operation) }

// schema asks for it as JSON.
func (m *manager) schema() (s schema) {
	m.Helper()
	text, _ := m.wants(200, "GET-JSON-SCHEMA", nil, nil).(string)
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&s); err != nil {
		m.Fatalf("GET-JSON-SCHEMA: %v: %s", err, text)
	}
	if len(s.EntityTypes) < 10 {
		m.Fatalf("the schema has %d types", len(s.EntityTypes))
	}
	return s
}

// amqpType is what AMQP calls the type of a value that came typed.
func amqpType(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return "string"
	case bool:
		return "boolean"
	case []any:
		return "list"
	case map[string]any:
		if len(v) == 1 {
			for k := range v {
				if name, ok := strings.CutPrefix(k, "$"); ok {
					return name
				}
			}
		}
		return "map"
	}
	return fmt.Sprintf("%T", v)
}

// amount is the value of a number that came typed.
func amount(v any) float64 {
	if m, ok := v.(map[string]any); ok && len(m) == 1 {
		for _, n := range m {
			f, _ := n.(float64)
			return f
		}
	}
	return -1
}

// untyped is a value without the types of its numbers, as JSON would have it.
func untyped(v any) any {
	switch v := v.(type) {
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = untyped(v[i])
		}
		return list
	case map[string]any:
		switch amqpType(v) {
		case "map":
		case "symbol":
			return v["$symbol"]
		default:
			return amount(v)
		}
		out := map[string]any{}
		for k, e := range v {
			out[k] = untyped(e)
		}
		return out
	}
	return v
}
