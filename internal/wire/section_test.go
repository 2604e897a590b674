package wire

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

var fullMessage = &Message{
	Header:              &Header{Durable: true, Priority: Some(uint8(9)), TTL: Some(uint32(1000)), FirstAcquirer: true, DeliveryCount: 2},
	DeliveryAnnotations: Map{{Symbol("x-opt-d"), int32(1)}},
	MessageAnnotations:  Map{{Symbol("x-opt-m"), "text"}, {uint64(5), nil}},
	Properties: &MessageProperties{
		MessageID: "id-1", UserID: []byte("user"), To: Some("to"), Subject: Some("subject"), ReplyTo: Some("reply"),
		CorrelationID: uint64(300), ContentType: "text/plain", ContentEncoding: "gzip",
		AbsoluteExpiryTime: Some(time.UnixMilli(1600000000000).UTC()), CreationTime: Some(time.UnixMilli(0).UTC()),
		GroupID: Some("group"), GroupSequence: Some(uint32(3)), ReplyToGroupID: Some("reply-group"),
	},
	ApplicationProperties: Map{{"kind", "order"}, {"n", int64(-1)}},
	Data:                  [][]byte{[]byte("one"), {}},
	Footer:                Map{{Symbol("x-opt-f"), true}},
}

func encoded(t testing.TB, m *Message) []byte {
	t.Helper()
	b, err := m.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestMessageRoundTrip_3_2(t *testing.T) {
	for name, m := range map[string]*Message{
		"empty":      {},
		"full":       fullMessage,
		"value":      {Value: Some(any("text"))},
		"null value": {Value: Some(any(nil))},
		"sequences":  {Sequence: [][]any{{int64(1), "two"}, {}}},
		"described":  {Value: Some(any(Described{uint64(0x31), []any{}}))},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseMessage(encoded(t, m))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, m) {
				t.Fatalf("decoded %+v, want %+v", got, m)
			}
		})
	}
}

func TestHeaderAndPropertiesBytes(t *testing.T) {
	t.Run("empty header [3.2.1]", func(t *testing.T) { wantBytes(t, (&Header{}).Append(nil), "00 53 70 45") })
	t.Run("header [3.2.1]", func(t *testing.T) {
		wantBytes(t, fullMessage.Header.Append(nil), "00 53 70 c0 0c 05 41 50 09 70 00 00 03 e8 41 52 02")
	})
	t.Run("to only [3.2.4]", func(t *testing.T) {
		wantBytes(t, (&MessageProperties{To: Some("q")}).Append(nil), "00 53 73 c0 06 03 40 40 a1 01 71")
	})
	t.Run("an id of no type that ids have [3.2.4]", func(t *testing.T) {
		wantBytes(t, (&MessageProperties{MessageID: 5, Subject: Some("")}).Append(nil), "00 53 73 c0 06 04 40 40 40 a1 00")
	})
	for _, id := range []any{"id", uint64(1), uint64(300), UUID{1, 2}, []byte{1}, nil} {
		var p MessageProperties
		s, _, err := NextSection((&MessageProperties{CorrelationID: id}).Append(nil))
		if err == nil {
			err = p.Decode(s.Value)
		}
		if err != nil || !reflect.DeepEqual(p.CorrelationID, id) {
			t.Fatalf("correlation-id %v: %v, %v", id, p.CorrelationID, err)
		}
	}
}

func TestMalformedHeaders_3_2_1(t *testing.T) {
	for _, tt := range []struct{ name, value, err string }{
		{"a map", "c1 01 00", "header.list: want list, got map (0xc1)"},
		{"six fields", "c0 07 06 40 40 40 40 40 40", "header: 6 fields, but there are only 5"},
		{"durable that is a number", "c0 02 01 43", "header.durable: want boolean, got uint (0x43)"},
		{"priority that is a uint", "c0 03 02 40 43", "header.priority: want ubyte, got uint (0x43) at byte 1"},
		{"ttl that is a ulong", "c0 04 03 40 40 44", "header.ttl: want uint, got ulong (0x44)"},
		{"first-acquirer that is a string", "c0 06 04 40 40 40 a1 00", "header.first-acquirer: want boolean, got string (0xa1)"},
		{"delivery-count that is cut short", "c0 07 05 40 40 40 40 70 00", "header.delivery-count: uint (0x70) is cut short"},
		{"bytes behind", "c0 03 01 41 41", "header: 1 bytes after the last of 1 fields"},
		{"nothing", "", "header.value: cut short"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wantFault(t, new(Header).Decode(unhex(t, tt.value)), tt.err)
		})
	}
}

