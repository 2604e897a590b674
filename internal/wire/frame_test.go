package wire

import (
	"bytes"
	"math"
	"testing"
)

func TestParseFrame_2_3_1(t *testing.T) {
	tests := []struct {
		name  string
		bytes string
		want  Frame
		size  int
	}{
		{"heartbeat", "00000008 02 00 0000", Frame{Type: FrameAMQP, Body: []byte{}}, 8},
		{"channel and body", "0000000b 02 00 0102 aabbcc", Frame{Type: FrameAMQP, Channel: 0x102, Body: []byte{0xaa, 0xbb, 0xcc}}, 11},
		{"extended header is skipped", "0000000d 03 00 0001 deadbeef aa", Frame{Type: FrameAMQP, Channel: 1, Body: []byte{0xaa}}, 13},
		{"only an extended header", "0000000c 03 00 0001 deadbeef", Frame{Type: FrameAMQP, Channel: 1, Body: []byte{}}, 12},
		{"channel of SASL is ignored [5.3.1]", "00000009 02 01 ffff aa", Frame{Type: FrameSASL, Body: []byte{0xaa}}, 9},
		{"bytes behind are left", "00000009 02 00 0000 aa bb", Frame{Type: FrameAMQP, Body: []byte{0xaa}}, 9},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := unhex(t, tt.bytes)
			f, n, err := ParseFrame(b, 512)
			if err != nil || n != tt.size || f.Type != tt.want.Type || f.Channel != tt.want.Channel || !bytes.Equal(f.Body, tt.want.Body) {
				t.Fatalf("ParseFrame = %+v, %d, %v, want %+v, %d", f, n, err, tt.want, tt.size)
			}
			if cap(f.Body) != len(f.Body) {
				t.Fatal("body can be appended to over the frame behind it")
			}
			for i := range tt.size { // any part of it needs more, and is no error
				if f, n, err := ParseFrame(b[:i], 512); n != 0 || err != nil || f.Body != nil {
					t.Fatalf("ParseFrame of %d bytes = %+v, %d, %v, want nothing", i, f, n, err)
				}
			}
		})
	}
}

func TestParseFrameRefuses_2_3_1(t *testing.T) {
	tests := []struct{ name, bytes, err string }{
		{"size 0", "00000000", "size 0 is less than the header's 8 bytes"},
		{"size 7", "00000007 02 00 0000", "size 7 is less than the header's 8 bytes"},
		{"too large, told by 4 bytes", "00000201", "size 513 exceeds the maximum of 512"},
		{"too large, told by the header", "ffffffff 02 00 0000", "size 4294967295 exceeds the maximum of 512"},
		{"offset 0", "00000008 00 00 0000", "data offset 0 points into the header"},
		{"offset 1", "00000008 01 00 0000", "data offset 1 points into the header"},
		{"offset beyond the frame", "0000000b 03 00 0000 aabbcc", "data offset 3 points beyond the frame's 11 bytes"},
		{"unknown type", "00000008 02 02 0000", "unknown frame type 0x02"},
		{"HTTP", "47455420 2f 20 4854", "size 1195725856 exceeds the maximum of 512"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, n, err := ParseFrame(unhex(t, tt.bytes), 512)
			wantFault(t, err, tt.err)
			if n != 0 {
				t.Fatalf("took %d bytes", n)
			}
			if got := err.(*DecodeError).Condition(); got != CondFramingError {
				t.Fatalf("condition %s", got)
			}
		})
	}
}

func TestParseFrameOfLargestSizeNeedsMore(t *testing.T) {
	_, n, err := ParseFrame(unhex(t, "ffffffff 02 00 0000 00"), math.MaxUint32)
	if n != 0 || err != nil {
		t.Fatalf("ParseFrame = %d, %v, want more bytes", n, err)
	}
}

func TestAppendFrames_2_3_1(t *testing.T) {
	t.Run("empty frame [2.4.5]", func(t *testing.T) {
		wantBytes(t, AppendEmptyFrame([]byte{0xee}), "ee 00000008 02 00 0000")
	})
	t.Run("performative", func(t *testing.T) {
		wantBytes(t, AppendFrame([]byte{0xee}, 0x102, &End{}), "ee 0000000c 02 00 0102 00 53 17 45")
	})
	t.Run("SASL [5.3.1]", func(t *testing.T) {
		wantBytes(t, AppendSASLFrame(nil, &SASLOutcome{}), "00000010 02 01 0000 00 53 44 c0 03 01 50 00")
	})
	t.Run("begin and end", func(t *testing.T) {
		b, start := BeginFrame([]byte{0xee}, FrameAMQP, 7)
		wantBytes(t, EndFrame(append(b, 1, 2, 3), start), "ee 0000000b 02 00 0007 010203")
	})
}

func TestFrameSize_2_3_1(t *testing.T) {
	if _, ok := FrameSize([]byte{0, 0, 1}); ok {
		t.Fatal("told a size by 3 bytes")
	}
	if size, ok := FrameSize([]byte{0, 0, 1, 2}); !ok || size != 0x102 {
		t.Fatalf("FrameSize = %d, %v", size, ok)
	}
}

func TestParseProto_2_2(t *testing.T) {
	for want, header := range map[ProtoID][8]byte{ProtoIDAMQP: ProtoAMQP, ProtoIDTLS: ProtoTLS, ProtoIDSASL: ProtoSASL} {
		id, ok, err := ParseProto(append(header[:], 0xff))
		if id != want || !ok || err != nil {
			t.Fatalf("ParseProto(%q) = %v, %v, %v", header, id, ok, err)
		}
		for i := range header {
			if _, ok, err := ParseProto(header[:i]); ok || err != nil {
				t.Fatalf("ParseProto of %d bytes = %v, %v, want more", i, ok, err)
			}
		}
	}
}

func TestParseProtoRefuses_2_2(t *testing.T) {
	tests := []struct{ name, bytes, err string }{
		{"HTTP, at its first byte", "G", `peer does not speak AMQP: it sent "G"`},
		{"HTTP", "GET / HTTP/1.1", `peer does not speak AMQP but HTTP: it sent "GET / HT"`},
		{"a web server", "HTTP/1.1 400", `peer does not speak AMQP but HTTP: it sent "HTTP/1.1"`},
		{"a TLS client", "\x16\x03\x01\x02\x00", `peer does not speak AMQP but TLS, which this end does not`},
		{"TLS's alert", "\x15\x03\x01", `peer does not speak AMQP but TLS`},
		{"TLS", "\x16\x03\x01\x02", `it sent "\x16\x03\x01\x02"`},
		{"lower case", "AMqp", `does not speak AMQP`},
		{"AMQP 0-9-1", "AMQP\x00\x00\x09\x01", "peer speaks AMQP 0-9-1, not AMQP 1.0.0"},
		{"AMQP 0-10", "AMQP\x01\x01\x00\x0a", "peer speaks AMQP 0-10"},
		{"AMQP 0-8", "AMQP\x01\x01\x08\x00", "peer speaks AMQP 8-0"},
		{"AMQP 1.1.0", "AMQP\x00\x01\x01\x00", "peer speaks AMQP 1.1.0 (AMQP)"},
		{"unknown layer", "AMQP\x07\x01\x00\x00", "unknown protocol id 7"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, ok, err := ParseProto([]byte(tt.bytes))
			wantFault(t, err, tt.err)
			if ok {
				t.Fatal("accepted")
			}
		})
	}
}
