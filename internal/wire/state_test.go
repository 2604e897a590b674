package wire

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
)

var states = []struct {
	name     string
	state    DeliveryState
	bytes    string
	terminal bool
}{
	{"none", DeliveryState{}, "40", false},
	{"received [3.4.1]", ReceivedState(3, 1000), "00 53 23 c0 0c 02 52 03 80 00 00 00 00 00 00 03 e8", false},
	{"accepted [3.4.2]", Accepted, "00 53 24 45", true},
	{"rejected [3.4.3]", RejectedState(nil), "00 53 25 45", true},
	{"rejected with an error [3.4.3]", RejectedState(&Error{Condition: "c", Description: "d"}),
		"00 53 25 c0 0d 01 00 53 1d c0 07 02 a3 01 63 a1 01 64", true},
	{"released [3.4.4]", Released, "00 53 26 45", true},
	{"modified [3.4.5]", ModifiedState(false, false, nil), "00 53 27 45", true},
	{"modified, undeliverable here [3.4.5]", ModifiedState(false, true, nil), "00 53 27 c0 03 02 40 41", true},
	{"modified, full [3.4.5]", ModifiedState(true, true, Map{{Symbol("k"), uint32(0)}}),
		"00 53 27 c0 0a 03 41 41 c1 05 02 a3 01 6b 43", true},
	{"declared [4.5.5]", DeclaredState([]byte{7}), "00 53 33 c0 04 01 a0 01 07", true},
	{"transactional [4.5.6]", TransactionalState([]byte{7}, DeliveryState{}), "00 53 34 c0 04 01 a0 01 07", false},
	{"transactional, accepted [4.5.6]", TransactionalState([]byte{7}, Accepted), "00 53 34 c0 08 02 a0 01 07 00 53 24 45", true},
	{"unknown number", DeliveryState{Kind: StateOther, Fields: []byte{0, 0x53, 0x99, 0x45}}, "00 53 99 45", false},
	{"unknown symbol", DeliveryState{Kind: StateOther, Fields: []byte{0, 0xa3, 1, 'x', 0xc1, 1, 0}}, "00 a3 01 78 c1 01 00", false},
	{"a composite type that is no state", DeliveryState{Kind: StateOther, Fields: []byte{0, 0x53, 0x28, 0x45}}, "00 53 28 45", false},
}

func TestStatesRoundTrip_3_4(t *testing.T) {
	for _, tt := range states {
		t.Run(tt.name, func(t *testing.T) {
			wantBytes(t, AppendState(nil, tt.state), tt.bytes)
			b := append(unhex(t, tt.bytes), 0xee)
			s, rest, err := ParseState(b)
			if err != nil || !bytes.Equal(rest, []byte{0xee}) || !reflect.DeepEqual(s, tt.state) {
				t.Fatalf("ParseState = %+v, % x, %v, want %+v", s, rest, err, tt.state)
			}
			if s.Terminal() != tt.terminal {
				t.Fatalf("Terminal() = %v", !tt.terminal)
			}
			c := s.Clone()
			for i := range b {
				b[i] = 0xee
			}
			if !reflect.DeepEqual(c, tt.state) || !c.Equal(tt.state) {
				t.Fatalf("clone %+v", c)
			}
			if stateSize(c) < len(unhex(t, tt.bytes)) {
				t.Fatalf("stateSize %d of %s", stateSize(c), tt.bytes)
			}
		})
	}
}

func TestStatesInOtherEncodings_1_5(t *testing.T) {
	for _, tt := range states {
		if tt.state.Kind == StateNone || tt.state.Kind == StateOther {
			continue
		}
		b := unhex(t, tt.bytes)
		sym := OutcomeSymbol(tt.state.Kind)
		for _, alt := range [][]byte{
			append(appendSymbol([]byte{0}, sym), b[3:]...),
			append([]byte{0, 0x80, 0, 0, 0, 0, 0, 0, 0, b[2]}, b[3:]...),
		} {
			s, _, err := ParseState(alt)
			if err != nil || !s.Equal(tt.state) {
				t.Fatalf("%s: ParseState = %+v, %v", tt.name, s, err)
			}
		}
		if tt.state.Fields != nil {
			continue
		}
		for _, list := range [][]byte{{0xc0, 1, 0}, {0xd0, 0, 0, 0, 4, 0, 0, 0, 0}} {
			s, _, err := ParseState(append(b[:3:3], list...))
			if err != nil || s.Fields != nil || s.Kind != tt.state.Kind {
				t.Fatalf("%s with % x: %+v, %v", tt.name, list, s, err)
			}
		}
	}
}

func TestStateCutShortAtEveryByte(t *testing.T) {
	for _, tt := range states {
		b := unhex(t, tt.bytes)
		for i := range b {
			if _, _, err := ParseState(b[:i:i]); !errors.Is(err, ErrShort) {
				t.Errorf("%s: %d of %d bytes: %v", tt.name, i, len(b), err)
			}
		}
	}
}

