package interop

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"github.com/Azure/go-amqp"
)

// encode is the message as go-amqp wants it.
func (m message) encode() *amqp.Message {
	out := &amqp.Message{
		Annotations:           annotations(m.Annotations),
		ApplicationProperties: nativeMap(m.Application),
	}
	switch {
	case m.Data != "":
		out.Data = [][]byte{[]byte(m.Data)}
	case m.Sequence != nil:
		out.Sequence = [][]any{m.Sequence}
	default:
		out.Value = native(m.Value)
	}
	if m.Durable || m.Priority != nil || m.TTL != 0 {
		out.Header = &amqp.MessageHeader{Durable: m.Durable, Priority: 4, TTL: time.Duration(m.TTL) * time.Millisecond}
		if m.Priority != nil {
			out.Header.Priority = uint8(*m.Priority)
		}
	}
	p := &amqp.MessageProperties{MessageID: m.MessageID, CorrelationID: native(m.CorrelationID)}
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
func decode(in *amqp.Message, as telling) (m message) {
	switch {
	case len(in.Data) > 0:
		body := in.GetData()
		m.Size, m.SHA256 = len(body), hash(body)
		if len(body) <= longestTold {
			m.Data = string(body)
		}
	case len(in.Sequence) > 0:
		m.Sequence = as.value(in.Sequence[0]).([]any)
	default:
		m.Value = as.value(in.Value)
	}
	if h := in.Header; h != nil {
		m.Durable, m.TTL = h.Durable, int(h.TTL/time.Millisecond)
		priority := int(h.Priority)
		m.Priority = &priority
	}
	if p := in.Properties; p != nil {
		m.MessageID, m.CorrelationID = as.value(p.MessageID), as.value(p.CorrelationID)
		m.UserID = string(p.UserID)
		m.To, m.Subject, m.ReplyTo = told(p.To), told(p.Subject), told(p.ReplyTo)
		m.ContentType, m.GroupID = told(p.ContentType), told(p.GroupID)
		if p.GroupSequence != nil {
			m.GroupSequence = int(*p.GroupSequence)
		}
	}
	m.Annotations = as.mapping(in.Annotations)
	m.Application = as.mapping(in.ApplicationProperties)
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
			o.Info = plain.mapping(s.Error.Info)
		}
		return o
	case *amqp.StateModified:
		return outcome{
			State: "modified", Failed: s.DeliveryFailed, Undeliverable: s.UndeliverableHere,
			Annotations: plain.mapping(s.MessageAnnotations),
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

// telling is how the values are told that go-amqp decoded: as what a driver's JSON would
// have become, where numbers are float64 and keys strings; typed has a number as
// {"$ulong": 1}.
type telling bool

const (
	plain telling = false
	typed telling = true
)

// amqpNumbers are the names of AMQP's numbers, by their kinds in Go.
var amqpNumbers = map[reflect.Kind]string{
	reflect.Int8: "byte", reflect.Int16: "short", reflect.Int32: "int", reflect.Int64: "long",
	reflect.Uint8: "ubyte", reflect.Uint16: "ushort", reflect.Uint32: "uint", reflect.Uint64: "ulong",
	reflect.Float32: "float", reflect.Float64: "double",
}

func (as telling) value(v any) any {
	switch v := v.(type) {
	case nil, bool, string:
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
		return as.number(r.Kind(), float64(r.Int()))
	case r.CanUint():
		return as.number(r.Kind(), float64(r.Uint()))
	case r.CanFloat():
		return as.number(r.Kind(), r.Float())
	case r.Kind() == reflect.String && as == typed:
		return map[string]any{"$symbol": r.String()}
	case r.Kind() == reflect.String:
		return r.String()
	case r.Kind() == reflect.Slice:
		list := []any{}
		for i := range r.Len() {
			list = append(list, as.value(r.Index(i).Interface()))
		}
		return list
	case r.Kind() == reflect.Map:
		if m := as.mapping(v); m != nil {
			return m
		}
		return map[string]any{}
	default:
		return fmt.Sprint(v)
	}
}

func (as telling) number(k reflect.Kind, n float64) any {
	if as == typed {
		return map[string]any{"$" + amqpNumbers[k]: n}
	}
	return n
}

// mapping is a map of any kind as JSON's; nil when it is empty.
func (as telling) mapping(m any) map[string]any {
	r := reflect.ValueOf(m)
	if r.Kind() != reflect.Map || r.Len() == 0 {
		return nil
	}
	out := map[string]any{}
	for _, k := range r.MapKeys() {
		out[fmt.Sprint(k.Interface())] = as.value(r.MapIndex(k).Interface())
	}
	return out
}

// native is a value of a command for go-amqp: a typed number becomes one of Go's.
func native(v any) any {
	switch v := v.(type) {
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = native(v[i])
		}
		return list
	case number:
		return v.native()
	case map[string]any:
		return nativeMap(v)
	}
	return v
}

func nativeMap(m map[string]any) map[string]any {
	if m == nil {
		return nil
	}
	out := make(map[string]any, len(m))
	for k, v := range m {
		out[k] = native(v)
	}
	return out
}

// number is one of AMQP's numbers in a command; a driver gets it as {"$ulong": 1}.
type number struct {
	kind string // int, uint, long or ulong
	n    int64
}

// MarshalJSON is for drivers.
func (n number) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]int64{"$" + n.kind: n.n})
}

func (n number) native() any {
	switch n.kind {
	case "int":
		return int32(n.n)
	case "uint":
		return uint32(n.n)
	case "ulong":
		return uint64(n.n)
	}
	return n.n
}
