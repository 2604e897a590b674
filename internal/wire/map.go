package wire

import "fmt"

// mapKeys says which keys the specification allows in a map. Text of the wrong
// one of the two kinds is put right, both ways: peers mix them up.
type mapKeys uint8

const (
	keysAny        mapKeys = iota
	keysSymbol             // fields [2.8.13]
	keysAnnotation         // symbol or ulong [3.2.10]
	keysString             // application-properties [3.2.5]
)

// check returns the key in the type it should have.
func (k mapKeys) check(key any) (any, bool) {
	switch v := key.(type) {
	case string:
		if (k == keysSymbol || k == keysAnnotation) && isASCII(v) {
			return Symbol(v), true
		}
		return key, k == keysAny || k == keysString
	case Symbol:
		if k == keysString {
			return string(v), true
		}
		return key, true
	case uint64:
		return key, k == keysAny || k == keysAnnotation
	}
	return key, k == keysAny
}

// decodeMap decodes the map at the start of b.
func decodeMap(b []byte, keys mapKeys) (Map, error) {
	v, _, err := DecodeValue(b)
	if err != nil {
		return nil, err
	}
	m, ok := v.(Map)
	if !ok {
		return nil, malformed("map", 0, "want map, got "+ctorText(b[0]))
	}
	for i := range m {
		if m[i].Key, ok = keys.check(m[i].Key); !ok {
			return nil, malformedf("map", -1, "entry %d has a key that is not allowed: %T", i, m[i].Key)
		}
	}
	return m, nil
}

func appendMap(b []byte, m Map, keys mapKeys, depth int) ([]byte, error) {
	start := len(b)
	b = append(b, ctorMap8, 0, 0)
	for _, p := range m {
		var err error
		if b, err = appendPair(b, p, keys, depth); err != nil {
			return nil, err
		}
	}
	return endCompound(b, start, 2*len(m), ctorMap32), nil
}

func appendPair(b []byte, p Pair, keys mapKeys, depth int) ([]byte, error) {
	key, ok := keys.check(p.Key)
	if !ok {
		return nil, fmt.Errorf("encode: map key %v is not allowed here", p.Key)
	}
	b, err := appendAny(b, key, depth+1)
	if err != nil {
		return nil, err
	}
	return appendAny(b, p.Value, depth+1)
}

// appendKnownMap appends the map of a performative, whose encoders cannot fail:
// an entry that has no encoding is left out.
func appendKnownMap(b []byte, m Map, keys mapKeys) []byte {
	start, n := len(b), 0
	b = append(b, ctorMap8, 0, 0)
	for _, p := range m {
		if out, err := appendPair(b, p, keys, 0); err == nil {
			b = out
			n += 2
		}
	}
	return endCompound(b, start, n, ctorMap32)
}

// MapIter walks over the entries of an encoded map without decoding them. [1.6.23]
type MapIter struct {
	n   int // elements that are left, two for each entry
	b   []byte
	err error
}

// IterMap starts at the first entry of the map at the start of value; null has none.
func IterMap(value []byte) (MapIter, error) {
	switch {
	case len(value) == 0:
		return MapIter{}, ErrShort
	case value[0] == ctorNull:
		return MapIter{}, nil
	case !isMap(value[0]):
		return MapIter{}, malformed("map", 0, "want map, got "+ctorText(value[0]))
	}
	n, elems, _, err := compoundHead(value)
	if err != nil {
		return MapIter{}, err
	}
	if n%2 != 0 {
		return MapIter{}, malformedf("map", 0, "map has an odd number of elements, %d", n)
	}
	return MapIter{n: n, b: elems}, nil
}

// Len returns how many entries are left.
func (it *MapIter) Len() int { return it.n / 2 }

// Next returns the encoded key and value of the next entry, slices of the input;
// not ok at the end, or when the map is malformed, which [MapIter.Err] tells. What
// is inside a value is not checked.
func (it *MapIter) Next() (key, value []byte, ok bool) {
	if it.err != nil || it.n == 0 {
		if it.err == nil && len(it.b) > 0 {
			it.err = malformedf("map", -1, "%d bytes after the last element", len(it.b))
		}
		return nil, nil, false
	}
	k, err := span(it.b)
	if err == nil {
		var v int
		if v, err = span(it.b[k:]); err == nil {
			key, value = it.b[:k:k], it.b[k:k+v:k+v]
			it.b, it.n = it.b[k+v:], it.n-2
			return key, value, true
		}
	}
	it.err = within("map", err)
	return nil, nil, false
}

// Err returns what was wrong with the map, if [MapIter.Next] met anything.
func (it *MapIter) Err() error { return it.err }

// Text returns the bytes of an encoded string or symbol; not ok for other types.
func Text(value []byte) (text []byte, ok bool) {
	if len(value) == 0 {
		return nil, false
	}
	switch value[0] {
	case ctorSym8, ctorSym32:
		text, _ = symbolAt(value, 0)
	case ctorStr8, ctorStr32:
		text, _ = stringAt(value, 0)
	}
	return text, text != nil
}
