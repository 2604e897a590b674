package wire

import "bytes"

// List is a cursor over the elements of an encoded list, by value and without
// state of its own: copying it copies the position. Elements are slices of the
// input. [1.6.22]
type List struct {
	n int    // elements that are left
	b []byte // their bytes, and nothing else
}

// Len returns how many elements are left.
func (l List) Len() int { return l.n }

// blank says that nothing is in the list but nulls.
func (l List) blank() bool {
	return len(l.b) == l.n && bytes.Count(l.b, []byte{ctorNull}) == l.n
}

// Next returns the next element, constructor included, and moves behind it; not
// ok at the end.
func (l *List) Next() (value []byte, ok bool, err error) {
	if l.n == 0 {
		if len(l.b) != 0 {
			return nil, false, malformedf("list", -1, "%d bytes after the last element", len(l.b))
		}
		return nil, false, nil
	}
	n, err := scan(l.b)
	if err != nil {
		return nil, false, err
	}
	value, l.b = l.b[:n:n], l.b[n:]
	l.n--
	return value, true, nil
}

// ParseList reads the list0, list8 or list32 at the start of b. Its elements are
// checked as they are read. [1.6.22]
func ParseList(b []byte) (l List, rest []byte, err error) {
	if len(b) >= 3 && b[0] == ctorList8 { // the usual form
		if end, n := 2+int(b[1]), int(b[2]); end <= len(b) && n <= end-3 {
			return List{n: n, b: b[3:end:end]}, b[end:], nil
		}
	}
	if len(b) == 0 {
		return List{}, nil, ErrShort
	}
	if !isList(b[0]) {
		return List{}, nil, malformed("list", 0, "want list, got "+ctorText(b[0]))
	}
	count, elems, n, err := compoundHead(b)
	if err != nil {
		return List{}, nil, err
	}
	return List{n: count, b: elems}, b[n:], nil
}

// ParseComposite reads the composite type at the start of b: a list described by
// a code of the specification or by the symbol that stands for it. [1.4]
func ParseComposite(b []byte) (code Code, fields List, rest []byte, err error) {
	code, rest, err = parseDescriptor(b)
	if err != nil {
		return 0, List{}, nil, err
	}
	fields, rest, err = ParseList(rest)
	if err != nil {
		return 0, List{}, nil, within(code.String(), err)
	}
	return code, fields, rest, nil
}

// parseDescriptor reads the descriptor of a composite type and returns what it
// describes.
func parseDescriptor(b []byte) (code Code, rest []byte, err error) {
	switch {
	case len(b) > 0 && b[0] != ctorDescribed:
		return 0, nil, malformed("descriptor", 0, "want described value, got "+ctorText(b[0]))
	case len(b) < 2:
		return 0, nil, ErrShort
	}
	if v, i := ulongAt(b, 1); i > 0 && v.OK {
		if code = Code(v.V); !code.known() {
			return 0, nil, malformedf("descriptor", 1, "unknown type %#x", v.V)
		}
		return code, b[i:], nil
	}
	if sym, i := symbolAt(b, 1); i > 0 && sym != nil {
		code, ok := codeOfSymbol(sym)
		if !ok {
			return 0, nil, malformedf("descriptor", 1, "unknown type %.100q", sym)
		}
		return code, b[i:], nil
	}
	if _, err := scan(b[1:]); err != nil {
		return 0, nil, err
	}
	return 0, nil, malformed("descriptor", 1, "want ulong or symbol, got "+ctorText(b[1]))
}

// ParsePerformative reads the performative of a frame body, of AMQP or of SASL;
// payload is what follows it. Nothing is copied. [2.3.2] [5.3.1]
func ParsePerformative(body []byte) (code Code, fields List, payload []byte, err error) {
	// Nearly all are smallulong descriptors with a list8.
	if len(body) >= 6 && body[0] == ctorDescribed && body[1] == ctorSmallUlong && body[3] == ctorList8 {
		end, n := 5+int(body[4]), int(body[5])
		code = Code(body[2])
		if end <= len(body) && n <= end-6 && code.isFrameBody() {
			return code, List{n: n, b: body[6:end:end]}, body[end:], nil
		}
	}
	code, fields, payload, err = ParseComposite(body)
	if err != nil {
		return 0, List{}, nil, within("performative", err)
	}
	if !code.isFrameBody() {
		return 0, List{}, nil, malformedf("performative", 0, "%s is not a frame body", code)
	}
	return code, fields, payload, nil
}