func TestNextSection_3_2(t *testing.T) {
	tests := []struct {
		name, bytes string
		code        SectionCode
		value       string
	}{
		{"header [3.2.1]", "00 53 70 45", SectionHeader, "45"},
		{"header by symbol", "00 a3 10 616d71703a6865616465723a6c697374 45", SectionHeader, "45"},
		{"header by ulong", "00 80 0000000000000070 c0 01 00", SectionHeader, "c0 01 00"},
		{"delivery annotations [3.2.2]", "00 53 71 c1 01 00", SectionDeliveryAnnotations, "c1 01 00"},
		{"message annotations [3.2.3]", "00 53 72 d1 00000004 00000000", SectionMessageAnnotations, "d1 00000004 00000000"},
		{"properties [3.2.4]", "00 53 73 d0 00000004 00000000", SectionProperties, "d0 00000004 00000000"},
		{"application properties [3.2.5]", "00 53 74 c1 01 00", SectionApplicationProperties, "c1 01 00"},
		{"data [3.2.6]", "00 53 75 a0 01 aa", SectionData, "a0 01 aa"},
		{"data of 32 bits [3.2.6]", "00 53 75 b0 00000001 aa", SectionData, "b0 00000001 aa"},
		{"data by symbol [3.2.6]", "00 a3 10 616d71703a646174613a62696e617279 a0 00", SectionData, "a0 00"},
		{"sequence [3.2.7]", "00 53 76 c0 02 01 41", SectionSequence, "c0 02 01 41"},
		{"value [3.2.8]", "00 53 77 a1 01 78", SectionValue, "a1 01 78"},
		{"value by symbol [3.2.8]", "00 a3 11 616d71703a616d71702d76616c75653a2a 40", SectionValue, "40"},
		{"value that is described [4.5.2]", "00 53 77 00 53 31 45", SectionValue, "00 53 31 45"},
		{"value that is an array", "00 53 77 e0 03 01 50 07", SectionValue, "e0 03 01 50 07"},
		{"footer [3.2.9]", "00 53 78 c1 01 00", SectionFooter, "c1 01 00"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := append(unhex(t, tt.bytes), 0xee)
			s, rest, err := NextSection(b)
			if err != nil || s.Code != tt.code || !bytes.Equal(rest, []byte{0xee}) || !bytes.Equal(s.Raw, b[:len(b)-1]) {
				t.Fatalf("NextSection = %+v, % x, %v", s, rest, err)
			}
			wantBytes(t, s.Value, tt.value)
			for i := range len(b) - 1 { // while it arrives, it is not malformed
				if _, _, err := NextSection(b[:i:i]); !errors.Is(err, ErrShort) {
					t.Fatalf("%d bytes: %v, want ErrShort", i, err)
				}
			}
		})
	}
}

func TestMalformedSections(t *testing.T) {
	tests := []struct{ name, bytes, err string }{
		{"not described", "40", "section: want described value, got null"},
		{"a type below", "00 53 6f 45", "unknown section 0x6f"},
		{"a type above", "00 53 79 45", "unknown section 0x79"},
		{"an unknown symbol", "00 a3 01 78 45", `unknown section "x"`},
		{"a string for a descriptor", "00 a1 01 78 45", "want ulong or symbol, got string"},
		{"an unknown constructor for a descriptor", "00 ff", "unknown constructor 0xff"},
		{"header that is a map", "00 53 70 c1", "section header: want list, got map (0xc1)"},
		{"annotations that are null", "00 53 72 40", "section message-annotations: want map, got null"},
		{"data that is a string", "00 53 75 a1 00", "section data: want binary, got string (0xa1)"},
		{"sequence that is an array", "00 53 76 e0", "section amqp-sequence: want list, got array (0xe0)"},
		{"value of an unknown constructor", "00 53 77 ff", "section amqp-value.value: unknown constructor 0xff"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := NextSection(unhex(t, tt.bytes))
			wantFault(t, err, tt.err)
			if errors.Is(err, ErrShort) {
				t.Fatal("more bytes would not help")
			}
		})
	}
}

