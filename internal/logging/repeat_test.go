package logging

import (
	"testing"
	"time"
)

func TestARepeatedLineIsWrittenNowAndThen(t *testing.T) {
	var r Repeat
	begin := time.Unix(1000, 0)
	for i, step := range []struct {
		text  string
		after time.Duration
		left  int
		write bool
	}{
		{"refused", 0, 0, true},
		{"refused", time.Second, 0, false},
		{"refused", 59 * time.Second, 0, false},
		{"refused", time.Minute, 2, true},
		{"silent", time.Minute, 0, true},
		{"refused", time.Minute, 0, true},
		{"refused", 3 * time.Minute, 0, true},
	} {
		left, write := r.Write(step.text, begin.Add(step.after), time.Minute)
		if left != step.left || write != step.write {
			t.Errorf("step %d: got %d, %v", i, left, write)
		}
	}
}
