package wire

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

// goldens are performatives and the types within them, with the bytes that we
// send for them.
var goldens = []struct {
	name  string
	value decoder
	bytes string
}{
	{"open, minimal [2.7.1]", &Open{ContainerID: "c"}, "00 53 10 c0 04 01 a1 01 63"},
	{"open, empty container id [2.7.1]", &Open{}, "00 53 10 c0 03 01 a1 00"},
	{"open, full [2.7.1]", &Open{
		ContainerID: "c", Hostname: "h", MaxFrameSize: Some(uint32(65536)), ChannelMax: Some(uint16(255)),
		IdleTimeout: Some(uint32(30000)), OutgoingLocales: []Symbol{"en-US"}, IncomingLocales: []Symbol{},
		OfferedCapabilities: []Symbol{"a", "bc"}, DesiredCapabilities: []Symbol{"d"},
		Properties: Map{{Symbol("product"), "meshway"}, {Symbol("n"), uint32(0)}},
	}, `00 53 10 c0 4a 0a a1 01 63 a1 01 68 70 00 01 00 00 60 00 ff 70 00 00 75 30
		e0 08 01 a3 05 65 6e 2d 55 53 e0 02 00 a3 e0 07 02 a3 01 61 02 62 63 e0 04 01 a3 01 64
		c1 17 04 a3 07 70 72 6f 64 75 63 74 a1 07 6d 65 73 68 77 61 79 a3 01 6e 43`},
	{"begin, minimal [2.7.2]", &Begin{}, "00 53 11 c0 05 04 40 43 43 43"},
	{"begin, answer [2.7.2]", &Begin{RemoteChannel: Some(uint16(0)), NextOutgoingID: 1, IncomingWindow: 2048, OutgoingWindow: 0xffffffff},
		"00 53 11 c0 10 04 60 00 00 52 01 70 00 00 08 00 70 ff ff ff ff"},
	{"begin, full [2.7.2]", &Begin{
		RemoteChannel: Some(uint16(1)), HandleMax: Some(uint32(255)), OfferedCapabilities: []Symbol{"a"},
		DesiredCapabilities: []Symbol{"b"}, Properties: Map{},
	}, "00 53 11 c0 18 08 60 00 01 43 43 43 52 ff e0 04 01 a3 01 61 e0 04 01 a3 01 62 c1 01 00"},
	{"attach, minimal [2.7.3]", &Attach{Name: "l"}, "00 53 12 c0 06 03 a1 01 6c 43 42"},
	{"attach, full [2.7.3]", &Attach{
		Name: "l", Handle: 256, Role: RoleReceiver, SndSettleMode: Some(SndMixed), RcvSettleMode: Some(RcvFirst),
		Source: &Source{Address: Some("q")}, Target: &Target{}, Unsettled: Raw{0xc1, 1, 0}, IncompleteUnsettled: true,
		InitialDeliveryCount: Some(uint32(0)), MaxMessageSize: Some(uint64(1 << 20)), OfferedCapabilities: []Symbol{"a"},
		DesiredCapabilities: []Symbol{"b"}, Properties: Map{{Symbol("k"), true}},
	}, `00 53 12 c0 3c 0e a1 01 6c 70 00 00 01 00 41 50 02 50 00 00 53 28 c0 04 01 a1 01 71 00 53 29 45
		c1 01 00 41 43 80 00 00 00 00 00 10 00 00 e0 04 01 a3 01 61 e0 04 01 a3 01 62 c1 05 02 a3 01 6b 41`},
	{"attach, coordinator [4.5.1]", &Attach{Name: "t", Target: &Target{Coordinator: true, Capabilities: []Symbol{CapLocalTransactions}}},
		`00 53 12 c0 2b 07 a1 01 74 43 42 40 40 40 00 53 30
		c0 1d 01 e0 1a 01 a3 17 61 6d 71 70 3a 6c 6f 63 61 6c 2d 74 72 61 6e 73 61 63 74 69 6f 6e 73`},
	{"flow, session [2.7.4]", &Flow{IncomingWindow: 1, NextOutgoingID: 2, OutgoingWindow: 3}, "00 53 13 c0 08 04 40 52 01 52 02 52 03"},
	{"flow, credit [2.7.4]", &Flow{
		NextIncomingID: Some(uint32(0)), IncomingWindow: 2048, NextOutgoingID: 1, OutgoingWindow: 2048,
		Handle: Some(uint32(0)), DeliveryCount: Some(uint32(0)), LinkCredit: Some(uint32(250)),
	}, "00 53 13 c0 12 07 43 70 00 00 08 00 52 01 70 00 00 08 00 43 43 52 fa"},
	{"flow, full [2.7.4]", &Flow{
		Handle: Some(uint32(1)), DeliveryCount: Some(uint32(2)), LinkCredit: Some(uint32(3)), Available: Some(uint32(4)),
		Drain: true, Echo: true, Properties: Raw{0xc1, 5, 2, 0xa3, 1, 'k', 0x40},
	}, "00 53 13 c0 16 0b 40 43 43 43 52 01 52 02 52 03 52 04 41 41 c1 05 02 a3 01 6b 40"},
	{"flow, echo only [2.7.4]", &Flow{Echo: true}, "00 53 13 c0 0b 0a 40 43 43 43 40 40 40 40 40 41"},
	{"transfer, minimal [2.7.5]", &Transfer{}, "00 53 14 c0 02 01 43"},
	{"transfer, usual [2.7.5]", &Transfer{
		Handle: 3, DeliveryID: Some(uint32(70000)), DeliveryTag: []byte{1, 2}, MessageFormat: Some(uint32(0)), Settled: Some(false),
	}, "00 53 14 c0 0e 05 52 03 70 00 01 11 70 a0 02 01 02 43 42"},
	{"transfer, empty tag [2.7.5]", &Transfer{DeliveryTag: []byte{}}, "00 53 14 c0 05 03 43 40 a0 00"},
	{"transfer, more of a delivery [2.7.5]", &Transfer{Handle: 1, More: true}, "00 53 14 c0 08 06 52 01 40 40 40 40 41"},
	{"transfer, full [2.7.5]", &Transfer{
		Handle: 1, DeliveryID: Some(uint32(2)), DeliveryTag: []byte("t"), MessageFormat: Some(uint32(256)), Settled: Some(true),
		More: true, RcvSettleMode: Some(RcvSecond), State: Accepted, Resume: true, Aborted: true, Batchable: true,
	}, "00 53 14 c0 18 0b 52 01 52 02 a0 01 74 70 00 00 01 00 41 41 50 01 00 53 24 45 41 41 41"},
	{"transfer, transactional [4.4.1]", &Transfer{State: TransactionalState([]byte{9}, DeliveryState{})},
		"00 53 14 c0 11 08 43 40 40 40 40 40 40 00 53 34 c0 04 01 a0 01 09"},
	{"disposition, minimal [2.7.6]", &Disposition{}, "00 53 15 c0 03 02 42 43"},
	{"disposition, range without state [2.7.6]", &Disposition{First: 1, Last: Some(uint32(2))}, "00 53 15 c0 06 03 42 52 01 52 02"},
	{"disposition, accepted range [2.7.6]", &Disposition{Role: RoleReceiver, First: 1, Last: Some(uint32(300)), Settled: true, State: Accepted},
		"00 53 15 c0 0e 05 41 52 01 70 00 00 01 2c 41 00 53 24 45"},
	{"disposition, full [2.7.6]", &Disposition{
		Role: RoleReceiver, First: 1, Last: Some(uint32(0)), Settled: true,
		State: RejectedState(&Error{Condition: CondNotFound}), Batchable: true,
	}, `00 53 15 c0 23 06 41 52 01 43 41 00 53 25 c0 17 01 00 53 1d c0 11 01
		a3 0e 61 6d 71 70 3a 6e 6f 74 2d 66 6f 75 6e 64 41`},
	{"detach, minimal [2.7.7]", &Detach{}, "00 53 16 c0 02 01 43"},
	{"detach, full [2.7.7]", &Detach{Handle: 1, Closed: true, Error: &Error{Condition: "c", Description: "d"}},
		"00 53 16 c0 10 03 52 01 41 00 53 1d c0 07 02 a3 01 63 a1 01 64"},
	{"detach, error without closed [2.7.7]", &Detach{Error: &Error{Condition: "c"}}, "00 53 16 c0 0c 03 43 40 00 53 1d c0 04 01 a3 01 63"},
	{"end [2.7.8]", &End{}, "00 53 17 45"},
	{"end, with error [2.7.8]", &End{Error: &Error{Condition: "c"}}, "00 53 17 c0 0a 01 00 53 1d c0 04 01 a3 01 63"},
	{"close [2.7.9]", &Close{}, "00 53 18 45"},
	{"close, with error [2.7.9]", &Close{Error: &Error{Condition: "c", Info: Map{{Symbol("k"), int32(-1)}}}},
		"00 53 18 c0 13 01 00 53 1d c0 0d 03 a3 01 63 40 c1 06 02 a3 01 6b 54 ff"},
	{"error [2.8.14]", &Error{Condition: "c"}, "00 53 1d c0 04 01 a3 01 63"},
	{"source, empty [3.5.3]", &Source{}, "00 53 28 45"},
	{"source, empty address is not null [3.5.3]", &Source{Address: Some("")}, "00 53 28 c0 03 01 a1 00"},
	{"source, full [3.5.3]", &Source{
		Address: Some("q"), Durable: DurableUnsettled, ExpiryPolicy: Some(ExpireNever), Timeout: Some(uint32(0)), Dynamic: true,
		DynamicNodeProperties: Raw{0xc1, 1, 0}, DistributionMode: Some(DistributionCopy), Filter: Raw{0xd1, 0, 0, 0, 4, 0, 0, 0, 0},
		DefaultOutcome: Raw{0, 0x53, 0x26, 0x45}, Outcomes: []Symbol{"x"}, Capabilities: []Symbol{"y"},
	}, `00 53 28 c0 31 0b a1 01 71 52 02 a3 05 6e 65 76 65 72 43 41 c1 01 00 a3 04 63 6f 70 79
		d1 00 00 00 04 00 00 00 00 00 53 26 45 e0 04 01 a3 01 78 e0 04 01 a3 01 79`},
	{"target, empty [3.5.4]", &Target{}, "00 53 29 45"},
	{"target, full [3.5.4]", &Target{
		Address: Some("q"), Durable: DurableConfiguration, ExpiryPolicy: Some(ExpireLinkDetach), Timeout: Some(uint32(60)), Dynamic: true,
		DynamicNodeProperties: Raw{0xc1, 1, 0}, Capabilities: []Symbol{"y"},
	}, "00 53 29 c0 1f 07 a1 01 71 52 01 a3 0b 6c 69 6e 6b 2d 64 65 74 61 63 68 52 3c 41 c1 01 00 e0 04 01 a3 01 79"},
	{"declare [4.5.2]", &Declare{}, "00 53 31 45"},
	{"declare, global id [4.5.2]", &Declare{GlobalID: Raw{0xa0, 1, 7}}, "00 53 31 c0 04 01 a0 01 07"},
	{"discharge [4.5.3]", &Discharge{TxnID: []byte{7}}, "00 53 32 c0 04 01 a0 01 07"},
	{"discharge, fail [4.5.3]", &Discharge{TxnID: []byte{7}, Fail: true}, "00 53 32 c0 05 02 a0 01 07 41"},
	{"mechanisms [5.3.3.1]", &SASLMechanisms{Mechanisms: []Symbol{"PLAIN", "ANONYMOUS"}},
		"00 53 40 c0 15 01 e0 12 02 a3 05 50 4c 41 49 4e 09 41 4e 4f 4e 59 4d 4f 55 53"},
	{"init [5.3.3.2]", &SASLInit{Mechanism: "PLAIN"}, "00 53 41 c0 08 01 a3 05 50 4c 41 49 4e"},
	{"init, full [5.3.3.2]", &SASLInit{Mechanism: "PLAIN", InitialResponse: []byte{0, 'u', 0, 'p'}, Hostname: "h"},
		"00 53 41 c0 11 03 a3 05 50 4c 41 49 4e a0 04 00 75 00 70 a1 01 68"},
	{"init, empty response is not null [5.3.3.2]", &SASLInit{Mechanism: "X", InitialResponse: []byte{}}, "00 53 41 c0 06 02 a3 01 58 a0 00"},
	{"challenge [5.3.3.3]", &SASLChallenge{Challenge: []byte{1}}, "00 53 42 c0 04 01 a0 01 01"},
	{"response [5.3.3.4]", &SASLResponse{Response: []byte{}}, "00 53 43 c0 03 01 a0 00"},
	{"outcome [5.3.3.5]", &SASLOutcome{Code: SASLAuth}, "00 53 44 c0 03 01 50 01"},
	{"outcome, full [5.3.3.5]", &SASLOutcome{Code: SASLOk, AdditionalData: []byte{1}}, "00 53 44 c0 06 02 50 00 a0 01 01"},
}

