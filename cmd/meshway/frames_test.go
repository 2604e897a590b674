package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/meshway/meshway/internal/client"
)

// frameLine is a line about a frame, as routers write it.
func frameLine(connection, text string) client.LogLine {
	return client.LogLine{Module: "PROTOCOL", Level: "debug", Text: fmt.Sprintf(`%s  {"connection": %s, "container": "sensor-1"}`, text, connection), Seconds: 10}
}

// watch runs meshway log --frames on the mesh for some seconds; before each look something happens.
func watch(t *testing.T, m *fakeMesh, seconds int, look func(i int), args ...string) (a *testApp, code int) {
	looks := 0
	m.onQuery = func(_, kind string) {
		if kind == "log" {
			look(looks)
			looks++
		}
	}
	a = m.app()
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(seconds)*time.Second+time.Second/2)
	defer cancel()
	code = a.run(ctx, append([]string{"log", "--frames"}, args...))
	return a, code
}

func TestFramesOfAConnectionAreShownWhileSomebodyLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := five()
		m.lines["A"] = []client.LogLine{frameLine("3", "<- old")}
		a, code := watch(t, m, 3, func(i int) {
			switch i {
			case 1:
				m.lines["A"] = append(m.lines["A"], frameLine("3", "<- one"), frameLine("33", "<- another's"), client.LogLine{Module: "ROUTER", Level: "info", Text: "else"})
			case 2:
				m.lines["A"] = append(m.lines["A"], frameLine("3", `<- two payload=(9 bytes) "  {\"connection\": 4, \"container\": \"x\""`),
					frameLine("4", `<- no payload=(9 bytes) "  {\"connection\": 3, \"container\": \"x\""`))
			}
		}, "sensor-1")
		want := "1970-01-01 00:00:10  debug  PROTOCOL    <- one  {\"connection\": 3, \"container\": \"sensor-1\"}\n" +
			"1970-01-01 00:00:10  debug  PROTOCOL    <- two payload=(9 bytes) \"  {\\\"connection\\\": 4, \\\"container\\\": \\\"x\\\"\"  {\"connection\": 3, \"container\": \"sensor-1\"}\n"
		if got := a.out.String(); code != 0 || got != want {
			t.Errorf("exit code %d, got\n%s\nwant\n%s%s", code, got, want, a.err)
		}
		if got, want := strings.Join(m.asked, "; "), strings.Repeat("update  connection 3 map[protocolTraceSeconds:10]; ", 4)+"update  connection 3 map[enableProtocolTrace:false]"; got != want {
			t.Errorf("asked for %s\nwant %s", got, want)
		}
	})
}

func TestFramesAreShownForATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, began := five(), time.Now()
		_, code := watch(t, m, 60, func(int) {}, "3", "--for", "2500ms")
		if d := time.Since(began); code != 0 || d != 2500*time.Millisecond {
			t.Errorf("exit code %d after %v", code, d)
		}
	})
}

func TestAConnectionThatEndsWhileItsFramesAreShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := five()
		a, code := watch(t, m, 60, func(i int) {
			if i == 2 {
				m.refuses = &client.StatusError{Code: client.StatusNotFound, Description: "Not Found"}
			}
			if i == 3 {
				m.lines["A"] = append(m.lines["A"], frameLine("3", "<- close"))
			}
		}, "3")
		if got := a.out.String(); code != 0 || !strings.Contains(got, "<- close") || !strings.HasSuffix(got, "connection 3 has ended\n") {
			t.Errorf("exit code %d, got %s%s", code, got, a.err)
		}
	})
}

// Somebody else has them logged for good: looking at them must not end that.
func TestFramesThatAreLoggedAnywayGoOnToBe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := five()
		m.one(t, "A", "connection", "identity", "3")["enableProtocolTrace"] = true
		a, code := watch(t, m, 2, func(i int) {
			if i == 1 {
				m.lines["A"] = append(m.lines["A"], frameLine("3", "<- one"))
			}
		}, "3")
		if code != 0 || len(m.asked) > 0 || !strings.Contains(a.out.String(), "<- one") {
			t.Errorf("exit code %d, asked for %v, got %s%s", code, m.asked, a.out, a.err)
		}
	})
}

func TestFramesThatCannotBeShown(t *testing.T) {
	for _, tt := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"99"}, 1, `there is no "99" among the connections`},
		{[]string{"3", "--all"}, 2, "leave --all"},
		{[]string{"3", "--follow"}, 2, "leave --all"},
		{[]string{"3", "--for", "-1s"}, 2, "--for"},
	} {
		a := five().app()
		a.want(t, tt.code, append([]string{"log", "--frames"}, tt.args...)...)
		wantText(t, a.err, tt.says)
	}
	a := five().app()
	a.want(t, 2, "log", "--for", "1s")
	m := five()
	m.refuses = &client.StatusError{Code: client.StatusForbidden, Description: "read only"}
	a = m.app()
	a.want(t, 1, "log", "--frames", "3")
	wantText(t, a.err, "read only")
}
