package interop

import (
	"encoding/base64"
	"fmt"
	"reflect"
	"time"

	"github.com/Azure/go-amqp"
)

// encode is the message as go-amqp wants it.
func (m message) encode() *amqp.Message {
	out := &amqp.Message{
		Annotations:           annotations(m.Annotations),
		ApplicationProperties: m.Application,
	}
	switch {
	case m.Data != "":
		out.Data = [][]byte{[]byte(m.Data)}
	case m.Sequence != nil:
		out.Sequence = [][]any{m.Sequence}
	default:
		out.Value = m.Value
	}
	if m.Durable || m.Priority != nil || m.TTL != 0 {
		out.Header = &amqp.MessageHeader{Durable: m.Durable, Priority: 4, TTL: time.Duration(m.TTL) * time.Millisecond}
		if m.Priority != nil {
			out.Header.Priority = uint8(*m.Priority)
		}
	}
	p := &amqp.MessageProperties{MessageID: m.MessageID, CorrelationID: m.CorrelationID}
	if n, ok := m.CorrelationID.(int); ok {
		p.CorrelationID = uint64(n) // the only number that a message id may be
	}
	if m.UserID != "" {
		p.UserID = []byte(m.UserID)
	}
	p.To, p.Subject, p.ReplyTo = text(m.To), text(m.Subject), text(m.ReplyTo)
	p.ContentType, p.GroupID = text(m.ContentType), text(m.GroupID)
	if m.GroupSequence != 0 {
		n := uint32(m.GroupSequence)
		p.GroupSequence = &n
	}
	if !reflect.ValueOf(*p).IsZero() {
		out.Properties = p
	}
	return out
}

// longestTold: a longer body is told by its size and hash alone.
const longestTold = 4096

// decode is what go-amqp received, in the words of the protocol. Whether it
// came settled go-amqp does not tell.
func decode(in *amqp.Message) (m message) {
	switch {
	case len(in.Data) > 0:
		body := in.GetData()
		m.Size, m.SHA256 = len(body), hash(body)
		if len(body) <= longestTold {
			m.Data = string(body)
		}
	case len(in.Sequence) > 0:
		m.Sequence = jsonable(in.Sequence[0]).([]any)
	default:
		m.Value = jsonable(in.Value)
	}
	if h := in.Header; h != nil {
		m.Durable, m.TTL = h.Durable, int(h.TTL/time.Millisecond)
		priority := int(h.Priority)
		m.Priority = &priority
	}
	if p := in.Properties; p != nil {
		m.MessageID, m.CorrelationID = jsonable(p.MessageID), jsonable(p.CorrelationID)
		m.UserID = string(p.UserID)
		m.To, m.Subject, m.ReplyTo = told(p.To), told(p.Subject), told(p.ReplyTo)
		m.ContentType, m.GroupID = told(p.ContentType), told(p.GroupID)
		if p.GroupSequence != nil {
			m.GroupSequence = int(*p.GroupSequence)
		}
	}
	m.Annotations = jsonMap(in.Annotations)
	m.Application = jsonMap(in.ApplicationProperties)
	return m
}

func outcomeOf(state amqp.DeliveryState) outcome {
	switch s := state.(type) {
	case *amqp.StateAccepted:
		return outcome{State: "accepted"}
	case *amqp.StateReleased:
		return outcome{State: "released"}
	case *amqp.StateRejected:
		o := outcome{State: "rejected"}
		if s.Error != nil {
			o.Condition, o.Description = string(s.Error.Condition), s.Error.Description
			o.Info = jsonMap(s.Error.Info)
		}
		return o
	case *amqp.StateModified:
		return outcome{
			State: "modified", Failed: s.DeliveryFailed, Undeliverable: s.UndeliverableHere,
			Annotations: jsonMap(s.MessageAnnotations),
		}
	default:
		return outcome{}
	}
}

func annotations(m map[string]any) amqp.Annotations {
	if len(m) == 0 {
		return nil
	}
	a := amqp.Annotations{}
	for k, v := range m {
		a[k] = v
	}
	return a
}

func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func told(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// jsonable turns what go-amqp decoded into what a driver's JSON would have
// become: numbers are float64, keys are strings.
func jsonable(v any) any {
	switch v := v.(type) {
	case nil, bool, string, float64:
		return v
	case []byte:
		return map[string]any{"$bin": base64.StdEncoding.EncodeToString(v)}
	case time.Time:
		return float64(v.UnixMilli())
	case amqp.UUID:
		return map[string]any{"$uuid": v.String()}
	}
	r := reflect.ValueOf(v)
	switch {
	case r.CanInt():
		return float64(r.Int())
	case r.CanUint():
		return float64(r.Uint())
	case r.CanFloat():
		return r.Float()
	case r.Kind() == reflect.String:
		return r.String()
	case r.Kind() == reflect.Slice:
		list := []any{}
		for i := range r.Len() {
			list = append(list, jsonable(r.Index(i).Interface()))
		}
		return list
	case r.Kind() == reflect.Map:
		return jsonMap(v)
	default:
		return fmt.Sprint(v)
	}
}

// jsonMap is a map of any kind as JSON's; nil when it is empty.
func jsonMap(m any) map[string]any {
	r := reflect.ValueOf(m)
	if r.Kind() != reflect.Map || r.Len() == 0 {
		return nil
	}
	out := map[string]any{}
	for _, k := range r.MapKeys() {
		out[fmt.Sprint(k.Interface())] = jsonable(r.MapIndex(k).Interface())
	}
	return out
}