// A message that is cut anywhere is either short within a section, or whole up to
// its last section.
func TestMessageCutShortAtEveryByte(t *testing.T) {
	b := encoded(t, fullMessage)
	for i := range b {
		rest, err := b[:i:i], error(nil)
		for len(rest) > 0 && err == nil {
			_, rest, err = NextSection(rest)
		}
		if err != nil && !errors.Is(err, ErrShort) {
			t.Fatalf("%d bytes: %v", i, err)
		}
		if _, perr := ParseMessage(b[:i:i]); (perr != nil) != (err != nil) {
			t.Fatalf("%d bytes: ParseMessage %v, NextSection %v", i, perr, err)
		}
	}
}

func TestSectionsStandInOrder_3_2(t *testing.T) {
	header, properties := "00 53 70 45", "00 53 73 45"
	data, sequence, value, footer := "00 53 75 a0 00", "00 53 76 45", "00 53 77 40", "00 53 78 c1 01 00"
	for _, tt := range []struct {
		name string
		all  []string
		ok   bool
	}{
		{"header, properties, data, data, footer", []string{header, properties, data, data, footer}, true},
		{"two sequences", []string{sequence, sequence}, true},
		{"footer only", []string{footer}, true},
		{"two headers", []string{header, header}, false},
		{"properties before the header", []string{properties, header}, false},
		{"two values", []string{value, value}, false},
		{"data and value", []string{data, value}, false},
		{"data after the footer", []string{footer, data}, false},
		{"two footers", []string{footer, footer}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseMessage(unhex(t, strings.Join(tt.all, " ")))
			if (err == nil) != tt.ok {
				t.Fatalf("ParseMessage: %v", err)
			}
		})
	}
}

func TestPropertiesFields_3_2_4(t *testing.T) {
	section := func(m *MessageProperties) []byte {
		s, _, err := NextSection(m.Append(nil))
		if err != nil {
			t.Fatal(err)
		}
		return s.Value
	}
	long := strings.Repeat("x", 300)
	for name, get := range map[string]func(string) (any, []byte, bool, error){
		"to": func(s string) (any, []byte, bool, error) {
			b, ok, err := PropertiesTo(section(&MessageProperties{MessageID: UUID{}, To: Some(s)}))
			return s, b, ok, err
		},
		"subject": func(s string) (any, []byte, bool, error) {
			b, ok, err := PropertiesSubject(section(&MessageProperties{To: Some("to"), Subject: Some(s)}))
			return s, b, ok, err
		},
		"group-id": func(s string) (any, []byte, bool, error) {
			b, ok, err := PropertiesGroupID(section(&MessageProperties{CreationTime: Some(time.Now()), GroupID: Some(s)}))
			return s, b, ok, err
		},
	} {
		for _, text := range []string{"", "queues/orders", "grüße", long} {
			want, got, ok, err := get(text)
			if err != nil || !ok || string(got) != want {
				t.Errorf("%s: %q, %v, %v, want %q", name, got, ok, err, want)
			}
		}
	}
	for name, value := range map[string]string{
		"no fields": "45", "fewer fields": "c0 02 01 40", "all fields before it": "c0 03 02 40 40", "null": "c0 04 03 40 40 40",
	} {
		if to, ok, err := PropertiesTo(unhex(t, value)); to != nil || ok || err != nil {
			t.Errorf("%s: %q, %v, %v", name, to, ok, err)
		}
	}
	for name, tt := range map[string]struct{ value, err string }{
		"a map":                     {"c1 01 00", "properties.list: want list, got map"},
		"to that is a symbol":       {"c0 06 03 40 40 a3 01 71", "properties.to: want string, got symbol (0xa3)"},
		"to that is not UTF-8":      {"c0 06 03 40 40 a1 01 ff", "properties.to: string is not valid UTF-8"},
		"to that is cut short":      {"c0 06 03 40 40 a1 02 71", "properties.to: string (0xa1) is cut short"},
		"a bad field before it":     {"c0 06 03 ff 40 a1 01 71", "unknown constructor 0xff"},
		"a field that runs over it": {"c0 06 03 a0 20 40 a1 01", "cut short"},
		"a count that is too high":  {"c0 03 09 40 40", "claims 9 elements in 2 bytes"},
	} {
		_, _, err := PropertiesTo(unhex(t, tt.value))
		if err == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		wantFault(t, err, tt.err)
	}
}

