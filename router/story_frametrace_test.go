package router_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/router"
)

// framesOf is what a router logs of frames from now on.
func framesOf(r *router.Router) *observer.ObservedLogs {
	core, logs := observer.New(zapcore.DebugLevel)
	r.TraceTo(zap.New(core))
	return logs
}

// takeFrames is the frames since the last call: "<- begin", and of which connection.
func takeFrames(logs *observer.ObservedLogs) (lines, connections []string) {
	synctest.Wait()
	brief := regexp.MustCompile(`^(<-|->)(?: channel \d+:)? (\S+)`)
	for _, e := range logs.TakeAll() {
		lines = append(lines, strings.Join(brief.FindStringSubmatch(e.Message)[1:], " "))
		f := e.ContextMap()
		connections = append(connections, fmt.Sprint(f["connection"], " ", f["container"]))
	}
	return lines, slices.Compact(connections)
}

func wantFrames(t *testing.T, why string, logs *observer.ObservedLogs, from string, want ...string) {
	t.Helper()
	lines, connections := takeFrames(logs)
	if !slices.Equal(lines, want) {
		t.Errorf("%s: logged %q, want %q", why, lines, want)
	}
	if len(want) > 0 && !slices.Equal(connections, []string{from}) {
		t.Errorf("%s: of connections %q, want %q", why, connections, from)
	}
}

// update updates an entity, and returns the status.
func (m *manager) update(entityType, identity string, pairs ...any) int32 {
	m.app.stage.t.Helper()
	return m.ask(attributes(pairs...), "UPDATE", "type", "org.apache.qpid.dispatch."+entityType, "identity", identity).code
}

func TestFramesOfOneConnectionAreLoggedUntilThatEnds(t *testing.T) {
	play(t, complete, func(s *stage) {
		logs := framesOf(s.router)
		m := s.app("manager").manager("$management")
		a, b := s.app("sender"), s.app("receiver")
		c := b.consumer("q", 10)
		row := m.only("connection", "container", "sender")
		id := row["identity"].(string)
		counts(s, "before", row, map[string]any{"enableProtocolTrace": false, "protocolTraceSeconds": nil})
		wantFrames(t, "before", logs, "")

		equal(s, "begun", m.update("connection", id, "enableProtocolTrace", true), 200)
		counts(s, "meanwhile", m.only("connection", "container", "sender"), map[string]any{"enableProtocolTrace": true, "protocolTraceSeconds": nil})
		p := a.producer("q")
		p.send(text("x"))
		c.acceptAll()
		p.detach()
		wantFrames(t, "each frame, both ways", logs, id+" sender", "<- attach", "-> attach", "-> flow", "<- transfer", "-> disposition", "<- detach", "-> detach")

		equal(s, "ended", m.update("connection", id, "enableProtocolTrace", "false"), 200)
		counts(s, "after", m.only("connection", "container", "sender"), map[string]any{"enableProtocolTrace": false})
		a.producer("q").detach()
		wantFrames(t, "after", logs, "")
		for _, text := range []string{"frames are logged", "frames are not logged any more"} {
			if n := s.logs.FilterMessage(text).Len(); n != 1 {
				t.Errorf("%d lines that %s, want 1", n, text)
			}
		}
	})
}

func TestFramesAreLoggedForATime(t *testing.T) {
	play(t, complete, func(s *stage) {
		logs := framesOf(s.router)
		m := s.app("manager").manager("$management")
		a := s.app("client")
		id := m.only("connection", "container", "client")["identity"].(string)
		for _, wrong := range []any{int32(0), int32(-5), int32(86401), "soon"} {
			equal(s, fmt.Sprintf("for %v seconds", wrong), m.update("connection", id, "protocolTraceSeconds", wrong), 400)
		}
		equal(s, "for 10 seconds", m.update("connection", id, "protocolTraceSeconds", int32(10)), 200)
		s.advance(4 * time.Second)
		counts(s, "4 s later", m.only("connection", "container", "client"), map[string]any{"enableProtocolTrace": true, "protocolTraceSeconds": uint32(6)})
		equal(s, "for 20 seconds more", m.update("connection", id, "protocolTraceSeconds", int32(20), "enableProtocolTrace", true), 200)
		s.advance(19 * time.Second)
		a.producer("q").detach()
		if lines, _ := takeFrames(logs); len(lines) == 0 {
			t.Error("nothing is logged while time is left")
		}
		s.advance(2 * time.Second)
		counts(s, "when it is over", m.only("connection", "container", "client"), map[string]any{"enableProtocolTrace": false, "protocolTraceSeconds": nil})
		a.producer("q").detach()
		wantFrames(t, "when it is over", logs, "")

		m = s.app("another manager").manager("$management")
		equal(s, "for 30 seconds", m.update("connection", id, "protocolTraceSeconds", int32(30)), 200)
		equal(s, "without end", m.update("connection", id, "enableProtocolTrace", true), 200)
		s.advance(time.Minute)
		counts(s, "a minute later", m.only("connection", "container", "client"), map[string]any{"enableProtocolTrace": true, "protocolTraceSeconds": nil})
	})
}

