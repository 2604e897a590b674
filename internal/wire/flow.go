package wire

import "encoding/binary"

var flowType = composite{CodeFlow, []field{
	may("next-incoming-id", "uint"),
	must("incoming-window", "uint"),
	must("next-outgoing-id", "uint"),
	must("outgoing-window", "uint"),
	may("handle", "uint"),
	may("delivery-count", "uint"),
	may("link-credit", "uint"),
	may("available", "uint"),
	may("drain", "boolean"),
	may("echo", "boolean"),
	may("properties", "map"),
}}

// Decode reads the fields of a flow, without allocating: Properties is a slice of
// the input. [2.7.4]
func (x *Flow) Decode(l List) error {
	*x = Flow{}
	b, n, i := l.b, l.n, 0
	if n > len(flowType.fields) {
		return flowType.fail(l, n)
	}
	if n < 4 {
		return x.decodeShort(l)
	}
	if x.NextIncomingID, i = uintAt(b, i); i < 0 {
		return flowType.fail(l, 0)
	}
	var v Opt[uint32]
	if v, i = uintAt(b, i); !v.OK {
		return flowType.fail(l, 1)
	}
	x.IncomingWindow = v.V
	if v, i = uintAt(b, i); !v.OK {
		return flowType.fail(l, 2)
	}
	x.NextOutgoingID = v.V
	if v, i = uintAt(b, i); !v.OK {
		return flowType.fail(l, 3)
	}
	x.OutgoingWindow = v.V
	if n > 4 {
		return x.decodeLink(l, i)
	}
	if i != len(b) {
		return flowType.trailing(l, i)
	}
	return nil
}

// decodeShort says which mandatory field a list of less than four has left out,
// or what is wrong with those that are there.
func (x *Flow) decodeShort(l List) error {
	i := 0
	for k := range l.n {
		if _, i = uintAt(l.b, i); i < 0 {
			return flowType.fail(l, k)
		}
	}
	return flowType.fail(l, max(l.n, 1))
}

// decodeLink reads the fields that tell of a link, from i on.
func (x *Flow) decodeLink(l List, i int) error {
	b, n := l.b, l.n
	if x.Handle, i = uintAt(b, i); i < 0 {
		return flowType.fail(l, 4)
	}
	if n > 5 {
		if x.DeliveryCount, i = uintAt(b, i); i < 0 {
			return flowType.fail(l, 5)
		}
	}
	if n > 6 {
		if x.LinkCredit, i = uintAt(b, i); i < 0 {
			return flowType.fail(l, 6)
		}
	}
	if n > 7 {
		if x.Available, i = uintAt(b, i); i < 0 {
			return flowType.fail(l, 7)
		}
	}
	var v Opt[bool]
	if n > 8 {
		if v, i = boolAt(b, i); i < 0 {
			return flowType.fail(l, 8)
		}
		x.Drain = v.V
	}
	if n > 9 {
		if v, i = boolAt(b, i); i < 0 {
			return flowType.fail(l, 9)
		}
		x.Echo = v.V
	}
	if n > 10 {
		var props []byte
		if props, i = valueAt(b, i); i < 0 || props != nil && !isMap(props[0]) {
			return flowType.fail(l, 10)
		}
		x.Properties = props
	}
	if i != len(b) {
		return flowType.trailing(l, i)
	}
	return nil
}

// count returns how many fields are written: those up to the last that is not null. [1.4]
func (x *Flow) count() int {
	switch {
	case len(x.Properties) > 0:
		return 11
	case x.Echo:
		return 10
	case x.Drain:
		return 9
	case x.Available.OK:
		return 8
	case x.LinkCredit.OK:
		return 7
	case x.DeliveryCount.OK:
		return 6
	case x.Handle.OK:
		return 5
	}
	return 4
}

// Append appends the performative. [2.7.4]
func (x *Flow) Append(b []byte) []byte {
	n := x.count()
	b = append(b, ctorDescribed, ctorSmallUlong, byte(CodeFlow), ctorList8, 0, 0)
	start := len(b) - 3
	b = appendOptUint(b, x.NextIncomingID)
	b = appendUint(b, x.IncomingWindow)
	b = appendUint(b, x.NextOutgoingID)
	b = appendUint(b, x.OutgoingWindow)
	if n > 4 {
		b = appendOptUint(b, x.Handle)
	}
	if n > 5 {
		b = appendOptUint(b, x.DeliveryCount)
	}
	if n > 6 {
		b = appendOptUint(b, x.LinkCredit)
	}
	if n > 7 {
		b = appendOptUint(b, x.Available)
	}
	if n > 8 {
		b = append(b, flag(x.Drain))
	}
	if n > 9 {
		b = append(b, flag(x.Echo))
	}
	if n > 10 {
		b = append(b, x.Properties...)
	}
	return endCompound(b, start, n, ctorList32)
}

// AppendFlowFrame appends a whole flow frame. [2.7.4]
func AppendFlowFrame(b []byte, ch uint16, f *Flow) []byte {
	start := len(b)
	b = append(b, 0, 0, 0, 0, FrameHeaderSize/4, byte(FrameAMQP), byte(ch>>8), byte(ch))
	b = f.Append(b)
	binary.BigEndian.PutUint32(b[start:], uint32(len(b)-start))
	return b
}
