package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/Azure/go-amqp"
)

// outcome is how a receiver ends a delivery.
type outcome string

const (
	outcomeAccept  outcome = "accept"
	outcomeReject  outcome = "reject"
	outcomeRelease outcome = "release"
	outcomeModify  outcome = "modify"
)

var outcomes = []string{string(outcomeAccept), string(outcomeReject), string(outcomeRelease), string(outcomeModify)}

// past is the outcome's name as a state: accept, accepted.
func (o outcome) past() string {
	switch o {
	case outcomeModify:
		return "modified"
	case outcomeAccept, outcomeReject:
		return string(o) + "ed"
	case outcomeRelease:
		return "released"
	}
	return string(o)
}

// body is a message's body as a plain value: a string if it is text, []byte if
// it is not, else what the value or the sequence holds.
func body(m *amqp.Message) any {
	switch {
	case m.Data != nil:
		var all []byte
		for _, d := range m.Data {
			all = append(all, d...)
		}
		if utf8.Valid(all) {
			return string(all)
		}
		return all
	case m.Sequence != nil:
		return m.Sequence
	default:
		return m.Value
	}
}

// text is a body as a line for people. On a terminal no control character
// gets through: a message is somebody else's text.
func text(v any, terminal bool) string {
	switch v := v.(type) {
	case string:
		if terminal && strings.ContainsFunc(v, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }) {
			return strconv.Quote(v)
		}
		return v
	case []byte:
		const most = 32
		if len(v) > most {
			return fmt.Sprintf("%d bytes: %x...", len(v), v[:most])
		}
		return fmt.Sprintf("%s: %x", plural(len(v), "byte"), v)
	}
	line, err := json.Marshal(plain(v))
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(line)
}

// plain turns a value that came over AMQP into one that JSON can carry.
func plain(v any) any {
	switch v := v.(type) {
	case nil, string, bool, float32, float64:
		return number(v)
	case []byte:
		if utf8.Valid(v) {
			return string(v)
		}
		return map[string]string{"base64": base64.StdEncoding.EncodeToString(v)}
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano)
	case amqp.UUID:
		return v.String()
	case map[string]any:
		m := map[string]any{}
		for key, value := range v {
			m[key] = plain(value)
		}
		return m
	case map[any]any:
		return plainMap(v)
	case amqp.Annotations:
		return plainMap(v)
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			list[i] = plain(item)
		}
		return list
	case int8, int16, int32, int64, int, uint8, uint16, uint32, uint64, uint:
		return v
	}
	if r := reflect.Indirect(reflect.ValueOf(v)); r.Kind() == reflect.Slice {
		return plainArray(r)
	} else if descriptor, value, ok := described(r); ok {
		return map[string]any{"descriptor": plain(descriptor), "value": plain(value)}
	}
	if s, ok := v.(fmt.Stringer); ok {
		return s.String()
	}
	if _, err := json.Marshal(v); err == nil {
		return v
	}
	return fmt.Sprint(v)
}

// plainArray is an AMQP array as a list: the client has a type for each kind
// of element, and JSON would take that of octets for one word in base64.
func plainArray(array reflect.Value) []any {
	list := make([]any, array.Len())
	for i := range list {
		item := array.Index(i)
		if item.Kind() == reflect.Uint8 {
			list[i] = item.Uint()
			continue
		}
		list[i] = plain(item.Interface())
	}
	return list
}

// described takes a described value apart. The client keeps its type to
// itself, so that only the names of the fields tell it.
func described(v reflect.Value) (descriptor, value any, ok bool) {
	if v.Kind() != reflect.Struct || v.NumField() != 2 {
		return nil, nil, false
	}
	d, val := v.FieldByName("Descriptor"), v.FieldByName("Value")
	if !d.IsValid() || !val.IsValid() {
		return nil, nil, false
	}
	return d.Interface(), val.Interface(), true
}

// number keeps JSON from failing at infinity.
func number(v any) any {
	if _, err := json.Marshal(v); err != nil {
		return fmt.Sprint(v)
	}
	return v
}

func plainMap[K comparable](in map[K]any) map[string]any {
	m := map[string]any{}
	for key, value := range in {
		m[fmt.Sprint(key)] = plain(value)
	}
	return m
}

// record is a message as one line of JSON.
type record map[string]any

// put adds a value unless it is absent.
func (r record) put(key string, v any) {
	switch p := v.(type) {
	case *string:
		if p != nil {
			r[key] = *p
		}
	case *uint32:
		if p != nil {
			r[key] = *p
		}
	case *time.Time:
		if p != nil {
			r[key] = plain(*p)
		}
	case []byte:
		if len(p) > 0 {
			r[key] = plain(p)
		}
	case map[string]any:
		if len(p) > 0 {
			r[key] = plain(p)
		}
	case amqp.Annotations:
		if len(p) > 0 {
			r[key] = plain(p)
		}
	case nil:
	default:
		r[key] = plain(v)
	}
}

// newRecord takes everything of a message that people look at.
func newRecord(m *amqp.Message) record {
	r := record{"body": plain(body(m))}
	if h := m.Header; h != nil {
		r["durable"] = h.Durable
		r["priority"] = h.Priority
		if h.TTL > 0 {
			r["ttl"] = h.TTL.String()
		}
		if h.DeliveryCount > 0 {
			r["deliveryCount"] = h.DeliveryCount
		}
	}
	r.put("deliveryAnnotations", m.DeliveryAnnotations)
	r.put("messageAnnotations", m.Annotations)
	r.put("applicationProperties", m.ApplicationProperties)
	if p := m.Properties; p != nil {
		r.put("messageId", p.MessageID)
		r.put("userId", p.UserID)
		r.put("to", p.To)
		r.put("subject", p.Subject)
		r.put("replyTo", p.ReplyTo)
		r.put("correlationId", p.CorrelationID)
		r.put("contentType", p.ContentType)
		r.put("contentEncoding", p.ContentEncoding)
		r.put("absoluteExpiryTime", p.AbsoluteExpiryTime)
		r.put("creationTime", p.CreationTime)
		r.put("groupId", p.GroupID)
		r.put("groupSequence", p.GroupSequence)
		r.put("replyToGroupId", p.ReplyToGroupID)
	}
	return r
}

// printJSON writes one object a line.
func (a *app) printJSON(v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return a.print("%s", line)
}
