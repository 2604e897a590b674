package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/loadgen"
	"github.com/meshway/meshway/linkstate"
)

func TestMeshesStandWhenRoutersSaySo(t *testing.T) {
	n := &meshNode{id: 'C'}
	want := []string{
		linkstate.AdjacencyAnnounced{Neighbour: "B", Cost: 1}.String(), linkstate.AdjacencyAnnounced{Neighbour: "D", Cost: 2}.String(),
		linkstate.RouterReachable{ID: "A"}.String(), linkstate.RouterReachable{ID: "B"}.String(), linkstate.RouterReachable{ID: "D"}.String(),
	}
	if log := (linkstate.AdjacencyWithdrawn{Neighbour: "B", Why: linkstate.Suspect.String()}).String(); !strings.Contains(log, saysSuspect) {
		t.Errorf("%q does not say %q", log, saysSuspect)
	}
	if got := n.stands(square); !slices.Equal(got, want) {
		t.Errorf("got %q, want what routers log: %q", got, want)
	}
}

func TestConfigurationsOfMeshesAreGood(t *testing.T) {
	s := &suite{dir: t.TempDir()}
	for _, sh := range []*shape{chain, square, tilted, ring} {
		nodes, err := planMesh(sh)
		if err != nil {
			t.Fatal(err)
		}
		dialled := 0
		for _, n := range nodes {
			file, err := s.configure(string(n.id), n.config(sh, nodes))
			if err != nil {
				t.Fatal(err)
			}
			cfg, err := config.Load(file, nil)
			if err != nil {
				t.Fatalf("router %c: %v", n.id, err)
			}
			legacy := filepath.Join(s.dir, "legacy.conf")
			if err := os.WriteFile(legacy, []byte(n.legacyConfig(sh, nodes)), 0o600); err != nil {
				t.Fatal(err)
			}
			same, err := config.Load(legacy, nil)
			if err != nil {
				t.Fatalf("the predecessor's router %c: %v", n.id, err)
			}
			if n := len(cfg.Connectors); len(same.Connectors) != n || len(same.Listeners) != len(cfg.Listeners) || len(same.Addresses) != len(cfg.Addresses) {
				t.Errorf("the predecessor's is another mesh: %+v and %+v", same, cfg)
			}
			for i, c := range same.Connectors {
				if c.DialAddress() != cfg.Connectors[i].DialAddress() || c.Cost != cfg.Connectors[i].Cost || c.Role != cfg.Connectors[i].Role {
					t.Errorf("router %c, connector %d: the predecessor's is %+v, ours %+v", n.id, i, c, cfg.Connectors[i])
				}
			}
			for i, c := range cfg.Connectors {
				if !slices.ContainsFunc(nodes, func(o *meshNode) bool { return o != n && c.DialAddress() == loopback(o.mesh) }) {
					t.Errorf("router %c: connector %d leads to %s, where no router listens for others", n.id, i, c.DialAddress())
				}
				dialled++
			}
		}
		if dialled != len(sh.adjacencies) {
			t.Errorf("%s: %d connectors for %d adjacencies", sh.routers, dialled, len(sh.adjacencies))
		}
	}
}

func TestSilencesOfAFaultAreThoseAroundIt(t *testing.T) {
	struck := time.Unix(100, 0)
	at := func(ms int, long float64) loadgen.Silence {
		return loadgen.Silence{From: struck.Add(time.Duration(ms) * time.Millisecond), Milliseconds: long}
	}
	long, late, own, short := at(-900, 800), at(1500, 500), at(-1, 200), at(-300, 100)
	for name, c := range map[string]struct {
		kept []loadgen.Silence
		want float64
	}{
		"others were longer":               {[]loadgen.Silence{long, late, own, short}, 200},
		"its own is not among the longest": {[]loadgen.Silence{long, late, short}, 100},
	} {
		if got := around(c.kept, struck); got[0].Milliseconds != c.want {
			t.Errorf("%s: got %v, want one of %v ms first", name, got, c.want)
		}
	}
	if got := around(nil, struck); len(got) != 0 {
		t.Errorf("no silence at all: got %v", got)
	}
}

// startEcho starts a process that writes a text and ends.
func startEcho(t *testing.T, text string) *process {
	t.Helper()
	path, err := exec.LookPath("echo")
	if err != nil {
		t.Skip("there is no echo here")
	}
	p, err := start("echo", path, text)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.end() })
	return p
}

func TestAProcessThatEndsBeforeItSaysSo(t *testing.T) {
	p := startEcho(t, "adjacency to B is up")
	has := func(text string) func([]byte) bool {
		return func(b []byte) bool { return strings.Contains(string(b), text) }
	}
	if err := p.says(t.Context(), "it is up", has("is up")); err != nil {
		t.Errorf("what it said was not heard: %v", err)
	}
	err := p.says(t.Context(), "it is down", has("is down"))
	if err == nil || !strings.Contains(fmt.Sprint(err), "adjacency to B") {
		t.Errorf("got %v, want what it wrote before it ended", err)
	}
}

func TestALoadThatEndsIsNotStuck(t *testing.T) {
	if _, err := stuck(context.Background(), startEcho(t, "no route")); err == nil || !strings.Contains(err.Error(), "no route") {
		t.Errorf("got %v, want what it wrote before it ended", err)
	}
}
