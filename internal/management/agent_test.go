package management

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/meshway/meshway/internal/wire"
)

// thing is an entity of the tests.
type thing struct {
	name, id string
	size     int
}

// things are a type with every operation.
type things struct {
	*Table[*thing]
	list []*thing
}

func newThings() *things {
	t := new(things)
	t.Table = NewTable(Type{Name: "thing", Base: BaseConfiguration, Help: "a thing", Operations: []string{"CREATE", "READ", "UPDATE", "DELETE"}},
		t.columns(), func(Client) []*thing { return t.list })
	return t
}

func (*things) columns() []Column[*thing] {
	return []Column[*thing]{
		{Attribute{Name: "name", Type: "string", Create: true}, func(x *thing) any { return x.name }},
		{Attribute{Name: "identity", Type: "string"}, func(x *thing) any { return x.id }},
		{Attribute{Name: "size", Type: "integer", Create: true, Update: true, Required: true}, func(x *thing) any { return int32(x.size) }},
		{Attribute{Name: "password", Type: "string", Secret: true, Create: true}, func(*thing) any { return "hunter2" }},
	}
}

func (t *things) Create(_ Client, values wire.Map) (any, error) {
	name, _ := values.Get("name")
	size, _ := values.Get("size")
	x := &thing{id: fmt.Sprint(len(t.list) + 1), size: int(size.(int64))}
	x.name, _ = name.(string)
	t.list = append(t.list, x)
	return x, nil
}

func (t *things) Update(_ Client, entity any, values wire.Map) (any, error) {
	if v, ok := values.Get("size"); ok {
		entity.(*thing).size = int(v.(int64))
	}
	return entity, nil
}

func (t *things) Delete(Client, any) error {
	t.list = nil
	return nil
}

func handle(a *Agent, c Client, body any, operation string, properties ...string) *Response {
	m := wire.Map{{Key: "operation", Value: operation}}
	for i := 0; i < len(properties); i += 2 {
		m = append(m, wire.Pair{Key: properties[i], Value: properties[i+1]})
	}
	return a.Handle(&Request{Client: c, Operation: operation, Properties: m, Body: body, ReplyTo: "me"})
}

var full = Client{Access: Full}

func TestTheLifeOfAnEntity(t *testing.T) {
	a := NewAgent(Node{}, newThings())
	for i, step := range []struct {
		code       int
		client     Client
		operation  string
		body       wire.Map
		properties []string
	}{
		{403, Client{}, "CREATE", wire.Map{{Key: "size", Value: "1"}}, []string{"type", "thing"}},
		{400, full, "CREATE", wire.Map{}, []string{"type", "thing"}},
		{400, full, "CREATE", wire.Map{{Key: "size", Value: "1"}, {Key: "identity", Value: "mine"}}, []string{"type", "thing"}},
		{400, full, "CREATE", wire.Map{{Key: "size", Value: "1"}, {Key: "name", Value: "x"}}, []string{"type", "thing", "name", "y"}},
		{400, full, "CREATE", wire.Map{{Key: "size", Value: "1"}, {Key: wire.Symbol("size"), Value: "1"}}, []string{"type", "thing"}},
		{201, full, "CREATE", wire.Map{{Key: "size", Value: "1"}}, []string{"type", Prefix + "thing", "name", "x"}},
		{200, Client{}, "READ", nil, []string{"name", "x"}},
		{200, Client{}, "READ", nil, []string{"type", "thing", "identity", "1"}},
		{404, Client{}, "READ", nil, []string{"name", "x", "identity", "2"}},
		{200, full, "UPDATE", wire.Map{{Key: "size", Value: uint8(7)}, {Key: "identity", Value: "1"}, {Key: "type", Value: "thing"}}, []string{"name", "x"}},
		{400, full, "UPDATE", wire.Map{{Key: "name", Value: "z"}}, []string{"name", "x"}},
		{403, Client{}, "DELETE", nil, []string{"name", "x"}},
		{204, full, "DELETE", nil, []string{"name", "x"}},
		{404, full, "DELETE", nil, []string{"name", "x"}},
	} {
		var body any
		if step.body != nil {
			body = step.body
		}
		r := handle(a, step.client, body, step.operation, step.properties...)
		if r.Code != step.code {
			t.Fatalf("step %d, %s %v: %d %s, want %d", i, step.operation, step.properties, r.Code, r.Text, step.code)
		}
		if step.code == 200 {
			if password, _ := r.Body.(wire.Map).Get("password"); password != hidden {
				t.Fatalf("step %d shows the password: %v", i, password)
			}
		}
	}
}

