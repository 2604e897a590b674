package main

import (
	"fmt"
	"maps"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/Azure/go-amqp"
	"github.com/spf13/pflag"
)

// envelope is all of a message but its body, as flags say it.
type envelope struct {
	durable       bool
	priority      int
	ttl           time.Duration
	messageID     string
	to            string
	subject       string
	replyTo       string
	correlationID string
	contentType   string
	groupID       string
	properties    []string // NAME=VALUE

	application map[string]any // properties, parsed
}

func (e *envelope) flags(f *pflag.FlagSet) {
	f.BoolVar(&e.durable, "durable", false, "mark messages as durable")
	f.IntVar(&e.priority, "priority", 4, "priority, 0 to 9")
	f.DurationVar(&e.ttl, "ttl", 0, "time to live, such as 30s")
	f.StringVar(&e.messageID, "message-id", "", "message-id")
	f.StringVar(&e.to, "to", "", "to, if it is not the address")
	f.StringVar(&e.subject, "subject", "", "subject")
	f.StringVar(&e.replyTo, "reply-to", "", "reply-to")
	f.StringVar(&e.correlationID, "correlation-id", "", "correlation-id")
	f.StringVar(&e.contentType, "content-type", "", "content-type, for example application/json")
	f.StringVar(&e.groupID, "group-id", "", "group-id")
	f.StringArrayVarP(&e.properties, "property", "p", nil, "application property `NAME=VALUE`, a string; may be given several times")
}

// check parses what needs it.
func (e *envelope) check() error {
	if e.priority < 0 || e.priority > 9 {
		return usageError{fmt.Errorf("--priority %d: it must be 0 to 9", e.priority)}
	}
	if e.ttl != 0 && e.ttl < time.Millisecond || e.ttl > 0xffffffff*time.Millisecond {
		return usageError{fmt.Errorf("--ttl %v: it must be from 1ms to 49 days", e.ttl)}
	}
	for _, s := range append([]string{e.messageID, e.to, e.subject, e.replyTo, e.correlationID, e.contentType, e.groupID}, e.properties...) {
		if !utf8.ValidString(s) {
			return usageError{fmt.Errorf("%q is no text in UTF-8", s)}
		}
	}
	e.application = map[string]any{}
	for _, p := range e.properties {
		name, value, ok := strings.Cut(p, "=")
		if !ok || name == "" {
			return usageError{fmt.Errorf("--property %q: it must be NAME=VALUE", p)}
		}
		if _, ok := e.application[name]; ok {
			return usageError{fmt.Errorf("--property %s is given twice", name)}
		}
		e.application[name] = value
	}
	return nil
}

// message puts a body into the envelope. Text becomes a value, which every
// client shows as text; bytes become data.
func (e *envelope) message(body any) *amqp.Message {
	m := &amqp.Message{Header: &amqp.MessageHeader{Durable: e.durable, Priority: uint8(e.priority), TTL: e.ttl}}
	if b, ok := body.([]byte); ok {
		m.Data = [][]byte{b}
	} else {
		m.Value = body
	}
	if len(e.application) > 0 {
		m.ApplicationProperties = maps.Clone(e.application)
	}
	p := amqp.MessageProperties{
		To: optional(e.to), Subject: optional(e.subject), ReplyTo: optional(e.replyTo),
		ContentType: optional(e.contentType), GroupID: optional(e.groupID),
	}
	if e.messageID != "" {
		p.MessageID = e.messageID
	}
	if e.correlationID != "" {
		p.CorrelationID = e.correlationID
	}
	m.Properties = &p
	return m
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
