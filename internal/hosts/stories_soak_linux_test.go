package hosts

import (
	"math/rand/v2"
	"os"
	"syscall"
	"testing"
)

// faults are what can happen to a side of the square, whose router is in the middle, and
// what ends it.
var faults = []struct {
	name     string
	happens  func(l *lab, middle string)
	isMended func(l *lab, middle string)
}{
	{"cut", func(l *lab, m string) { l.cut("A", m) }, nil},
	{"deaf", func(l *lab, m string) { l.deafen(m, "D") }, nil},
	{"unheard", func(l *lab, m string) { l.deafen("A", m) }, nil},
	{"degraded", func(l *lab, m string) { l.degrade(m, "D", 20) }, nil},
	{"unplugged", func(l *lab, m string) { l.unplug("D", m) }, func(l *lab, m string) { l.plug("D", m) }},
	{"killed", func(l *lab, m string) { l.hosts[m].router.kill() }, func(l *lab, m string) { l.hosts[m].start() }},
	{"without power", func(l *lab, m string) { l.cut("A", m); l.cut("D", m); l.hosts[m].router.kill() }, func(l *lab, m string) { l.hosts[m].start() }},
	{"terminated", func(l *lab, m string) { l.hosts[m].router.terminate() }, func(l *lab, m string) { l.hosts[m].start() }},
	{"paused", func(l *lab, m string) { l.hosts[m].router.signal(syscall.SIGSTOP) }, func(l *lab, m string) { l.hosts[m].router.signal(syscall.SIGCONT) }},
}

// With MESHWAY_SOAK=1: one fault after the other, now on this side of the square and now
// on the other, while messages go both ways.
func TestFaultAfterFaultLosesNothingThatWasAccepted(t *testing.T) {
	if os.Getenv("MESHWAY_SOAK") == "" {
		t.Skip("MESHWAY_SOAK=1 runs it")
	}
	l := square(t)
	l.start()
	there, back := l.send("A", "D", usualRate), l.send("D", "A", usualRate)
	random := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		middle := []string{"B", "C"}[random.IntN(2)]
		fault := faults[random.IntN(len(faults))]
		t.Logf("%s: %s", middle, fault.name)
		fault.happens(l, middle)
		there.awaitMore(300, "")
		back.awaitMore(300, "")
		l.heal()
		if fault.isMended != nil {
			fault.isMended(l, middle)
		}
		there.awaitMore(300, "")
		back.awaitMore(300, "")
	}
	l.awaitWhole()
	there.end()
	back.end()
}
