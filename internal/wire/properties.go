package wire

import "time"

// MessageProperties is the properties section: what the sender says of the
// message, and nobody changes on its way. [3.2.4]
type MessageProperties struct {
	MessageID          any // uint64, UUID, []byte, string, or nil
	UserID             []byte
	To                 Opt[string]
	Subject            Opt[string]
	ReplyTo            Opt[string]
	CorrelationID      any // as MessageID
	ContentType        Symbol
	ContentEncoding    Symbol
	AbsoluteExpiryTime Opt[time.Time]
	CreationTime       Opt[time.Time]
	GroupID            Opt[string]
	GroupSequence      Opt[uint32]
	ReplyToGroupID     Opt[string]
}

// The indexes of the fields that are read alone.
const (
	propertyTo      = 2
	propertySubject = 3
	propertyGroupID = 10
)

var propertiesType = composite{CodeProperties, []field{
	may("message-id", ""),
	may("user-id", "binary"),
	may("to", "string"),
	may("subject", "string"),
	may("reply-to", "string"),
	may("correlation-id", ""),
	may("content-type", "symbol"),
	may("content-encoding", "symbol"),
	may("absolute-expiry-time", "timestamp"),
	may("creation-time", "timestamp"),
	may("group-id", "string"),
	may("group-sequence", "uint"),
	may("reply-to-group-id", "string"),
}}

// Decode reads the value of a properties section. Nothing of it is a slice of the
// input. [3.2.4]
func (x *MessageProperties) Decode(value []byte) error {
	l, _, err := ParseList(value)
	if err != nil {
		return within("properties", err)
	}
	r := propertiesType.read(l)
	*x = MessageProperties{
		MessageID:          r.messageID(),
		UserID:             r.binary(),
		To:                 r.optStr(),
		Subject:            r.optStr(),
		ReplyTo:            r.optStr(),
		CorrelationID:      r.messageID(),
		ContentType:        r.symbol(),
		ContentEncoding:    r.symbol(),
		AbsoluteExpiryTime: readOpt(&r, timestampAt),
		CreationTime:       readOpt(&r, timestampAt),
		GroupID:            r.optStr(),
		GroupSequence:      r.uint(),
		ReplyToGroupID:     r.optStr(),
	}
	return r.done()
}

// messageID reads one of the types that a message id may have. [3.2.11]-[3.2.14]
func (r *reader) messageID() any {
	b := r.value()
	if b == nil {
		return nil
	}
	v, _, err := DecodeValue(b)
	r.failIn(err)
	switch v.(type) {
	case nil, uint64, UUID, []byte, string:
		return v
	}
	r.bad("want ulong, uuid, binary or string, got " + ctorText(b[0]))
	return nil
}

// Append appends the section. An id of a type that ids cannot have is left out. [3.2.4]
func (x *MessageProperties) Append(b []byte) []byte {
	w := propertiesType.write(b)
	w.messageID(x.MessageID)
	w.optBinary(x.UserID)
	w.optStr(x.To)
	w.optStr(x.Subject)
	w.optStr(x.ReplyTo)
	w.messageID(x.CorrelationID)
	w.symbolIf(x.ContentType)
	w.symbolIf(x.ContentEncoding)
	w.optTime(x.AbsoluteExpiryTime)
	w.optTime(x.CreationTime)
	w.optStr(x.GroupID)
	w.optUint(x.GroupSequence)
	w.optStr(x.ReplyToGroupID)
	return w.done()
}

func (w *writer) messageID(id any) {
	switch v := id.(type) {
	case string:
		w.str(v)
	case uint64:
		w.ulong(v)
	case []byte:
		w.binary(v)
	case UUID:
		w.put(append(append(w.b, ctorUUID), v[:]...))
	default:
		w.null()
	}
}

// PropertiesTo returns the "to" of a properties section's value, without
// allocating; not ok when it is absent. [3.2.4]
func PropertiesTo(value []byte) (to []byte, ok bool, err error) {
	return propertyString(value, propertyTo)
}

// PropertiesSubject returns the subject in the same way. [3.2.4]
func PropertiesSubject(value []byte) (subject []byte, ok bool, err error) {
	return propertyString(value, propertySubject)
}

// PropertiesGroupID returns the group id in the same way. [3.2.4]
func PropertiesGroupID(value []byte) (group []byte, ok bool, err error) {
	return propertyString(value, propertyGroupID)
}

// propertyString reads field k and only steps over those before it.
func propertyString(value []byte, k int) (text []byte, ok bool, err error) {
	l, _, err := ParseList(value)
	if err != nil {
		return nil, false, within("properties", err)
	}
	if k >= l.n {
		return nil, false, nil
	}
	i := 0
	for range k {
		n, err := span(l.b[i:])
		if err != nil {
			return nil, false, within("properties", err)
		}
		i += n
	}
	text, next := stringAt(l.b, i)
	if next < 0 {
		return nil, false, propertiesType.fail(l, k)
	}
	return text, text != nil, nil
}