func TestPerformativesRoundTrip(t *testing.T) {
	for _, tt := range goldens {
		t.Run(tt.name, func(t *testing.T) {
			wantBytes(t, tt.value.Append(nil), tt.bytes)
			got, err := decodeComposite(unhex(t, tt.bytes))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, tt.value) {
				t.Fatalf("decoded %+v, want %+v", got, tt.value)
			}
		})
	}
}

// A descriptor may be a symbol or a long number, and a list may be encoded with
// more bytes than it needs. [1.5] [1.6.22]
func TestPerformativesInOtherEncodings(t *testing.T) {
	for _, tt := range goldens {
		b := unhex(t, tt.bytes)
		code := Code(b[2])
		symbol := "amqp:" + code.String() + ":list"
		fields := map[string][]byte{"as it is": b[3:]}
		if b[3] == ctorList0 {
			fields["list8"] = []byte{ctorList8, 1, 0}
			fields["list32"] = []byte{ctorList32, 0, 0, 0, 4, 0, 0, 0, 0}
		} else {
			fields["list32"] = append([]byte{ctorList32, 0, 0, 0, b[4] + 3, 0, 0, 0, b[5]}, b[6:]...)
		}
		descriptors := map[string][]byte{
			"ulong": {0, ctorUlong, 0, 0, 0, 0, 0, 0, 0, byte(code)},
			"sym8":  append([]byte{0, ctorSym8, byte(len(symbol))}, symbol...),
			"sym32": append([]byte{0, ctorSym32, 0, 0, 0, byte(len(symbol))}, symbol...),
		}
		for dn, d := range descriptors {
			for fn, f := range fields {
				t.Run(tt.name+", "+dn+" "+fn, func(t *testing.T) {
					got, err := decodeComposite(append(append([]byte{}, d...), f...))
					if err != nil {
						t.Fatal(err)
					}
					if !reflect.DeepEqual(got, tt.value) {
						t.Fatalf("decoded %+v, want %+v", got, tt.value)
					}
				})
			}
		}
	}
}

