package logging

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

func newLog(t *testing.T, o Options) (*strings.Builder, *zap.Logger, *Log) {
	t.Helper()
	if o.Level == "" {
		o.Level = "info"
	}
	o.Format = "console"
	out := new(strings.Builder)
	log, err := New(out, o)
	if err != nil {
		t.Fatal(err)
	}
	return out, log, Of(log)
}

// wantLines compares what was logged, without times, with what should have been.
func wantLines(t *testing.T, out *strings.Builder, want ...string) {
	t.Helper()
	var got []string
	for line := range strings.Lines(out.String()) {
		_, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		got = append(got, rest)
	}
	out.Reset()
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		t.Errorf("logged\n%q, want\n%q", got, want)
	}
}

func TestModulesHaveLevelsThatChangeWhileTheRouterRuns(t *testing.T) {
	out, log, l := newLog(t, Options{Level: "warn", Modules: map[string]string{"mesh": "debug"}})
	mesh, gossip, users := log.Named("mesh"), log.Named("mesh").Named("gossip").With(zap.Int("n", 1)), log.Named("users")
	all := func() {
		log.Info("router")
		mesh.Debug("mesh")
		gossip.Debug("gossip")
		users.Info("users")
	}
	all()
	wantLines(t, out, "debug  mesh  mesh", "debug  mesh.gossip  gossip  {\"n\": 1}")
	for _, c := range [][2]string{{"", "info"}, {"mesh", "error"}, {"users", "warn"}} {
		if err := l.SetLevel(c[0], c[1]); err != nil {
			t.Fatal(err)
		}
	}
	all()
	wantLines(t, out, "info  router")
	if err := l.SetLevel("users", ""); err != nil {
		t.Fatal(err)
	}
	all()
	wantLines(t, out, "info  router", "info  users  users")
	if general, own := l.Levels(); general != "info" || len(own) != 1 || own["mesh"] != "error" || l.Level("users") != "info" {
		t.Errorf("levels are %s and %v", general, own)
	}
}

func TestLevelsThatAreWrongChangeNothing(t *testing.T) {
	_, _, l := newLog(t, Options{})
	for _, err := range []error{
		l.SetLevel("mash", "info"), l.SetLevel("mesh", "loud"), l.SetLevel("", ""), l.SetLevel("", "fatal"),
		l.SetLevels("debug", map[string]string{"mash": "info"}), l.SetLevels("", nil),
	} {
		if err == nil {
			t.Error("a level that is wrong was taken")
		}
	}
	if general, own := l.Levels(); general != "info" || len(own) != 0 {
		t.Errorf("levels are %s and %v", general, own)
	}
}

func TestTheNewestLinesAreKept(t *testing.T) {
	_, log, l := newLog(t, Options{})
	if got := l.Recent(0, 0); len(got) != 0 {
		t.Errorf("kept %v of nothing", got)
	}
	for i := range Kept + 7 {
		log.Named("mesh").Info(fmt.Sprint("line ", i), zap.Int("i", i))
	}
	got := l.Recent(0, 0)
	if len(got) != Kept || got[0].Text != `line 7  {"i": 7}` || got[0].Number != 8 || got[Kept-1].Text != `line 1006  {"i": 1006}` {
		t.Errorf("kept %d lines, from %+v to %+v", len(got), got[0], got[len(got)-1])
	}
	if e := got[0]; e.Module != "mesh" || e.Level != "info" || e.File != filepath.Join("logging", "log_test.go") || e.Line == 0 || time.Since(e.Time) > time.Minute {
		t.Errorf("an entry is %+v", e)
	}
	if got := l.Recent(3, 0); len(got) != 3 || got[0].Number != 1005 {
		t.Errorf("the last three are %+v", got)
	}
	if got := l.Recent(0, 1006); len(got) != 1 || got[0].Number != 1007 {
		t.Errorf("what is newer than the second last is %+v", got)
	}
	if got := l.Recent(5000, 1007); len(got) != 0 {
		t.Errorf("what is newer than the last is %+v", got)
	}
	if got := l.Counts("mesh"); got["info"] != Kept+7 || got["warn"] != 0 {
		t.Errorf("counted %v", got)
	}
}

