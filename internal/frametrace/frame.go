package frametrace

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/meshway/meshway/internal/wire"
)

// frame is a frame, taken apart as far as it can be.
type frame struct {
	wire.Frame
	header  bool // it is a protocol header, of this layer
	layer   wire.ProtoID
	code    wire.Code // 0 without a performative
	fields  wire.List
	payload []byte // what stands with the performative
	size    int    // of all of the payload
	err     error
}

// parse takes a frame apart, whose end may be rest.
func parse(b, rest []byte) (f frame) {
	if id, ok, err := wire.ParseProto(b); err == nil && ok {
		f.header, f.layer = true, id
		return f
	}
	// Its length says what stands in rest, too.
	offset := 0
	if len(b) >= wire.FrameHeaderSize {
		offset = int(b[4]) * 4
	}
	if offset < wire.FrameHeaderSize || offset > len(b) {
		f.err = fmt.Errorf("%d bytes with a header that no frame has", len(b)+len(rest))
		return f
	}
	f.Type, f.Channel, f.Body = wire.FrameType(b[5]), uint16(b[6])<<8|uint16(b[7]), b[offset:]
	if len(f.Body) == 0 {
		return f
	}
	f.code, f.fields, f.payload, f.err = wire.ParsePerformative(f.Body)
	f.size = len(f.payload) + len(rest)
	if len(f.payload) == 0 {
		f.payload = rest
	}
	return f
}

// text is the line about a frame. show says that its payload is the beginning of a message.
func (f *frame) text(out, show bool) string {
	b := append(make([]byte, 0, 256), "<- "...)
	if out {
		b = append(b[:0], "-> "...)
	}
	switch {
	case f.header:
		return string(append(append(b, "protocol header of "...), f.layer.String()...))
	case f.err != nil:
		return string(fmt.Appendf(b, "channel %d: not understood: %.200v", f.Channel, f.err))
	case f.code == 0:
		return string(fmt.Appendf(b, "channel %d: empty frame", f.Channel))
	case f.Type == wire.FrameAMQP:
		b = fmt.Appendf(b, "channel %d: ", f.Channel)
	}
	b = wire.AppendText(b, f.code, f.fields)
	if f.size > 0 {
		b = fmt.Appendf(b, " payload=(%d bytes)", f.size)
	}
	if show {
		b = appendPayload(append(b, ' '), f.payload, f.size)
	}
	return string(b)
}

// shownPayload is how many bytes of a payload are shown at most.
const shownPayload = 64

// appendPayload appends the beginning of a message.
func appendPayload(b, payload []byte, size int) []byte {
	shown := payload[:min(len(payload), shownPayload)]
	if i := bytes.Index(shown, operation); i >= 0 {
		shown = shown[:i+len(operation)]
	}
	b = strconv.AppendQuoteToASCII(b, string(shown))
	if len(shown) < size {
		b = append(b, "..."...)
	}
	return b
}

// operation is the application property by which management, and whoever takes tokens, is told
// what to do with the body, which may hold secrets. It stands in front of that.
var operation = []byte("operation")

// startsSection says whether a message may begin so: with a section's descriptor. [3.2]
func startsSection(b []byte) bool {
	return len(b) > 2 && b[0] == 0 && b[1] == 0x53 && b[2] >= byte(wire.SectionHeader) && b[2] <= byte(wire.SectionFooter)
}
