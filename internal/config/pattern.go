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

// covers reports whether every address that matches specific matches general;
// both are what matchKey gives.
func covers(generalKey, specificKey string) bool {
	general, specific := tokens(generalKey), tokens(specificKey)
	// reach[i] is whether what was seen of specific is covered by the first i
	// tokens of general.
	reach := make([]bool, len(general)+1)
	reach[0] = true
	hashes := func() {
		for i, g := range general {
			reach[i+1] = reach[i+1] || g == "#" && reach[i]
		}
	}
	hashes()
	for _, s := range specific {
		next := make([]bool, len(reach))
		for i, g := range general {
			next[i+1] = g == "#" && (reach[i] || reach[i+1]) || s != "#" && reach[i] && (g == "*" || g == s)
		}
		reach = next
		hashes()
	}
	return reach[len(general)]
}

// matchKey is the same for two entries that match the same addresses: a prefix
// is a pattern with "#" behind it, separators are alike, and among wildcards in
// a row only the number of "*" and the presence of "#" count.
func matchKey(prefix, pattern string) string {
	parts := tokens(pattern)
	if prefix != "" {
		parts = append(tokens(prefix), "#")
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