// A line says where it was logged, by whichever method of the logger.
func TestALineThatIsKeptSaysWhereItComesFrom(t *testing.T) {
	_, log, l := newLog(t, Options{})
	_, _, here, _ := runtime.Caller(0)
	log.Info("by level")
	log.Named("mesh").With(zap.Int("i", 1)).Log(zap.WarnLevel, "by its own level")
	if e := log.Check(zap.InfoLevel, "checked"); e != nil {
		e.Write()
	}
	Always(log).Error("always")
	for i, want := range []int{here + 1, here + 2, here + 3, here + 6} {
		if e := l.Recent(0, 0)[i]; e.File != filepath.Join("logging", "log_test.go") || e.Line != want {
			t.Errorf("%q comes from %s:%d, want line %d of this file", e.Text, e.File, e.Line, want)
		}
	}
}

// What is left out costs a look: its fields are not even made.
func TestALineThatIsLeftOutIsNotTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, log, _ := newLog(t, Options{})
		for i := range repeatLimit + 1 {
			e := log.Check(zap.WarnLevel, "the same")
			if taken := e != nil; taken != (i < repeatLimit) {
				t.Fatalf("line %d of its kind in a second: taken is %v", i+1, taken)
			}
		}
	})
}

func TestALineWithoutBoundIsCutWhenItIsKept(t *testing.T) {
	_, log, l := newLog(t, Options{})
	log.Info("long", zap.String("said", strings.Repeat("ä", 1<<20)))
	if got := l.Recent(0, 0); len(got) != 1 || len(got[0].Text) > maxText+3 || !strings.HasSuffix(got[0].Text, "...") {
		t.Errorf("kept %d bytes", len(got[0].Text))
	}
}

func TestLinesThatRepeatWithoutEndAreLeftOutAndCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out, log, l := newLog(t, Options{Level: "debug"})
		for i := range 250 {
			log.Warn("cannot accept connections", zap.Int("i", i))
			log.Debug("detail")
		}
		log.Warn("something else")
		if n := strings.Count(out.String(), "cannot accept"); n != repeatLimit {
			t.Errorf("%d lines, want %d", n, repeatLimit)
		}
		if n := strings.Count(out.String(), "detail"); n != 250 {
			t.Errorf("%d lines of debugging, want all 250", n)
		}
		l.out.Lock() // the report comes from another goroutine
		out.Reset()
		l.out.Unlock()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		wantLines(t, out, "warn  lines like this were left out: cannot accept connections  {\"lines\": 150}")
		log.Warn("cannot accept connections")
		wantLines(t, out, "warn  cannot accept connections")
		if got := l.Counts("router"); got["warn"] != 252 {
			t.Errorf("counted %v", got)
		}
	})
}

// What one module says without end is no reason to leave out what another one says, nor a
// warning for an error.
func TestEveryModuleHasItsOwnShareOfRepeatedLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out, log, l := newLog(t, Options{})
		for range 250 {
			log.Named("mesh").Warn("no answer")
		}
		out.Reset()
		log.Named("users").Warn("no answer")
		log.Named("mesh").Error("no answer")
		l.out.Lock() // the report of what was left out comes from another goroutine
		wantLines(t, out, "warn  users  no answer", "error  mesh  no answer")
		l.out.Unlock()
		time.Sleep(2 * time.Second)
		synctest.Wait()
	})
}

// More messages than are told apart are all written, and cost no more memory.
func TestMessagesThatAreAllDifferentAreNotKeptInMind(t *testing.T) {
	var r repeats
	for i := range 3 * repeatKeys {
		if !r.allow("mesh", &zapcore.Entry{Level: zapcore.WarnLevel, Message: fmt.Sprint(i)}) {
			t.Fatalf("message %d is left out, though it was not there before", i)
		}
	}
	if n := len(r.seen); n != repeatKeys {
		t.Errorf("%d messages are told apart, want %d", n, repeatKeys)
	}
}

