package linkstate

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite the scenarios in testdata by what happens")

// Scenarios are text: lines that begin with ">" are commands, the lines below each
// are what it led to, "#" begins a comment. Time is in seconds since the scenario's
// beginning. An LSA is written ORIGIN LIFE.SEQ [NEIGHBOUR:COST ...], where lives
// are numbered as they are seen.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) < 5 {
		t.Fatalf("found %d scenarios: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := newScenario(t).play(string(want))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != string(want) {
				t.Errorf("%s is not what happens (go test ./linkstate -update rewrites it); this is:\n%s", file, got)
			}
		})
	}
}

type scenario struct {
	*network
	lives map[string][]uint64 // incarnations by origin, as they were seen
	out   strings.Builder
}

func newScenario(t *testing.T) *scenario {
	s := &scenario{network: newNetwork(t, 1), lives: map[string][]uint64{}}
	s.onMessage = func(from, to string, msg []byte) { s.say("%s > %s: %s", from, to, s.message(msg)) }
	s.onBroadcast = func(from string, b Broadcast) { s.say("%s > gossip: %s", from, s.message(b.Data)) }
	s.onEvent = func(at string, e Event) { s.say("%s: %s", at, e) }
	return s
}

func (s *scenario) say(format string, args ...any) {
	fmt.Fprintf(&s.out, "%8.3f  %s\n", s.now.Sub(start).Seconds(), fmt.Sprintf(format, args...))
}

// play executes the commands of a text, and is the text with what they led to.
func (s *scenario) play(text string) string {
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
			fmt.Fprintln(&s.out, line)
		case strings.HasPrefix(line, ">"):
			fmt.Fprintln(&s.out, line)
			words := strings.Fields(line[1:])
			s.command(words[0], words[1:])
		}
	}
	return s.out.String()
}

func (s *scenario) command(name string, args []string) {
	each := func(do func(arg string)) {
		for _, arg := range args {
			do(arg)
		}
	}
	switch name {
	case "mesh": // routers, and links as A-B:COST or A-B:COST/COST
		each(s.mesh)
	case "quiet": // another command, without what it leads to
		before := s.out.String()
		s.command(args[0], args[1:])
		s.out.Reset()
		s.out.WriteString(before)
	case "run":
		each(func(d string) { s.run(s.duration(d)) })
	case "cut":
		each(func(l string) { s.cut(pairOf(l[:1], l[2:])) })
	case "heal":
		each(func(l string) { s.heal(pairOf(l[:1], l[2:])) })
	case "silence":
		each(func(l string) { s.links[pairOf(l[:1], l[2:])].silent = true })
	case "unsilence":
		each(func(l string) { s.links[pairOf(l[:1], l[2:])].silent = false })
	case "kill":
		each(s.kill)
	case "start":
		each(func(r string) { s.start(r, r) })
	case "twin": // a router by that name with another's id
		s.start(args[0], args[1])
	case "drain":
		each(func(r string) { s.routers[r].core.SetDraining(true, s.now); s.flush(s.routers[r]) })
	case "table": // ROUTER VERSION
		s.routers[args[0]].core.SetTable(s.number(args[1]), 0, s.now)
		s.flush(s.routers[args[0]])
	case "forge": // ORIGIN INCARNATION SEQ ROUTER: that router gets an LSA by gossip
		raw, _ := encodeLSA(&LSA{Header: Header{args[0], s.number(args[1]), 99, s.number(args[2])}})
		s.routers[args[3]].core.ReceiveBroadcast(message(kindLSA, raw), s.now)
		s.flush(s.routers[args[3]])
	case "topology":
		each(func(r string) {
			fmt.Fprintf(&s.out, "%s sees\n%s", r, drawing(s.routers[r].topology))
		})
	default:
		s.t.Fatalf("unknown command %q", name)
	}
}

func (s *scenario) mesh(arg string) {
	ends, costs, isLink := strings.Cut(arg, ":")
	if !isLink {
		s.start(arg, arg)
		return
	}
	a, b, _ := strings.Cut(ends, "-")
	costA, costB, two := strings.Cut(costs, "/")
	if !two {
		costB = costA
	}
	s.link(a, b, uint32(s.number(costA)), uint32(s.number(costB)))
}

func (s *scenario) number(text string) uint64 {
	n, err := strconv.ParseUint(text, 0, 64)
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

func (s *scenario) duration(text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil {
		s.t.Fatal(err)
	}
	return d
}

// message is what a message says.
func (s *scenario) message(msg []byte) string {
	var parts []string
	err := eachFrame(msg, func(kind uint64, body []byte) error {
		switch kind {
		case kindLSA:
			l, err := decodeLSA(body)
			parts = append(parts, s.lsa(l))
			return err
		case kindHeaders:
			f, err := decodeHeaders(body)
			for i, e := range f.entries {
				parts = append(parts, []string{"has ", "and "}[min(i, 1)]+s.header(e.Header))
				if e.buried {
					parts[len(parts)-1] += " buried"
				}
			}
			return err
		case kindDone:
			parts = append(parts, "done")
		case kindHash:
			parts = append(parts, "hash")
		}
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.Join(parts, ", ")
}

func (s *scenario) header(h Header) string {
	lives := s.lives[h.Origin]
	if !slices.Contains(lives, h.Incarnation) {
		lives = append(lives, h.Incarnation)
		s.lives[h.Origin] = lives
	}
	return fmt.Sprintf("%s %d.%d", h.Origin, 1+slices.Index(lives, h.Incarnation), h.Seq)
}

func (s *scenario) lsa(l *LSA) string {
	var near []string
	for _, a := range l.Adjacencies {
		near = append(near, fmt.Sprintf("%s:%d", a.Neighbour, a.Cost))
	}
	text := s.header(l.Header) + " [" + strings.Join(near, " ") + "]"
	if l.Draining {
		text += " draining"
	}
	if l.TableVersion > 0 {
		text += fmt.Sprintf(" table %d", l.TableVersion)
	}
	return text
}
