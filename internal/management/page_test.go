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
		{"me", "thing", 2, "c", nil},
		{"me", "other", 2, "o3", nil},
		{"you", "thing", 2, "z", nil},
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
