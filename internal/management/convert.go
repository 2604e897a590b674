package management

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/meshway/meshway/internal/wire"
)

// convert makes a value of the attribute's type of what a request has: tools send numbers
// and truth values as text, too.
func (at *Attribute) convert(v any) (any, *Error) {
	if len(at.Values) > 0 {
		return at.enumerated(v)
	}
	switch at.Type {
	case "integer":
		if i, ok := integer(v); ok {
			return i, nil
		}
		if s, ok := textOf(v); ok {
			if i, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64); err == nil {
				return i, nil
			}
		}
		return nil, at.wrong(v, "a whole number")
	case "boolean":
		if b, ok := truth(v); ok {
			return b, nil
		}
		return nil, at.wrong(v, "true or false")
	case "map", "properties":
		if m, ok := v.(wire.Map); ok {
			return m, nil
		}
		return nil, at.wrong(v, "a map")
	case "list":
		if l, ok := v.([]any); ok {
			return l, nil
		}
		return nil, at.wrong(v, "a list")
	}
	return at.words(v)
}

// words is the value of an attribute that is text. Ports are numbers in some clients.
func (at *Attribute) words(v any) (any, *Error) {
	if s, ok := textOf(v); ok {
		return s, nil
	}
	if i, ok := integer(v); ok {
		return strconv.FormatInt(i, 10), nil
	}
	return nil, at.wrong(v, "a string")
}

// truth is the meaning of a truth value, also in words.
func truth(v any) (b, ok bool) {
	switch v := v.(type) {
	case bool:
		return v, true
	case string, wire.Symbol:
		s, _ := textOf(v)
		switch strings.ToLower(s) {
		case "yes", "true", "on", "1":
			return true, true
		case "no", "false", "off", "0":
			return false, true
		}
	}
	if i, isInt := integer(v); isInt && (i == 0 || i == 1) {
		return i == 1, true
	}
	return false, false
}

// enumerated is one of the words that are allowed, or its index.
func (at *Attribute) enumerated(v any) (any, *Error) {
	if s, ok := textOf(v); ok && (slices.Contains(at.Values, s) || slices.Contains(at.Unbuilt, s)) {
		return s, nil
	}
	if i, ok := integer(v); ok && i >= 0 && i < int64(min(len(at.Values), math.MaxInt32)) {
		return at.Values[i], nil
	}
	return nil, at.wrong(v, "one of "+strings.Join(at.Values, ", "))
}

func (at *Attribute) wrong(v any, want string) *Error {
	if s, ok := textOf(v); ok {
		return BadRequest("%s is %q; it must be %s", at.Name, s, want)
	}
	if i, ok := integer(v); ok {
		return BadRequest("%s is %d; it must be %s", at.Name, i, want)
	}
	return BadRequest("%s is %s; it must be %s", at.Name, typeName(v), want)
}
