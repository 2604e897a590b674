package wire

import (
	"errors"
	"fmt"
)

// DecodeError says that bytes of a peer are not what the specification asks for:
// where (a frame, a performative's field), what is wrong with it, and at which
// byte. It is always the peer's fault.
type DecodeError struct {
	Where  string // "frame", "transfer.handle", "value", ...
	What   string // "want uint, got string (0xa1)"
	Offset int    // from the start of what was being decoded; -1: none
	Cond   Symbol // the condition to close with
}

func (e *DecodeError) Error() string {
	if e.Offset < 0 {
		return fmt.Sprintf("%s: %s", e.Where, e.What)
	}
	return fmt.Sprintf("%s: %s at byte %d", e.Where, e.What, e.Offset)
}

// Condition is the error condition to tell the peer. [2.8.15] [2.8.16]
func (e *DecodeError) Condition() Symbol { return e.Cond }

// ErrShort says that the bytes end before the value does. Of a message that is
// still arriving it means "more bytes are needed"; of a complete one, that it is
// malformed. It is a [*DecodeError] too.
var ErrShort error = &DecodeError{Where: "value", What: "cut short", Offset: -1, Cond: CondDecodeError}

func malformed(where string, offset int, what string) *DecodeError {
	return &DecodeError{Where: where, What: what, Offset: offset, Cond: CondDecodeError}
}

func malformedf(where string, offset int, format string, args ...any) *DecodeError {
	return malformed(where, offset, fmt.Sprintf(format, args...))
}

// within puts the name of the enclosing type before where an error happened.
// The offset is dropped, since it counts from the start of the inner value.
func within(outer string, err error) error {
	var d *DecodeError
	if !errors.As(err, &d) {
		return fmt.Errorf("%s: %w", outer, err)
	}
	return &DecodeError{Where: outer + "." + d.Where, What: d.What, Offset: -1, Cond: d.Cond}
}
