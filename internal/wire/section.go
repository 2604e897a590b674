package wire

// SectionCode is the numeric descriptor of a section of a message. [3.2]
type SectionCode uint8

// The sections, in the order in which they stand. [3.2.1]-[3.2.9]
const (
	SectionHeader                SectionCode = 0x70
	SectionDeliveryAnnotations   SectionCode = 0x71
	SectionMessageAnnotations    SectionCode = 0x72
	SectionProperties            SectionCode = 0x73
	SectionApplicationProperties SectionCode = 0x74
	SectionData                  SectionCode = 0x75
	SectionSequence              SectionCode = 0x76
	SectionValue                 SectionCode = 0x77
	SectionFooter                SectionCode = 0x78
)

// sections tells the symbolic descriptor of each section and the type of its
// value; "" is any.
var sections = [...]struct{ name, typ string }{
	{"header:list", "list"},
	{"delivery-annotations:map", "map"},
	{"message-annotations:map", "map"},
	{"properties:list", "list"},
	{"application-properties:map", "map"},
	{"data:binary", "binary"},
	{"amqp-sequence:list", "list"},
	{"amqp-value:*", ""},
	{"footer:map", "map"},
}

func (c SectionCode) known() bool { return c >= SectionHeader && c <= SectionFooter }

func (c SectionCode) String() string {
	if !c.known() {
		return Code(c).String()
	}
	name := sections[c-SectionHeader].name
	for i := range len(name) {
		if name[i] == ':' {
			return name[:i]
		}
	}
	return name
}

// Section is one section of a message. Both slices are of the input. [3.2]
type Section struct {
	Code  SectionCode
	Raw   []byte // descriptor and value
	Value []byte // the value: a list, a map, a binary, or any for SectionValue
}

// NextSection reads the section at the start of b. That its value has the right
// type and where it ends is checked, not what is inside. [ErrShort] means that b
// ends within the section: of a message that is still arriving, that more bytes
// are needed. [3.2]
func NextSection(b []byte) (s Section, rest []byte, err error) {
	// Nearly all have smallulong descriptors.
	i := 3
	if len(b) >= 3 && b[0] == ctorDescribed && b[1] == ctorSmallUlong && SectionCode(b[2]).known() {
		s.Code = SectionCode(b[2])
	} else if s.Code, i, err = sectionDescriptor(b); err != nil {
		return Section{}, nil, err
	}
	if i >= len(b) {
		return Section{}, nil, ErrShort
	}
	if want := sections[s.Code-SectionHeader].typ; want != "" && ctorNames[b[i]] != want {
		return Section{}, nil, malformed("section "+s.Code.String(), i, "want "+want+", got "+ctorText(b[i]))
	}
	n, err := span(b[i:])
	if err != nil {
		if err != ErrShort {
			err = within("section "+s.Code.String(), err)
		}
		return Section{}, nil, err
	}
	s.Raw, s.Value = b[:i+n:i+n], b[i:i+n:i+n]
	return s, b[i+n:], nil
}

// sectionDescriptor reads any form of a section's descriptor and returns the
// index behind it.
func sectionDescriptor(b []byte) (code SectionCode, next int, err error) {
	switch {
	case len(b) == 0:
		return 0, 0, ErrShort
	case b[0] != ctorDescribed:
		return 0, 0, malformed("section", 0, "want described value, got "+ctorText(b[0]))
	}
	n, err := scan(b[1:])
	if err != nil {
		return 0, 0, err
	}
	next = 1 + n
	if v, i := ulongAt(b, 1); i > 0 && v.OK {
		if v.V < uint64(SectionHeader) || v.V > uint64(SectionFooter) {
			return 0, 0, malformedf("section", 1, "unknown section %#x", v.V)
		}
		return SectionCode(v.V), next, nil
	}
	sym, _ := symbolAt(b, 1)
	const prefix = "amqp:"
	if len(sym) > len(prefix) && string(sym[:len(prefix)]) == prefix {
		for i := range sections {
			if sections[i].name == string(sym[len(prefix):]) {
				return SectionHeader + SectionCode(i), next, nil
			}
		}
	}
	if sym != nil {
		return 0, 0, malformedf("section", 1, "unknown section %q", sym)
	}
	return 0, 0, malformed("section", 1, "want ulong or symbol, got "+ctorText(b[1]))
}

// AppendSectionHead appends the descriptor of a section, which its value follows. [3.2]
func AppendSectionHead(b []byte, code SectionCode) []byte {
	return append(b, ctorDescribed, ctorSmallUlong, byte(code))
}

// AppendData appends a data section. [3.2.6]
func AppendData(b, data []byte) []byte {
	return appendBinary(AppendSectionHead(b, SectionData), data)
}

// Data returns the bytes of a data section's value; not ok when it is none. [3.2.6]
func Data(value []byte) (data []byte, ok bool) {
	data, _ = binaryAt(value, 0)
	return data, data != nil
}

// AppendAnnotations appends a section of annotations: delivery, message or
// footer. Keys are symbols or ulongs. [3.2.10]
func AppendAnnotations(b []byte, code SectionCode, m Map) ([]byte, error) {
	out, err := appendMap(AppendSectionHead(b, code), m, keysAnnotation, 0)
	if err != nil {
		return b, err
	}
	return out, nil
}

// AppendApplicationProperties appends the section; keys are strings. [3.2.5]
func AppendApplicationProperties(b []byte, m Map) ([]byte, error) {
	out, err := appendMap(AppendSectionHead(b, SectionApplicationProperties), m, keysString, 0)
	if err != nil {
		return b, err
	}
	return out, nil
}

// DecodeAnnotations decodes the value of a section of annotations. [3.2.10]
func DecodeAnnotations(value []byte) (Map, error) { return decodeMap(value, keysAnnotation) }

// DecodeApplicationProperties decodes the section's value. [3.2.5]
func DecodeApplicationProperties(value []byte) (Map, error) { return decodeMap(value, keysString) }