func TestMalformedStates(t *testing.T) {
	tests := []struct{ name, bytes, err string }{
		{"not described", "41", "want a delivery state, got boolean"},
		{"a map for its fields", "00 53 24 c1 01 00", "want a delivery state"},
		{"a malformed field, which would be passed on", "00 53 27 c0 02 01 ff", "unknown constructor 0xff"},
		{"malformed inside of an unknown state", "00 53 99 c0 02 01 ff", "unknown constructor 0xff"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := ParseState(unhex(t, tt.bytes))
			wantFault(t, err, tt.err)
		})
	}
}

func TestRejectedError_3_4_3(t *testing.T) {
	want := &Error{Condition: CondNotFound, Description: "no such thing", Info: Map{{Symbol("where"), "here"}}}
	got, err := RejectedState(want).RejectedError()
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("RejectedError = %v, %v", got, err)
	}
	if got.Error() != "amqp:not-found: no such thing" {
		t.Fatalf("text %q", got)
	}
	if got, err := RejectedState(nil).RejectedError(); got != nil || err != nil {
		t.Fatalf("RejectedError without one = %v, %v", got, err)
	}
	_, err = Accepted.RejectedError()
	wantFault(t, err, "want rejected, got accepted")
}

func TestModified_3_4_5(t *testing.T) {
	annotations := Map{{Symbol("x-opt-a"), "b"}, {uint64(7), nil}}
	got, err := ModifiedState(true, false, annotations).Modified()
	if err != nil || !got.DeliveryFailed || got.UndeliverableHere || !reflect.DeepEqual(got.MessageAnnotations, annotations) {
		t.Fatalf("Modified = %+v, %v", got, err)
	}
	if got, err := ModifiedState(false, true, nil).Modified(); err != nil || got.DeliveryFailed || !got.UndeliverableHere || got.MessageAnnotations != nil {
		t.Fatalf("Modified = %+v, %v", got, err)
	}
	_, err = DeliveryState{Kind: StateModified, Fields: []byte{0xc0, 2, 1, 0x43}}.Modified()
	wantFault(t, err, "modified.delivery-failed: want boolean, got uint (0x43)")
}

func TestReceived_3_4_1(t *testing.T) {
	section, offset, err := ReceivedState(3, 1<<40).Received()
	if section != 3 || offset != 1<<40 || err != nil {
		t.Fatalf("Received = %d, %d, %v", section, offset, err)
	}
	_, _, err = DeliveryState{Kind: StateReceived}.Received()
	wantFault(t, err, "received.section-number: mandatory field is missing")
}

func TestTransactionStates_4_5(t *testing.T) {
	id, err := DeclaredState([]byte{7}).Declared()
	if err != nil || !bytes.Equal(id, []byte{7}) {
		t.Fatalf("Declared = % x, %v", id, err)
	}
	rejected := RejectedState(&Error{Condition: CondNotAllowed})
	id, outcome, err := TransactionalState([]byte{8}, rejected).Transactional()
	if err != nil || !bytes.Equal(id, []byte{8}) || !outcome.Equal(rejected) {
		t.Fatalf("Transactional = % x, %+v, %v", id, outcome, err)
	}
	_, err = DeclaredState(make([]byte, MaxTxnID+1)).Declared()
	wantFault(t, err, "declared.txn-id: transaction id is too long")
	_, err = DeliveryState{Kind: StateDeclared}.Declared()
	wantFault(t, err, "declared.txn-id: mandatory field is missing")
	_, _, err = DeliveryState{Kind: StateTransactional}.Transactional()
	wantFault(t, err, "transactional-state.txn-id: mandatory field is missing")
	_, _, err = DeliveryState{Kind: StateTransactional, Fields: []byte{0xc0, 5, 2, 0xa0, 1, 7, 0x41}}.Transactional()
	wantFault(t, err, "transactional-state.outcome: want described value, got boolean (0x41)")
	if (DeliveryState{Kind: StateTransactional, Fields: []byte{0xc0, 5, 2, 0xa0, 1, 7, 0x41}}).Terminal() {
		t.Fatal("a malformed state is terminal")
	}
}

func TestOutcomeSymbols_3_5_3(t *testing.T) {
	for kind, want := range map[StateKind]Symbol{
		StateAccepted: "amqp:accepted:list", StateRejected: "amqp:rejected:list", StateReleased: "amqp:released:list",
		StateModified: "amqp:modified:list", StateReceived: "amqp:received:list", StateDeclared: "amqp:declared:list",
		StateTransactional: "amqp:transactional-state:list", StateNone: "", StateOther: "",
	} {
		if got := OutcomeSymbol(kind); got != want {
			t.Errorf("OutcomeSymbol(%s) = %q, want %q", kind, got, want)
		}
		if code, ok := codeOfSymbol([]byte(want)); ok && code != Code(kind) {
			t.Errorf("%q is %s", want, code)
		}
	}
}

// Text of ours may quote what a peer sent; it must stay a string on the wire.
func TestErrorDescriptionIsMadeUTF8_1_6_20(t *testing.T) {
	b := (&Error{Condition: "c", Description: "bad \xff name", Info: Map{{Symbol("k"), struct{}{}}, {Symbol("n"), true}}}).Append(nil)
	got, err := decodeError(b)
	if err != nil {
		t.Fatal(err)
	}
	want := &Error{Condition: "c", Description: "bad \uFFFD name", Info: Map{{Symbol("n"), true}}}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("decoded %+v, want %+v", got, want)
	}
}
