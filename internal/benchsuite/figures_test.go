package main

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/meshway/meshway/internal/loadgen"
)

func TestEveryRowHasOneCase(t *testing.T) {
	for _, r := range rows {
		n := 0
		for _, c := range cases {
			if slices.Contains(c.rows, r.key) {
				n++
			}
		}
		if n != 1 {
			t.Errorf("row %s is filled by %d cases", r.key, n)
		}
	}
}

func TestEveryCaseFillsItsRows(t *testing.T) {
	res := &loadgen.Result{
		Latency: &loadgen.Latency{P50: 1}, Order: &loadgen.Order{}, Ledger: &loadgen.Ledger{}, Processes: []loadgen.Process{{CPUPerMessage: 2}},
		Idle: &loadgen.Idle{Costs: []loadgen.IdleCost{{CPUPerOpen: 3}}},
	}
	for _, c := range cases {
		if c.simulate != nil {
			continue
		}
		filled := map[string]float64{}
		maps.Copy(filled, c.figures(res))
		if c.again != nil {
			maps.Copy(filled, c.again(res, res))
		}
		if c.crowd {
			filled["p14"], filled["p14resident"] = 1, 1
		}
		for _, key := range c.rows {
			if _, ok := filled[key]; !ok {
				t.Errorf("case %s does not fill %s", c.name, key)
			}
		}
		if c.relay && c.costRow() == "" {
			t.Errorf("case %s goes through the relay, and has no row for that", c.name)
		}
	}
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{
		{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1, 5}, 5}, {[]float64{4, 1, 3, 2}, 2.5},
	} {
		if got := median(c.values); got != c.want {
			t.Errorf("%v: got %v, want %v", c.values, got, c.want)
		}
	}
}

func TestVerdicts(t *testing.T) {
	less := &row{unit: unitMicros, target: 10, aim: 5}
	more := &row{unit: unitRate, target: 600, aim: 1000, more: true}
	none := &row{target: 0, aim: 0}
	for _, c := range []struct {
		f    figure
		want string
	}{
		{figure{row: less, value: 5, known: true}, "aim met"},
		{figure{row: less, value: 6, known: true}, "met, 20 % from the aim"},
		{figure{row: less, value: 15, known: true}, "missed by 50 %"},
		{figure{row: more, value: 1200, known: true}, "aim met"},
		{figure{row: more, value: 900, known: true}, "met, 10 % from the aim"},
		{figure{row: more, value: 300, known: true}, "missed by 50 %"},
		{figure{row: none, value: 0, known: true}, "aim met"},
		{figure{row: none, value: 7, known: true}, "missed by 7"},
		{figure{row: less}, "not measured"},
		{figure{row: less, reason: "the router ended\nand said more"}, "failed: the router ended"},
	} {
		if got := c.f.verdict(); got != c.want {
			t.Errorf("%+v: got %q, want %q", c.f, got, c.want)
		}
	}
}

func TestNumbers(t *testing.T) {
	for _, c := range []struct {
		v    float64
		unit string
		want string
	}{
		{0.4567, unitMicros, "0.46"}, {12.34, unitMicros, "12.3"}, {234.5, unitMicros, "234"}, {12345, unitMicros, "12,345"},
		{1168.4, unitRate, "1,168"}, {2_000_000, unitCount, "2,000,000"}, {99.6, unitPercent, "100"},
	} {
		if got := number(c.v, c.unit); got != c.want {
			t.Errorf("%v %s: got %q, want %q", c.v, c.unit, got, c.want)
		}
	}
}

func TestFiguresOfARun(t *testing.T) {
	m := newMeasured()
	m.Router["p1"] = []float64{0.7, 0.5, 0.6}
	m.Relay["p1"] = []float64{0.3}
	m.Router["p8lost"] = []float64{0, 0, 7}
	m.Failed["P4"] = "no message arrived"
	all := m.figures()
	if f := all[0]; f.measuredText() != "0.60 us (0.50-0.70)" || f.relayText() != "0.30 us" || f.ratioText() != "2.00" {
		t.Errorf("got %q, %q, %q", f.measuredText(), f.relayText(), f.ratioText())
	}
	for key, want := range map[string]string{"p4": "failed: no message arrived", "p8lost": "missed by 7"} {
		i := slices.IndexFunc(all, func(f figure) bool { return f.row.key == key })
		if got := all[i].verdict(); got != want {
			t.Errorf("%s: got %q, want %q", key, got, want)
		}
	}
}

func TestPageKeepsWhatIsAroundTheFigures(t *testing.T) {
	m := newMeasured()
	m.Router["p2"] = []float64{1234}
	text := figuresText(m.figures(), (&suite{repeats: 3, waker: new(process)}).manner(&measured{Others: 0.01}), "qdrouterd 9", time.Date(2030, 1, 2, 0, 0, 0, 0, time.UTC))
	first, err := replaceFigures("before\n"+pageBegin+"\nyesterday\n"+pageEnd+"\nafter\n", text)
	if err != nil {
		t.Fatal(err)
	}
	again, err := replaceFigures(first, text)
	if err != nil || again != first {
		t.Errorf("writing twice changes the page: %v", err)
	}
	for _, want := range []string{"before\n", "\nafter\n", "1,234 k/s", "2030-01-02", "11.2-13.3 us", "median of 3; other processes took at most 1 % of the machine; processors were kept awake"} {
		if !strings.Contains(first, want) {
			t.Errorf("want %q in\n%s", want, first)
		}
	}
	if strings.Contains(first, "yesterday") {
		t.Error("the old figures are still there")
	}
	if _, err := replaceFigures("no marks", text); err == nil {
		t.Error("a page without marks: want an error")
	}
	page, err := os.ReadFile("../../docs/performance.md")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := replaceFigures(string(page), text); err != nil {
		t.Errorf("the project's own: %v", err)
	}
}

// It is said before anything is measured.
func TestAPageThatFiguresCannotBePutInto(t *testing.T) {
	path := filepath.Join(t.TempDir(), "page.md")
	if err := checkPage(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a page that is not there: %v", err)
	}
	for text, fits := range map[string]bool{"no marks": false, pageBegin + "\n" + pageEnd + "\n": true} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := checkPage(path); (err == nil) != fits {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestMachineTime(t *testing.T) {
	got, err := parseMachine([]byte("cpu  100 20 3 4000 5 6 7 8 9 0\ncpu0 1 2 3\n"))
	if err != nil || got != 1230*time.Millisecond {
		t.Errorf("got %v, %v", got, err)
	}
	for _, bad := range []string{"", "intr 1 2 3", "cpu a b c d"} {
		if _, err := parseMachine([]byte(bad)); err == nil {
			t.Errorf("%q: want an error", bad)
		}
	}
}
