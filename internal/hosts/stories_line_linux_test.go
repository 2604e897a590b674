package hosts

import (
	"testing"
	"time"
)

func TestAPartitionedMeshHealsAndMessagesCrossAgain(t *testing.T) {
	t.Parallel()
	l := square(t)
	l.start()
	tr := l.send("A", "D", usualRate)
	tr.awaitMore(300, "A B D")
	l.cut("A", "B")
	l.cut("C", "D")
	l.await("both halves know that they are alone", func() bool {
		return l.apart("A", "B") && l.apart("A", "D") && l.apart("D", "A") && l.apart("B", "C")
	})
	l.heal()
	l.awaitWhole()
	tr.awaitMore(300, "A B D")
	tr.end()
}

// apart says that a router knows of no way to another. The caller holds mu.
func (l *lab) apart(name, other string) bool { return !l.hosts[name].router.reaches[other] }

func TestALineThatCarriesNothingInOneDirectionIsLeftInBoth(t *testing.T) {
	t.Parallel()
	l := square(t)
	l.start()
	there, back := l.send("A", "D", usualRate), l.send("D", "A", usualRate)
	there.awaitMore(300, "A B D")
	back.awaitMore(300, "D B A")
	l.deafen("D", "B")
	there.awaitMore(300, "A C D")
	back.awaitMore(300, "D C A")
	l.heal()
	l.awaitWhole()
	there.awaitMore(300, "A B D")
	back.awaitMore(300, "D B A")
	there.end()
	back.end()
}

func TestALineThatLosesEveryFifthPacketLosesNoMessage(t *testing.T) {
	t.Parallel()
	l := square(t)
	l.start()
	tr := l.send("A", "D", usualRate)
	tr.awaitMore(300, "A B D")
	l.degrade("B", "D", 20)
	tr.awaitMore(2000, "")
	l.heal()
	l.awaitWhole()
	tr.awaitMore(300, "A B D")
	lost, suspects := l.flaps()
	t.Logf("adjacencies were lost %d times, and suspect %d times", lost, suspects)
	// Each time it takes longer until an adjacency is used again: 1 s, 2 s, 4 s ...
	if most := 2 * 6; lost+suspects > most {
		t.Errorf("that is more than %d times", most)
	}
	if lost > 0 {
		tr.end()
		return
	}
	tr.endWhole()
}

func TestALineThatIsSlowAndReordersLosesNothing(t *testing.T) {
	t.Parallel()
	l := newLab(t, "A", "B", "C")
	l.slowLine("A", "B", 1, 50*time.Millisecond, 20*time.Millisecond)
	l.line("B", "C", 1)
	l.start()
	there, back := l.send("A", "C", usualRate), l.send("C", "A", usualRate)
	there.awaitMore(1000, "A B C")
	back.awaitMore(1000, "C B A")
	there.endWhole()
	back.endWhole()
	if lost, _ := l.flaps(); lost > 0 {
		t.Errorf("adjacencies were lost %d times, by lines that lose nothing", lost)
	}
}

func TestAnInterfaceThatGoesDownMovesTrafficToTheOtherSide(t *testing.T) {
	t.Parallel()
	l := square(t)
	l.start()
	tr := l.send("A", "D", usualRate)
	tr.awaitMore(300, "A B D")
	l.unplug("D", "B")
	tr.awaitMore(300, "A C D")
	l.plug("D", "B")
	l.awaitWhole()
	tr.awaitMore(300, "A B D")
	tr.end()
}
