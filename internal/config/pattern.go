package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// maxAddress bounds a prefix or a pattern.
const maxAddress = 1024

// tokens splits an address where its parts end.
func tokens(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == '/' || r == '.' })
}

func checkPrefix(v any) error {
	s := v.(string)
	if err := checkAddressText(s); err != nil {
		return err
	}
	for _, t := range tokens(s) {
		if t == "*" || t == "#" {
			return fmt.Errorf("contains the wildcard %s, which a prefix has not; use pattern, or leave it out: a prefix matches what follows too", t)
		}
	}
	return nil
}

func checkPattern(v any) error {
	s := v.(string)
	if err := checkAddressText(s); err != nil {
		return err
	}
	for _, t := range tokens(s) {
		if len(t) > 1 && strings.ContainsAny(t, "*#") {
			return fmt.Errorf("contains %s: a wildcard stands for a whole token, between separators", shown(t))
		}
	}
	return nil
}

func checkAddressText(s string) error {
	switch {
	case len(tokens(s)) == 0:
		return errors.New("is empty; give an address")
	case len(s) > maxAddress:
		return fmt.Errorf("is longer than %d bytes", maxAddress)
	}
	return checkText(s)
}

// matchKey is the same for two entries that match the same addresses: a prefix
// is a pattern with "#" behind it, separators are alike, and among wildcards in
// a row only the number of "*" and the presence of "#" count.
func (a *Address) matchKey() string {
	parts := tokens(a.Pattern)
	if a.Prefix != "" {
		parts = append(tokens(a.Prefix), "#")
	}
	var key []string
	stars, hash := 0, false
	wildcards := func() {
		key = append(key, slices.Repeat([]string{"*"}, stars)...)
		if hash {
			key = append(key, "#")
		}
		stars, hash = 0, false
	}
	for _, part := range parts {
		switch part {
		case "*":
			stars++
		case "#":
			hash = true
		default:
			wildcards()
			key = append(key, part)
		}
	}
	wildcards()
	return strings.Join(key, "/")
}
