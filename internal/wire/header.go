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

// Decode reads the value of a header section, without allocating. [3.2.1]
func (x *Header) Decode(value []byte) error {
	l, _, err := ParseList(value)
	if err != nil {
		return within("header", err)
	}
	r := headerType.read(l)
	*x = Header{
		Durable:       r.boolean().V,
		Priority:      r.ubyte(),
		TTL:           r.uint(),
		FirstAcquirer: r.boolean().V,
		DeliveryCount: r.uint().V,
	}
	return r.done()
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
