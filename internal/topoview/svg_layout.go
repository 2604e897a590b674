package topoview

import "math"

// point is a place in a picture, in lengths of an adjacency.
type point struct{ x, y float64 }

// scatter gives every router a place so that distances in the picture are as near as can be
// to those in the mesh, counted in hops: stress majorization, begun from a circle. Each
// product is rounded by itself, so that no processor fuses it with a sum, and the picture is
// the same everywhere.
func scatter(m Mesh) []point {
	const rounds = 120
	n := len(m.Routers)
	at := make([]point, n)
	for i := range at {
		angle := 2 * math.Pi * float64(i) / float64(n)
		radius := math.Sqrt(float64(n)) / 1.5
		at[i] = point{float64(radius * math.Sin(angle)), float64(-radius * math.Cos(angle))}
	}
	far := m.distances()
	for range rounds {
		for i := range at {
			at[i] = pulled(at, far, i)
		}
	}
	return at
}

// pulled is where router i wants to be, as the others stand.
func pulled(at []point, far [][]int, i int) point {
	var sum point
	weights := 0.0
	for j := range at {
		if i == j {
			continue
		}
		want := float64(far[i][j])
		w := 1 / float64(want*want)
		dx, dy := at[i].x-at[j].x, at[i].y-at[j].y
		is := math.Sqrt(float64(dx*dx) + float64(dy*dy))
		if is < 1e-6 { // two at one place part in a direction of their own
			dx, dy, is = float64(i-j), 1, math.Sqrt(float64(i-j)*float64(i-j)+1)
		}
		sum.x += float64(w * (at[j].x + float64(want*dx/is)))
		sum.y += float64(w * (at[j].y + float64(want*dy/is)))
		weights += w
	}
	if weights == 0 {
		return at[i]
	}
	return point{sum.x / weights, sum.y / weights}
}

// distances is the hops between all routers; what no path joins is a little farther than the
// farthest that is joined.
func (m Mesh) distances() [][]int {
	n := len(m.Routers)
	index := map[string]int{}
	for i, r := range m.Routers {
		index[r.ID] = i
	}
	next := make([][]int, n)
	for _, a := range m.Adjacencies {
		i, j := index[a.A], index[a.B]
		next[i], next[j] = append(next[i], j), append(next[j], i)
	}
	far := make([][]int, n)
	most := 1
	for i := range far {
		far[i] = make([]int, n)
		for j := range far[i] {
			far[i][j] = -1
		}
		far[i][i] = 0
		for queue := []int{i}; len(queue) > 0; queue = queue[1:] {
			for _, k := range next[queue[0]] {
				if far[i][k] < 0 {
					far[i][k] = far[i][queue[0]] + 1
					most = max(most, far[i][k])
					queue = append(queue, k)
				}
			}
		}
	}
	for i := range far {
		for j := range far[i] {
			if far[i][j] < 0 {
				far[i][j] = min(most, 3) + 1
			}
		}
	}
	return far
}
