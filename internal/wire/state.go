package wire

import "bytes"

// The delivery states without fields. [3.4.2] [3.4.4]
var (
	Accepted = DeliveryState{Kind: StateAccepted}
	Released = DeliveryState{Kind: StateReleased}
)

func (k StateKind) String() string {
	switch k {
	case StateNone:
		return "none"
	case StateOther:
		return "other"
	}
	return Code(k).String()
}

// stateKind returns the delivery state that a type is, if it is one.
func (c Code) stateKind() (StateKind, bool) {
	switch c {
	case CodeReceived, CodeAccepted, CodeRejected, CodeReleased, CodeModified, CodeDeclared, CodeTransactional:
		return StateKind(c), true
	}
	return StateNone, false
}

// OutcomeSymbol returns the symbolic descriptor of a state, as it stands in the
// outcomes of a source; "" when it has none. [3.5.3]
func OutcomeSymbol(k StateKind) Symbol {
	switch k {
	case StateReceived:
		return "amqp:received:list"
	case StateAccepted:
		return "amqp:accepted:list"
	case StateRejected:
		return "amqp:rejected:list"
	case StateReleased:
		return "amqp:released:list"
	case StateModified:
		return "amqp:modified:list"
	case StateDeclared:
		return "amqp:declared:list"
	case StateTransactional:
		return "amqp:transactional-state:list"
	}
	return ""
}

// stateAt reads a delivery state or null at b[i]; -1 when it is something else.
// Fields are slices of b, their structure checked, since they may be passed on.
func stateAt(b []byte, i int) (DeliveryState, int) {
	if i+3 < len(b) && b[i] == ctorDescribed && b[i+1] == ctorSmallUlong && b[i+3] == ctorList0 {
		if kind, ok := Code(b[i+2]).stateKind(); ok {
			return DeliveryState{Kind: kind}, i + 4
		}
	}
	v, next := valueAt(b, i)
	if v == nil {
		return DeliveryState{}, next
	}
	if v[0] != ctorDescribed {
		return DeliveryState{}, -1
	}
	code, fields, err := parseDescriptor(v)
	kind, ok := code.stateKind()
	if err != nil || !ok {
		return DeliveryState{Kind: StateOther, Fields: v}, next
	}
	if !isList(fields[0]) {
		return DeliveryState{}, -1
	}
	if n, _, _, err := compoundHead(fields); err != nil || n == 0 {
		fields = nil
	}
	return DeliveryState{Kind: kind, Fields: fields}, next
}

// ParseState reads the delivery state, or null, at the start of b. [3.4]
func ParseState(b []byte) (s DeliveryState, rest []byte, err error) {
	s, next := stateAt(b, 0)
	if next >= 0 {
		return s, b[next:], nil
	}
	if _, err := scan(b); err != nil {
		return DeliveryState{}, nil, err
	}
	return DeliveryState{}, nil, malformed("state", 0, "want a delivery state, got "+ctorText(b[0]))
}

// AppendState appends a delivery state as a described value, null for none. [3.4]
func AppendState(b []byte, s DeliveryState) []byte {
	switch {
	case s.Kind == StateNone, s.Kind == StateOther && len(s.Fields) == 0:
		return append(b, ctorNull)
	case s.Kind == StateOther:
		return append(b, s.Fields...)
	case len(s.Fields) == 0:
		return append(b, ctorDescribed, ctorSmallUlong, byte(s.Kind), ctorList0)
	}
	return append(append(b, ctorDescribed, ctorSmallUlong, byte(s.Kind)), s.Fields...)
}

// stateSize is the length of what AppendState appends, at most.
func stateSize(s DeliveryState) int { return 4 + len(s.Fields) }

// Clone returns a copy that does not depend on the frame it came in.
func (s DeliveryState) Clone() DeliveryState {
	s.Fields = cloneBytes(s.Fields)
	return s
}

// Equal says whether two states are encoded alike, so that one disposition can
// tell of both.
func (s DeliveryState) Equal(t DeliveryState) bool {
	return s.Kind == t.Kind && bytes.Equal(s.Fields, t.Fields)
}

// Terminal says whether the state is an outcome, after which the receiver's state
// does not change any more. [3.4] A transactional state is when it holds an
// outcome. [4.5.6]
func (s DeliveryState) Terminal() bool {
	switch s.Kind {
	case StateAccepted, StateRejected, StateReleased, StateModified, StateDeclared:
		return true
	case StateTransactional:
		_, outcome, err := s.Transactional()
		return err == nil && outcome.Kind != StateNone
	case StateNone, StateReceived, StateOther:
	}
	return false
}
