package hosts

import "testing"

func TestMessagesCrossALineOfThreeHosts(t *testing.T) {
	t.Parallel()
	l := newLab(t, "A", "B", "C")
	l.line("A", "B", 1)
	l.line("B", "C", 1)
	l.start()
	there, back := l.send("A", "C", usualRate), l.send("C", "A", usualRate)
	there.awaitMore(500, "A B C")
	back.awaitMore(500, "C B A")
	there.endWhole()
	back.endWhole()
}

func TestTheCheaperSideOfASquareCarriesEverything(t *testing.T) {
	t.Parallel()
	l := square(t)
	l.start()
	tr := l.send("A", "D", usualRate)
	tr.awaitMore(500, "A B D")
	tr.endWhole()
}

// square is four hosts: from A to D it is cheaper by B than by C.
func square(t *testing.T) *lab {
	l := newLab(t, "A", "B", "C", "D")
	l.line("A", "B", 1)
	l.line("B", "D", 1)
	l.line("A", "C", 3)
	l.line("C", "D", 3)
	return l
}
