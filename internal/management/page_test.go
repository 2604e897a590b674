package management

import (
	"fmt"
	"strings"
	"testing"

	"github.com/meshway/meshway/internal/wire"
)

// queried asks for the names of all entities of a type, or of a page of them, and returns those
// of the answer.
func queried(t *testing.T, a *Agent, client, entityType string, page ...int32) string {
	t.Helper()
	r := &Request{Client: full, Operation: "QUERY", ReplyTo: client, Body: wire.Map{{Key: "attributeNames", Value: []any{"name"}}}}
	r.Properties = wire.Map{{Key: "entityType", Value: entityType}}
	for i, key := range []string{"offset", "count"}[:len(page)] {
		r.Properties = append(r.Properties, wire.Pair{Key: key, Value: page[i]})
	}
	answer := a.Handle(r)
	if answer.Code != StatusOK {
		t.Fatalf("%s: %d %s", entityType, answer.Code, answer.Text)
	}
	results, _ := answer.Body.(wire.Map).Get("results")
	var names []string
	for _, row := range results.([]any) {
		names = append(names, fmt.Sprint(row.([]any)[0]))
	}
	return strings.Join(names, " ")
}

// Two clients page through what changes in between, and one of them through two types at once:
// each has its own listing, as it was when it began.
func TestTheListingOfOneClientIsNotThatOfAnother(t *testing.T) {
	x := newThings()
	others := NewTable(Type{Name: "other", Base: BaseOperational}, x.columns(), func(Client) []*thing { return []*thing{{name: "o1"}, {name: "o2"}, {name: "o3"}} })
	a := NewAgent(Node{}, x, others)
	x.list = []*thing{{name: "a"}, {name: "b"}, {name: "c"}}
	for i, step := range []struct {
		client, entityType string
		offset             int32
		want               string
		then               []*thing
	}{
		{"me", "thing", 0, "a b", []*thing{{name: "x"}, {name: "y"}, {name: "z"}}},
		{"you", "thing", 0, "x y", []*thing{}},
		{"me", "other", 0, "o1 o2", nil},
		{"you", "thing", 2, "z", nil},
		{"me", "other", 2, "o3", nil},
		{"me", "thing", 2, "c", nil},
	} {
		if got := queried(t, a, step.client, step.entityType, step.offset, 2); got != step.want {
			t.Errorf("step %d: %s asks for %ss from %d and gets %q, want %q", i, step.client, step.entityType, step.offset, got, step.want)
		}
		if step.then != nil {
			x.list = step.then
		}
	}
}

// An answer that would be cut off is none: who asks for all of very many hears that it takes
// pages, and gets them.
func TestMoreEntitiesThanAnAnswerHoldsAreNotCutOffInSilence(t *testing.T) {
	x := newThings()
	x.list = make([]*thing, mostRows)
	for i := range x.list {
		x.list[i] = &thing{name: fmt.Sprint(i)}
	}
	a := NewAgent(Node{}, x)
	if n := len(strings.Fields(queried(t, a, "me", "thing"))); n != mostRows {
		t.Fatalf("an answer has %d of %d entities", n, mostRows)
	}
	x.list = append(x.list, &thing{name: "one more"})
	r := handle(a, full, nil, "QUERY", "entityType", "thing")
	if want := fmt.Sprintf("there are %d entities", mostRows+1); r.Code != StatusBadRequest || !strings.Contains(r.Text, want) || !strings.Contains(r.Text, "offset and count") {
		t.Errorf("got %d %q, want %d and %q, and what to do", r.Code, r.Text, StatusBadRequest, want)
	}
	if got := queried(t, a, "me", "thing", mostRows, 500); got != "one more" {
		t.Errorf("the last page is %q", got)
	}
}

// Some libraries send names that are all strings as an AMQP array. [1.6.24]
func TestAttributeNamesMayBeAnArray(t *testing.T) {
	x := newThings()
	x.list = []*thing{{name: "a", id: "1"}}
	r := handle(NewAgent(Node{}, x), full, wire.Map{{Key: "attributeNames", Value: wire.Array{Elems: []any{"identity", "name"}}}}, "QUERY", "entityType", "thing")
	results, _ := r.Body.(wire.Map).Get("results")
	if r.Code != StatusOK || fmt.Sprint(results) != "[[1 a]]" {
		t.Errorf("got %d %s: %v", r.Code, r.Text, r.Body)
	}
}

// What a request may leave out or say otherwise, and what it must not.
func TestRequestsOnEntitiesMeanOneThing(t *testing.T) {
	x := newThings()
	a := NewAgent(Node{}, x)
	m := func(pairs ...any) (m wire.Map) {
		for i := 0; i < len(pairs); i += 2 {
			m = append(m, wire.Pair{Key: pairs[i], Value: pairs[i+1]})
		}
		return m
	}
	for i, step := range []struct {
		code       int
		operation  string
		body       wire.Map
		properties []string
		says       string
	}{
		{201, "CREATE", m("type", Prefix+"thing", "name", "x", "size", uint16(1)), nil, ""},
		{201, "CREATE", m("name", "y", "size", int64(1), "password", nil, "identity", nil), []string{"type", "thing"}, ""},
		{400, "CREATE", m("type", "other", "size", int64(1)), []string{"type", "thing"}, "another one"},
		{400, "CREATE", m("colour", "red", "size", int64(1)), []string{"type", "thing"}, `no attribute "colour"`},
		{200, "UPDATE", m("size", "7"), []string{"name", "x"}, "size=7"},
		{201, "CREATE", m("name", "x", "size", int64(1)), []string{"type", "thing"}, ""},
		{400, "READ", nil, []string{"name", "x"}, "2 entities have name x"},
		{200, "READ", nil, []string{"type", "management"}, "identity=self"},
		{204, "DELETE", nil, []string{"name", "y"}, ""},
	} {
		r := handle(a, full, step.body, step.operation, step.properties...)
		text := r.Text
		if body, ok := r.Body.(wire.Map); ok {
			for _, p := range body {
				text += fmt.Sprintf(" %v=%v", p.Key, p.Value)
			}
		} else {
			t.Errorf("step %d: the answer's body is %T, want a map", i, r.Body)
		}
		if r.Code != step.code || !strings.Contains(text, step.says) {
			t.Errorf("step %d, %s %v %v: %d %s, want %d and %q", i, step.operation, step.properties, step.body, r.Code, text, step.code, step.says)
		}
	}
	words := &Attribute{Name: "colour", Values: []string{"red", "green"}}
	if v, err := words.convert(int32(1)); v != "green" || err != nil {
		t.Errorf("the second word is %v, %v", v, err)
	}
	if v, err := (&Attribute{Name: "port", Type: "string"}).convert(uint16(5672)); v != "5672" || err != nil {
		t.Errorf("a port that is a number is %v, %v", v, err)
	}
	changes, err := row{x, &thing{}}.changes(m("size", nil))
	if err != nil || len(changes) != 1 || changes[0].Value != nil {
		t.Errorf("null is to take a value away, got %v, %v", changes, err)
	}
}
