package loadgen

import (
	"encoding/binary"

	"github.com/meshway/meshway/internal/wire"
)

// A message is one data section. Its first bytes are a head that tells who sent
// it, as which, and when; the rest is filler. A body that is shorter than the
// head goes out without it: such messages are counted, and nothing else.
//
//	0  magic
//	4  sender   number of the sender within the run
//	8  sequence from 0, per sender
//	16 time     nanoseconds on the run's clock, 0 when latency is not sampled
const headSize = 24

const headMagic = 0x6d776231 // "mwb1"

// head is what stands in front of a body.
type head struct {
	sender uint32
	seq    uint64
	at     int64 // nanoseconds on the run's clock; 0 is not sampled
}

// message is an encoded message of which only the head changes.
type message struct {
	payload []byte
	head    []byte // within payload; nil when the body is too short for one
}

// newMessage makes a message with a body of size bytes.
func newMessage(sender uint32, size int) message {
	body := make([]byte, size)
	for i := range body {
		body[i] = filler(uint64(i))
	}
	m := message{payload: wire.AppendData(nil, body)}
	if size >= headSize {
		m.head = m.payload[len(m.payload)-size:][:headSize]
		binary.BigEndian.PutUint32(m.head, headMagic)
		binary.BigEndian.PutUint32(m.head[4:], sender)
	}
	return m
}

// stamp makes it the seq-th message of its sender, sent at the given time.
func (m *message) stamp(seq uint64, at int64) {
	if m.head == nil {
		return
	}
	binary.BigEndian.PutUint64(m.head[8:], seq)
	binary.BigEndian.PutUint64(m.head[16:], uint64(at))
}

// parseHead reads the head of a message from its first frame; not ok when the
// message is not one of ours or too short to have a head.
func parseHead(payload []byte) (h head, ok bool) {
	body, ok := bodyStart(payload)
	if !ok || len(body) < headSize || binary.BigEndian.Uint32(body) != headMagic {
		return head{}, false
	}
	return head{
		sender: binary.BigEndian.Uint32(body[4:]),
		seq:    binary.BigEndian.Uint64(body[8:]),
		at:     int64(binary.BigEndian.Uint64(body[16:])),
	}, true
}

// The first bytes of a data section: descriptor, then the constructor of a
// binary with a length of one or four bytes. [3.2.6] [1.6.19]
const (
	describedByte  = 0x00
	smallUlongByte = 0x53
	binary8Byte    = 0xa0
	binary32Byte   = 0xb0
)

// bodyStart returns what payload holds of the first data section's bytes, behind
// any sections that stand before it.
func bodyStart(payload []byte) (body []byte, ok bool) {
	for len(payload) >= 5 {
		if payload[0] == describedByte && payload[1] == smallUlongByte && payload[2] == byte(wire.SectionData) {
			switch {
			case payload[3] == binary8Byte:
				return payload[5:], true
			case payload[3] == binary32Byte && len(payload) >= 8:
				return payload[8:], true
			}
			return nil, false
		}
		_, rest, err := wire.NextSection(payload)
		if err != nil {
			return nil, false
		}
		payload = rest
	}
	return nil, false
}

// filler is the byte at a position of a body. Its period has no small divisor,
// so that a piece in the wrong place does not look right.
func filler(at uint64) byte { return byte('a' + at%fillerPeriod%26) }

const fillerPeriod = 251
