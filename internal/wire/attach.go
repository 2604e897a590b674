package wire

var attachType = composite{CodeAttach, []field{
	must("name", "string"),
	must("handle", "uint"),
	must("role", "boolean"),
	may("snd-settle-mode", "ubyte"),
	may("rcv-settle-mode", "ubyte"),
	may("source", "described value"),
	may("target", "described value"),
	may("unsettled", "map"),
	may("incomplete-unsettled", "boolean"),
	may("initial-delivery-count", "uint"),
	may("max-message-size", "ulong"),
	may("offered-capabilities", ""),
	may("desired-capabilities", ""),
	may("properties", "map"),
}}

// Termini is room for the source and the target of an attach.
type Termini struct {
	Source Source
	Target Target
}

// Decode reads the fields of an attach. Nothing of it is a slice of the input. [2.7.3]
func (x *Attach) Decode(l List) error { return x.DecodeInto(l, new(Termini)) }

// DecodeInto is Decode, and source and target are put into room if they are there. On a
// [TerminusError] all is read but the terminus of which it tells.
func (x *Attach) DecodeInto(l List, room *Termini) error {
	r := attachType.read(l)
	*x = Attach{
		Name:                 r.str(),
		Handle:               r.uint().V,
		Role:                 Role(r.boolean().V),
		SndSettleMode:        settleMode[SenderSettleMode](&r, SndMixed),
		RcvSettleMode:        settleMode[ReceiverSettleMode](&r, RcvSecond),
		Source:               r.source(&room.Source),
		Target:               r.target(&room.Target),
		Unsettled:            r.rawMap(),
		IncompleteUnsettled:  r.boolean().V,
		InitialDeliveryCount: r.uint(),
		MaxMessageSize:       r.ulong(),
		OfferedCapabilities:  r.symbols(),
		DesiredCapabilities:  r.symbols(),
		Properties:           r.fieldsMap(),
	}
	return r.done()
}

// Clone is a copy with a source and a target of its own. It shares what those, and the attach,
// have in slices.
func (x *Attach) Clone() *Attach {
	c := *x
	if x.Source != nil {
		s := *x.Source
		c.Source = &s
	}
	if x.Target != nil {
		t := *x.Target
		c.Target = &t
	}
	return &c
}

// settleMode reads one of the two enumerations, whose last choice is most.
// [2.8.2] [2.8.3]
func settleMode[M SenderSettleMode | ReceiverSettleMode](r *reader, most M) Opt[M] {
	v := r.ubyte()
	if M(v.V) > most {
		r.bad("not a settle mode")
	}
	return Opt[M]{V: M(v.V), OK: v.OK}
}

// Append appends the performative. [2.7.3]
func (x *Attach) Append(b []byte) []byte {
	w := attachType.write(b)
	w.str(x.Name)
	w.uint(x.Handle)
	w.boolean(bool(x.Role))
	w.optUbyte(uint8(x.SndSettleMode.V), x.SndSettleMode.OK)
	w.optUbyte(uint8(x.RcvSettleMode.V), x.RcvSettleMode.OK)
	if x.Source != nil {
		w.put(x.Source.Append(w.b))
	} else {
		w.null()
	}
	if x.Target != nil {
		w.put(x.Target.Append(w.b))
	} else {
		w.null()
	}
	w.raw(x.Unsettled)
	w.flag(x.IncompleteUnsettled)
	w.optUint(x.InitialDeliveryCount)
	w.optUlong(x.MaxMessageSize)
	w.symbols(x.OfferedCapabilities)
	w.symbols(x.DesiredCapabilities)
	w.fieldsMap(x.Properties)
	return w.done()
}

// AppendAttachFrame appends a whole attach frame. [2.7.3]
func AppendAttachFrame(b []byte, ch uint16, x *Attach) []byte {
	b, start := BeginFrame(b, FrameAMQP, ch)
	return EndFrame(x.Append(b), start)
}

var detachType = composite{CodeDetach, []field{
	must("handle", "uint"),
	may("closed", "boolean"),
	may("error", "described value"),
}}

// Decode reads the fields of a detach. [2.7.7]
func (x *Detach) Decode(l List) error {
	r := detachType.read(l)
	*x = Detach{
		Handle: r.uint().V,
		Closed: r.boolean().V,
		Error:  r.errorField(),
	}
	return r.done()
}

// Append appends the performative. [2.7.7]
func (x *Detach) Append(b []byte) []byte {
	w := detachType.write(b)
	w.uint(x.Handle)
	w.flag(x.Closed)
	w.errorField(x.Error)
	return w.done()
}
