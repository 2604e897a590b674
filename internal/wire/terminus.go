package wire

import (
	"errors"
	"slices"
)

// The durabilities of a terminus. [3.5.5]
const (
	DurableNone          TerminusDurability = 0
	DurableConfiguration TerminusDurability = 1
	DurableUnsettled     TerminusDurability = 2
)

// The expiry policies of a terminus. [3.5.6]
const (
	ExpireLinkDetach      Symbol = "link-detach"
	ExpireSessionEnd      Symbol = "session-end"
	ExpireConnectionClose Symbol = "connection-close"
	ExpireNever           Symbol = "never"
)

// The distribution modes of a source. [3.5.7]
const (
	DistributionMove Symbol = "move"
	DistributionCopy Symbol = "copy"
)

var sourceType = composite{CodeSource, []field{
	may("address", "string"),
	may("durable", "uint"),
	may("expiry-policy", "symbol"),
	may("timeout", "uint"),
	may("dynamic", "boolean"),
	may("dynamic-node-properties", "map"),
	may("distribution-mode", "symbol"),
	may("filter", "map"),
	may("default-outcome", "described value"),
	may("outcomes", ""),
	may("capabilities", ""),
}}

// Decode reads the fields of a source. Nothing of it is a slice of the input. [3.5.3]
func (x *Source) Decode(l List) error {
	r := sourceType.read(l)
	*x = Source{
		Address:               r.optStr(),
		Durable:               r.durability(),
		ExpiryPolicy:          r.optSymbol(),
		Timeout:               r.uint(),
		Dynamic:               r.boolean().V,
		DynamicNodeProperties: r.rawMap(),
		DistributionMode:      r.optSymbol(),
		Filter:                r.rawMap(),
		DefaultOutcome:        r.rawDescribed(),
		Outcomes:              r.symbols(),
		Capabilities:          r.symbols(),
	}
	return r.done()
}

// Append appends the source as a described value. [3.5.3]
func (x *Source) Append(b []byte) []byte {
	w := sourceType.write(b)
	w.optStr(x.Address)
	w.putIf(x.Durable != DurableNone, appendUint(w.b, uint32(x.Durable)))
	w.optSymbol(x.ExpiryPolicy)
	w.optUint(x.Timeout)
	w.flag(x.Dynamic)
	w.raw(x.DynamicNodeProperties)
	w.optSymbol(x.DistributionMode)
	w.raw(x.Filter)
	w.raw(x.DefaultOutcome)
	w.symbols(x.Outcomes)
	w.symbols(x.Capabilities)
	return w.done()
}

var targetType = composite{CodeTarget, []field{
	may("address", "string"),
	may("durable", "uint"),
	may("expiry-policy", "symbol"),
	may("timeout", "uint"),
	may("dynamic", "boolean"),
	may("dynamic-node-properties", "map"),
	may("capabilities", ""),
}}

var coordinatorType = composite{CodeCoordinator, []field{may("capabilities", "")}}

// Decode reads the fields of a target. Nothing of it is a slice of the input. [3.5.4]
func (x *Target) Decode(l List) error {
	r := targetType.read(l)
	*x = Target{
		Address:               r.optStr(),
		Durable:               r.durability(),
		ExpiryPolicy:          r.optSymbol(),
		Timeout:               r.uint(),
		Dynamic:               r.boolean().V,
		DynamicNodeProperties: r.rawMap(),
		Capabilities:          r.symbols(),
	}
	return r.done()
}

// decodeCoordinator reads the fields of a coordinator. [4.5.1]
func (x *Target) decodeCoordinator(l List) error {
	r := coordinatorType.read(l)
	*x = Target{Coordinator: true, Capabilities: r.symbols()}
	return r.done()
}

// Append appends the target, or the coordinator that it is, as a described value.
// [3.5.4] [4.5.1]
func (x *Target) Append(b []byte) []byte {
	if x.Coordinator {
		w := coordinatorType.write(b)
		w.symbols(x.Capabilities)
		return w.done()
	}
	w := targetType.write(b)
	w.optStr(x.Address)
	w.putIf(x.Durable != DurableNone, appendUint(w.b, uint32(x.Durable)))
	w.optSymbol(x.ExpiryPolicy)
	w.optUint(x.Timeout)
	w.flag(x.Dynamic)
	w.raw(x.DynamicNodeProperties)
	w.symbols(x.Capabilities)
	return w.done()
}

func (r *reader) durability() TerminusDurability {
	v := TerminusDurability(r.uint().V)
	if v > DurableUnsettled {
		r.bad("not a terminus durability")
	}
	return v
}

// rawDescribed returns a copy of an encoded described value; nil for null.
func (r *reader) rawDescribed() Raw {
	v := r.value()
	if v != nil && v[0] != ctorDescribed {
		r.err = r.t.fail(r.l, r.k-1)
		return nil
	}
	return Raw(cloneBytes(v))
}

// source reads the source of an attach into x, and returns that; nil for null, and for
// what is no source that we know.
func (r *reader) source(x *Source) *Source {
	if code, l := r.terminus("source", CodeSource); code != 0 {
		r.failIn(x.Decode(l))
		return x
	}
	return nil
}

// target reads the target of an attach, which may be a coordinator, into x, and returns that;
// nil for null, and for what is no target that we know.
func (r *reader) target(x *Target) *Target {
	switch code, l := r.terminus("target or coordinator", CodeTarget, CodeCoordinator); code {
	case CodeTarget:
		r.failIn(x.Decode(l))
	case CodeCoordinator:
		r.failIn(x.decodeCoordinator(l))
	default:
		return nil
	}
	return x
}

// TerminusError says that what an attach has for its source or its target is none that we
// know. All else that the attach says has been read.
type TerminusError struct{ *DecodeError }

// Unwrap gives what is wrong with it, as with any other field.
func (e *TerminusError) Unwrap() error { return e.DecodeError }

// terminus reads a field that is one of these composite types; 0 for null and for what is
// not. It may be of any type that "provides" a source or a target, also one that is none of
// AMQP's own: such a type is not implemented here. What is of no such type, or a type of
// AMQP's that is neither, has no place in the field. [1.2] [2.7.3]
func (r *reader) terminus(want string, types ...Code) (code Code, l List) {
	v := r.value()
	if v == nil {
		return 0, List{}
	}
	code, body, err := parseDescriptor(v)
	if err == nil && slices.Contains(types, code) {
		if l, _, err = ParseList(body); err != nil {
			r.failIn(within(code.String(), err))
		}
		return code, l
	}
	odd := malformed(r.where(), -1, "want "+want+", got "+code.String())
	if err != nil {
		errors.As(within(r.where(), err), &odd)
	}
	odd.Cond = CondInvalidField
	if err != nil && v[0] == ctorDescribed && (ctorNames[v[1]] == "ulong" || ctorNames[v[1]] == "symbol") {
		odd.Cond = CondNotImplemented
	}
	if r.odd == nil {
		r.odd = &TerminusError{odd}
	}
	return 0, List{}
}
