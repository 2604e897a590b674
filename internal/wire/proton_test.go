package wire

import (
	"bytes"
	"encoding/hex"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

// protonBytes are what Qpid Proton puts on the wire, by name; the script beside
// the file makes them.
func protonBytes(t testing.TB) map[string][]byte {
	t.Helper()
	text, err := os.ReadFile("testdata/proton.txt")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{}
	for line := range strings.Lines(string(text)) {
		name, digits, _ := strings.Cut(strings.TrimSpace(line), ": ")
		b, err := hex.DecodeString(digits)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all[name] = b
	}
	return all
}

func TestValuesOfProton(t *testing.T) {
	tests := []struct {
		name string
		want any
		long bool // Proton takes longer encodings than it needs; we do not
	}{
		{"null", nil, false},
		{"true", true, false},
		{"false", false, false},
		{"ubyte", uint8(200), false},
		{"ushort", uint16(60000), false},
		{"uint0", uint32(0), false},
		{"smalluint", uint32(200), false},
		{"uint", uint32(70000), false},
		{"ulong0", uint64(0), false},
		{"smallulong", uint64(200), false},
		{"ulong", uint64(1 << 40), false},
		{"byte", int8(-100), false},
		{"short", int16(-30000), false},
		{"smallint", int32(-100), false},
		{"int", int32(-70000), false},
		{"smalllong", int64(-100), false},
		{"long", int64(-1 << 40), false},
		{"float", float32(1.5), false},
		{"double", float64(-2.25), false},
		{"decimal32", Decimal32{1, 2, 3, 4}, false},
		{"decimal64", Decimal64{1, 2, 3, 4, 5, 6, 7, 8}, false},
		{"decimal128", Decimal128{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, false},
		{"char", Char('€'), false},
		{"timestamp", time.UnixMilli(1311704463521).UTC(), false},
		{"uuid", UUID{0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff}, false},
		{"binary", []byte{0, 255}, false},
		{"binary32", bytes.Repeat([]byte{0x2a}, 300), false},
		{"string", "grüße", false},
		{"string32", strings.Repeat("x", 300), false},
		{"symbol", Symbol("amqp:accepted:list"), false},
		{"list0", []any{}, false},
		{"list", []any{int64(1), "two", nil, []any{true}}, true},
		{"list32", []any{text300[:100], text300[:100], text300[:100]}, false},
		{"map", Map{{Symbol("key"), uint32(1)}}, true},
		{"map empty", Map{}, true},
		{"described", Described{uint64(0x24), []any{}}, false},
		{"described symbol", Described{Symbol("amqp:accepted:list"), []any{}}, false},
		{"array symbols", Array{Code: ctorSym32, Elems: []any{Symbol("a"), Symbol("bc")}}, true},
		{"array uints", Array{Code: ctorUint, Elems: []any{uint32(1), uint32(70000)}}, true},
		{"array described", Array{Code: ctorInt, Descriptor: Symbol("d"), Elems: []any{int32(1), int32(-2)}}, true},
		{"array empty", Array{Code: ctorInt, Elems: []any{}}, true},
	}
	all := protonBytes(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := all["value "+tt.name]
			got, rest, err := DecodeValue(b)
			if err != nil || len(rest) != 0 || !reflect.DeepEqual(got, tt.want) {
				t.Fatalf("DecodeValue = %#v, % x, %v, want %#v", got, rest, err, tt.want)
			}
			ours, err := AppendValue(nil, tt.want)
			if err != nil {
				t.Fatal(err)
			}
			if !tt.long && !bytes.Equal(ours, b) || tt.long && len(ours) >= len(b) {
				t.Fatalf("AppendValue = % x, Proton has % x", ours, b)
			}
		})
	}
}

