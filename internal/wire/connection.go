package wire

var openType = composite{CodeOpen, []field{
	must("container-id", "string"),
	may("hostname", "string"),
	may("max-frame-size", "uint"),
	may("channel-max", "ushort"),
	may("idle-time-out", "uint"),
	may("outgoing-locales", ""),
	may("incoming-locales", ""),
	may("offered-capabilities", ""),
	may("desired-capabilities", ""),
	may("properties", "map"),
}}

// Decode reads the fields of an open. Nothing of it is a slice of the input. [2.7.1]
func (x *Open) Decode(l List) error {
	r := openType.read(l)
	*x = Open{
		ContainerID:         r.str(),
		Hostname:            r.str(),
		MaxFrameSize:        r.uint(),
		ChannelMax:          r.ushort(),
		IdleTimeout:         r.uint(),
		OutgoingLocales:     r.symbols(),
		IncomingLocales:     r.symbols(),
		OfferedCapabilities: r.symbols(),
		DesiredCapabilities: r.symbols(),
		Properties:          r.fieldsMap(),
	}
	return r.done()
}

// Append appends the performative. [2.7.1]
func (x *Open) Append(b []byte) []byte {
	w := openType.write(b)
	w.str(x.ContainerID)
	w.strIf(x.Hostname)
	w.optUint(x.MaxFrameSize)
	w.optUshort(x.ChannelMax)
	w.optUint(x.IdleTimeout)
	w.symbols(x.OutgoingLocales)
	w.symbols(x.IncomingLocales)
	w.symbols(x.OfferedCapabilities)
	w.symbols(x.DesiredCapabilities)
	w.fieldsMap(x.Properties)
	return w.done()
}

var closeType = composite{CodeClose, []field{may("error", "described value")}}

// Decode reads the fields of a close. [2.7.9]
func (x *Close) Decode(l List) error {
	r := closeType.read(l)
	*x = Close{Error: r.errorField()}
	return r.done()
}

// Append appends the performative. [2.7.9]
func (x *Close) Append(b []byte) []byte {
	w := closeType.write(b)
	w.errorField(x.Error)
	return w.done()
}