// Each field alone: the last that is written is the last that is not null. [1.4]
func TestEachOptionalFieldAlone(t *testing.T) {
	one := Some(uint32(1))
	all := []decoder{
		&Transfer{DeliveryID: one}, &Transfer{DeliveryTag: []byte{1}}, &Transfer{MessageFormat: one}, &Transfer{Settled: Some(true)},
		&Transfer{Settled: Some(false)}, &Transfer{More: true}, &Transfer{RcvSettleMode: Some(RcvSecond)}, &Transfer{State: Released},
		&Transfer{Resume: true}, &Transfer{Aborted: true}, &Transfer{Batchable: true},
		&Flow{NextIncomingID: one}, &Flow{Handle: one}, &Flow{DeliveryCount: one}, &Flow{LinkCredit: one}, &Flow{Available: one},
		&Flow{Drain: true}, &Flow{Echo: true}, &Flow{Properties: Raw{ctorMap8, 1, 0}},
		&Disposition{Last: one}, &Disposition{Settled: true}, &Disposition{State: Released}, &Disposition{Batchable: true},
		&Attach{Source: &Source{}}, &Attach{Target: &Target{}}, &Attach{IncompleteUnsettled: true}, &Attach{MaxMessageSize: Some(uint64(1))},
		&Open{Hostname: "h"}, &Open{ChannelMax: Some(uint16(1))}, &Open{IdleTimeout: one}, &Begin{HandleMax: one},
	}
	for _, x := range all {
		b := x.Append(nil)
		got, err := decodeComposite(b)
		if err != nil || !reflect.DeepEqual(got, x) {
			t.Errorf("%T %+v: decoded %+v, %v", x, x, got, err)
		}
		if last := b[len(b)-1]; last == ctorNull {
			t.Errorf("%T %+v: ends with a null: % x", x, x, b)
		}
	}
}