func TestThePredecessorsModulesAndLevels(t *testing.T) {
	for legacy, want := range map[string]string{"ROUTER_LS": "mesh", "agent": "management", "DEFAULT": "", "PROTOCOL": "protocol"} {
		if got, ok := ModuleOf(legacy); !ok || got != want {
			t.Errorf("%s is %q (%v), want %q", legacy, got, ok, want)
		}
	}
	if _, ok := ModuleOf("ROUTER_FOO"); ok {
		t.Error("ROUTER_FOO is a module")
	}
	for enable, want := range map[string]string{"info+": "info", "trace+": "debug", "warning,error": "warn", " critical , notice ": "info", "none": "error", "default": ""} {
		if got, err := LevelOf(enable); err != nil || got != want {
			t.Errorf("%s is %q (%v), want %q", enable, got, err, want)
		}
	}
	if _, err := LevelOf("info+,loud"); err == nil || !strings.Contains(err.Error(), "loud") {
		t.Errorf("loud: %v", err)
	}
	for _, m := range legacyModules {
		if moduleOf(m) != m {
			t.Errorf("%s is no module", m)
		}
	}
}

func TestOfALoggerFromElsewhere(t *testing.T) {
	if Of(zap.NewNop()) != nil {
		t.Error("there is a Log behind a logger that New did not make")
	}
	_, log, l := newLog(t, Options{})
	if Of(log.Named("mesh").With(zap.Int("a", 1))) != l {
		t.Error("a derived logger has another Log")
	}
	if log.Core().Enabled(zapcore.DebugLevel) {
		t.Error("debugging costs something though no module wants it")
	}
}

func TestALogFileIsAppendedToAndRotates(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "meshway.log")
	for range 2 {
		f, err := OpenFile(FileOptions{Path: path, Megabytes: 1, Backups: 1})
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			if _, err := f.Write([]byte(strings.Repeat("x", 100_000))); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if s, err := os.Stat(path); err != nil || s.Size() != 1_000_000 {
		t.Fatalf("after two runs: %v, %v", s, err)
	}
	f, err := OpenFile(FileOptions{Path: path, Megabytes: 1, Backups: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if _, err := f.Write(make([]byte, 100_000)); err != nil {
		t.Fatal(err)
	}
	old, err := filepath.Glob(filepath.Join(filepath.Dir(path), "meshway-*.log"))
	if s, serr := os.Stat(path); err != nil || serr != nil || len(old) != 1 || s.Size() != 100_000 {
		t.Errorf("after a megabyte: old files %v, the new one has %d bytes", old, s.Size())
	}
}

func TestALogFileThatCannotBe(t *testing.T) {
	folder := t.TempDir()
	if _, err := OpenFile(FileOptions{Path: folder, Megabytes: 1, Backups: 1}); err == nil || !strings.Contains(err.Error(), folder) {
		t.Errorf("a folder as a log file: %v", err)
	}
}

func TestWhatIsAlwaysWrittenDoesNotAskForLevels(t *testing.T) {
	out, log, _ := newLog(t, Options{Level: "error", Modules: map[string]string{"mesh": "error"}})
	asked := Always(log.Named("mesh")).With(zap.Int("n", 1))
	asked.Debug("asked for")
	log.Named("mesh").Warn("not asked for")
	wantLines(t, out, "debug  mesh  asked for  {\"n\": 1}")
	if Of(asked) == nil || Always(zap.NewNop()).Core().Enabled(zap.ErrorLevel) {
		t.Error("it is another log")
	}
}

// The newest old files stay, as many as are wanted. Those beyond go in the background, a little
// later.
func TestOldLogFilesAreRemoved(t *testing.T) {
	folder := t.TempDir()
	f, err := OpenFile(FileOptions{Path: filepath.Join(folder, "meshway.log"), Megabytes: 1, Backups: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for range 5 {
		if _, err := f.Write(make([]byte, 900_000)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Millisecond) // old files are told apart by the millisecond
	}
	var old []string
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if old, err = filepath.Glob(filepath.Join(folder, "meshway-*.log")); err != nil || len(old) == 2 {
			break
		}
	}
	if err != nil || len(old) != 2 {
		t.Errorf("old files are %v, %v; want 2", old, err)
	}
}
