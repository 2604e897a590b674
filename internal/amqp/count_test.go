package amqp

import "testing"

func TestTheRateForgetsWhatIsOld(t *testing.T) {
	var r rate
	for second := range uint16(5) {
		for range 10 {
			r.add(100 + second)
		}
	}
	for _, c := range []struct{ at, want uint16 }{{104, 10}, {105, 8}, {108, 2}, {109, 0}, {40000, 0}} {
		if got := r.mean(c.at); got != uint32(c.want) {
			t.Errorf("at second %d: %d a second, want %d", c.at, got, c.want)
		}
	}
}