func TestPerformativeCutShortAtEveryByte(t *testing.T) {
	for _, tt := range goldens {
		b := unhex(t, tt.bytes)
		for i := range b {
			// As the end of the input, and as a frame that promises less than its list.
			if _, err := decodeComposite(b[:i:i]); err == nil {
				t.Errorf("%s: decoded %d of %d bytes", tt.name, i, len(b))
			}
			if _, _, _, err := ParsePerformative(b[:i]); err == nil {
				t.Errorf("%s: parsed %d of %d bytes", tt.name, i, len(b))
			}
		}
	}
}

// With the list's own size made to fit what is left, the fault is inside.
func TestFieldsCutShortAtEveryByte(t *testing.T) {
	for _, tt := range goldens {
		b := unhex(t, tt.bytes)
		if b[3] == ctorList0 {
			continue
		}
		for i := 6; i < len(b); i++ {
			short := append([]byte{}, b[:i]...)
			short[4] = byte(i - 5)
			if _, err := decodeComposite(short); err == nil {
				t.Errorf("%s: decoded %d of %d bytes", tt.name, i, len(b))
			}
		}
	}
}

func TestDecodeOverwrites(t *testing.T) {
	for _, tt := range goldens {
		for _, other := range goldens {
			b, o := unhex(t, tt.bytes), unhex(t, other.bytes)
			if b[2] != o[2] {
				continue
			}
			x, err := decodeComposite(o)
			if err != nil {
				t.Fatal(err)
			}
			_, l, _, _ := ParseComposite(b)
			if err := x.Decode(l); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(x, tt.value) {
				t.Fatalf("%s over %s: %+v", tt.name, other.name, x)
			}
		}
	}
}

