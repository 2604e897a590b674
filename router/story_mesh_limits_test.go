package router_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/meshway/meshway/router"
)

// Stories of more addresses than a router takes: that is said once, with names, and all
// else carries on.

// limited adds a router to the mesh that takes so many addresses of each router and in
// all, and returns what it logs of errors.
func (s *meshStage) limited(id, neighbour string, perRouter, total int) *observer.ObservedLogs {
	s.t.Helper()
	s.draw(neighbour, id, "")
	core, logs := observer.New(zap.ErrorLevel)
	s.startRouterWith(id, zap.New(core), func(r *router.Router) {
		if err := r.LimitAddresses(perRouter, total); err != nil {
			s.t.Fatal(err)
		}
	})
	s.advance(2 * time.Second)
	return logs
}

// devices attaches consumers of addresses with these numbers.
func (a *app) devices(from, to int) (list []*consumer) {
	for i := from; i < to; i++ {
		list = append(list, a.consumer(fmt.Sprintf("devices/%d", i), 10))
	}
	return list
}

// reach is how many of these addresses a sender at a router gets credit for.
func (s *meshStage) reach(id string, from, to int) (n int) {
	a := s.at(id, "sender")
	for i := from; i < to; i++ {
		p := a.producer(fmt.Sprintf("devices/%d", i))
		if p.credit() > 0 {
			n++
		}
		p.detach()
	}
	return n
}

// said checks that a router has logged one error, with these parts.
func (s *meshStage) said(logs *observer.ObservedLogs, parts ...string) {
	s.t.Helper()
	all := logs.All()
	if len(all) != 1 {
		s.t.Errorf("%d errors were logged, want one about %q: %v", len(all), parts, all)
		return
	}
	text := all[0].Message + fmt.Sprint(all[0].ContextMap())
	for _, part := range parts {
		if !strings.Contains(text, part) {
			s.t.Errorf("the log says nothing about %q: %s", part, text)
		}
	}
}

func detachAll(list []*consumer) {
	for _, c := range list {
		c.detach()
	}
}

func TestMeshARouterAnnouncesMoreAddressesThanAnotherTakes(t *testing.T) {
	playMesh(t, "A-B", nil, func(s *meshStage) {
		logs := s.limited("C", "B", 20, 0)
		many := s.at("A", "devices")
		first := many.devices(0, 30)
		s.advance(2 * time.Second)
		rest := many.devices(30, 60)
		s.at("B", "others").devices(100, 115)
		s.advance(2 * time.Second)
		s.said(logs, "router A", "20 addresses", "until it has fewer")
		equal(s.stage, "addresses at A that B reaches", s.reach("B", 0, 60), 60)
		equal(s.stage, "addresses at A that C reaches", s.reach("C", 0, 60), 20)
		equal(s.stage, "addresses at B that C reaches", s.reach("C", 100, 115), 15)
		s.stillWorks("C", "B")

		detachAll(first)
		detachAll(rest[:15])
		s.advance(5 * time.Second)
		equal(s.stage, "addresses at A that C reaches when there are few", s.reach("C", 0, 60), 15)
		s.said(logs, "router A")
	})
}

func TestMeshHasMoreAddressesThanARouterTakes(t *testing.T) {
	playMesh(t, "A-B", nil, func(s *meshStage) {
		logs := s.limited("C", "B", 0, 20)
		s.at("A", "devices").devices(0, 15)
		s.advance(time.Second)
		s.at("B", "devices").devices(100, 115)
		s.advance(2 * time.Second)
		s.said(logs, "router B", "the mesh has more than 20 addresses", "until there are fewer")
		equal(s.stage, "addresses at A that C reaches", s.reach("C", 0, 15), 15)
		equal(s.stage, "addresses at B that C reaches", s.reach("C", 100, 115), 5)
		equal(s.stage, "addresses at B that A reaches", s.reach("A", 100, 115), 15)
	})
}

func TestMeshARouterHasMoreConsumersThanItMayAnnounce(t *testing.T) {
	playMesh(t, "A-B", nil, func(s *meshStage) {
		logs := s.limited("C", "B", 20, 0)
		first := s.at("C", "first").devices(0, 10)
		s.at("C", "devices").devices(10, 30)
		s.advance(2 * time.Second)
		s.said(logs, "not announced", "devices/20", "elsewhere")
		equal(s.stage, "addresses at C that A reaches", s.reach("A", 0, 30), 20)
		equal(s.stage, "addresses at C that C reaches", s.reach("C", 0, 30), 30)
		first[0].detach()
		s.advance(2 * time.Second)
		equal(s.stage, "addresses at C that A reaches while there are too many", s.reach("A", 0, 30), 19)
		detachAll(first[1:])
		s.advance(2 * time.Second)
		equal(s.stage, "addresses at C that A reaches when there are fewer", s.reach("A", 0, 30), 20)
		s.said(logs, "not announced")
	})
}
