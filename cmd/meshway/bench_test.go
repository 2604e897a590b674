package main

import (
	"encoding/json"
	"net"
	"testing"

	"github.com/meshway/meshway/internal/loadgen"
)

func TestBenchRefusesWhatMakesNoSense(t *testing.T) {
	for want, args := range map[string][]string{
		"unsettled or settled":                          {"--settle", "twice"},
		"nothing to do":                                 {"--senders", "0", "--receivers", "0"},
		"without credit":                                {"--credit", "0"},
		"bounds unsettled":                              {"--window", "1", "--settle", "settled"},
		"--pairs 0: it must be at least 1":              {"--pairs", "0"},
		"--concurrency 0: it must be at least 1":        {"--concurrency", "0"},
		"--size -1: it must be at least 0":              {"--size", "-1"},
		"--sample -2: it must be at least -1":           {"--sample", "-2"},
		"--hold -1s: it must not be negative":           {"--hold", "-1s"},
		"--duration -1s: it must not be negative":       {"--duration", "-1s"},
		"the address is empty":                          {""},
		`the address "\xff" is no text`:                 {"\xff"},
		"text or json":                                  {"-o", "xml"},
		"bodies of at least":                            {"--check-order", "--size", "5"},
		`--stream "much": it must be a number of bytes`: {"--stream", "much"},
		"--receive-url: amqps":                          {"--receive-url", "amqps://b.example"},
		"a ledger needs":                                {"--ledger", "--senders", "0"},
		"cannot receive elsewhere":                      {"--idle", "1", "--receive-url", "b.example"},
		"no port":                                       {"--url", "localhost:99999"},
		"accepts at most 1 arg(s)":                      {"one", "two"},
		"--rate NaN: it must be a number":               {"--rate", "nan"},
		"more than 65536 connections":                   {"--pairs", "100000000"},
		"a credit of 4294967295":                        {"--credit", "4294967295"},
		"--stream 0: it must be at least 1":             {"--stream", "0"},
		"not negative":                                  {"--credit", "-1"},
		"--hold is for idle connections; give --idle":   {"--hold", "1s"},
		"--one-address is for idle":                     {"--one-address"},
		"--return is for idle":                          {"--return", "1s", "--stream", "1MB"},
		"--pairs says nothing of idle connections":      {"--pairs", "2", "--idle", "5"},
		"--duration says nothing of idle connections":   {"--duration", "2s", "--idle", "5"},
		"--size says nothing of a streamed message":     {"--size", "100", "--stream", "1MB"},
	} {
		a := newTestApp("")
		a.want(t, codeUsage, append([]string{"bench"}, args...)...)
		wantText(t, a.err, want, "bench --help")
	}
}

func TestBenchWithoutARouter(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	a := newTestApp("")
	a.want(t, codeFailure, "bench", "--url", l.Addr().String())
	wantText(t, a.err, "nothing listens on "+l.Addr().String(), "meshway run")
}

func TestBenchNamesTheRouterThatIsNotThere(t *testing.T) {
	there, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer there.Close()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	a := newTestApp("")
	a.want(t, codeFailure, "bench", "--url", there.Addr().String(), "--receive-url", gone.Addr().String())
	wantText(t, a.err, "nothing listens on "+gone.Addr().String())
}

func TestByteSizes(t *testing.T) {
	for text, want := range map[string]byteSize{
		"0": 0, "100": 100, "100B": 100, "2kB": 2000, "2KiB": 2048, "200MB": 200e6, "1.5GiB": 3 << 29, "2 GB": 2e9,
	} {
		var b byteSize
		if err := b.Set(text); err != nil || b != want {
			t.Errorf("%q: got %d, %v, want %d", text, b, err, want)
		}
	}
	for _, text := range []string{"", "GB", "-1", "1XB", "1e30GB", "NaN"} {
		var b byteSize
		if err := b.Set(text); err == nil {
			t.Errorf("%q: got %d, want an error", text, b)
		}
	}
}

func TestBenchVerdict(t *testing.T) {
	good := &loadgen.Result{Total: loadgen.Total{Sent: 5, Received: 4, Released: 1}, Order: &loadgen.Order{Missing: 1}}
	if err := benchVerdict(good); err != nil {
		t.Errorf("a released message is not lost: %v", err)
	}
	told := &loadgen.Result{Ledger: &loadgen.Ledger{Undelivered: 3, Returned: 3, Doubtful: 1}}
	if err := benchVerdict(told); err != nil {
		t.Errorf("messages that the sender was told of are no failure: %v", err)
	}
	if err := benchVerdict(&loadgen.Result{Ledger: &loadgen.Ledger{Twice: 1}}); err == nil {
		t.Error("a message received twice is a failure")
	}
	bad := &loadgen.Result{Total: loadgen.Total{Lost: 2}, Unsettled: 1, Order: &loadgen.Order{Reordered: 4, Duplicates: 3}}
	const want = "of the messages, 2 lost, 1 never settled, 4 out of order, 3 received twice"
	if err := benchVerdict(bad); err == nil || err.Error() != want {
		t.Errorf("got %v, want %q", err, want)
	}
}

func TestBenchResultForPeople(t *testing.T) {
	a := newTestApp("")
	s := &benchShow{app: a.app, o: &loadgen.Options{Receivers: 1}}
	if err := s.result(&loadgen.Result{
		Received: 1_234_567, Seconds: 2, Rate: 617_283.5, Throughput: 64e6,
		Latency:   &loadgen.Latency{P50: 12, Samples: 1000},
		Total:     loadgen.Total{Sent: 1_300_000, Received: 1_299_999, Lost: 1},
		Ledger:    &loadgen.Ledger{Undelivered: 3, Returned: 2, Pretended: 1, Silences: []loadgen.Silence{{Milliseconds: 41.26}}},
		Processes: []loadgen.Process{{PID: 7, CPUPerMessage: 0.55, Before: 12e6, Peak: 13e6}, {PID: 8, Gone: true, Peak: 14e6}},
		Broken:    "the router is gone",
	}); err != nil {
		t.Fatal(err)
	}
	wantText(t, a.out, "1,234,567 received in 2.00 s: 617,283/s, 64.0 MB/s", "median 12 us", "1 lost", "at most 41.3 ms", "3 never received (2 returned, 0 without an outcome, 1 said to be accepted)", "process 7", "0.55 us", "12.0 MB before",
		"process 8   is gone", "14.0 MB at most", "stopped     before its time")
}

func TestBenchResultForPrograms(t *testing.T) {
	line, err := json.Marshal(&loadgen.Result{Idle: &loadgen.Idle{Connections: 3}})
	if err != nil {
		t.Fatal(err)
	}
	var back map[string]any
	if err := json.Unmarshal(line, &back); err != nil || back["idle"].(map[string]any)["connections"] != 3.0 {
		t.Errorf("got %s, %v", line, err)
	}
}