// Only transfer, disposition and flow may alias the frame they came in.
func TestDecodedDoesNotAliasInput(t *testing.T) {
	for _, tt := range goldens {
		b := unhex(t, tt.bytes)
		if c := Code(b[2]); c == CodeTransfer || c == CodeDisposition || c == CodeFlow {
			continue
		}
		x, err := decodeComposite(b)
		if err != nil {
			t.Fatal(err)
		}
		for i := range b {
			b[i] = 0xee
		}
		if !reflect.DeepEqual(x, tt.value) {
			t.Errorf("%s: changed with the input: %+v", tt.name, x)
		}
	}
}

func TestNullsInsteadOfAbsentFields_1_4(t *testing.T) {
	for _, tt := range goldens {
		b := unhex(t, tt.bytes)
		code, l, _, _ := ParseComposite(b)
		for range 20 {
			l = List{n: l.n + 1, b: append(append([]byte{}, l.b...), ctorNull)}
			x := newPerformative(code)
			if err := x.Decode(l); err != nil {
				if !strings.Contains(err.Error(), "fields, but there are only") {
					t.Errorf("%s: %v", tt.name, err)
				}
				break
			}
			if !reflect.DeepEqual(x, tt.value) {
				t.Errorf("%s with %d fields: %+v", tt.name, l.n, x)
			}
		}
	}
}

func TestParsePerformativeLeavesPayload_2_3_2(t *testing.T) {
	code, l, payload, err := ParsePerformative(unhex(t, "00 53 14 c0 02 01 43 aa bb"))
	if code != CodeTransfer || l.Len() != 1 || err != nil {
		t.Fatalf("ParsePerformative = %v, %v, %v", code, l, err)
	}
	wantBytes(t, payload, "aa bb")
}

