package wire

import (
	"bytes"
	"fmt"
	"slices"
)

// ProtoID says which layer a protocol header asks for. [2.2]
type ProtoID byte

// The layers.
const (
	ProtoIDAMQP ProtoID = 0
	ProtoIDTLS  ProtoID = 2
	ProtoIDSASL ProtoID = 3
)

func (p ProtoID) String() string {
	switch p {
	case ProtoIDAMQP:
		return "AMQP"
	case ProtoIDTLS:
		return "TLS"
	case ProtoIDSASL:
		return "SASL"
	}
	return fmt.Sprintf("protocol id %d", byte(p))
}

// The protocol headers of version 1.0.0. [2.2] [5.2] [5.3]
var (
	ProtoAMQP = [8]byte{'A', 'M', 'Q', 'P', byte(ProtoIDAMQP), 1, 0, 0}
	ProtoTLS  = [8]byte{'A', 'M', 'Q', 'P', byte(ProtoIDTLS), 1, 0, 0}
	ProtoSASL = [8]byte{'A', 'M', 'Q', 'P', byte(ProtoIDSASL), 1, 0, 0}
)

// ParseProto reads a protocol header. With ok false and no error, more bytes are
// needed; bytes that cannot become a header are refused as soon as they are seen,
// so that a peer of another protocol is told at once. [2.2]
func ParseProto(b []byte) (id ProtoID, ok bool, err error) {
	const magic = "AMQP"
	for i := range min(len(b), len(magic)) {
		if b[i] != magic[i] {
			return 0, false, framingErrorf(i, "peer does not speak AMQP%s: it sent %q", instead(b), b[:min(len(b), 8)])
		}
	}
	if len(b) < len(ProtoAMQP) {
		return 0, false, nil
	}
	id = ProtoID(b[4])
	if b[5] != 1 || b[6] != 0 || b[7] != 0 {
		return 0, false, framingErrorf(4, "peer speaks %s, not AMQP 1.0.0", protoVersion([4]byte(b[4:8])))
	}
	switch id {
	case ProtoIDAMQP, ProtoIDTLS, ProtoIDSASL:
		return id, true, nil
	}
	return 0, false, framingErrorf(4, "unknown %s", id)
}

// instead says what a peer speaks that begins with b, where that is a mistake often made.
func instead(b []byte) string {
	begins := func(with string) bool { return bytes.HasPrefix(b, []byte(with)) }
	switch {
	case slices.ContainsFunc([]string{"\x16\x03", "\x15\x03"}, begins): // a hello, an alert
		return " but TLS, which this end does not (connect without, or by way of something that ends TLS)"
	case slices.ContainsFunc([]string{"GET ", "HEAD ", "POST ", "PUT ", "OPTIONS ", "PRI ", "HTTP/"}, begins):
		return " but HTTP"
	}
	return ""
}

// protoVersion names the version of the last four bytes of a header; before 1.0
// they were laid out differently.
func protoVersion(v [4]byte) string {
	switch {
	case v == [4]byte{0, 0, 9, 1}:
		return "AMQP 0-9-1"
	case v == [4]byte{1, 1, 0, 10}:
		return "AMQP 0-10"
	case v[0] == 1 && v[1] == 1:
		return fmt.Sprintf("AMQP %d-%d", v[2], v[3])
	}
	return fmt.Sprintf("AMQP %d.%d.%d (%s)", v[1], v[2], v[3], ProtoID(v[0]))
}

func framingErrorf(offset int, format string, args ...any) *DecodeError {
	return &DecodeError{Where: "protocol header", What: fmt.Sprintf(format, args...), Offset: offset, Cond: CondFramingError}
}