func TestMapIter_1_6_23(t *testing.T) {
	value, err := AppendValue(nil, Map{{Symbol("a"), uint32(1)}, {"b", []any{true}}, {uint64(3), nil}})
	if err != nil {
		t.Fatal(err)
	}
	it, err := IterMap(value)
	if err != nil || it.Len() != 3 {
		t.Fatalf("IterMap: %d entries, %v", it.Len(), err)
	}
	var got []string
	for k, v, ok := it.Next(); ok; k, v, ok = it.Next() {
		name, _ := Text(k)
		kv, _, _ := DecodeValue(v)
		got = append(got, string(name)+"=")
		if !same(kv, []any{uint32(1), []any{true}, nil}[len(got)-1]) {
			t.Fatalf("value %d: %v", len(got)-1, kv)
		}
	}
	if want := []string{"a=", "b=", "="}; !reflect.DeepEqual(got, want) || it.Err() != nil {
		t.Fatalf("keys %v, %v", got, it.Err())
	}
	if it, err := IterMap([]byte{ctorNull}); err != nil || it.Len() != 0 {
		t.Fatalf("null: %v", err)
	}
}

func TestMapIterOfMalformedMaps(t *testing.T) {
	tests := []struct{ name, bytes, err string }{
		{"nothing", "", "cut short"},
		{"a list", "45", "want map, got list"},
		{"odd", "c1 02 01 40", "odd number of elements, 1"},
		{"too many claimed", "c1 02 04 40", "claims 4 elements in 1 bytes"},
		{"cut short", "c1 05 02 40", "cut short"},
		{"a bad key", "c1 03 02 ff 40", "unknown constructor 0xff"},
		{"a bad value", "c1 03 02 40 ff", "unknown constructor 0xff"},
		{"a value that runs over", "c1 04 02 40 a0 05", "cut short"},
		{"no value", "c1 03 02 a0 00", "cut short"},
		{"bytes behind", "c1 04 02 40 40 40", "1 bytes after the last element"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			it, err := IterMap(unhex(t, tt.bytes))
			for ok := err == nil; ok; _, _, ok = it.Next() {
			}
			if err == nil {
				err = it.Err()
			}
			wantFault(t, err, tt.err)
		})
	}
}

// Keys of the wrong kind of text are put right; other keys are refused.
func TestMapKeys(t *testing.T) {
	b, err := AppendAnnotations(nil, SectionMessageAnnotations, Map{{"x-opt-a", true}, {uint64(1), true}})
	if err != nil {
		t.Fatal(err)
	}
	wantBytes(t, b, "00 53 72 c1 0e 04 a3 07 78 2d 6f 70 74 2d 61 41 53 01 41")
	b, err = AppendApplicationProperties(nil, Map{{Symbol("a"), true}})
	if err != nil {
		t.Fatal(err)
	}
	wantBytes(t, b, "00 53 74 c1 05 02 a1 01 61 41")
	if b, err := AppendAnnotations([]byte{1}, SectionFooter, Map{{int8(1), true}}); err == nil || len(b) != 1 {
		t.Fatalf("AppendAnnotations = % x, %v", b, err)
	}
	if b, err := AppendApplicationProperties([]byte{1}, Map{{uint64(1), true}}); err == nil || len(b) != 1 {
		t.Fatalf("AppendApplicationProperties = % x, %v", b, err)
	}
	m, err := DecodeApplicationProperties(unhex(t, "c1 05 02 a3 01 61 41"))
	if err != nil || !reflect.DeepEqual(m, Map{{"a", true}}) {
		t.Fatalf("DecodeApplicationProperties = %v, %v", m, err)
	}
	_, err = DecodeApplicationProperties(unhex(t, "c1 03 02 44 41"))
	wantFault(t, err, "entry 0 has a key that is not allowed")
	_, err = DecodeAnnotations(unhex(t, "c1 03 02 40 41"))
	wantFault(t, err, "entry 0 has a key that is not allowed")
}

func TestData_3_2_6(t *testing.T) {
	s, _, err := NextSection(AppendData(nil, []byte("x")))
	if err != nil {
		t.Fatal(err)
	}
	if data, ok := Data(s.Value); !ok || string(data) != "x" {
		t.Fatalf("Data = %q, %v", data, ok)
	}
	if _, ok := Data([]byte{ctorStr8, 0}); ok {
		t.Fatal("a string is data")
	}
}
