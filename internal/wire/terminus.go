package wire

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

// source reads the source of an attach into x, and returns that; nil for null.
func (r *reader) source(x *Source) *Source {
	code, l, ok := r.composite()
	if !ok {
		return nil
	}
	if code != CodeSource {
		r.bad("want source, got " + code.String())
		return nil
	}
	r.failIn(x.Decode(l))
	return x
}

// target reads the target of an attach, which may be a coordinator, into x, and returns that;
// nil for null.
func (r *reader) target(x *Target) *Target {
	code, l, ok := r.composite()
	if !ok {
		return nil
	}
	switch code {
	case CodeTarget:
		r.failIn(x.Decode(l))
	case CodeCoordinator:
		r.failIn(x.decodeCoordinator(l))
	default:
		r.bad("want target or coordinator, got " + code.String())
		return nil
	}
	return x
}

// composite reads a field that is itself a composite type; not ok for null.
func (r *reader) composite() (code Code, l List, ok bool) {
	v := r.value()
	if v == nil {
		return 0, List{}, false
	}
	code, l, _, err := ParseComposite(v)
	r.failIn(err)
	return code, l, err == nil
}
