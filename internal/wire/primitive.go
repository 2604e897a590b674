package wire

import (
	"encoding/binary"
	"time"
	"unicode/utf8"
)

// The ...At functions read one value of one type, in any of its encodings or
// null, at b[i]. They return the index behind it, or -1 when it is cut short or
// of another type: what exactly is wrong is worked out afterwards, by
// [composite.fail], so that the usual path stays small.

// uintAt reads a uint or null. [1.6.5]
func uintAt(b []byte, i int) (Opt[uint32], int) {
	if uint(i) < uint(len(b)) {
		switch b[i] {
		case ctorSmallUint:
			if i+1 < len(b) {
				return Some(uint32(b[i+1])), i + 2
			}
		case ctorUint:
			if i+4 < len(b) {
				return Some(binary.BigEndian.Uint32(b[i+1:])), i + 5
			}
		case ctorUint0:
			return Some(uint32(0)), i + 1
		case ctorNull:
			return Opt[uint32]{}, i + 1
		}
	}
	return Opt[uint32]{}, -1
}

// ulongAt reads a ulong or null. [1.6.6]
func ulongAt(b []byte, i int) (Opt[uint64], int) {
	if uint(i) < uint(len(b)) {
		switch b[i] {
		case ctorSmallUlong:
			if i+1 < len(b) {
				return Some(uint64(b[i+1])), i + 2
			}
		case ctorUlong:
			if i+8 < len(b) {
				return Some(binary.BigEndian.Uint64(b[i+1:])), i + 9
			}
		case ctorUlong0:
			return Some(uint64(0)), i + 1
		case ctorNull:
			return Opt[uint64]{}, i + 1
		}
	}
	return Opt[uint64]{}, -1
}

// ushortAt reads a ushort or null. [1.6.4]
func ushortAt(b []byte, i int) (Opt[uint16], int) {
	if uint(i) < uint(len(b)) {
		switch b[i] {
		case ctorUshort:
			if i+2 < len(b) {
				return Some(binary.BigEndian.Uint16(b[i+1:])), i + 3
			}
		case ctorNull:
			return Opt[uint16]{}, i + 1
		}
	}
	return Opt[uint16]{}, -1
}

// ubyteAt reads a ubyte or null. [1.6.3]
func ubyteAt(b []byte, i int) (Opt[uint8], int) {
	if uint(i) < uint(len(b)) {
		switch b[i] {
		case ctorUbyte:
			if i+1 < len(b) {
				return Some(b[i+1]), i + 2
			}
		case ctorNull:
			return Opt[uint8]{}, i + 1
		}
	}
	return Opt[uint8]{}, -1
}

// boolAt reads a boolean or null. [1.6.2]
func boolAt(b []byte, i int) (Opt[bool], int) {
	if uint(i) < uint(len(b)) {
		switch b[i] {
		case ctorTrue:
			return Some(true), i + 1
		case ctorFalse:
			return Some(false), i + 1
		case ctorNull:
			return Opt[bool]{}, i + 1
		case ctorBool:
			if i+1 < len(b) && b[i+1] <= 1 {
				return Some(b[i+1] == 1), i + 2
			}
		}
	}
	return Opt[bool]{}, -1
}

// timestampAt reads a timestamp or null. [1.6.17]
func timestampAt(b []byte, i int) (Opt[time.Time], int) {
	if uint(i) < uint(len(b)) {
		switch b[i] {
		case ctorTimestamp:
			if i+8 < len(b) {
				return Some(timeOf(binary.BigEndian.Uint64(b[i+1:]))), i + 9
			}
		case ctorNull:
			return Opt[time.Time]{}, i + 1
		}
	}
	return Opt[time.Time]{}, -1
}

// timeOf is the time of milliseconds since 1970, which may be negative.
func timeOf(ms uint64) time.Time { return time.UnixMilli(int64(ms)).UTC() }

// bytesAt reads what follows constructor short, with a length of one byte, or
// long, with one of four; nil for null. It never returns nil for a value.
func bytesAt(b []byte, i int, short, long byte) ([]byte, int) {
	if uint(i) >= uint(len(b)) {
		return nil, -1
	}
	switch b[i] {
	case short:
		if i+1 < len(b) {
			start, end := i+2, i+2+int(b[i+1])
			if end <= len(b) {
				return b[start:end:end], end
			}
		}
	case long:
		if i+4 < len(b) {
			size := binary.BigEndian.Uint32(b[i+1:])
			if start := i + 5; uint64(len(b)-start) >= uint64(size) {
				end := start + int(size)
				return b[start:end:end], end
			}
		}
	case ctorNull:
		return nil, i + 1
	}
	return nil, -1
}

// binaryAt reads a binary or null. [1.6.19]
func binaryAt(b []byte, i int) ([]byte, int) { return bytesAt(b, i, ctorBin8, ctorBin32) }

// stringAt reads a string or null. [1.6.20]
func stringAt(b []byte, i int) ([]byte, int) {
	text, next := bytesAt(b, i, ctorStr8, ctorStr32)
	if !utf8.Valid(text) {
		return nil, -1
	}
	return text, next
}

// symbolAt reads a symbol or null. [1.6.21]
func symbolAt(b []byte, i int) ([]byte, int) {
	text, next := bytesAt(b, i, ctorSym8, ctorSym32)
	if !isASCII(text) {
		return nil, -1
	}
	return text, next
}

func isASCII[T ~string | ~[]byte](s T) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
