package wire

var beginType = composite{CodeBegin, []field{
	may("remote-channel", "ushort"),
	must("next-outgoing-id", "uint"),
	must("incoming-window", "uint"),
	must("outgoing-window", "uint"),
	may("handle-max", "uint"),
	may("offered-capabilities", ""),
	may("desired-capabilities", ""),
	may("properties", "map"),
}}

// Decode reads the fields of a begin. Nothing of it is a slice of the input. [2.7.2]
func (x *Begin) Decode(l List) error {
	r := beginType.read(l)
	*x = Begin{
		RemoteChannel:       r.ushort(),
		NextOutgoingID:      r.uint().V,
		IncomingWindow:      r.uint().V,
		OutgoingWindow:      r.uint().V,
		HandleMax:           r.uint(),
		OfferedCapabilities: r.symbols(),
		DesiredCapabilities: r.symbols(),
		Properties:          r.fieldsMap(),
	}
	return r.done()
}

// Append appends the performative. [2.7.2]
func (x *Begin) Append(b []byte) []byte {
	w := beginType.write(b)
	w.optUshort(x.RemoteChannel)
	w.uint(x.NextOutgoingID)
	w.uint(x.IncomingWindow)
	w.uint(x.OutgoingWindow)
	w.optUint(x.HandleMax)
	w.symbols(x.OfferedCapabilities)
	w.symbols(x.DesiredCapabilities)
	w.fieldsMap(x.Properties)
	return w.done()
}

// AppendBeginFrame appends a whole begin frame. [2.7.2]
func AppendBeginFrame(b []byte, ch uint16, x *Begin) []byte {
	b, start := BeginFrame(b, FrameAMQP, ch)
	return EndFrame(x.Append(b), start)
}

var endType = composite{CodeEnd, []field{may("error", "described value")}}

// Decode reads the fields of an end. [2.7.8]
func (x *End) Decode(l List) error {
	r := endType.read(l)
	*x = End{Error: r.errorField()}
	return r.done()
}

// Append appends the performative. [2.7.8]
func (x *End) Append(b []byte) []byte {
	w := endType.write(b)
	w.errorField(x.Error)
	return w.done()
}