func TestMessagesOfProton_3_2(t *testing.T) {
	id := UUID{0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff}
	tests := map[string]*Message{
		"value": {Header: &Header{}, Properties: &MessageProperties{}, Value: Some(any("text"))},
		"sequence": {
			Header: &Header{}, Properties: &MessageProperties{MessageID: id, CorrelationID: []byte("bin")},
			Sequence: [][]any{{int64(1), "two"}},
		},
		"full": {
			Header:              &Header{Durable: true, Priority: Some(uint8(7)), TTL: Some(uint32(10_000)), FirstAcquirer: true, DeliveryCount: 2},
			DeliveryAnnotations: Map{{Symbol("x-opt-instruction"), "do"}},
			MessageAnnotations:  Map{{Symbol("x-opt-annotation"), uint32(5)}},
			Properties: &MessageProperties{
				MessageID: "id-1", UserID: []byte("user"), To: Some("queues/orders"), Subject: Some("subject"), ReplyTo: Some("replies"),
				CorrelationID: uint64(99), ContentType: "text/plain", ContentEncoding: "gzip",
				AbsoluteExpiryTime: Some(time.UnixMilli(1600000000000).UTC()), CreationTime: Some(time.UnixMilli(1500000000000).UTC()),
				GroupID: Some("group"), GroupSequence: Some(uint32(3)), ReplyToGroupID: Some("reply-group"),
			},
			ApplicationProperties: Map{{"kind", "order"}, {"n", int32(1000)}},
			Data:                  [][]byte{[]byte("bytes")},
		},
	}
	all := protonBytes(t)
	for name, want := range tests {
		t.Run(name, func(t *testing.T) {
			b := all["message "+name]
			got, err := ParseMessage(b)
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Fatalf("ParseMessage = %+v, %v, want %+v", got, err, want)
			}
			for len(b) > 0 { // sections that are lists or single values have one shortest form
				var s Section
				if s, b, err = NextSection(b); err != nil {
					t.Fatal(err)
				}
				switch s.Code {
				case SectionHeader:
					wantBytes(t, got.Header.Append(nil), hex.EncodeToString(s.Raw))
				case SectionProperties:
					wantBytes(t, got.Properties.Append(nil), hex.EncodeToString(s.Raw))
				case SectionData:
					wantBytes(t, AppendData(nil, got.Data[0]), hex.EncodeToString(s.Raw))
				}
			}
		})
	}
}

// protonFrame decodes the performative of a frame.
func protonFrame(t *testing.T, b []byte) (x decoder, payload []byte) {
	t.Helper()
	f, n, err := ParseFrame(b, 1<<20)
	if err != nil || n != len(b) {
		t.Fatalf("ParseFrame = %d, %v", n, err)
	}
	code, l, payload, err := ParsePerformative(f.Body)
	if err != nil {
		t.Fatal(err)
	}
	x = newPerformative(code)
	if err := x.Decode(l); err != nil {
		t.Fatal(err)
	}
	return x, payload
}

// Every frame of a dialogue between two Protons can be read, and what we make of
// it again says the same.
func TestFramesOfProton_2_7(t *testing.T) {
	n := 0
	for name, b := range protonBytes(t) {
		if !strings.HasPrefix(name, "frame ") || strings.Contains(name, " proto ") {
			continue
		}
		n++
		x, _ := protonFrame(t, b)
		again, err := decodeComposite(x.Append(nil))
		if err != nil || !reflect.DeepEqual(again, x) {
			t.Errorf("%s: %+v, again %+v, %v", name, x, again, err)
		}
	}
	if n < 25 {
		t.Fatalf("only %d frames", n)
	}
}

