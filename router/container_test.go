package router

import (
	"slices"
	"testing"

	"github.com/meshway/meshway/internal/amqp"
)

type watched []string

func (w *watched) containerUp(_ *amqp.Batch, c *container) { *w = append(*w, "up "+c.id) }
func (w *watched) containerDown(c *container)              { *w = append(*w, "down "+c.id) }

func (w *watched) want(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(*w, want) {
		t.Errorf("told %q, want %q", *w, want)
	}
	*w = nil
}

func TestContainersAreFoundByConnectionAndById(t *testing.T) {
	var s containers
	var w watched
	s.watch(&w)
	east := &container{connection: "east", id: "broker"}
	west := &container{connection: "west", id: "broker"}
	second := &container{connection: "east", id: "other"}
	var b amqp.Batch
	for _, c := range []*container{east, west, second} {
		s.up(&b, c)
	}
	w.want(t, "up broker", "up broker", "up other")
	ask := func(connection, id string, want ...*container) {
		t.Helper()
		if got := s.find(connection, id); !slices.Equal(got, want) {
			t.Errorf("%q %q: got %v, want %v", connection, id, got, want)
		}
	}
	ask("east", "", east, second)
	ask("", "broker", east, west)
	ask("", "nobody")
	ask("", "")
	s.down(east)
	ask("", "broker", west)
	w.want(t, "down broker")
	s.down(east)
	s.down(&container{id: "never open"})
	w.want(t)
}
