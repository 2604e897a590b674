package loadgen

import (
	"encoding/binary"

	"github.com/meshway/meshway/internal/wire"
)

// streamSection is the most that one data section of a streamed message holds: a
// section cannot have 4 GiB, a message of several has no limit. [3.2.6]
const streamSection = 1 << 30

// stream produces the encoded bytes of one long message in order, in pieces of
// any size, without holding it. The sender sends what it produces; the receiver
// produces the same beside what arrives, and compares.
type stream struct {
	left    uint64 // body bytes that have no section yet
	section uint64 // body bytes that are left in the present section
	at      uint64 // body bytes produced
	head    []byte // of the present section, not produced yet
}

// newStream makes the stream of a message with a body of size bytes.
func newStream(size uint64) *stream { return &stream{left: size} }

// fillerBytes is as much of the filler as a piece can want, from any phase.
var fillerBytes = func() []byte {
	b := make([]byte, streamPiece+fillerPeriod)
	for i := range b {
		b[i] = filler(uint64(i))
	}
	return b
}()

// streamPiece is the largest piece of body that next returns.
const streamPiece = 64 << 10

// next returns the following bytes, at most n and at least one, or nothing at
// the end. They are valid until the next call, and must not be changed.
func (s *stream) next(n int) []byte {
	if len(s.head) == 0 && s.section == 0 && s.left > 0 {
		s.section = min(s.left, streamSection)
		s.left -= s.section
		s.head = wire.AppendSectionHead(nil, wire.SectionData)
		s.head = binary.BigEndian.AppendUint32(append(s.head, binary32Byte), uint32(s.section))
	}
	if len(s.head) > 0 {
		piece := s.head[:min(n, len(s.head))]
		s.head = s.head[len(piece):]
		return piece
	}
	phase := s.at % fillerPeriod
	piece := fillerBytes[phase:][:min(uint64(n), s.section, streamPiece)]
	s.section -= uint64(len(piece))
	s.at += uint64(len(piece))
	return piece
}

// size is how many encoded bytes are still to come.
func (s *stream) size() uint64 {
	const sectionHead = 8
	sections := (s.left + streamSection - 1) / streamSection
	return uint64(len(s.head)) + s.section + s.left + sections*sectionHead
}

// matches takes the bytes that follow and says whether they are those of b.
func (s *stream) matches(b []byte) bool {
	for len(b) > 0 {
		want := s.next(len(b))
		if len(want) == 0 || string(want) != string(b[:len(want)]) {
			return false
		}
		b = b[len(want):]
	}
	return true
}
