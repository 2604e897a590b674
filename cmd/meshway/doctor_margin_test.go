package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/meshway/meshway/internal/meshtest"
)

// What is not yet a fault, and what only looks like one.

// A clock is compared by when its router was asked: a router that is far away, and those that
// are asked after it, are not called wrong for that.
func TestADoctorTellsASlowLineFromAWrongClock(t *testing.T) {
	for _, c := range []struct {
		name      string
		there, on time.Duration // from B to the others, and from them to B; it grows to that
	}{
		{"slow both ways", 1500 * time.Millisecond, 1500 * time.Millisecond},
		{"slow one way", 4500 * time.Millisecond, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			hospital(t, func(s *ward) {
				for step := range time.Duration(3) { // all at once would be a silence
					fromB, toB := meshtest.Line{Delay: c.there * (step + 1) / 3}, meshtest.Line{Delay: c.on * (step + 1) / 3}
					s.net.Between("A", "B").Set(toB, fromB)
					s.net.Between("B", "C").Set(fromB, toB)
					s.pass(10 * time.Second)
				}
				s.finds("\n4 routers asked: all is well", 0, "--timeout", "20s")
				if c.there != c.on {
					return // how wrong a clock is, nobody can tell
				}
				s.ahead["B"].Store(int64(90 * time.Second))
				s.finds(`
! B: clock skew: its clock is 1m30s ahead of that of the others
    have the clocks set by NTP: times in logs and expiry of messages are wrong
4 routers asked: nothing is broken, 1 remark`, 0, "--timeout", "20s")
			})
		})
	}
}

// says reports whether the doctor finds a fault.
func (s *ward) says(fault string) bool {
	return slices.ContainsFunc(strings.Split(s.run("doctor"), "\n"), func(line string) bool { return strings.Contains(line, ": "+fault+": ") })
}

func TestALinkIsBlockedAfterTenSecondsWithoutCreditWhileMessagesWait(t *testing.T) {
	hospital(t, func(s *ward) {
		s.idler = s.takes(s.app("idler", "A"), "work", 1) // so that the sender's link tells of what waits, too
		s.pass(time.Second)
		s.leaves(s.app("maker", "A"), "work", 1)
		s.settles(1)
		s.pass(time.Minute)
		s.well("a link has no credit, and nothing waits for it")
		s.more(1)
		s.leaves(s.app("other", "A"), "work", 3)
		s.settles(1)
		s.pass(8 * time.Second) // and one above
		s.well("a link has had no credit for 9 seconds")
		s.pass(time.Second)
		if text := s.run("doctor"); !strings.Contains(text, "has had no credit for 10s, and 2 messages wait") || strings.Count(text, "blocked link") != 1 {
			t.Errorf("a link has had no credit for 10 seconds while 2 messages waited: got\n%s", text)
		}
		s.more(1)
		s.settles(1)
		if s.says("blocked link") {
			t.Error("a link has had credit again, and is called blocked before 10 seconds have passed")
		}
	})
}

func TestADeliveryIsStuckAfterTenSeconds(t *testing.T) {
	hospital(t, func(s *ward) {
		s.idler = s.takes(s.app("idler", "D"), "work", 10)
		s.pass(time.Second)
		s.leaves(s.app("maker", "A"), "work", 1)
		s.pass(8 * time.Second)
		s.well("a delivery is unsettled for 9 seconds")
		s.pass(3 * time.Second)
		if !s.says("stuck deliveries") {
			t.Error("a delivery is unsettled for 12 seconds, and is not called stuck")
		}
	})
}

func TestADoctorOfManyFaultsBeginsWithTheWorst(t *testing.T) {
	hospital(t, func(s *ward) {
		s.sends(s.app("one", "A"), "lonely", 0)
		s.ahead["B"].Store(int64(time.Minute))
		s.command("create connector to-E -r B host=E port=55672 role=inter-router")
		s.stop("raven")
		s.net.Between("C", "D").Cut()
		s.pass(5 * time.Second)
		var got []string
		for line := range strings.Lines(s.run("doctor")) {
			if !strings.HasPrefix(line, " ") {
				where, fault, _ := strings.Cut(line, ": ")
				fault, _, _ = strings.Cut(strings.TrimSpace(fault), ":")
				got = append(got, where+" "+fault)
			}
		}
		want := []string{"$ meshway doctor\n ", "✗ D unreachable", "✗ B no connection", "✗ C no connection", "✗ A shard lost", "! lonely no consumer", "! B clock skew",
			"stderr meshway", "exit code 1\n ", "\n "}
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}
