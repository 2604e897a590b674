package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/Azure/go-amqp"
)

// ending is how a message that was sent ended.
type ending struct {
	state  string // accepted, rejected, released, modified, or settled for one sent so
	detail string // what the receiver said, in words
	err    *amqp.Error
}

func (e ending) ok() bool { return e.state == "accepted" || e.state == "settled" }

// newEnding reads a delivery state. settled means that the message was sent
// settled: nobody said anything about it.
func newEnding(state amqp.DeliveryState, settled bool) ending {
	if settled {
		return ending{state: "settled", detail: "nobody reports what became of it"}
	}
	switch s := state.(type) {
	case *amqp.StateAccepted:
		return ending{state: "accepted"}
	case *amqp.StateRejected:
		return ending{state: "rejected", detail: describeError(s.Error), err: s.Error}
	case *amqp.StateReleased:
		return ending{state: "released"}
	case *amqp.StateModified:
		return ending{state: "modified", detail: describeModified(s)}
	case nil:
		return ending{state: "settled", detail: "the receiver gave no outcome"}
	default:
		return ending{state: fmt.Sprintf("%T", s), detail: "an outcome that this command does not know"}
	}
}

func describeModified(s *amqp.StateModified) string {
	var words []string
	if s.DeliveryFailed {
		words = append(words, "delivery failed")
	}
	if s.UndeliverableHere {
		words = append(words, "undeliverable here")
	}
	annotations := plainMap(s.MessageAnnotations)
	for _, key := range slices.Sorted(maps.Keys(annotations)) {
		words = append(words, fmt.Sprintf("%s=%v", key, annotations[key]))
	}
	if s.DeliveryFailed && len(words) == 1 {
		words = append(words, "the receiver may have seen it")
	}
	return strings.Join(words, ", ")
}

// describe is the ending as a line, with advice where there is any.
func (e ending) describe(a *app, address, remedy string) string {
	words := a.painted(e.state, e.ok())
	switch {
	case e.state == "released":
		return fmt.Sprintf("%s: no consumer took it; if %q has none, start one with: %s", words, address, remedy)
	case e.detail != "":
		return words + ": " + printable(e.detail)
	}
	return words
}

// painted colours a word on a terminal.
func (a *app) painted(word string, good bool) string {
	if !a.color || !a.outTerm {
		return word
	}
	if good {
		return "\x1b[32m" + word + "\x1b[0m"
	}
	return "\x1b[31m" + word + "\x1b[0m"
}
