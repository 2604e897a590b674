package topoview

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

func TestOtherForms(t *testing.T) {
	for name, m := range map[string]Mesh{"three": three(), "troubled": troubled()} {
		golden(t, name+".dot", DOT(m))
		golden(t, name+".mmd", Mermaid(m))
		golden(t, name+".svg", SVG(m))
		text, err := JSON(m)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, name+".json", text)
		var back Mesh
		if err := json.Unmarshal([]byte(text), &back); err != nil || len(back.Routers) != len(m.Routers) {
			t.Errorf("read again: %v, %d routers", err, len(back.Routers))
		}
	}
}

func TestPicturesAreXMLWithoutScripts(t *testing.T) {
	hostile := three()
	hostile.Routers[0].ID = `<script>"&`
	for _, m := range []Mesh{three(), troubled(), random(100, 40), {}, hostile, {Routers: routers(3)}} {
		text := SVG(m)
		d := xml.NewDecoder(strings.NewReader(text))
		for {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%v in\n%s", err, text)
			}
			if s, ok := token.(xml.StartElement); ok && s.Name.Local == "script" {
				t.Errorf("a script in\n%s", text)
			}
		}
		if strings.Contains(text, "NaN") || strings.Contains(text, "Inf") {
			t.Errorf("a place that is no number in\n%s", text)
		}
	}
}

func TestPaths(t *testing.T) {
	p := Path{From: "A", To: "C", Cost: 3, Hops: []Hop{
		{Router: "A", Left: 3, Next: 1, Equal: []string{"D"}, Alternates: []Alternate{{"E", 5, true}, {"F", 6, false}, {"G", 7, true}, {"H", 9, true}}},
		{Router: "B", Left: 2, Next: 2}, {Router: "C"},
	}}
	text := PathText(p, Options{})
	fits(t, text, 80, 60)
	golden(t, "path.txt", text)
	golden(t, "path-none.txt", PathText(Path{From: "A", To: "E", Why: "E is unreachable"}, Options{}))
	golden(t, "path-self.txt", PathText(Path{From: "A", To: "A", Hops: []Hop{{Router: "A"}}}, Options{}))
	long := Path{From: "r1", To: "r30", Cost: 290}
	for i := range 30 {
		h := Hop{Router: id(i), Left: uint32(290 - 10*i)}
		if i < 29 {
			h.Next = 10
		}
		long.Hops = append(long.Hops, h)
	}
	text = PathText(long, Options{})
	fits(t, text, 80, 60)
	golden(t, "path-long.txt", text)
}

func TestChanges(t *testing.T) {
	before, after := three(), troubled()
	golden(t, "changes.txt", strings.Join(Changes(before, after, false), "\n")+"\n")
	golden(t, "changes-back.txt", strings.Join(Changes(after, before, false), "\n")+"\n")
	if got := Changes(before, shuffled(before, 1), false); len(got) > 0 {
		t.Errorf("nothing changed, got %q", got)
	}
	busier := three()
	busier.Adjacencies[0].RateAB, busier.Routers[0].Consumers = 99, 9
	if got := Changes(before, busier, false); len(got) > 0 {
		t.Errorf("only rates changed, got %q", got)
	}
}

func TestRates(t *testing.T) {
	for rate, want := range map[float64]string{-1: "-", 0: "0", 0.04: "0.0", 3: "3.0", 9.96: "10", 999: "999", 999.6: "1.0k", 12345: "12k", 2.5e6: "2.5M"} {
		if got := RateText(rate); got != want {
			t.Errorf("%v: got %q, want %q", rate, got, want)
		}
	}
}

func TestNamesAreOrderedByTheirNumbers(t *testing.T) {
	got := []string{"r10", "r2", "a", "r2b", "r", "r02"}
	slices.SortFunc(got, compareNames)
	if want := "a r r2 r02 r2b r10"; strings.Join(got, " ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
}