func TestParsePerformativeRefuses(t *testing.T) {
	tests := []struct{ name, bytes, err string }{
		{"nothing", "", "performative.value: cut short"},
		{"not described", "c0 01 00", "want described value, got list (0xc0)"},
		{"unknown number", "00 53 19 45", "unknown type 0x19"},
		{"unknown high number", "00 80 00 00 00 01 00 00 00 14 45", "unknown type 0x100000014"},
		{"unknown symbol", "00 a3 01 78 45", `unknown type "x"`},
		{"descriptor of another type", "00 a1 01 78 45", "want ulong or symbol, got string (0xa1)"},
		{"null descriptor", "00 40 45", "want ulong or symbol, got null (0x40)"},
		{"a type that is no frame body", "00 53 28 45", "source is not a frame body"},
		{"the same with fields", "00 53 28 c0 02 01 40", "source is not a frame body"},
		{"a map", "00 53 14 c1 01 00", "performative.transfer.list: want list, got map (0xc1)"},
		{"list without room for its count", "00 53 14 c0 00 00", "list has size 0, too little for its count"},
		{"list32 without room for its count", "00 53 14 d0 00000003 00000000", "list has size 3, too little for its count"},
		{"count beyond the bytes", "00 53 14 c0 02 02 43", "list claims 2 elements in 1 bytes"},
		{"size beyond the bytes", "00 53 14 c0 03 01 43", "cut short"},
		{"huge count", "00 53 14 d0 00000005 ffffffff 43", "list claims 4294967295 elements in 1 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, _, err := ParsePerformative(unhex(t, tt.bytes))
			wantFault(t, err, tt.err)
		})
	}
}

// wantInvalidField is wantFault for what can be decoded, and is not allowed.
func wantInvalidField(t *testing.T, err error, text string) {
	t.Helper()
	wantFault(t, err, text)
	var d *DecodeError
	if errors.As(err, &d) && d.Condition() != CondInvalidField {
		t.Errorf("%v: the condition is %s, want %s", err, d.Condition(), CondInvalidField)
	}
}

// [1.4] Null is no value, so a mandatory field has none; and that is not a matter of
// decoding. [2.8.15]
func TestANullInAMandatoryFieldIsAnInvalidField(t *testing.T) {
	types := map[Code]*composite{}
	for _, c := range []*composite{&openType, &beginType, &attachType, &flowType, &transferType, &dispositionType, &detachType, &dischargeType, &saslInitType} {
		types[c.code] = c
	}
	tried := 0
	for _, tt := range goldens {
		code, l, _, _ := ParseComposite(unhex(t, tt.bytes))
		c := types[code]
		for k := 0; c != nil && k < l.n; k++ {
			if !c.fields[k].must {
				continue
			}
			list, rest := List{n: l.n}, l
			for i := range l.n {
				v, _, _ := rest.Next()
				if i == k {
					v = []byte{ctorNull}
				}
				list.b = append(list.b, v...)
			}
			err := newPerformative(code).Decode(list)
			wantInvalidField(t, err, c.fields[k].name+": mandatory field is missing")
			tried++
		}
	}
	if tried < 20 {
		t.Errorf("only %d mandatory fields were tried", tried)
	}
}

// [1.6.2] A boolean may have a byte of its own.
func TestBooleansOfTwoBytes(t *testing.T) {
	for hex, want := range map[string]decoder{
		"00 53 14 c0 09 06 43 40 40 40 56 00 56 01": &Transfer{Settled: Some(false), More: true},
		"00 53 15 c0 07 04 56 01 43 40 56 01":       &Disposition{Role: RoleReceiver, Settled: true},
		"00 53 16 c0 04 02 43 56 01":                &Detach{Closed: true},
	} {
		got, err := decodeComposite(unhex(t, hex))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: decoded %+v, %v, want %+v", hex, got, err, want)
		}
	}
}

