package wire

// Header is the header section: what intermediaries need and may change. [3.2.1]
type Header struct {
	Durable       bool
	Priority      Opt[uint8]  // default 4
	TTL           Opt[uint32] // milliseconds
	FirstAcquirer bool
	DeliveryCount uint32 // earlier attempts that failed
}

// DefaultPriority is the priority of a message that has none. [3.2.1]
const DefaultPriority = 4

var headerType = composite{CodeHeader, []field{
	may("durable", "boolean"),
	may("priority", "ubyte"),
	may("ttl", "uint"),
	may("first-acquirer", "boolean"),
	may("delivery-count", "uint"),
}}

// Decode reads the value of a header section, without allocating. It is written
// out because a router reads the priority of every message. [3.2.1]
func (x *Header) Decode(value []byte) error {
	*x = Header{}
	l, _, err := ParseList(value)
	if err != nil {
		return within("header", err)
	}
	b, n, i := l.b, l.n, 0
	if n > len(headerType.fields) {
		return headerType.fail(l, n)
	}
	var v Opt[bool]
	if n > 0 {
		if v, i = boolAt(b, i); i < 0 {
			return headerType.fail(l, 0)
		}
		x.Durable = v.V
	}
	if n > 1 {
		if x.Priority, i = ubyteAt(b, i); i < 0 {
			return headerType.fail(l, 1)
		}
	}
	if n > 2 {
		if x.TTL, i = uintAt(b, i); i < 0 {
			return headerType.fail(l, 2)
		}
	}
	if n > 3 {
		if v, i = boolAt(b, i); i < 0 {
			return headerType.fail(l, 3)
		}
		x.FirstAcquirer = v.V
	}
	if n > 4 {
		var count Opt[uint32]
		if count, i = uintAt(b, i); i < 0 {
			return headerType.fail(l, 4)
		}
		x.DeliveryCount = count.V
	}
	if i != len(b) {
		return headerType.trailing(l, i)
	}
	return nil
}

// Append appends the section. [3.2.1]
func (x *Header) Append(b []byte) []byte {
	w := headerType.write(b)
	w.flag(x.Durable)
	w.optUbyte(x.Priority.V, x.Priority.OK)
	w.optUint(x.TTL)
	w.flag(x.FirstAcquirer)
	w.putIf(x.DeliveryCount != 0, appendUint(w.b, x.DeliveryCount))
	return w.done()
}