// A type that fails must not take the agent with it.
func TestAnAgentThatFailsAnswersSo(t *testing.T) {
	broken := NewTable(Type{Name: "broken", Base: BaseOperational, Operations: []string{"READ"}}, nil, func(Client) []*thing { panic("oops") })
	a := NewAgent(Node{}, broken)
	if r := handle(a, full, nil, "QUERY", "entityType", "broken"); r.Code != StatusInternalError {
		t.Errorf("got %d %s", r.Code, r.Text)
	}
	if r := handle(a, full, nil, "GET-TYPES"); r.Code != StatusOK {
		t.Errorf("got %d %s", r.Code, r.Text)
	}
}

func TestTheSchemaIsJSONToo(t *testing.T) {
	a := NewAgent(Node{}, newThings())
	r := handle(a, Client{}, nil, "GET-JSON-SCHEMA")
	var schema struct {
		Prefix      string
		EntityTypes map[string]struct {
			Attributes map[string]struct {
				Type             string
				Required, Create bool
			}
			Operations         []string
			FullyQualifiedType string
		}
	}
	if err := json.Unmarshal([]byte(r.Body.(string)), &schema); err != nil {
		t.Fatal(err)
	}
	x := schema.EntityTypes["thing"]
	if schema.Prefix+"." != Prefix || x.FullyQualifiedType != Prefix+"thing" || !x.Attributes["size"].Required || x.Attributes["size"].Type != "integer" || len(x.Operations) != 4 {
		t.Errorf("got %+v", schema)
	}
	if _, ok := x.Attributes["type"]; ok {
		t.Error("the schema has the attribute type, which clients know")
	}
}

// What tools are to know of attributes before they show or change them.
func TestTheSchemaSaysWhatAnAttributeIs(t *testing.T) {
	x := NewTable(Type{Name: "thing", Base: BaseConfiguration}, []Column[*thing]{
		{Attribute{Name: "colour", Type: "string", Values: []string{"red", "green"}, Default: "green", Create: true, Update: true}, nil},
		{Attribute{Name: "password", Type: "string", Secret: true, Required: true, Unique: true}, nil},
		{Attribute{Name: "sent", Type: "integer", Counter: true, Help: "how many"}, nil},
	}, nil)
	schema := plain(handle(NewAgent(Node{}, x), Client{}, nil, "GET-SCHEMA").Body).(map[string]any)
	types := schema["entityTypes"].(map[string]any)
	attributes := types["thing"].(map[string]any)["attributes"].(map[string]any)
	for name, want := range map[string]string{
		"colour":   "map[create:true default:green type:[red green] update:true]",
		"password": "map[hidden:true required:true type:string unique:true]",
		"sent":     "map[description:how many graph:true type:integer]",
	} {
		if got := fmt.Sprint(attributes[name]); got != want {
			t.Errorf("%s: the schema says %s, want %s", name, got, want)
		}
	}
	for name, want := range map[string]any{"thing": nil, "management": true} {
		if got := types[name].(map[string]any)["singleton"]; got != want {
			t.Errorf("%s: singleton is %v, want %v", name, got, want)
		}
	}
}

