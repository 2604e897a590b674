package wire

import "encoding/binary"

// SkipValue returns what follows the first value of b, having checked the whole
// structure of that value: constructors, sizes, counts and nesting. It does not
// check text. A value that goes on beyond b is [ErrShort]. [1.2]
func SkipValue(b []byte) (rest []byte, err error) {
	n, err := scan(b)
	if err != nil {
		return nil, err
	}
	return b[n:], nil
}

// scan returns the length of the first value of b.
func scan(b []byte) (n int, err error) {
	s := scanner{b: b}
	return s.value(0, len(b), 0, true)
}

// scanner checks the structure of one value. Its methods take the index at which
// a value starts and the end of the container around it, and return the index
// behind the value. While open, no size has been promised yet, so running out of
// bytes means that the value is cut short and not that it is wrong.
type scanner struct {
	b         []byte
	zeroWidth int // elements of arrays so far that took no bytes
}

func (s *scanner) value(i, end, depth int, open bool) (int, error) {
	if i >= end {
		return 0, s.short(i, open)
	}
	c := s.b[i]
	if c != ctorDescribed {
		return s.payload(c, i+1, end, depth, open)
	}
	if depth >= MaxDepth {
		return 0, s.tooDeep(i)
	}
	i, err := s.value(i+1, end, depth+1, open)
	if err != nil {
		return 0, err
	}
	return s.value(i, end, depth+1, open)
}

// payload skips the bytes that follow constructor c.
func (s *scanner) payload(c byte, i, end, depth int, open bool) (int, error) {
	sh := shapes[c]
	switch sh.kind {
	case shapeFixed:
		if end-i < int(sh.width) {
			return 0, s.short(i, open)
		}
		return i + int(sh.width), nil
	case shapeVar8:
		if end-i < 1 || end-i-1 < int(s.b[i]) {
			return 0, s.short(i, open)
		}
		return i + 1 + int(s.b[i]), nil
	case shapeVar32:
		if end-i < 4 {
			return 0, s.short(i, open)
		}
		size := binary.BigEndian.Uint32(s.b[i:])
		if uint64(end-i-4) < uint64(size) {
			return 0, s.short(i, open)
		}
		return i + 4 + int(size), nil
	case shapeList8, shapeList32:
		return s.compound(c, i, end, depth, open)
	case shapeArray8, shapeArray32:
		return s.array(c, i, end, depth, open)
	}
	return 0, malformed("value", i-1, ctorText(c))
}

// head reads the size and count of a compound or array and returns where its
// elements start and end. [1.2.3] [1.2.4]
func (s *scanner) head(c byte, i, end int, open bool) (count, first, last int, err error) {
	var size uint32
	if kind := shapes[c].kind; kind == shapeList8 || kind == shapeArray8 {
		if end-i < 2 {
			return 0, 0, 0, s.short(i, open)
		}
		size, count, first = uint32(s.b[i]), int(s.b[i+1]), i+2
		last = i + 1 + int(size)
	} else {
		if end-i < 8 {
			return 0, 0, 0, s.short(i, open)
		}
		size, count, first = binary.BigEndian.Uint32(s.b[i:]), int(binary.BigEndian.Uint32(s.b[i+4:])), i+8
		last = i + 4 + int(size)
	}
	if last > end {
		return 0, 0, 0, s.short(i, open)
	}
	if last < first {
		return 0, 0, 0, malformedf("value", i, "%s has size %d, too little for its count", ctorNames[c], size)
	}
	return count, first, last, nil
}

func (s *scanner) compound(c byte, i, end, depth int, open bool) (int, error) {
	if depth >= MaxDepth {
		return 0, s.tooDeep(i)
	}
	count, i, last, err := s.head(c, i, end, open)
	switch {
	case err != nil:
		return 0, err
	case count > last-i:
		return 0, malformedf("value", i, "%s claims %d elements in %d bytes", ctorNames[c], count, last-i)
	case isMap(c) && count%2 != 0: // [1.6.23]
		return 0, malformedf("value", i, "map has an odd number of elements, %d", count)
	}
	for range count {
		if i, err = s.value(i, last, depth+1, false); err != nil {
			return 0, err
		}
	}
	return s.ended(c, i, last)
}

