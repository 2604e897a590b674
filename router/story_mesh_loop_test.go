package router_test

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// traced is the ways by which messages came to a consumer, in the order in which they came.
func (c *consumer) traced(s *meshStage) (ways []string) {
	for _, d := range c.got {
		_, trace := traceOf(s.t, d.bytes)
		ways = append(ways, strings.ReplaceAll(strings.Join(trace, ""), "0/", ""))
	}
	return ways
}

// Two ways cost the same: some senders' messages go by the one, some by the other, and those of
// one sender stay together.
func TestMeshSendersShareWaysOfEqualCost(t *testing.T) {
	playMesh(t, "A-B B-C A-D C-D", keepsAnnotations, func(s *meshStage) {
		c := s.at("C", "receiver").consumer("q", 1000)
		s.known()
		used := map[string]int{}
		app := s.at("A", "sender")
		for i := range 20 {
			p := app.producer("q")
			s.known()
			before := c.count()
			p.send(counted(3)...)
			ways := c.traced(s)[before:]
			if len(ways) != 3 || ways[1] != ways[0] || ways[2] != ways[0] {
				t.Errorf("the messages of sender %d went by %v", i, ways)
			}
			used[ways[0]]++
			c.acceptAll()
		}
		if used["ABC"] < 3 || used["ADC"] < 3 || used["ABC"]+used["ADC"] != 20 {
			t.Errorf("ways of 20 senders: %v", used)
		}
	})
}

// A loses B. Its messages for C go by D now, which would send them to E, and E to A, until they
// know of it: so A waits for that.
func TestMeshNothingLoopsWhileNeighboursDoNotKnowOfALoss(t *testing.T) {
	playMesh(t, "A-B B-C A-D:2 A-E D-E C-D:10", keepsAnnotations, func(s *meshStage) {
		c := s.at("C", "receiver").consumer("q", 1000)
		s.known()
		app := s.at("A", "sender")
		var senders []*producer
		for range 20 {
			senders = append(senders, app.producer("q"))
		}
		s.advance(3 * time.Second)
		s.narrow("A", "B")
		for _, p := range senders {
			for range 20 {
				p.send(long(2000))
			}
		}
		s.cut("A", "B")
		s.advance(time.Second)
		ways := c.traced(s)
		if len(ways) < 200 {
			t.Errorf("only %d messages came", len(ways))
		}
		for _, way := range slices.Compact(slices.Sorted(slices.Values(ways))) {
			if visited := strings.Split(way, ""); len(slices.Compact(slices.Sorted(slices.Values(visited)))) != len(visited) {
				t.Errorf("a message went by %s", way)
			}
		}
		c.acceptAll()
	})
}
