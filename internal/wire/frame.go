package wire

import (
	"encoding/binary"
	"fmt"
)

const (
	// FrameHeaderSize is the fixed part of a frame's header. [2.3.1]
	FrameHeaderSize = 8

	// MinMaxFrameSize is the smallest max-frame-size that a peer may ask for. [2.8.19]
	MinMaxFrameSize = 512
)

// FrameType says what a frame's body holds. [2.3.1]
type FrameType byte

// The types of frames. [2.3.2] [5.3.1]
const (
	FrameAMQP FrameType = 0
	FrameSASL FrameType = 1
)

func (t FrameType) String() string {
	switch t {
	case FrameAMQP:
		return "AMQP"
	case FrameSASL:
		return "SASL"
	}
	return fmt.Sprintf("type 0x%02x", byte(t))
}

// Frame is one frame. Body is a slice of the input; without a body it is a
// heartbeat. [2.3]
type Frame struct {
	Type    FrameType
	Channel uint16 // 0 in SASL frames
	Body    []byte
}

// FrameSize returns the size in bytes that the frame at the start of b claims;
// not ok when b holds too little to tell. [2.3.1]
func FrameSize(b []byte) (size uint32, ok bool) {
	if len(b) < 4 {
		return 0, false
	}
	return binary.BigEndian.Uint32(b), true
}

// ParseFrame reads the frame at the start of b and returns how many bytes it
// took. No bytes and no error means that more are needed; a frame that is too
// large or has a bad header is refused before its body is there. [2.3.1]
func ParseFrame(b []byte, maxSize uint32) (f Frame, n int, err error) {
	if len(b) < FrameHeaderSize {
		if size, ok := FrameSize(b); ok && (size < FrameHeaderSize || size > maxSize) {
			return Frame{}, 0, badFrame(b, maxSize)
		}
		return Frame{}, 0, nil
	}
	size := binary.BigEndian.Uint32(b)
	offset := uint32(b[4]) * 4
	if size < FrameHeaderSize || size > maxSize || offset < FrameHeaderSize || offset > size || b[5] > byte(FrameSASL) {
		return Frame{}, 0, badFrame(b, maxSize)
	}
	if uint64(size) > uint64(len(b)) {
		return Frame{}, 0, nil
	}
	f = Frame{Type: FrameType(b[5]), Body: b[offset:size:size]}
	if f.Type == FrameAMQP {
		f.Channel = binary.BigEndian.Uint16(b[6:])
	}
	return f, int(size), nil
}

// badFrame says what ParseFrame found wrong with the header at the start of b.
func badFrame(b []byte, maxSize uint32) error {
	e := &DecodeError{Where: "frame", Cond: CondFramingError}
	size, _ := FrameSize(b)
	switch {
	case size < FrameHeaderSize:
		e.What = fmt.Sprintf("size %d is less than the header's %d bytes", size, FrameHeaderSize)
	case size > maxSize:
		e.What = fmt.Sprintf("size %d exceeds the maximum of %d", size, maxSize)
	case b[4] < 2:
		e.What, e.Offset = fmt.Sprintf("data offset %d points into the header", b[4]), 4
	case uint32(b[4])*4 > size:
		e.What, e.Offset = fmt.Sprintf("data offset %d points beyond the frame's %d bytes", b[4], size), 4
	default:
		e.What, e.Offset = fmt.Sprintf("unknown frame type 0x%02x", b[5]), 5
	}
	return e
}

// Performative is a frame body that can be encoded.
type Performative interface {
	Append(b []byte) []byte
}

// BeginFrame appends a frame's header; [EndFrame], given the same start, patches
// its size once the body has been appended. [2.3.1]
func BeginFrame(b []byte, t FrameType, ch uint16) (out []byte, start int) {
	return append(b, 0, 0, 0, 0, FrameHeaderSize/4, byte(t), byte(ch>>8), byte(ch)), len(b)
}

// EndFrame completes the frame that began at start.
func EndFrame(b []byte, start int) []byte {
	binary.BigEndian.PutUint32(b[start:], uint32(len(b)-start))
	return b
}

// AppendFrame appends a whole AMQP frame without payload. [2.3.2]
func AppendFrame(b []byte, ch uint16, p Performative) []byte {
	b, start := BeginFrame(b, FrameAMQP, ch)
	return EndFrame(p.Append(b), start)
}

// AppendSASLFrame appends a whole SASL frame. [5.3.1]
func AppendSASLFrame(b []byte, p Performative) []byte {
	b, start := BeginFrame(b, FrameSASL, 0)
	return EndFrame(p.Append(b), start)
}

// AppendEmptyFrame appends a frame without a body, which only says that the
// sender is alive. [2.4.5]
func AppendEmptyFrame(b []byte) []byte {
	return append(b, 0, 0, 0, FrameHeaderSize, FrameHeaderSize/4, byte(FrameAMQP), 0, 0)
}
