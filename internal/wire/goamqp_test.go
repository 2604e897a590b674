package wire

import (
	"reflect"
	"testing"
	"time"

	"github.com/Azure/go-amqp"
)

func pointer[T any](v T) *T { return &v }

// messagesOfBoth are messages as this package and as go-amqp have them.
var messagesOfBoth = []struct {
	name   string
	ours   *Message
	theirs *amqp.Message
}{
	{"data", &Message{Data: [][]byte{[]byte("x")}}, &amqp.Message{Data: [][]byte{[]byte("x")}}},
	{"large data", &Message{Data: [][]byte{bytes5k}}, &amqp.Message{Data: [][]byte{bytes5k}}},
	{"value", &Message{Value: Some(any("text"))}, &amqp.Message{Value: "text"}},
	{"sequence", &Message{Sequence: [][]any{{"a", int64(1)}}}, &amqp.Message{Sequence: [][]any{{"a", int64(1)}}}},
	{"header", &Message{Header: &Header{Durable: true, Priority: Some(uint8(9)), TTL: Some(uint32(1000)), FirstAcquirer: true, DeliveryCount: 1}, Value: Some(any(true))},
		&amqp.Message{Header: &amqp.MessageHeader{Durable: true, Priority: 9, TTL: time.Second, FirstAcquirer: true, DeliveryCount: 1}, Value: true}},
	{"properties", &Message{Properties: fullMessage.Properties, Value: Some(any(false))},
		&amqp.Message{Value: false, Properties: &amqp.MessageProperties{
			MessageID: "id-1", UserID: []byte("user"), To: pointer("to"), Subject: pointer("subject"), ReplyTo: pointer("reply"),
			CorrelationID: uint64(300), ContentType: pointer("text/plain"), ContentEncoding: pointer("gzip"),
			AbsoluteExpiryTime: pointer(time.UnixMilli(1600000000000).UTC()), CreationTime: pointer(time.UnixMilli(0).UTC()),
			GroupID: pointer("group"), GroupSequence: pointer(uint32(3)), ReplyToGroupID: pointer("reply-group"),
		}}},
	{"uuid as message id", &Message{Properties: &MessageProperties{MessageID: UUID{1}, CorrelationID: []byte{2}}, Value: Some(any(true))},
		&amqp.Message{Properties: &amqp.MessageProperties{MessageID: amqp.UUID{1}, CorrelationID: []byte{2}}, Value: true}},
	{"annotations", &Message{
		DeliveryAnnotations: Map{{Symbol("d"), int32(-1)}}, MessageAnnotations: Map{{Symbol("m"), Symbol("s")}},
		Footer: Map{{Symbol("f"), []byte{1}}}, Data: [][]byte{{}},
	}, &amqp.Message{
		DeliveryAnnotations: amqp.Annotations{amqp.Symbol("d"): int32(-1)}, Annotations: amqp.Annotations{amqp.Symbol("m"): amqp.Symbol("s")},
		Footer: amqp.Annotations{amqp.Symbol("f"): []byte{1}}, Data: [][]byte{{}},
	}},
	{"application properties", &Message{ApplicationProperties: Map{{"k", "v"}}, Value: Some(any(true))},
		&amqp.Message{ApplicationProperties: map[string]any{"k": "v"}, Value: true}},
}

// valuesOfBoth are values that go-amqp has in a type of its own or the same one.
var valuesOfBoth = []struct{ ours, theirs any }{
	{uint8(200), uint8(200)}, {uint16(60000), uint16(60000)}, {uint32(0), uint32(0)}, {uint32(7), uint32(7)}, {uint32(1 << 20), uint32(1 << 20)},
	{uint64(0), uint64(0)}, {uint64(7), uint64(7)}, {uint64(1 << 40), uint64(1 << 40)},
	{int8(-1), int8(-1)}, {int16(-300), int16(-300)}, {int32(-1), int32(-1)}, {int32(1 << 20), int32(1 << 20)}, {int64(-1), int64(-1)}, {int64(1 << 40), int64(1 << 40)},
	{float32(1.5), float32(1.5)}, {float64(-2.5), float64(-2.5)}, {"", ""}, {"grüße", "grüße"}, {text300, text300},
	{Symbol("s"), amqp.Symbol("s")}, {[]byte{1}, []byte{1}}, {UUID{1, 2}, amqp.UUID{1, 2}},
	{time.UnixMilli(1600000000123).UTC(), time.UnixMilli(1600000000123).UTC()},
	{[]any{"a", []any{uint32(1)}}, []any{"a", []any{uint32(1)}}},
	{Map{{"k", uint32(1)}}, map[string]any{"k": uint32(1)}},
	{Map{{Symbol("k"), text300}}, map[any]any{amqp.Symbol("k"): text300}},
	{Array{Code: ctorSym8, Elems: []any{Symbol("a"), Symbol("b")}}, []amqp.Symbol{"a", "b"}},
	{Array{Code: ctorUint, Elems: []any{uint32(1), uint32(300)}}, []uint32{1, 300}},
	{Array{Code: ctorStr8, Elems: []any{"a", "b"}}, []string{"a", "b"}},
	{Array{Code: ctorLong, Elems: []any{int64(1 << 40)}}, []int64{1 << 40}},
	{Array{Code: ctorBool, Elems: []any{true, false}}, []bool{true, false}},
	{Array{Code: ctorUUID, Elems: []any{UUID{1}}}, []amqp.UUID{{1}}},
}

func TestMessagesAsGoAMQPHasThem(t *testing.T) {
	tests := messagesOfBoth
	for _, v := range valuesOfBoth {
		tests = append(tests, struct {
			name   string
			ours   *Message
			theirs *amqp.Message
		}{"value", &Message{Value: Some(v.ours)}, &amqp.Message{Value: v.theirs}})
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, err := tt.theirs.MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			ours, err := ParseMessage(b)
			if err != nil {
				t.Fatalf("% x: %v", b, err)
			}
			if !reflect.DeepEqual(ours, tt.ours) {
				t.Errorf("decoded theirs as %+v, want %+v", ours, tt.ours)
			}
			var theirs amqp.Message
			if err := theirs.UnmarshalBinary(encoded(t, tt.ours)); err != nil {
				t.Fatal(err)
			}
			if got, want := asDecoded(theirs), asDecoded(*tt.theirs); !reflect.DeepEqual(got, want) {
				t.Errorf("they decoded %+v, want %+v", got, want)
			}
		})
	}
}

// asDecoded changes the values of a message to those that go-amqp decodes for
// them: it gives symbols as strings, and times in the local zone.
func asDecoded(m amqp.Message) amqp.Message {
	plainMap := func(in amqp.Annotations) amqp.Annotations {
		if in == nil {
			return nil
		}
		out := amqp.Annotations{}
		for k, v := range in {
			out[plain(k)] = plain(v)
		}
		return out
	}
	m.DeliveryAnnotations, m.Annotations, m.Footer = plainMap(m.DeliveryAnnotations), plainMap(m.Annotations), plainMap(m.Footer)
	m.Value = plain(m.Value)
	if m.Properties != nil {
		p := *m.Properties
		for _, at := range []**time.Time{&p.AbsoluteExpiryTime, &p.CreationTime} {
			if *at != nil {
				*at = pointer((*at).UTC())
			}
		}
		m.Properties = &p
	}
	return m
}

func plain(v any) any {
	switch v := v.(type) {
	case amqp.Symbol:
		return string(v)
	case time.Time:
		return v.UTC()
	case map[any]any:
		out := map[string]any{}
		for k, e := range v {
			out[plain(k).(string)] = plain(e)
		}
		return out
	}
	return v
}
