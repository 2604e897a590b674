package wire

var errorType = composite{CodeError, []field{
	must("condition", "symbol"),
	may("description", "string"),
	may("info", "map"),
}}

// Error returns the condition and what was said about it.
func (e *Error) Error() string {
	if e.Description == "" {
		return string(e.Condition)
	}
	return string(e.Condition) + ": " + e.Description
}

// Decode reads the fields of an error. Nothing of it is a slice of the input. [2.8.14]
func (e *Error) Decode(l List) error {
	r := errorType.read(l)
	*e = Error{
		Condition:   r.symbol(),
		Description: r.str(),
		Info:        r.fieldsMap(),
	}
	return r.done()
}

// Append appends the error as a described value. [2.8.14]
func (e *Error) Append(b []byte) []byte {
	w := errorType.write(b)
	w.symbol(e.Condition)
	w.strIf(validText(e.Description))
	w.fieldsMap(e.Info)
	return w.done()
}

// decodeError decodes a described value that must be an error. One that says nothing at all, not
// even its condition, is none: RabbitMQ's client puts such into each end that it sends.
func decodeError(b []byte) (*Error, error) {
	code, l, _, err := ParseComposite(b)
	if err != nil {
		return nil, err
	}
	if code != CodeError {
		return nil, malformed("descriptor", 0, "want error, got "+code.String())
	}
	if l.blank() && l.n <= len(errorType.fields) {
		return nil, nil
	}
	e := new(Error)
	if err := e.Decode(l); err != nil {
		return nil, err
	}
	return e, nil
}
