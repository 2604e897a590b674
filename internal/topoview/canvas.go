package topoview

import (
	"strings"
	"unicode/utf8"
)

// style is how a cell looks where there is colour.
type style uint8

const (
	plain style = iota
	faint
	strong
	good
	bad
	odd
	numStyles
)

// escapes begin a style on a terminal.
var escapes = [numStyles]string{"", "\x1b[2m", "\x1b[1m", "\x1b[32m", "\x1b[31m", "\x1b[33m"}

const escapeEnd = "\x1b[0m"

// painted is text in a style, if there is colour.
func painted(text string, s style, color bool) string {
	if !color || s == plain || text == "" {
		return text
	}
	return escapes[s] + text + escapeEnd
}

// The arms of a cell, and how lines are drawn.
const (
	north = iota
	east
	south
	west
)

type pen uint8

const (
	none pen = iota
	thin
	thick
)

// joints are the characters by the weights of their arms: north, east, south, west, each
// none, thin or thick.
var joints = []rune("" +
	" ╴╸╷┐┑╻┒┓╶─╾┌┬┭┎┰┱╺╼━┍┮┯┏┲┳" +
	"╵┘┙│┤┥╽┧┪└┴┵├┼┽┟╁╅┕┶┷┝┾┿┢╆╈" +
	"╹┚┛╿┦┩┃┨┫┖┸┹┞╀╃┠╂╉┗┺┻┡╄╇┣╊╋")

type cell struct {
	text   rune // in front of the lines; 0 is none
	arms   [4]pen
	dashed bool
	style  style
}

func (c cell) empty() bool { return c.text == 0 && c.arms == [4]pen{} }

// canvas is a page of cells that grows as it is drawn on.
type canvas struct {
	width int
	rows  [][]cell
}

func (c *canvas) at(x, y int) *cell {
	for len(c.rows) <= y {
		c.rows = append(c.rows, make([]cell, c.width))
	}
	return &c.rows[y][x]
}

// inside reports whether there may be something at x.
func (c *canvas) inside(x int) bool { return x >= 0 && x < c.width }

func (c *canvas) write(x, y int, text string, s style) {
	for _, r := range text {
		if c.inside(x) {
			at := c.at(x, y)
			at.text, at.style = r, s
		}
		x++
	}
}

// line draws from one cell to another in the same row or column; both ends get one arm.
func (c *canvas) line(x1, y1, x2, y2 int, p pen, s style, dashed bool) {
	forth, back := east, west
	if x1 == x2 {
		forth, back = south, north
	}
	if x1 > x2 || y1 > y2 {
		x1, y1, x2, y2 = x2, y2, x1, y1
	}
	for x, y := x1, y1; x <= x2 && y <= y2; {
		at := c.at(x, y)
		if x != x2 || y != y2 {
			at.arm(forth, p, s, dashed)
		}
		if x != x1 || y != y1 {
			at.arm(back, p, s, dashed)
		}
		if x1 == x2 {
			y++
		} else {
			x++
		}
	}
}

// arm joins a line to the cell. Where lines cross, the thicker arm and the stronger
// style show.
func (c *cell) arm(side int, p pen, s style, dashed bool) {
	if c.arms == [4]pen{} {
		c.dashed = dashed
	} else {
		c.dashed = c.dashed && dashed
	}
	c.arms[side] = max(c.arms[side], p)
	c.style = max(c.style, s)
}

// rect draws a frame, of which x2 and y2 are the last column and row.
func (c *canvas) rect(x1, y1, x2, y2 int, s style, dashed bool) {
	c.line(x1, y1, x2, y1, thin, s, dashed)
	c.line(x1, y2, x2, y2, thin, s, dashed)
	c.line(x1, y1, x1, y2, thin, s, dashed)
	c.line(x2, y1, x2, y2, thin, s, dashed)
}

func (c *cell) rune() rune {
	if c.text != 0 {
		return c.text
	}
	a := c.arms
	if a == [4]pen{} {
		return ' '
	}
	if c.dashed {
		switch {
		case a[north] == none && a[south] == none:
			return '╌'
		case a[east] == none && a[west] == none:
			return '╎'
		}
	}
	return joints[((int(a[north])*3+int(a[east]))*3+int(a[south]))*3+int(a[west])]
}

// render is the page, each row without what is empty at its end.
func (c *canvas) render(indent string, color bool) string {
	var b strings.Builder
	for _, row := range c.rows {
		end := len(row)
		for end > 0 && row[end-1].empty() {
			end--
		}
		if end > 0 {
			b.WriteString(indent)
		}
		for from := 0; from < end; {
			to := from
			var run strings.Builder
			for to < end && row[to].style == row[from].style {
				run.WriteRune(row[to].rune())
				to++
			}
			b.WriteString(painted(run.String(), row[from].style, color))
			from = to
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// columns is how wide text is on a terminal, if each character takes one.
func columns(text string) int { return utf8.RuneCountInString(text) }

// shorten cuts text to so many columns, and shows that it did.
func shorten(text string, most int) string {
	if columns(text) <= most {
		return text
	}
	r := []rune(text)
	return string(r[:max(most-1, 0)]) + "…"
}
