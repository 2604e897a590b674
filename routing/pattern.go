package routing

import "fmt"

// Patterns maps address patterns to values and finds the most specific one that
// matches an address. It is built once and then read by any number of goroutines.
//
// An address is split into tokens at "/" and ".". In a pattern "*" matches one
// token, "#" any number of them, none too. An exact token is more specific than
// "*", and that than "#", token by token from the left.
type Patterns[T any] struct{ root patternNode[T] }

type patternNode[T any] struct {
	exact map[string]*patternNode[T]
	star  *patternNode[T]
	hash  *patternNode[T]
	value T
	set   bool
}

// AddPattern adds a pattern. A pattern that is there already is an error.
func (p *Patterns[T]) AddPattern(pattern string, value T) error {
	return p.add(pattern, Tokens(pattern), value)
}

// AddPrefix adds a prefix of whole tokens: it matches itself and all below it.
func (p *Patterns[T]) AddPrefix(prefix string, value T) error {
	tokens := Tokens(prefix)
	return p.add(prefix, append(tokens, "#"), value)
}

func (p *Patterns[T]) add(text string, tokens []string, value T) error {
	n := &p.root
	for _, t := range tokens {
		n = n.child(t)
	}
	if n.set {
		return fmt.Errorf("address %q: another entry matches exactly the same addresses", text)
	}
	n.value, n.set = value, true
	return nil
}

// child finds or makes the node for one more token of a pattern.
func (n *patternNode[T]) child(token string) *patternNode[T] {
	switch token {
	case "*":
		if n.star == nil {
			n.star = new(patternNode[T])
		}
		return n.star
	case "#":
		if n.hash == nil {
			n.hash = new(patternNode[T])
		}
		return n.hash
	}
	if n.exact == nil {
		n.exact = make(map[string]*patternNode[T])
	}
	c := n.exact[token]
	if c == nil {
		c = new(patternNode[T])
		n.exact[token] = c
	}
	return c
}

// Match finds the value of the most specific pattern that matches.
func (p *Patterns[T]) Match(address string) (value T, ok bool) {
	var few [fewTokens]string
	n := p.root.match(appendTokens(few[:0], address))
	if n == nil {
		return value, false
	}
	return n.value, true
}

func (n *patternNode[T]) match(tokens []string) *patternNode[T] {
	if len(tokens) == 0 {
		if n.set {
			return n
		}
	} else {
		if c := n.exact[tokens[0]]; c != nil {
			if m := c.match(tokens[1:]); m != nil {
				return m
			}
		}
		if n.star != nil {
			if m := n.star.match(tokens[1:]); m != nil {
				return m
			}
		}
	}
	if n.hash != nil {
		for i := 0; i <= len(tokens); i++ {
			if m := n.hash.match(tokens[i:]); m != nil {
				return m
			}
		}
	}
	return nil
}

// fewTokens is how many tokens an address can have and still cost no memory to be looked up.
const fewTokens = 16

// Tokens splits an address or a pattern.
func Tokens(address string) []string { return appendTokens(nil, address) }

func appendTokens(list []string, address string) []string {
	from := 0
	for i := range len(address) {
		if c := address[i]; c != '/' && c != '.' {
			continue
		}
		if i > from {
			list = append(list, address[from:i])
		}
		from = i + 1
	}
	if from < len(address) {
		list = append(list, address[from:])
	}
	return list
}
