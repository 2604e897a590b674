package logging

import (
	"encoding/json"
	"strings"
	"testing"

	"go.uber.org/zap"
)

func TestFormats(t *testing.T) {
	tests := []struct {
		name    string
		options Options
		json    bool
		colored bool
	}{
		{"auto on a terminal", Options{Level: "info", Format: "auto", Terminal: true, Color: true}, false, true},
		{"auto on a terminal without colour", Options{Level: "info", Format: "auto", Terminal: true}, false, false},
		{"auto elsewhere", Options{Level: "info", Format: "auto", Color: true}, true, false},
		{"console elsewhere", Options{Level: "info", Format: "console", Color: true}, false, false},
		{"json on a terminal", Options{Level: "info", Format: "json", Terminal: true, Color: true}, true, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			log, err := New(&out, tt.options)
			if err != nil {
				t.Fatal(err)
			}
			log.Info("listening", zap.String("address", "127.0.0.1:5672"))
			log.Debug("not shown")
			if strings.Count(out.String(), "\n") != 1 {
				t.Fatalf("got %q, want one line", out.String())
			}
			var entry map[string]any
			isJSON := json.Unmarshal([]byte(out.String()), &entry) == nil
			if isJSON != tt.json || (isJSON && (entry["msg"] != "listening" || entry["level"] != "info" || entry["time"] == nil)) {
				t.Errorf("got %q, want JSON %v", out.String(), tt.json)
			}
			if strings.Contains(out.String(), "\x1b[") != tt.colored {
				t.Errorf("got %q, want colour %v", out.String(), tt.colored)
			}
		})
	}
}

func TestUnknownLevelAndFormat(t *testing.T) {
	if _, err := New(nil, Options{Level: "loud", Format: "auto"}); err == nil {
		t.Error("the level loud was taken")
	}
	if _, err := New(nil, Options{Level: "info", Format: "xml"}); err == nil {
		t.Error("the format xml was taken")
	}
}