func TestListingsAreForgotten(t *testing.T) {
	var p pages
	now := time.Unix(1000, 0)
	made := 0
	page := func(client string, offset int) int {
		r := &Request{ReplyTo: client}
		return len(p.get(now, r, offset, 2, func() []row { made++; return make([]row, 5) }))
	}
	for i, want := range []int{2, 2, 1} {
		if got := page("a", 2*i); got != want {
			t.Errorf("page %d has %d rows, want %d", i, got, want)
		}
	}
	if made != 1 || len(p.kept) != 0 {
		t.Errorf("%d listings were made, and %d are kept after the end", made, len(p.kept))
	}
	for i := range 100 {
		page(fmt.Sprint(i), 0)
	}
	if len(p.kept) > listingsKept {
		t.Errorf("%d listings are kept", len(p.kept))
	}
	now = now.Add(time.Minute)
	page("b", 0)
	if len(p.kept) != 1 {
		t.Errorf("%d listings are kept after a minute", len(p.kept))
	}
}

func FuzzParse(f *testing.F) {
	m := wire.Message{
		Properties:            &wire.MessageProperties{ReplyTo: wire.Some("me")},
		ApplicationProperties: wire.Map{{Key: "operation", Value: "QUERY"}, {Key: "entityType", Value: "thing"}},
		Value:                 wire.Some[any](wire.Map{{Key: "attributeNames", Value: []any{"name"}}}),
	}
	seed, _ := m.Append(nil)
	f.Add(seed)
	f.Fuzz(func(t *testing.T, payload []byte) {
		r, reject, bad := Parse(payload, full)
		if reject != nil || bad != nil {
			return
		}
		answer := NewAgent(Node{}, newThings()).Handle(r)
		if answer.Code == StatusInternalError {
			t.Errorf("%+v: %s", r, answer.Text)
		}
		if _, err := answer.Encode(r.ReplyTo, r.CorrelationID); err != nil {
			t.Errorf("%+v: %v", r, err)
		}
	})
}

func TestWhoMayOnlyLookCannotHaveTheFileReloadedOrSaved(t *testing.T) {
	var done []string
	a := NewAgent(Node{
		Reload: func(dry bool) ([]string, error) {
			done = append(done, fmt.Sprint("reload ", dry))
			return []string{"router: changed"}, nil
		},
		Save: func() (string, error) { done = append(done, "save"); return "f", errors.New("the disk is full") },
	}, newThings())
	for _, op := range []string{"RELOAD", "SAVE-CONFIG"} {
		if r := handle(a, Client{}, nil, op); r.Code != StatusForbidden || len(done) != 0 {
			t.Errorf("%s: %d %s, %v", op, r.Code, r.Text, done)
		}
		if r := handle(NewAgent(Node{}, newThings()), full, nil, op); r.Code != StatusNotImplemented {
			t.Errorf("%s without a file: %d %s", op, r.Code, r.Text)
		}
	}
	if r := a.Handle(&Request{Client: full, Operation: "RELOAD", Properties: wire.Map{{Key: "dryRun", Value: true}}, ReplyTo: "me"}); r.Code != StatusOK || fmt.Sprint(r.Body, done) != "[router: changed] [reload true]" {
		t.Errorf("%d %s: %v, %v", r.Code, r.Text, r.Body, done)
	}
	if r := handle(a, full, nil, "SAVE-CONFIG"); r.Code != StatusBadRequest || !strings.Contains(r.Text, "the disk is full") {
		t.Errorf("%d %s", r.Code, r.Text)
	}
}

func TestWhoMayOnlyLookCannotEndTheRouter(t *testing.T) {
	drained := 0
	a := NewAgent(Node{Drain: func() { drained++ }}, newThings())
	if r := handle(a, Client{}, nil, "DRAIN"); r.Code != StatusForbidden || drained != 0 {
		t.Errorf("%d %s, drained %d times", r.Code, r.Text, drained)
	}
	if r := handle(a, full, nil, "DRAIN"); r.Code != StatusOK || drained != 1 {
		t.Errorf("%d %s, drained %d times", r.Code, r.Text, drained)
	}
	if r := handle(NewAgent(Node{}, newThings()), full, nil, "DRAIN"); r.Code != StatusNotImplemented {
		t.Errorf("%d %s", r.Code, r.Text)
	}
}
