package wire

// fieldsOf starts to read the fields of a state, which must be of the given type.
func (t *composite) fieldsOf(s DeliveryState) (reader, error) {
	if Code(s.Kind) != t.code {
		return reader{}, malformed("state", -1, "want "+t.code.String()+", got "+s.Kind.String())
	}
	if s.Fields == nil {
		return t.read(List{}), nil
	}
	l, _, err := ParseList(s.Fields)
	if err != nil {
		return reader{}, within(t.code.String(), err)
	}
	return t.read(l), nil
}

// state makes a delivery state of the fields that were written to it.
func (w *writer) state() DeliveryState {
	b := w.done()
	s := DeliveryState{Kind: StateKind(b[2])}
	if fields := b[3:]; fields[0] != ctorList0 {
		s.Fields = fields
	}
	return s
}

var rejectedType = composite{CodeRejected, []field{may("error", "described value")}}

// RejectedState is the outcome of a message that is invalid; e may be nil. [3.4.3]
func RejectedState(e *Error) DeliveryState {
	w := rejectedType.write(nil)
	w.errorField(e)
	return w.state()
}

// RejectedError returns the error of a rejected state, nil when it has none. [3.4.3]
func (s DeliveryState) RejectedError() (*Error, error) {
	r, err := rejectedType.fieldsOf(s)
	if err != nil {
		return nil, err
	}
	e := r.errorField()
	return e, r.done()
}

// Modified is what a modified outcome says. [3.4.5]
type Modified struct {
	DeliveryFailed     bool // counts as an attempt
	UndeliverableHere  bool // not to the same link again
	MessageAnnotations Map  // to be merged into the message's
}

var modifiedType = composite{CodeModified, []field{
	may("delivery-failed", "boolean"),
	may("undeliverable-here", "boolean"),
	may("message-annotations", "map"),
}}

// ModifiedState is the outcome of a message to be tried again, here or elsewhere. [3.4.5]
func ModifiedState(failed, undeliverable bool, annotations Map) DeliveryState {
	w := modifiedType.write(nil)
	w.flag(failed)
	w.flag(undeliverable)
	w.putIf(annotations != nil, appendKnownMap(w.b, annotations, keysAnnotation))
	return w.state()
}

// Modified returns what a modified state says. [3.4.5]
func (s DeliveryState) Modified() (Modified, error) {
	r, err := modifiedType.fieldsOf(s)
	if err != nil {
		return Modified{}, err
	}
	m := Modified{
		DeliveryFailed:     r.boolean().V,
		UndeliverableHere:  r.boolean().V,
		MessageAnnotations: r.mapOf(keysAnnotation),
	}
	return m, r.done()
}

var receivedType = composite{CodeReceived, []field{
	must("section-number", "uint"),
	must("section-offset", "ulong"),
}}

// ReceivedState says how much of a message has arrived. [3.4.1]
func ReceivedState(section uint32, offset uint64) DeliveryState {
	w := receivedType.write(nil)
	w.uint(section)
	w.ulong(offset)
	return w.state()
}

// Received returns how much of a message has arrived. [3.4.1]
func (s DeliveryState) Received() (section uint32, offset uint64, err error) {
	r, err := receivedType.fieldsOf(s)
	if err != nil {
		return 0, 0, err
	}
	section, offset = r.uint().V, r.ulong().V
	return section, offset, r.done()
}