func (s *scanner) array(c byte, i, end, depth int, open bool) (int, error) {
	if depth >= MaxDepth {
		return 0, s.tooDeep(i)
	}
	count, i, last, err := s.head(c, i, end, open)
	if err != nil {
		return 0, err
	}
	if i >= last {
		return 0, malformed("value", i, "array has no room for its constructor")
	}
	elem := s.b[i]
	i++
	if elem == ctorDescribed { // one descriptor for all elements
		if i, err = s.value(i, last, depth+1, false); err != nil {
			return 0, err
		}
		if i >= last {
			return 0, s.short(i, false)
		}
		elem = s.b[i]
		i++
	}
	switch sh := shapes[elem]; {
	case sh.kind == shapeBad || sh.kind == shapeDescribed:
		return 0, malformedf("value", i-1, "array of %s", ctorText(elem))
	case sh.kind == shapeFixed && sh.width == 0:
		if s.zeroWidth += count; count > MaxZeroWidth || s.zeroWidth > MaxZeroWidth {
			return 0, malformedf("value", i, "array claims %d elements without bytes", count)
		}
	case count > last-i:
		return 0, malformedf("value", i, "array claims %d elements in %d bytes", count, last-i)
	case sh.kind == shapeFixed:
		if count*int(sh.width) > last-i {
			return 0, malformedf("value", i, "array claims %d elements in %d bytes", count, last-i)
		}
		i += count * int(sh.width)
	default:
		for range count {
			if i, err = s.payload(elem, i, last, depth+1, false); err != nil {
				return 0, err
			}
		}
	}
	return s.ended(c, i, last)
}

// ended checks that the elements fill their container. [1.2.3]
func (s *scanner) ended(c byte, i, last int) (int, error) {
	if i != last {
		return 0, malformedf("value", i, "%s has %d bytes after its last element", ctorNames[c], last-i)
	}
	return last, nil
}

func (s *scanner) short(i int, open bool) error {
	if open {
		return ErrShort
	}
	return malformed("value", i, "value runs beyond the list, map or array around it")
}

func (s *scanner) tooDeep(i int) error {
	return malformedf("value", i, "nested more than %d deep", MaxDepth)
}

// span returns the length of the first value of b from its headers alone: what
// is inside a list, map or array is not looked at. [1.2]
func span(b []byte) (n int, err error) {
	i := 0
	for depth := 0; i < len(b) && b[i] == ctorDescribed; depth++ {
		if depth >= MaxDepth {
			return 0, malformedf("value", i, "nested more than %d deep", MaxDepth)
		}
		d, err := scan(b[i+1:])
		if err != nil {
			return 0, err
		}
		i += 1 + d
	}
	if i >= len(b) {
		return 0, ErrShort
	}
	sh := shapes[b[i]]
	size := uint64(sh.width)
	switch sh.kind {
	case shapeBad:
		return 0, malformed("value", i, ctorText(b[i]))
	case shapeVar8, shapeList8, shapeArray8:
		if len(b)-i < 2 {
			return 0, ErrShort
		}
		size = 1 + uint64(b[i+1])
	case shapeVar32, shapeList32, shapeArray32:
		if len(b)-i < 5 {
			return 0, ErrShort
		}
		size = 4 + uint64(binary.BigEndian.Uint32(b[i+1:]))
	}
	i++
	if uint64(len(b)-i) < size {
		return 0, ErrShort
	}
	return i + int(size), nil
}

// compoundHead returns the count and the bytes of the elements of the list, map or
// array at the start of b, and its length.
func compoundHead(b []byte) (count int, elems []byte, n int, err error) {
	if len(b) == 0 {
		return 0, nil, 0, ErrShort
	}
	if b[0] == ctorList0 {
		return 0, b[1:1:1], 1, nil
	}
	s := scanner{b: b}
	count, first, last, err := s.head(b[0], 1, len(b), true)
	if err != nil {
		return 0, nil, 0, err
	}
	if count > last-first {
		return 0, nil, 0, malformedf("value", 0, "%s claims %d elements in %d bytes", ctorNames[b[0]], count, last-first)
	}
	return count, b[first:last:last], last, nil
}
