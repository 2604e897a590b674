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

// Every link that is attached is looked up, three times: that must cost no memory.
func TestAnAddressIsLookedUpWithoutMemory(t *testing.T) {
	var p Patterns[int]
	for i, pattern := range []string{"a/*/c", "#/end", "a.b"} {
		if err := p.AddPattern(pattern, i); err != nil {
			t.Fatal(err)
		}
	}
	for _, address := range []string{"a/b/c", "/a//b.c.", strings.Repeat("x/", fewTokens-1) + "end"} {
		if n := testing.AllocsPerRun(100, func() { p.Match(address) }); n != 0 {
			t.Errorf("%q: %v allocations, want none", address, n)
		}
	}
	if _, ok := p.Match(strings.Repeat("x/", 2*fewTokens) + "end"); !ok {
		t.Error("an address of many tokens does not match")
	}
}
