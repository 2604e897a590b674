package routing

import (
	"strings"
	"testing"
)

func TestMostSpecificPatternWins(t *testing.T) {
	var p Patterns[string]
	for _, prefix := range []string{"a", "a/b"} {
		if err := p.AddPrefix(prefix, "prefix "+prefix); err != nil {
			t.Fatal(err)
		}
	}
	for _, pattern := range []string{"a/*/c", "*/x", "#/end", "a.b.c.d", "m/#/n"} {
		if err := p.AddPattern(pattern, pattern); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ address, want string }{
		{"a", "prefix a"},
		{"a/", "prefix a"},
		{"a/z", "prefix a"},
		{"ab", ""},
		{"a/b", "prefix a/b"},
		{"a.b.q", "prefix a/b"},
		{"a/b/c", "prefix a/b"}, // an exact token beats "*", from the left
		{"a/q/c", "a/*/c"},
		{"a/b/c/d", "a.b.c.d"},
		{"q/x", "*/x"},
		{"a/x", "prefix a"},
		{"end", "#/end"},
		{"1/2/3/end", "#/end"},
		{"m/n", "m/#/n"},
		{"m/1/2/n", "m/#/n"},
		{"m/1/2", ""},
		{"", ""},
	} {
		got, ok := p.Match(c.address)
		if got != c.want || ok != (c.want != "") {
			t.Errorf("%q matched %q, want %q", c.address, got, c.want)
		}
	}
}

func TestTheSamePatternTwiceIsRefused(t *testing.T) {
	var p Patterns[int]
	if err := p.AddPrefix("a/b", 1); err != nil {
		t.Fatal(err)
	}
	if err := p.AddPattern("a.b.#", 2); err == nil || !strings.Contains(err.Error(), `"a.b.#"`) {
		t.Errorf("the same pattern in another spelling: error %v", err)
	}
}
