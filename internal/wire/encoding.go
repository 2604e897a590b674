package wire

import "fmt"

// The constructors of the primitive encodings. [1.6]
const (
	ctorDescribed  = 0x00
	ctorNull       = 0x40
	ctorTrue       = 0x41
	ctorFalse      = 0x42
	ctorUint0      = 0x43
	ctorUlong0     = 0x44
	ctorList0      = 0x45
	ctorUbyte      = 0x50
	ctorByte       = 0x51
	ctorSmallUint  = 0x52
	ctorSmallUlong = 0x53
	ctorSmallInt   = 0x54
	ctorSmallLong  = 0x55
	ctorBool       = 0x56
	ctorUshort     = 0x60
	ctorShort      = 0x61
	ctorUint       = 0x70
	ctorInt        = 0x71
	ctorFloat      = 0x72
	ctorChar       = 0x73
	ctorDecimal32  = 0x74
	ctorUlong      = 0x80
	ctorLong       = 0x81
	ctorDouble     = 0x82
	ctorTimestamp  = 0x83
	ctorDecimal64  = 0x84
	ctorDecimal128 = 0x94
	ctorUUID       = 0x98
	ctorBin8       = 0xa0
	ctorStr8       = 0xa1
	ctorSym8       = 0xa3
	ctorBin32      = 0xb0
	ctorStr32      = 0xb1
	ctorSym32      = 0xb3
	ctorList8      = 0xc0
	ctorMap8       = 0xc1
	ctorList32     = 0xd0
	ctorMap32      = 0xd1
	ctorArray8     = 0xe0
	ctorArray32    = 0xf0
)

// ctorNames tells the type of each constructor; one without a name is unknown.
var ctorNames = [256]string{
	ctorDescribed:  "described value",
	ctorNull:       "null",
	ctorTrue:       "boolean",
	ctorFalse:      "boolean",
	ctorBool:       "boolean",
	ctorUbyte:      "ubyte",
	ctorUshort:     "ushort",
	ctorUint0:      "uint",
	ctorSmallUint:  "uint",
	ctorUint:       "uint",
	ctorUlong0:     "ulong",
	ctorSmallUlong: "ulong",
	ctorUlong:      "ulong",
	ctorByte:       "byte",
	ctorShort:      "short",
	ctorSmallInt:   "int",
	ctorInt:        "int",
	ctorSmallLong:  "long",
	ctorLong:       "long",
	ctorFloat:      "float",
	ctorDouble:     "double",
	ctorDecimal32:  "decimal32",
	ctorDecimal64:  "decimal64",
	ctorDecimal128: "decimal128",
	ctorChar:       "char",
	ctorTimestamp:  "timestamp",
	ctorUUID:       "uuid",
	ctorBin8:       "binary",
	ctorBin32:      "binary",
	ctorStr8:       "string",
	ctorStr32:      "string",
	ctorSym8:       "symbol",
	ctorSym32:      "symbol",
	ctorList0:      "list",
	ctorList8:      "list",
	ctorList32:     "list",
	ctorMap8:       "map",
	ctorMap32:      "map",
	ctorArray8:     "array",
	ctorArray32:    "array",
}

// ctorText is how a constructor reads in an error.
func ctorText(c byte) string {
	if name := ctorNames[c]; name != "" {
		return fmt.Sprintf("%s (0x%02x)", name, c)
	}
	return fmt.Sprintf("unknown constructor 0x%02x", c)
}

// Shapes of encodings: what follows the constructor. The high nibble of a
// constructor gives it. [1.2]
const (
	shapeBad   = iota // not a constructor
	shapeFixed        // a fixed number of bytes
	shapeVar8         // one byte of length, then that many bytes
	shapeVar32
	shapeList8 // lists and maps: size, count, elements
	shapeList32
	shapeArray8 // size, count, one constructor, elements
	shapeArray32
	shapeDescribed // two values: the descriptor, and what it describes
)

type shape struct{ kind, width uint8 }

// shapes is indexed by constructor.
var shapes = func() (t [256]shape) {
	for c, name := range ctorNames {
		if name == "" {
			continue
		}
		switch c >> 4 {
		case 0x0:
			t[c] = shape{kind: shapeDescribed}
		case 0x4:
			t[c] = shape{shapeFixed, 0}
		case 0x5:
			t[c] = shape{shapeFixed, 1}
		case 0x6:
			t[c] = shape{shapeFixed, 2}
		case 0x7:
			t[c] = shape{shapeFixed, 4}
		case 0x8:
			t[c] = shape{shapeFixed, 8}
		case 0x9:
			t[c] = shape{shapeFixed, 16}
		case 0xa:
			t[c] = shape{kind: shapeVar8}
		case 0xb:
			t[c] = shape{kind: shapeVar32}
		case 0xc:
			t[c] = shape{kind: shapeList8}
		case 0xd:
			t[c] = shape{kind: shapeList32}
		case 0xe:
			t[c] = shape{kind: shapeArray8}
		case 0xf:
			t[c] = shape{kind: shapeArray32}
		}
	}
	return t
}()

func isMap(c byte) bool  { return c == ctorMap8 || c == ctorMap32 }
func isList(c byte) bool { return c == ctorList8 || c == ctorList0 || c == ctorList32 }
