package wire

import "encoding/binary"

var transferType = composite{CodeTransfer, []field{
	must("handle", "uint"),
	may("delivery-id", "uint"),
	may("delivery-tag", "binary"),
	may("message-format", "uint"),
	may("settled", "boolean"),
	may("more", "boolean"),
	may("rcv-settle-mode", "ubyte"),
	may("state", "described value"),
	may("resume", "boolean"),
	may("aborted", "boolean"),
	may("batchable", "boolean"),
}}

// Decode reads the fields of a transfer, without allocating: DeliveryTag and
// State are slices of the input. [2.7.5]
func (x *Transfer) Decode(l List) error {
	*x = Transfer{}
	b, n, i := l.b, l.n, 0
	if n > len(transferType.fields) {
		return transferType.fail(l, n)
	}
	var handle Opt[uint32]
	if n > 0 {
		handle, i = uintAt(b, i)
	}
	if !handle.OK {
		return transferType.fail(l, 0)
	}
	x.Handle = handle.V
	if n > 1 {
		if x.DeliveryID, i = uintAt(b, i); i < 0 {
			return transferType.fail(l, 1)
		}
	}
	if n > 2 {
		if x.DeliveryTag, i = binaryAt(b, i); i < 0 {
			return transferType.fail(l, 2)
		}
		if len(x.DeliveryTag) > MaxDeliveryTag {
			return tagTooLong(x.DeliveryTag)
		}
	}
	if n > 3 {
		if x.MessageFormat, i = uintAt(b, i); i < 0 {
			return transferType.fail(l, 3)
		}
	}
	if n > 4 {
		if x.Settled, i = boolAt(b, i); i < 0 {
			return transferType.fail(l, 4)
		}
	}
	if n > 5 {
		var v Opt[bool]
		if v, i = boolAt(b, i); i < 0 {
			return transferType.fail(l, 5)
		}
		x.More = v.V
	}
	if n > 6 {
		return x.decodeTail(l, i)
	}
	if i != len(b) {
		return transferType.trailing(l, i)
	}
	return nil
}

// decodeTail reads the fields that most transfers leave out, from i on.
func (x *Transfer) decodeTail(l List, i int) error {
	b, n := l.b, l.n
	mode, i := ubyteAt(b, i)
	if i < 0 || mode.V > uint8(RcvSecond) {
		return transferType.fail(l, 6)
	}
	x.RcvSettleMode = Opt[ReceiverSettleMode]{V: ReceiverSettleMode(mode.V), OK: mode.OK}
	if n > 7 {
		if x.State, i = stateAt(b, i); i < 0 {
			return transferType.fail(l, 7)
		}
	}
	var v Opt[bool]
	if n > 8 {
		if v, i = boolAt(b, i); i < 0 {
			return transferType.fail(l, 8)
		}
		x.Resume = v.V
	}
	if n > 9 {
		if v, i = boolAt(b, i); i < 0 {
			return transferType.fail(l, 9)
		}
		x.Aborted = v.V
	}
	if n > 10 {
		if v, i = boolAt(b, i); i < 0 {
			return transferType.fail(l, 10)
		}
		x.Batchable = v.V
	}
	if i != len(b) {
		return transferType.trailing(l, i)
	}
	return nil
}

func tagTooLong(tag []byte) error {
	e := malformedf("transfer.delivery-tag", -1, "%d bytes, more than %d", len(tag), MaxDeliveryTag)
	e.Cond = CondInvalidField
	return e
}

// count returns how many fields are written: those up to the last that is not null. [1.4]
func (x *Transfer) count() int {
	switch {
	case x.Batchable:
		return 11
	case x.Aborted:
		return 10
	case x.Resume:
		return 9
	case x.State.Kind != StateNone:
		return 8
	case x.RcvSettleMode.OK:
		return 7
	case x.More:
		return 6
	case x.Settled.OK:
		return 5
	case x.MessageFormat.OK:
		return 4
	case x.DeliveryTag != nil:
		return 3
	case x.DeliveryID.OK:
		return 2
	}
	return 1
}

// Append appends the performative. [2.7.5]
func (x *Transfer) Append(b []byte) []byte {
	n := x.count()
	b = append(b, ctorDescribed, ctorSmallUlong, byte(CodeTransfer), ctorList8, 0, 0)
	start := len(b) - 3
	b = appendUint(b, x.Handle)
	if n > 1 {
		b = appendOptUint(b, x.DeliveryID)
	}
	if n > 2 {
		if x.DeliveryTag != nil {
			b = appendBinary(b, x.DeliveryTag)
		} else {
			b = append(b, ctorNull)
		}
	}
	if n > 3 {
		b = appendOptUint(b, x.MessageFormat)
	}
	if n > 4 {
		b = append(b, optBool(x.Settled))
	}
	if n > 5 {
		b = append(b, flag(x.More))
	}
	if n > 6 {
		if x.RcvSettleMode.OK {
			b = append(b, ctorUbyte, byte(x.RcvSettleMode.V))
		} else {
			b = append(b, ctorNull)
		}
	}
	if n > 7 {
		b = AppendState(b, x.State)
	}
	if n > 8 {
		b = append(b, flag(x.Resume))
	}
	if n > 9 {
		b = append(b, flag(x.Aborted))
	}
	if n > 10 {
		b = append(b, flag(x.Batchable))
	}
	return endCompound(b, start, n, ctorList32)
}

// AppendTransferFrame appends a whole transfer frame with its payload. [2.7.5]
func AppendTransferFrame(b []byte, ch uint16, t *Transfer, payload []byte) []byte {
	start := len(b)
	b = append(b, 0, 0, 0, 0, FrameHeaderSize/4, byte(FrameAMQP), byte(ch>>8), byte(ch))
	b = t.Append(b)
	b = append(b, payload...)
	binary.BigEndian.PutUint32(b[start:], uint32(len(b)-start))
	return b
}

// TransferOverhead is the most that header and performative take of a frame, so
// that a sender knows how much payload fits max-frame-size. It does not depend on
// More.
func TransferOverhead(t *Transfer) int {
	const (
		descriptor = 3
		list       = 9
		uints      = 3 * 5
		tag        = 5
		flags      = 5
		mode       = 2
	)
	return FrameHeaderSize + descriptor + list + uints + tag + len(t.DeliveryTag) + flags + mode + stateSize(t.State)
}

// appendOptUint appends a uint, or null.
func appendOptUint(b []byte, v Opt[uint32]) []byte {
	if !v.OK {
		return append(b, ctorNull)
	}
	return appendUint(b, v.V)
}

// flag is the encoding of a boolean whose default is false.
func flag(v bool) byte {
	if v {
		return ctorTrue
	}
	return ctorNull
}

func optBool(v Opt[bool]) byte {
	switch {
	case !v.OK:
		return ctorNull
	case v.V:
		return ctorTrue
	}
	return ctorFalse
}
