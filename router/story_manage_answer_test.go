package router_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/internal/wire"
)

// Stories of how answers to management requests travel, and of how many wait.

func TestARouterThatIsAloneNamesNoOthers(t *testing.T) {
	play(t, nil, func(s *stage) {
		r := s.app("manager").manager("$management").ask(nil, "GET-MGMT-NODES")
		equal(s, "the answer", fmt.Sprint(r.code, r.body), "200 []")
	})
}

// Nobody settles what management answers: it is sent settled, and holds nothing.
func TestAnswersOfManagementAreSettledWhenTheyAreSent(t *testing.T) {
	play(t, nil, func(s *stage) {
		m := s.app("manager").manager("$management")
		m.ask(nil, "GET-TYPES")
		equal(s, "settled", m.replies.got[0].Settled, true)
	})
}

func TestABodyThatIsNoValueIsAnsweredSo(t *testing.T) {
	play(t, nil, func(s *stage) {
		m := s.app("manager").manager("$management")
		for i, body := range []wire.Message{{Data: [][]byte{[]byte("x")}}, {Sequence: [][]any{{"x"}}}} {
			msg := m.request(nil, "GET-TYPES")
			msg.Value, msg.Data, msg.Sequence = wire.Message{}.Value, body.Data, body.Sequence
			m.send(msg)
			r := m.response(i)
			equal(s, "status of "+r.text, r.code, 400)
			equal(s, "it says what is wrong", strings.Contains(r.text, "amqp-value"), true)
		}
	})
}

// flood has a client ask without credit for the answers.
func (m *manager) flood(times int, operation string, properties ...any) {
	m.replies.grant(0)
	payload, err := m.request(nil, operation, properties...).Append(nil)
	if err != nil {
		m.app.stage.t.Fatal(err)
	}
	for ; times > 0; times -= 100 {
		list := make([][]byte, min(times, 100))
		for i := range list {
			list[i] = payload
		}
		m.to.send(list...)
	}
	m.app.stage.advance(time.Second)
}

// However small they are, no more than 1,024 answers wait for one client, besides the few that
// are on their way.
func TestAClientThatReadsLateGetsAsManyAnswersAsAreKept(t *testing.T) {
	play(t, nil, func(s *stage) {
		m := s.app("late").manager("$management")
		m.flood(1500, "GET-MGMT-NODES")
		m.replies.grant(3000)
		s.advance(time.Second)
		if n := len(m.replies.got); n < 1024 || n > 1024+100 {
			t.Errorf("%d answers, want 1,024 and a few", n)
		}
	})
}

// However few they are, no more than 32 MiB of answers wait for one client.
func TestLongAnswersThatNobodyReadsAreBounded(t *testing.T) {
	play(t, nil, func(s *stage) {
		m := s.app("late").manager("$management")
		m.flood(1000, "GET-JSON-SCHEMA", "indent", int32(8))
		if held := s.router.Waiting(); held < 16<<20 || held > 40<<20 {
			t.Errorf("%d bytes wait in the router, want 32 MiB and a little", held)
		}
		s.advance(time.Minute)
		m.replies.grant(3000)
		s.advance(time.Second)
	})
}

// Whoever asks with ever new addresses for the answer does not have the agent keep a link to each.
func TestRepliesToEverNewAddressesAreBounded(t *testing.T) {
	play(t, withHTTP, func(s *stage) {
		m := s.app("rude").manager("$management")
		before, _ := s.scrape().Value("meshway_addresses{}")
		for i := range 700 {
			msg := m.request(nil, "GET-MGMT-NODES")
			msg.Properties.ReplyTo = wire.Some(fmt.Sprint("r/", i))
			m.send(msg)
		}
		s.advance(2 * time.Second)
		after, _ := s.scrape().Value("meshway_addresses{}")
		if n := after - before; n < 400 || n > 512 {
			t.Errorf("answers wait at %v addresses, want 512 at most", n)
		}
		s.advance(time.Minute)
	})
}

// A connection that management has closed is not listed any more, though its peer does not
// answer.
func TestAConnectionThatIsBeingClosedIsNotListed(t *testing.T) {
	play(t, nil, func(s *stage) {
		m := s.app("manager").manager("$management")
		victim := s.appAt("victim", listenHost+":5672", meshtest.ClientOptions{})
		row := m.only("connection", "container", "victim")
		victim.Stall(true)
		r := m.ask(attributes("adminStatus", "deleted"), "UPDATE", "type", "connection", "identity", row["identity"])
		equal(s, "status", r.code, 200)
		equal(s, "connections", len(m.rows("org.apache.qpid.dispatch.connection")), 1)
		victim.Stall(false)
		s.advance(3 * time.Second)
	})
}
