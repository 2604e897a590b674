package wire

// Message is a whole message in parts, for programs that send and receive them;
// a router looks at single sections instead. Of Data, Sequence and Value at most
// one is used. [3.2]
type Message struct {
	Header                *Header
	DeliveryAnnotations   Map
	MessageAnnotations    Map
	Properties            *MessageProperties
	ApplicationProperties Map
	Data                  [][]byte // data sections
	Sequence              [][]any  // amqp-sequence sections
	Value                 Opt[any] // the amqp-value section
	Footer                Map
}

// Append appends the encoded message.
func (m *Message) Append(b []byte) ([]byte, error) {
	out, err := m.append(b)
	if err != nil {
		return b, err
	}
	return out, nil
}

func (m *Message) append(b []byte) (_ []byte, err error) {
	if m.Header != nil {
		b = m.Header.Append(b)
	}
	if m.DeliveryAnnotations != nil {
		if b, err = AppendAnnotations(b, SectionDeliveryAnnotations, m.DeliveryAnnotations); err != nil {
			return nil, err
		}
	}
	if m.MessageAnnotations != nil {
		if b, err = AppendAnnotations(b, SectionMessageAnnotations, m.MessageAnnotations); err != nil {
			return nil, err
		}
	}
	if m.Properties != nil {
		b = m.Properties.Append(b)
	}
	if m.ApplicationProperties != nil {
		if b, err = AppendApplicationProperties(b, m.ApplicationProperties); err != nil {
			return nil, err
		}
	}
	if b, err = m.appendBody(b); err != nil {
		return nil, err
	}
	if m.Footer != nil {
		return AppendAnnotations(b, SectionFooter, m.Footer)
	}
	return b, nil
}

func (m *Message) appendBody(b []byte) (_ []byte, err error) {
	for _, data := range m.Data {
		b = AppendData(b, data)
	}
	for _, list := range m.Sequence {
		if b, err = AppendValue(AppendSectionHead(b, SectionSequence), list); err != nil {
			return nil, err
		}
	}
	if m.Value.OK {
		return AppendValue(AppendSectionHead(b, SectionValue), m.Value.V)
	}
	return b, nil
}

// ParseMessage decodes a whole message. Nothing of it is a slice of the input.
func ParseMessage(b []byte) (*Message, error) {
	m := new(Message)
	var last SectionCode
	for len(b) > 0 {
		s, rest, err := NextSection(b)
		if err != nil {
			return nil, within("message", err)
		}
		if !follows(last, s.Code) {
			return nil, malformedf("message", -1, "section %s after %s", s.Code, last)
		}
		if err := m.take(s); err != nil {
			return nil, err
		}
		last, b = s.Code, rest
	}
	return m, nil
}

// follows says whether a section may stand behind another: in the order of their
// codes, the body being of one kind, of which data and amqp-sequence repeat. [3.2]
func follows(last, next SectionCode) bool {
	isBody := func(c SectionCode) bool { return c >= SectionData && c <= SectionValue }
	if isBody(last) && isBody(next) {
		return last == next && next != SectionValue
	}
	return last < next
}

// take decodes one section.
func (m *Message) take(s Section) (err error) {
	switch s.Code {
	case SectionHeader:
		m.Header = new(Header)
		return m.Header.Decode(s.Value)
	case SectionDeliveryAnnotations:
		m.DeliveryAnnotations, err = DecodeAnnotations(s.Value)
	case SectionMessageAnnotations:
		m.MessageAnnotations, err = DecodeAnnotations(s.Value)
	case SectionProperties:
		m.Properties = new(MessageProperties)
		return m.Properties.Decode(s.Value)
	case SectionApplicationProperties:
		m.ApplicationProperties, err = DecodeApplicationProperties(s.Value)
	case SectionData:
		data, _ := Data(s.Value)
		m.Data = append(m.Data, cloneBytes(data))
	case SectionSequence:
		var v any
		if v, _, err = DecodeValue(s.Value); err == nil {
			list, _ := v.([]any) // NextSection lets nothing else through
			m.Sequence = append(m.Sequence, list)
		}
	case SectionValue:
		m.Value.V, _, err = DecodeValue(s.Value)
		m.Value.OK = err == nil
	case SectionFooter:
		m.Footer, err = DecodeAnnotations(s.Value)
	}
	if err != nil {
		return within(s.Code.String(), err)
	}
	return nil
}
