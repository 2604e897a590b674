package topoview

import (
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the pictures in testdata")

// golden compares text with a file.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", file, got, want)
	}
}

// fits fails if text is larger than a page.
func fits(t *testing.T, text string, width, height int) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) > height {
		t.Errorf("%d lines, want at most %d:\n%s", len(lines), height, text)
	}
	if w := widest(lines); w > width {
		t.Errorf("%d columns, want at most %d:\n%s", w, width, text)
	}
}

// shuffled is the mesh in another order, and with adjacencies the other way round.
func shuffled(m Mesh, seed uint64) Mesh {
	r := rand.New(rand.NewPCG(seed, 7))
	out := Mesh{Self: m.Self, Routers: append([]Router(nil), m.Routers...), Adjacencies: append([]Adjacency(nil), m.Adjacencies...)}
	r.Shuffle(len(out.Routers), func(i, j int) { out.Routers[i], out.Routers[j] = out.Routers[j], out.Routers[i] })
	// Of two between the same routers the first counts, so only the ends are swapped.
	for i, a := range out.Adjacencies {
		if r.IntN(2) == 0 {
			a.A, a.B, a.CostAB, a.CostBA, a.RateAB, a.RateBA = a.B, a.A, a.CostBA, a.CostAB, a.RateBA, a.RateAB
			out.Adjacencies[i] = a
		}
	}
	return out
}

func TestMeshesAreDrawnOnAPage(t *testing.T) {
	meshes := map[string]Mesh{
		"three": three(), "troubled": troubled(), "twenty": random(20, 6), "twenty-ring": ring(20), "twenty-star": star(20),
		"twenty-full": full(20), "twenty-broken": broken(random(20, 6), 4), "hundred": random(100, 40), "hundred-sites": sites(),
		"hundred-broken": broken(sites(), 3), "one": {Self: "A", Routers: []Router{{ID: "A"}}}, "empty": {},
	}
	for name, m := range meshes {
		t.Run(name, func(t *testing.T) {
			text := Text(m, Options{})
			fits(t, text, 80, 60)
			golden(t, name+".txt", text)
			if again := Text(shuffled(m, 3), Options{}); again != text {
				t.Errorf("the same mesh in another order is drawn otherwise:\n%s\nand\n%s", text, again)
			}
		})
	}
}

func TestOfLargeMeshesAllThatIsDownIsNamed(t *testing.T) {
	m := broken(sites(), 12)
	text := strings.Join(strings.Fields(Text(m, Options{})), " ")
	for _, r := range m.Routers {
		if r.Unreachable && !strings.Contains(text, r.ID) {
			t.Errorf("%s is down and not named in\n%s", r.ID, text)
		}
	}
}

func TestNarrowAndLowTerminals(t *testing.T) {
	for _, o := range []Options{{Width: 40, Height: 24}, {Width: 60, Height: 30}, {Width: 200, Height: 60}} {
		for _, m := range []Mesh{three(), troubled(), random(20, 6), full(20), random(100, 40), sites(), broken(sites(), 2), star(100), full(60)} {
			fits(t, Text(m, o), o.Width, o.Height)
		}
	}
}

// Any mesh can be drawn: no panic, no more than a page, every router of a small one is there.
func TestAnyMeshIsDrawn(t *testing.T) {
	for n := 0; n < 40; n = n*3/2 + 1 {
		for _, more := range []int{0, n / 2, 2 * n} {
			m := random(n+1, more)
			text := Text(m, Options{})
			fits(t, text, 80, 60)
			if n < 5 {
				for _, r := range m.Routers {
					if !strings.Contains(text, r.ID) {
						t.Errorf("%s is missing in\n%s", r.ID, text)
					}
				}
			}
		}
	}
}

func TestColourOnlyWhenAskedFor(t *testing.T) {
	if text := Text(troubled(), Options{}); strings.Contains(text, "\x1b") {
		t.Errorf("got escapes without being asked:\n%q", text)
	}
	text := Text(troubled(), Options{Color: true})
	for _, s := range []style{bad, odd, strong} {
		if !strings.Contains(text, escapes[s]) {
			t.Errorf("want %q in %q", escapes[s], text)
		}
	}
	bare := text
	for _, e := range append(escapes[1:], escapeEnd) {
		bare = strings.ReplaceAll(bare, e, "")
	}
	if want := Text(troubled(), Options{}); bare != want {
		t.Errorf("without its escapes it is\n%s\nwant\n%s", bare, want)
	}
}

func TestNamesDoNotReachTheTerminalAsOrders(t *testing.T) {
	m := three()
	m.Routers[0].Version = "\x1b[2J"
	m.Routers[2].Brokers[0].Name = "x\x1b]0;owned\a"
	m.Adjacencies[0].State, m.Adjacencies[0].Why = Down, "\r\nall is well"
	for _, text := range []string{Text(m, Options{}), SVG(m), DOT(m), Mermaid(m), strings.Join(Changes(three(), m, false), "\n")} {
		if strings.ContainsAny(text, "\x1b\a\r") {
			t.Errorf("control characters in %q", text)
		}
	}
}
