package management

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/meshway/meshway/internal/wire"
)

// Access is what a client may do.
type Access uint8

// The kinds of access.
const (
	Read Access = iota // look
	Full               // look and change
)

// Client is who asks.
type Client struct {
	Access     Access
	Connection uint64 // by which the request came into this router; 0 if it came from another one
}

// Request is a management request.
type Request struct {
	Client     Client
	Operation  string // in capitals
	Properties wire.Map
	Body       any

	ReplyTo       string
	CorrelationID any // as it is to be echoed; nil if there is none
}

// text is a property that must be a string if it is there.
func (r *Request) text(key string) (string, *Error) {
	v, ok := r.Properties.Get(key)
	if !ok || v == nil {
		return "", nil
	}
	s, ok := textOf(v)
	if !ok {
		return "", BadRequest("%s is %s; it must be a string", key, typeName(v))
	}
	return s, nil
}

// texts is text for several properties.
func (r *Request) texts(keys ...string) (list []string, err *Error) {
	for _, k := range keys {
		s, err := r.text(k)
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}

// textOf is the text of a string or symbol.
func textOf(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case wire.Symbol:
		return string(v), true
	}
	return "", false
}

// count is a property that must be a whole number of at least 0 if it is there.
func (r *Request) count(key string) (n int, ok bool, err *Error) {
	v, there := r.Properties.Get(key)
	if !there || v == nil {
		return 0, false, nil
	}
	i, isInt := integer(v)
	if s, isText := textOf(v); isText { // tools send what was typed
		parsed, perr := strconv.ParseInt(s, 10, 64)
		i, isInt = parsed, perr == nil
	}
	if !isInt || i < 0 {
		return 0, false, BadRequest("%s is %q; it must be a whole number from 0", key, fmt.Sprint(v))
	}
	return int(min(i, 1<<30)), true, nil
}

// integer is the value of any of AMQP's whole numbers.
func integer(v any) (int64, bool) {
	switch v := v.(type) {
	case int8:
		return int64(v), true
	case int16:
		return int64(v), true
	case int32:
		return int64(v), true
	case int64:
		return v, true
	case uint8:
		return int64(v), true
	case uint16:
		return int64(v), true
	case uint32:
		return int64(v), true
	case uint64:
		return int64(min(v, 1<<62)), true
	}
	return 0, false
}

// Parse makes a request of a message. A message without a reply-to, or that cannot be read,
// gives an AMQP error, with which it is to be rejected: there is nowhere to send an answer.
// A request that can be answered and is wrong has the reason in err.
func Parse(payload []byte, c Client) (r *Request, reject *wire.Error, err *Error) {
	m, perr := wire.ParseMessage(payload)
	switch {
	case perr != nil:
		return nil, &wire.Error{Condition: wire.CondDecodeError, Description: "management request: " + perr.Error()}, nil
	case m.Properties == nil || m.Properties.ReplyTo.V == "":
		return nil, &wire.Error{Condition: wire.CondInvalidField,
			Description: "management request: the message has no reply-to: set the address of a receiver of yours, say that of one with a dynamic source"}, nil
	}
	r = &Request{
		Client: c, Properties: m.ApplicationProperties,
		ReplyTo: m.Properties.ReplyTo.V, CorrelationID: m.Properties.CorrelationID,
	}
	r.Body, err = bodyOf(m)
	if err != nil {
		return r, nil, err
	}
	r.Operation, err = r.text("operation")
	if err == nil && r.Operation == "" {
		err = BadRequest("the application-properties have no operation")
	}
	r.Operation = strings.ToUpper(r.Operation)
	return r, nil, err
}

// bodyOf is the value of the message's body; nil if it has none.
func bodyOf(m *wire.Message) (any, *Error) {
	switch {
	case m.Value.OK:
		return m.Value.V, nil
	case len(m.Sequence) > 0, len(m.Data) > 1, len(m.Data) == 1 && len(m.Data[0]) > 0:
		return nil, BadRequest("the body must be one amqp-value section")
	}
	return nil, nil
}

// values is the body as a map of attributes.
func (r *Request) values() (wire.Map, *Error) {
	if r.Body == nil {
		return nil, nil
	}
	m, ok := r.Body.(wire.Map)
	if !ok {
		return nil, BadRequest("the body is %s; it must be a map", typeName(r.Body))
	}
	seen := make(map[string]bool, len(m))
	for i, p := range m {
		k, ok := textOf(p.Key)
		switch {
		case !ok:
			return nil, BadRequest("the body has a key that is %s; keys must be strings", typeName(p.Key))
		case seen[k]:
			return nil, BadRequest("the body has %q twice", k)
		}
		seen[k], m[i].Key = true, k
	}
	return m, nil
}

// Response is the answer to a request.
type Response struct {
	Code int
	Text string
	Body any
}

// Encode makes a message of the response. It fails if the body has what AMQP cannot say.
func (r *Response) Encode(to string, correlation any) ([]byte, error) {
	m := wire.Message{
		Header:     &wire.Header{},
		Properties: &wire.MessageProperties{To: wire.Some(to), CorrelationID: correlation},
		ApplicationProperties: wire.Map{
			{Key: "statusDescription", Value: r.Text},
			{Key: "statusCode", Value: int32(r.Code)},
		},
		Value: wire.Some(r.Body),
	}
	return m.Append(nil)
}

// typeName is what the specification calls the value's type.
func typeName(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string, wire.Symbol:
		return "a string"
	case []any:
		return "a list"
	case wire.Map:
		return "a map"
	case bool:
		return "a boolean"
	case []byte:
		return "binary"
	case wire.Described:
		return typeName(v.Value)
	}
	if _, ok := integer(v); ok {
		return "a number"
	}
	return "of another type"
}
