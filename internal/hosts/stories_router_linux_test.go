package hosts

import (
	"syscall"
	"testing"
	"time"
)

func TestAKilledRouterLosesNothingThatWasAcceptedAndTrafficGoesTheOtherWay(t *testing.T) {
	t.Parallel()
	l := square(t)
	l.start()
	there, back, ending := l.send("A", "D", usualRate), l.send("D", "A", usualRate), l.send("A", "B", usualRate)
	there.awaitMore(300, "A B D")
	back.awaitMore(300, "D B A")
	ending.awaitMore(300, "A B")
	l.hosts["B"].router.kill()
	there.awaitMore(300, "A C D")
	back.awaitMore(300, "D C A")
	l.hosts["B"].start()
	l.awaitWhole()
	there.awaitMore(300, "A B D")
	there.end()
	back.end()
	ending.end()
}

func TestARouterThatRestartsBehindHalfOpenConnectionsIsLetIn(t *testing.T) {
	t.Parallel()
	l := newLab(t, "A", "B", "C", "D")
	l.line("B", "A", 1) // who dials finds a half-open connection at the other end
	l.line("B", "D", 1)
	l.line("A", "C", 3)
	l.line("C", "D", 3)
	// Neighbours would need half a minute to find out by themselves.
	l.heartbeat = 2 * time.Second
	l.start()
	tr := l.send("A", "D", usualRate)
	tr.awaitMore(300, "A B D")
	b := l.hosts["B"]
	b.silence()
	b.router.kill()
	b.start()
	l.awaitWhole()
	tr.awaitMore(300, "A B D")
	l.mu.Lock()
	for _, name := range []string{"A", "D"} {
		if !l.hosts[name].router.said("the neighbour was started anew") {
			t.Errorf("%s was not surprised by a second life of its neighbour", name)
		}
	}
	l.mu.Unlock()
	tr.end()
}

func TestAPausedRouterIsLeftAndComesBack(t *testing.T) {
	t.Parallel()
	l := square(t)
	l.start()
	there, back := l.send("A", "D", usualRate), l.send("D", "A", usualRate)
	there.awaitMore(300, "A B D")
	back.awaitMore(300, "D B A")
	b := l.hosts["B"].router
	b.signal(syscall.SIGSTOP)
	back.awaitMore(300, "D C A")
	there.awaitMore(10*usualRate, "A C D")
	b.signal(syscall.SIGCONT)
	l.awaitWhole()
	there.awaitMore(300, "A B D")
	back.awaitMore(300, "D B A")
	there.end()
	back.end()
}

func TestARouterOnThePathIsReplacedUnderLoadAndNothingIsLost(t *testing.T) {
	t.Parallel()
	l := square(t)
	l.start()
	there, back := l.send("A", "D", usualRate), l.send("D", "A", usualRate)
	there.awaitMore(300, "A B D")
	back.awaitMore(300, "D B A")
	l.hosts["B"].router.terminate()
	there.awaitMore(300, "A C D")
	back.awaitMore(300, "D C A")
	l.hosts["B"].start()
	l.awaitWhole()
	there.awaitMore(300, "A B D")
	back.awaitMore(300, "D B A")
	there.endWhole()
	back.endWhole()
}