func TestFramesOfAListenerAreLoggedFromTheFirst(t *testing.T) {
	tracing := func(c *config.Config) {
		complete(c)
		extra := c.Listeners[0]
		extra.Name, extra.Port, extra.TraceFrames = "traced", "5673", true
		c.Listeners = append(c.Listeners, extra)
	}
	play(t, tracing, func(s *stage) {
		logs := framesOf(s.router)
		s.app("another")
		wantFrames(t, "of another listener", logs, "")
		a := s.appAt("client", listenHost+":5673", meshtest.ClientOptions{})
		lines, connections := takeFrames(logs)
		if want := []string{"<- protocol", "<- open", "-> protocol", "-> open", "<- begin", "-> begin"}; !sameFrames(lines, want) {
			t.Errorf("logged %q, want %q", lines, want)
		}
		if want := "2 client"; !slices.Contains(connections, want) {
			t.Errorf("of connections %q, want %q", connections, want)
		}
		a.do(func() { a.Close(nil) })
		if lines, _ = takeFrames(logs); !sameFrames(lines, []string{"<- close", "-> close"}) {
			t.Errorf("logged %q at the end", lines)
		}
	})
}

func TestFramesOfConnectorsAreLoggedFromTheFirst(t *testing.T) {
	traced := func(c *config.Config) {
		for i := range c.Connectors {
			c.Connectors[i].TraceFrames = true
		}
	}
	wantOpen := func(t *testing.T, logs *observer.ObservedLogs, container string) {
		t.Helper()
		lines, connections := takeFrames(logs)
		if len(lines) < 4 || lines[0] != "-> protocol" || !slices.Contains(lines, "<- open") || !strings.HasSuffix(connections[len(connections)-1], " "+container) {
			t.Errorf("logged %q of connections %q, want all from the protocol header on, of %s", lines, connections, container)
		}
	}
	playMesh(t, "A-B", traced, func(s *meshStage) {
		logs, listens := framesOf(s.routers["B"]), framesOf(s.routers["A"])
		s.cutOne("A", "B", 0)
		s.advance(5 * time.Second)
		wantOpen(t, logs, "A")
		wantFrames(t, "the other side", listens, "")
	})
	playBroker(t, traced, func(s *stage, k *scriptedBroker) {
		logs := framesOf(s.router)
		k.restart()
		wantOpen(t, logs, k.conf.ContainerID)
	}, out("q"))
}

// sameFrames compares frames in any order: both sides speak at a time.
func sameFrames(got, want []string) bool {
	got, want = slices.Clone(got), slices.Clone(want)
	slices.Sort(got)
	slices.Sort(want)
	return slices.Equal(got, want)
}

// Frames of routed links, which pass as they are, and large payloads, which are not copied.
func TestFramesThatPassAsTheyAreAreLogged(t *testing.T) {
	line(t, func(s *meshStage, b *broker) {
		logs := framesOf(s.routers["C"])
		s.routers["C"].TracePeer("broker")
		p := s.at("A", "sender").producer("tx/q")
		s.settleDown()
		p.send(long(100_000))
		s.settleDown()
		b.in[0].acceptAll()
		s.settleDown()
		synctest.Wait()
		size, lines := 0, map[string]int{}
		for _, e := range logs.All() {
			text := strings.TrimPrefix(e.Message, "<- ")
			_, performative, _ := strings.Cut(e.Message, ": ")
			name, _, _ := strings.Cut(performative, " ")
			if i := strings.Index(text, "payload=("); i >= 0 {
				var n int
				if _, err := fmt.Sscanf(text[i:], "payload=(%d bytes)", &n); err != nil {
					t.Errorf("%s: %v", text, err)
				}
				size += n
			}
			lines[e.Message[:3]+name]++
		}
		if size != len(long(100_000)) || lines["-> transfer"] < 7 || lines["-> attach"] != 1 || lines["<- attach"] != 1 || lines["<- disposition"] != 1 {
			t.Errorf("payloads of %d bytes, want %d; frames %v", size, len(long(100_000)), lines)
		}
		if !strings.Contains(fmt.Sprint(logs.All()), `payload=(16`) {
			t.Error("no frame of full size")
		}
	})
}
