package router_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/xdg-go/scram"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/sasl"
	"github.com/meshway/meshway/internal/wire"
)

// How the router logs in at brokers, and what it says of a login that comes to nothing.

// booked is a name and the password that a broker has for it.
type booked struct{ name, password string }

func (p booked) Verify(_ context.Context, name, password string) error {
	if (booked{name, password}) != p {
		return sasl.ErrAuth
	}
	return nil
}

// scramServer is another project's server half of SCRAM-SHA-256.
type scramServer struct {
	t    *testing.T
	book booked
}

func (scramServer) Name() string { return "SCRAM-SHA-256" }

func (s scramServer) Start() sasl.Exchange {
	client, err := scram.SHA256.NewClient(s.book.name, s.book.password, "")
	if err != nil {
		s.t.Fatal(err)
	}
	stored, err := client.GetStoredCredentialsWithError(scram.KeyFactors{Salt: "eight or more", Iters: 4096})
	if err != nil {
		s.t.Fatal(err)
	}
	server, err := scram.SHA256.NewServer(func(string) (scram.StoredCredentials, error) { return stored, nil })
	if err != nil {
		s.t.Fatal(err)
	}
	return &scramExchange{server.NewConversation()}
}

type scramExchange struct{ talk *scram.ServerConversation }

// Step sends the server's proof as a challenge, which the client answers with nothing.
func (x *scramExchange) Step(_ context.Context, response []byte) ([]byte, bool, string, error) {
	if x.talk.Done() {
		if !x.talk.Valid() {
			return nil, false, "", sasl.ErrAuth
		}
		return nil, true, x.talk.Username(), nil
	}
	challenge, err := x.talk.Step(string(response))
	if err != nil {
		return nil, false, "", fmt.Errorf("%w: %w", sasl.ErrAuth, err)
	}
	return []byte(challenge), false, "", nil
}

func TestTheStrongestLoginThatABrokerHasIsTaken(t *testing.T) {
	mesh := booked{"mesh", "secret"}
	plain := sasl.Plain{Users: mesh}
	for want, offered := range map[string][]sasl.Mechanism{
		"SCRAM-SHA-256": {sasl.Anonymous{}, plain, scramServer{t, mesh}},
		"PLAIN":         {sasl.Anonymous{}, plain},
		"ANONYMOUS":     {sasl.Anonymous{}},
	} {
		t.Run(want, func(t *testing.T) {
			playBroker(t, func(c *config.Config) {
				k := &c.Connectors[0]
				k.SASLMechanisms = []string{"SCRAM-SHA-256", "PLAIN", "ANONYMOUS"}
				k.SASLUsername, k.SASLPassword = mesh.name, config.NewSecret("pass:"+mesh.password, ".")
			}, func(s *stage, k *scriptedBroker) {
				k.do(func() { k.conf.Mechanisms = offered })
				k.restart()
				s.advance(5 * time.Second)
				ended(s, "a message", s.app("sender").producer("q").send(text("x")), wire.StateAccepted)
				user, mechanism := k.conns[len(k.conns)-1].conn.Identity()
				equal(s, "the login", mechanism, want)
				if want != "ANONYMOUS" {
					equal(s, "the user", user, mesh.name)
				}
			}, out("q"))
		})
	}
}

func TestABrokerThatDoesNotKnowThePasswordIsToldOfAndTriedAgain(t *testing.T) {
	right, wrong := booked{"mesh", "secret"}, booked{"mesh", "guess"}
	for name, m := range map[string]struct{ wrong, right sasl.Mechanism }{
		"PLAIN":         {sasl.Plain{Users: wrong}, sasl.Plain{Users: right}},
		"SCRAM-SHA-256": {scramServer{t, wrong}, scramServer{t, right}},
	} {
		t.Run(name, func(t *testing.T) {
			playBroker(t, func(c *config.Config) {
				c.Connectors[0].SASLMechanisms = []string{name}
				c.Connectors[0].SASLUsername, c.Connectors[0].SASLPassword = right.name, config.NewSecret("pass:"+right.password, ".")
			}, func(s *stage, k *scriptedBroker) {
				k.do(func() { k.conf.Mechanisms = []sasl.Mechanism{m.wrong} })
				s.advance(time.Minute)
				equal(s, "attaches", k.count("attached"), 0)
				if !s.logged("warn", "not reached", "connector=broker", "refused the login with "+name, "do=check saslUsername") {
					t.Errorf("the refusal is not logged with what to do: %q", s.lines())
				}
				row := s.app("manager").manager("$management").only("connector", "name", "broker")
				equal(s, "the connector's status", row["connectionStatus"], any("CONNECTING"))
				if text, _ := row["connectionMsg"].(string); !strings.Contains(text, "broker:5672 failed") || !strings.Contains(text, "refused the login with "+name) {
					t.Errorf("the connector says %q, and not that its login is refused", text)
				}
				k.do(func() { k.conf.Mechanisms = []sasl.Mechanism{m.right} })
				s.advance(time.Minute)
				equal(s, "attached when the broker knows it", k.count("attached q"), 1)
			}, out("q"))
		})
	}
}