func TestFramesOfProtonMeanWhatItMeant(t *testing.T) {
	const most = 0x7fffffff
	address := Some("queues/orders")
	outcomes := []Symbol{"amqp:accepted:list", "amqp:rejected:list"}
	tests := map[string]decoder{
		"client init 1":        &SASLInit{Mechanism: "ANONYMOUS", InitialResponse: []byte("anonymous")},
		"server mechanisms 1":  &SASLMechanisms{Mechanisms: []Symbol{"ANONYMOUS"}},
		"server outcome 1":     &SASLOutcome{},
		"client open 1":        &Open{ContainerID: "client", Hostname: "host.example", MaxFrameSize: Some(uint32(16384)), ChannelMax: Some(uint16(100)), IdleTimeout: Some(uint32(4000)), DesiredCapabilities: []Symbol{"ANONYMOUS-RELAY"}, Properties: Map{{Symbol("product"), "golden"}}},
		"server begin 1":       &Begin{RemoteChannel: Some(uint16(0)), IncomingWindow: most, OutgoingWindow: most},
		"client attach 1":      &Attach{Name: "link-1", SndSettleMode: Some(SndUnsettled), RcvSettleMode: Some(RcvFirst), Source: &Source{Address: Some("client-1"), Timeout: Some(uint32(0)), Outcomes: outcomes}, Target: &Target{Address: address, Timeout: Some(uint32(0)), Capabilities: []Symbol{"queue"}}, InitialDeliveryCount: Some(uint32(0)), MaxMessageSize: Some(uint64(0))},
		"client flow 1":        &Flow{IncomingWindow: most, OutgoingWindow: most, Handle: Some(uint32(1)), DeliveryCount: Some(uint32(0)), LinkCredit: Some(uint32(10))},
		"client flow 2":        &Flow{NextIncomingID: Some(uint32(0)), IncomingWindow: most, NextOutgoingID: 3, OutgoingWindow: most, Handle: Some(uint32(1)), DeliveryCount: Some(uint32(0)), LinkCredit: Some(uint32(30)), Drain: true},
		"client transfer 2":    &Transfer{DeliveryID: Some(uint32(1)), DeliveryTag: []byte("tag-2"), MessageFormat: Some(uint32(0))},
		"client transfer 3":    &Transfer{DeliveryID: Some(uint32(2)), DeliveryTag: []byte("tag-3"), MessageFormat: Some(uint32(0)), Settled: Some(true)},
		"server disposition 1": &Disposition{Role: RoleReceiver, Settled: true, State: Accepted},
		"server disposition 5": &Disposition{Role: RoleReceiver, First: 1, Settled: true, State: Released},
		"client detach 1":      &Detach{Handle: 1},
		"client detach 2":      &Detach{Closed: true, Error: &Error{Condition: CondResourceDeleted, Description: "gone"}},
		"client end 1":         &End{},
		"client close 1":       &Close{Error: &Error{Condition: CondConnectionForced}},
	}
	all := protonBytes(t)
	for name, want := range tests {
		t.Run(name, func(t *testing.T) {
			got, payload := protonFrame(t, all["frame "+name])
			if _, ok := got.(*Transfer); ok {
				if m, err := ParseMessage(payload); err != nil || m.Value != Some(any("hello")) {
					t.Errorf("payload %+v, %v", m, err)
				}
			}
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("decoded %+v, want %+v", got, want)
			}
		})
	}
}

// A source with every kind of field, a coordinator, and states with fields.
func TestTerminiAndStatesOfProton(t *testing.T) {
	all := protonBytes(t)
	get := func(name string) decoder {
		x, _ := protonFrame(t, all["frame "+name])
		return x
	}
	s := get("client attach 2").(*Attach).Source
	filter, err := decodeMap(s.Filter, keysSymbol)
	want := Map{{Symbol("selector"), Described{Symbol("apache.org:selector-filter:string"), "a = 1"}}}
	if err != nil || !reflect.DeepEqual(filter, want) {
		t.Errorf("filter %+v, %v", filter, err)
	}
	properties, err := decodeMap(s.DynamicNodeProperties, keysSymbol)
	want = Map{{Symbol("lifetime-policy"), Described{Symbol("amqp:delete-on-close:list"), []any{}}}}
	if err != nil || !reflect.DeepEqual(properties, want) {
		t.Errorf("dynamic-node-properties %+v, %v", properties, err)
	}
	if s.Address.OK || !s.Dynamic || s.Durable != DurableUnsettled || s.ExpiryPolicy != Some(ExpireNever) || s.Timeout != Some(uint32(60)) || s.DistributionMode != Some(DistributionCopy) {
		t.Errorf("source %+v", s)
	}
	if target := get("client attach 3").(*Attach).Target; !reflect.DeepEqual(target, &Target{Coordinator: true, Capabilities: []Symbol{CapLocalTransactions}}) {
		t.Errorf("coordinator %+v", target)
	}

	e, err := get("server disposition 2").(*Disposition).State.RejectedError()
	if err != nil || !reflect.DeepEqual(e, &Error{Condition: CondNotFound, Description: "no such thing", Info: Map{{Symbol("where"), "here"}}}) {
		t.Errorf("rejected %v, %v", e, err)
	}
	m, err := get("server disposition 3").(*Disposition).State.Modified()
	if err != nil || !reflect.DeepEqual(m, Modified{true, true, Map{{Symbol("x-opt-why"), "because"}}}) {
		t.Errorf("modified %+v, %v", m, err)
	}
	section, offset, err := get("server disposition 4").(*Disposition).State.Received()
	if section != 3 || offset != 1000 || err != nil {
		t.Errorf("received %d, %d, %v", section, offset, err)
	}
}
