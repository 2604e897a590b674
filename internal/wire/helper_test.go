package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

// unhex reads literal bytes, with blanks between them as one likes.
func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// wantBytes compares with literal bytes.
func wantBytes(t testing.TB, got []byte, want string) {
	t.Helper()
	if w := unhex(t, want); !bytes.Equal(got, w) {
		t.Fatalf("encoded\n% x, want\n% x", got, w)
	}
}

// wantFault checks that err is the peer's fault and names it.
func wantFault(t testing.TB, err error, text string) {
	t.Helper()
	var d *DecodeError
	switch {
	case err == nil:
		t.Fatalf("no error, want %q", text)
	case !errors.As(err, &d):
		t.Fatalf("error %v is a %T, want a DecodeError", err, err)
	case !strings.Contains(err.Error(), text):
		t.Fatalf("error %q, want %q", err, text)
	case d.Condition() == "":
		t.Fatalf("error %q has no condition", err)
	}
}

// same is DeepEqual for generic values, but for numbers that are not numbers and
// for times, which are equal when their bits are.
func same(a, b any) bool {
	switch x := a.(type) {
	case float32:
		y, ok := b.(float32)
		return ok && math.Float32bits(x) == math.Float32bits(y)
	case float64:
		y, ok := b.(float64)
		return ok && math.Float64bits(x) == math.Float64bits(y)
	case time.Time:
		y, ok := b.(time.Time)
		return ok && x.UnixMilli() == y.UnixMilli()
	case Described:
		y, ok := b.(Described)
		return ok && same(x.Descriptor, y.Descriptor) && same(x.Value, y.Value)
	case []any:
		y, ok := b.([]any)
		return ok && sameAll(x, y)
	case Array:
		y, ok := b.(Array)
		return ok && x.Code == y.Code && same(x.Descriptor, y.Descriptor) && sameAll(x.Elems, y.Elems)
	case Map:
		y, ok := b.(Map)
		if !ok || len(x) != len(y) {
			return false
		}
		for i := range x {
			if !same(x[i].Key, y[i].Key) || !same(x[i].Value, y[i].Value) {
				return false
			}
		}
		return true
	}
	return reflect.DeepEqual(a, b)
}

func sameAll(a, b []any) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !same(a[i], b[i]) {
			return false
		}
	}
	return true
}

// decoder is what all performatives have in common.
type decoder interface {
	Performative
	Decode(List) error
}

// newPerformative returns an empty performative of a code, nil for other codes.
func newPerformative(c Code) decoder {
	switch c {
	case CodeOpen:
		return new(Open)
	case CodeBegin:
		return new(Begin)
	case CodeAttach:
		return new(Attach)
	case CodeFlow:
		return new(Flow)
	case CodeTransfer:
		return new(Transfer)
	case CodeDisposition:
		return new(Disposition)
	case CodeDetach:
		return new(Detach)
	case CodeEnd:
		return new(End)
	case CodeClose:
		return new(Close)
	case CodeSASLMechanisms:
		return new(SASLMechanisms)
	case CodeSASLInit:
		return new(SASLInit)
	case CodeSASLChallenge:
		return new(SASLChallenge)
	case CodeSASLResponse:
		return new(SASLResponse)
	case CodeSASLOutcome:
		return new(SASLOutcome)
	case CodeSource:
		return new(Source)
	case CodeTarget:
		return new(Target)
	case CodeError:
		return new(Error)
	case CodeDeclare:
		return new(Declare)
	case CodeDischarge:
		return new(Discharge)
	}
	return nil
}

// decodeComposite decodes any composite type that newPerformative knows.
func decodeComposite(b []byte) (decoder, error) {
	code, l, _, err := ParseComposite(b)
	if err != nil {
		return nil, err
	}
	x := newPerformative(code)
	if x == nil {
		return nil, errors.New("no decoder for " + code.String())
	}
	return x, x.Decode(l)
}
