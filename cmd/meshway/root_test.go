package main

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestHelpAndVersion(t *testing.T) {
	defer func(was []string) { os.Args = was }(os.Args)
	os.Args = []string{"meshway.test", "-test.run", "x"} // are none of the program's
	for _, args := range [][]string{nil, {"--help"}, {"help"}} {
		a := newTestApp("")
		a.want(t, 0, args...)
		wantText(t, a.out, "Usage:", "run", "send", "receive", "user", "version", "completion")
	}
	a := newTestApp("")
	a.want(t, 0, "version")
	wantText(t, a.out, "meshway ", runtime.Version(), runtime.GOOS+"/"+runtime.GOARCH)
	defer func(was string) { version = was }(version)
	version = "v1.2.3" // as the linker sets it
	for _, args := range [][]string{{"version"}, {"--version"}, {"-v"}, {"run", "--version"}} {
		a := newTestApp("")
		a.want(t, 0, args...)
		wantText(t, a.out, "meshway v1.2.3")
		if strings.Count(a.out.String(), "\n") != 1 {
			t.Errorf("%v: got %q, want one line", args, a.out)
		}
	}
}

func TestCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		a := newTestApp("")
		a.want(t, 0, "completion", shell)
		wantText(t, a.out, "meshway")
	}
}

func TestCompletionOffersValuesAndNoFiles(t *testing.T) {
	for line, want := range map[string]string{
		"receive --outcome ": "accept\nreject\nrelease\nmodify\n:4\n",
		"send -o ":           "text\njson\n:4\n",
		"bench --settle ":    "unsettled\nsettled\n:4\n",
		"send ":              ":4\n",
		"receive q ":         ":4\n",
	} {
		a := newTestApp("")
		a.want(t, 0, append([]string{"__complete"}, strings.Split(line, " ")...)...)
		if a.out.String() != want {
			t.Errorf("%s: got %q, want %q", line, a.out, want)
		}
	}
}

func TestUnknownCommand(t *testing.T) {
	for line, want := range map[string]string{
		"recieve q":         `unknown command "recieve" for "meshway"; did you mean receive?; see meshway --help`,
		"publish q":         `unknown command "publish" for "meshway"; see meshway --help`,
		"config chekc f":    `unknown command "chekc" for "meshway config"; did you mean check?; see meshway config --help`,
		"help sned":         `unknown command "sned" for "meshway"; did you mean send?; see meshway help --help`,
		"help config chekc": `unknown command "chekc" for "meshway config"; did you mean check?; see meshway help --help`,
		"completion tcsh":   `unknown command "tcsh" for "meshway completion"`,
		"completion zsh 5":  "completion zsh takes no arguments; see meshway completion zsh --help",
		"version 2":         "version takes no arguments; see meshway version --help",
		"user list alice":   "user list takes no arguments; see meshway user list --help",
	} {
		a := newTestApp("")
		a.want(t, 2, strings.Fields(line)...)
		if a.out.String() != "" || strings.Contains(a.err.String(), "Usage:") {
			t.Errorf("%s: the mistake was answered with the usage:\n%s%s", line, a.out, a.err)
		}
		wantText(t, a.err, "meshway: "+want)
	}
}

func TestHelpOnACommand(t *testing.T) {
	for _, args := range [][]string{{"help", "user", "add"}, {"user", "add", "--help"}} {
		a := newTestApp("")
		a.want(t, 0, args...)
		wantText(t, a.out, "meshway user add NAME", "--password-stdin", "help for add")
	}
}

func TestCalledAs(t *testing.T) {
	if got := calledAs("meshway"); got != "meshway" {
		t.Errorf("got %q", got)
	}
	if got, want := calledAs(filepath.Join("build", "meshway")), filepath.Join("build", "meshway"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestPace(t *testing.T) {
	start := time.Unix(1000, 0)
	p := newPace(10)
	if d := p.due(start); d != 0 {
		t.Errorf("the first waits %v, want no time", d)
	}
	for i, want := range []time.Duration{100, 200, 300} {
		if d := p.due(start); d != want*time.Millisecond {
			t.Errorf("number %d asked for at once waits %v, want %v", i+2, d, want*time.Millisecond)
		}
	}
	late := start.Add(405 * time.Millisecond)
	if d := p.due(late); d > 0 {
		t.Errorf("one that is 5 ms late waits %v, want no time", d)
	}
	if d := p.due(late); d != 95*time.Millisecond {
		t.Errorf("the next one waits %v, want the 5 ms made up for", d)
	}
	pause := late.Add(time.Hour)
	_ = p.due(pause)
	if d := p.due(pause); d != 100*time.Millisecond {
		t.Errorf("after a pause the second waits %v, want no burst", d)
	}
	p = newPace(1e-12)
	_ = p.due(start)
	if d := p.due(start); d < 24*time.Hour {
		t.Errorf("at a rate of next to nothing the second waits %v", d)
	}
	if d := newPace(0).due(start); d != 0 {
		t.Errorf("without a rate it waits %v", d)
	}
}

func TestNoColourButOnATerminal(t *testing.T) {
	a := newTestApp("")
	a.want(t, 0, "send", "q", "x")
	if strings.Contains(a.out.String(), "\x1b") {
		t.Errorf("got %q", a.out)
	}
	a = newTestApp("")
	a.outTerm = true
	a.want(t, 0, "send", "q", "x")
	wantText(t, a.out, "\x1b[32maccepted\x1b[0m")
	a = newTestApp("")
	a.outTerm, a.color = true, false // NO_COLOR
	a.want(t, 0, "send", "q", "x")
	if strings.Contains(a.out.String(), "\x1b") {
		t.Errorf("got %q", a.out)
	}
}
