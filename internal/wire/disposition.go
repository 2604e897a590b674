package wire

import "encoding/binary"

var dispositionType = composite{CodeDisposition, []field{
	must("role", "boolean"),
	must("first", "uint"),
	may("last", "uint"),
	may("settled", "boolean"),
	may("state", "described value"),
	may("batchable", "boolean"),
}}

// Decode reads the fields of a disposition, without allocating: State is a slice
// of the input. [2.7.6]
func (x *Disposition) Decode(l List) error {
	*x = Disposition{}
	b, n, i := l.b, l.n, 0
	if n > len(dispositionType.fields) {
		return dispositionType.fail(l, n)
	}
	var v Opt[bool]
	if n > 0 {
		v, i = boolAt(b, i)
	}
	if !v.OK {
		return dispositionType.fail(l, 0)
	}
	x.Role = Role(v.V)
	var first Opt[uint32]
	if n > 1 {
		first, i = uintAt(b, i)
	}
	if !first.OK {
		return dispositionType.fail(l, 1)
	}
	x.First = first.V
	if n > 2 {
		if x.Last, i = uintAt(b, i); i < 0 {
			return dispositionType.fail(l, 2)
		}
	}
	if n > 3 {
		if v, i = boolAt(b, i); i < 0 {
			return dispositionType.fail(l, 3)
		}
		x.Settled = v.V
	}
	if n > 4 {
		if x.State, i = stateAt(b, i); i < 0 {
			return dispositionType.fail(l, 4)
		}
	}
	if n > 5 {
		if v, i = boolAt(b, i); i < 0 {
			return dispositionType.fail(l, 5)
		}
		x.Batchable = v.V
	}
	if i != len(b) {
		return dispositionType.trailing(l, i)
	}
	return nil
}

// count returns how many fields are written: those up to the last that is not null. [1.4]
func (x *Disposition) count() int {
	switch {
	case x.Batchable:
		return 6
	case x.State.Kind != StateNone:
		return 5
	case x.Settled:
		return 4
	case x.Last.OK:
		return 3
	}
	return 2
}

// Append appends the performative. [2.7.6]
func (x *Disposition) Append(b []byte) []byte {
	n := x.count()
	b = append(b, ctorDescribed, ctorSmallUlong, byte(CodeDisposition), ctorList8, 0, 0)
	start := len(b) - 3
	b = appendBool(b, bool(x.Role))
	b = appendUint(b, x.First)
	if n > 2 {
		b = appendOptUint(b, x.Last)
	}
	if n > 3 {
		b = append(b, flag(x.Settled))
	}
	if n > 4 {
		b = AppendState(b, x.State)
	}
	if n > 5 {
		b = append(b, flag(x.Batchable))
	}
	return endCompound(b, start, n, ctorList32)
}

// AppendDispositionFrame appends a whole disposition frame. [2.7.6]
func AppendDispositionFrame(b []byte, ch uint16, d *Disposition) []byte {
	start := len(b)
	b = append(b, 0, 0, 0, 0, FrameHeaderSize/4, byte(FrameAMQP), byte(ch>>8), byte(ch))
	b = d.Append(b)
	binary.BigEndian.PutUint32(b[start:], uint32(len(b)-start))
	return b
}