// An error of which all is left out, or null, is no error.
func TestAnErrorThatSaysNothingIsNone(t *testing.T) {
	for hex, want := range map[string]decoder{
		"00 53 17 c0 05 01 00 53 1d 45":                &End{},
		"00 53 17 c0 0a 01 00 53 1d c0 04 03 40 40 40": &End{},
		"00 53 18 c0 08 01 00 53 1d c0 02 01 40":       &Close{},
		"00 53 16 c0 07 03 43 41 00 53 1d 45":          &Detach{Closed: true},
	} {
		got, err := decodeComposite(unhex(t, hex))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: decoded %+v, %v, want %+v", hex, got, err, want)
		}
	}
}

func TestDecodeNamesTheFieldThatIsWrong(t *testing.T) {
	tests := []struct{ name, bytes, err string }{
		{"no mandatory field", "00 53 10 45", "open.container-id: mandatory field is missing"},
		{"null for it", "00 53 10 c0 02 01 40", "open.container-id: mandatory field is missing"},
		{"transfer without handle", "00 53 14 45", "transfer.handle: mandatory field is missing"},
		{"transfer with null handle", "00 53 14 c0 02 01 40", "transfer.handle: mandatory field is missing"},
		{"flow without windows", "00 53 13 45", "flow.incoming-window: mandatory field is missing"},
		{"flow with two fields", "00 53 13 c0 03 02 40 43", "flow.next-outgoing-id: mandatory field is missing"},
		{"flow with null window", "00 53 13 c0 05 04 40 43 43 40", "flow.outgoing-window: mandatory field is missing"},
		{"flow with two fields, the first wrong", "00 53 13 c0 03 02 41 43", "flow.next-incoming-id: want uint, got boolean (0x41) at byte 0"},
		{"disposition without first", "00 53 15 c0 02 01 41", "disposition.first: mandatory field is missing"},
		{"string for a handle", "00 53 14 c0 03 01 a1 00", "transfer.handle: want uint, got string (0xa1) at byte 0"},
		{"ulong for a uint", "00 53 14 c0 04 02 43 53 01", "transfer.delivery-id: want uint, got ulong (0x53) at byte 1"},
		{"symbol for a tag", "00 53 14 c0 05 03 43 43 a3 00", "transfer.delivery-tag: want binary, got symbol (0xa3) at byte 2"},
		{"list for settled", "00 53 14 c0 06 05 43 43 40 43 45", "transfer.settled: want boolean, got list (0x45) at byte 4"},
		{"boolean of 2", "00 53 14 c0 07 05 43 43 40 43 56 02", "transfer.settled: boolean (0x56) has a value that is not allowed: 02"},
		{"settle mode of 2 [2.8.3]", "00 53 14 c0 09 07 43 40 40 40 40 40 50 02", "transfer.rcv-settle-mode: ubyte (0x50) has a value that is not allowed: 02"},
		{"state that is a list", "00 53 14 c0 09 08 43 40 40 40 40 40 40 45", "transfer.state: want described value, got list (0x45)"},
		{"known state that is a map", "00 53 14 c0 0e 08 43 40 40 40 40 40 40 00 53 24 c1 01 00", "transfer.state: described value (0x00) has a value that is not allowed"},
		{"unknown constructor", "00 53 14 c0 02 01 ff", "transfer.handle: unknown constructor 0xff"},
		{"uint cut short by its list", "00 53 14 c0 04 01 70 00 00", "transfer.handle: uint (0x70) is cut short"},
		{"more bytes than fields", "00 53 14 c0 03 01 43 43", "transfer: 1 bytes after the last of 1 fields"},
		{"more bytes than fields of an open", "00 53 10 c0 05 01 a1 01 63 40", "open: 1 bytes after the last of 1 fields"},
		{"flow properties that are a list", "00 53 13 c0 0c 0b 40 43 43 43 40 40 40 40 40 40 45", "flow.properties: want map, got list (0x45)"},
		{"too many fields", "00 53 14 c0 0d 0c 43 40 40 40 40 40 40 40 40 40 40 40", "transfer: 12 fields, but there are only 11"},
		{"too many fields of an end", "00 53 17 c0 03 02 40 40", "end: 2 fields, but there are only 1"},
		{"ushort for a uint", "00 53 10 c0 08 03 a1 01 63 40 60 00 00", "open.max-frame-size: want uint, got ushort (0x60)"},
		{"uint for a ushort", "00 53 10 c0 07 04 a1 01 63 40 40 43", "open.channel-max: want ushort, got uint (0x43)"},
		{"string that is not UTF-8 [1.6.20]", "00 53 10 c0 04 01 a1 01 ff", "open.container-id: string is not valid UTF-8"},
		{"symbol that is not ASCII [1.6.21]", "00 53 41 c0 04 01 a3 01 ff", "sasl-init.mechanism: symbol is not ASCII"},
		{"strings for capabilities", "00 53 10 c0 11 08 a1 01 63 40 40 40 40 40 40 e0 04 01 a1 01 78", "open.offered-capabilities: value: want symbols, got array of string (0xa1)"},
		{"properties with a null key [2.8.13]", "00 53 10 c0 11 0a a1 01 63 40 40 40 40 40 40 40 40 c1 03 02 40 40", "open.properties.map: entry 0 has a key that is not allowed"},
		{"properties with an odd count [1.6.23]", "00 53 10 c0 10 0a a1 01 63 40 40 40 40 40 40 40 40 c1 02 01 40", "open.properties: map has an odd number of elements, 1"},
		{"settle mode of 3 [2.8.2]", "00 53 12 c0 08 04 a1 01 6c 43 42 50 03", "attach.snd-settle-mode: not a settle mode"},
		{"source that is a target", "00 53 12 c0 0c 06 a1 01 6c 43 42 40 40 00 53 29 45", "attach.source: want source, got target"},
		{"target that is a source", "00 53 12 c0 0d 07 a1 01 6c 43 42 40 40 40 00 53 28 45", "attach.target: want target or coordinator, got source"},
		{"unknown target", "00 53 12 c0 0e 07 a1 01 6c 43 42 40 40 40 00 53 7f 45", "attach.target.descriptor: unknown type 0x7f"},
		{"durability of 3 [3.5.5]", "00 53 12 c0 13 06 a1 01 6c 43 42 40 40 00 53 28 c0 05 02 a1 00 52 03", "attach.source.source.durable: not a terminus durability"},
		{"unsettled that is a list", "00 53 12 c0 0c 08 a1 01 6c 43 42 40 40 40 40 45", "attach.unsettled: want map, got list (0x45)"},
		{"error without condition [2.8.14]", "00 53 18 c0 0b 01 00 53 1d c0 05 02 40 a1 01 78", "close.error.error.condition: mandatory field is missing"},
		{"error that is another type", "00 53 18 c0 05 01 00 53 28 45", "close.error.descriptor: want error, got source"},
		{"SASL code of 5 [5.3.3.6]", "00 53 44 c0 03 01 50 05", "sasl-outcome.code: not a SASL code"},
		{"no mechanisms", "00 53 40 c0 02 01 40", "sasl-mechanisms.sasl-server-mechanisms: mandatory field is missing"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := unhex(t, tt.bytes)
			if len(b) > 4 && b[3] == ctorList8 {
				b[4] = byte(len(b) - 5) // the tests are about what is inside
			}
			_, err := decodeComposite(b)
			wantFault(t, err, tt.err)
		})
	}
}

// The field is mandatory, so that no mechanisms are an empty array.
func TestNoMechanisms_5_3_3_1(t *testing.T) {
	wantBytes(t, (&SASLMechanisms{}).Append(nil), "00 53 40 c0 05 01 e0 02 00 a3")
}

func TestDeliveryTagLength_2_8_7(t *testing.T) {
	tag := make([]byte, MaxDeliveryTag)
	frame := (&Transfer{DeliveryTag: tag}).Append(nil)
	if _, err := decodeComposite(frame); err != nil {
		t.Fatal(err)
	}
	frame = (&Transfer{DeliveryTag: append(tag, 0)}).Append(nil)
	_, err := decodeComposite(frame)
	wantInvalidField(t, err, "transfer.delivery-tag: 33 bytes, more than 32")
}
