package hosts

import "testing"

func TestMessagesCrossALineOfThreeHosts(t *testing.T) {
	t.Parallel()
	l := newLab(t, "A", "B", "C")
	l.line("A", "B", 1)
	l.line("B", "C", 1)
	l.start()
	there, back := l.send("A", "C", usualRate), l.send("C", "A", usualRate)
	there.awaitMore(300, "A B C")
	back.awaitMore(300, "C B A")
	there.endWhole()
	back.endWhole()
}

// Which side that is changes: between equal ones there would be a choice as well.
func TestTheCheaperSideOfASquareCarriesMessages(t *testing.T) {
	t.Parallel()
	for _, side := range []struct {
		way, back string
		b, c      int // what each line of it costs
	}{
		{"A B D", "D B A", 1, 3},
		{"A C D", "D C A", 3, 1},
	} {
		t.Run(side.way, func(t *testing.T) {
			l := squareOf(t, side.b, side.c)
			l.start()
			there, back := l.send("A", "D", usualRate), l.send("D", "A", usualRate)
			there.awaitMore(300, side.way)
			back.awaitMore(300, side.back)
			there.endWhole()
			back.endWhole()
		})
	}
}

// square is four hosts: from A to D it is cheaper by B than by C.
func square(t *testing.T) *lab { return squareOf(t, 1, 3) }

// squareOf is four hosts, with what each line costs on the way by B, and by C.
func squareOf(t *testing.T, b, c int) *lab {
	t.Helper()
	l := newLab(t, "A", "B", "C", "D")
	l.line("A", "B", b)
	l.line("B", "D", b)
	l.line("A", "C", c)
	l.line("C", "D", c)
	return l
}
