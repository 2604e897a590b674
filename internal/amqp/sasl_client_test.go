package amqp

import (
	"testing"

	"github.com/meshway/meshway/internal/sasl"
	"github.com/meshway/meshway/internal/wire"
)

var asAlice = config(func(c *Config) {
	c.Login = sasl.PlainClient{Username: "alice", Password: "secret"}
	c.Hostname = "example"
})

// challengeClient answers the client's SASL header and offers mechanisms.
func (p *peer) challengeClient(names ...wire.Symbol) {
	p.t.Helper()
	p.wantHeader("a login begins with SASL", wire.ProtoSASL)
	p.wantIdle("the server's mechanisms are awaited")
	p.write(wire.ProtoSASL[:], &wire.SASLMechanisms{Mechanisms: names})
}

func TestAClientLogsIn(t *testing.T) {
	dialled(t, func(p *peer) {
		p.challengeClient("SCRAM-SHA-256", "PLAIN")
		p.want("the mechanism of the login", &wire.SASLInit{
			Mechanism: "PLAIN", InitialResponse: login("alice", "secret"), Hostname: "example"})
		p.write(&wire.SASLOutcome{Code: wire.SASLOk})
		p.wantHeader("AMQP begins", wire.ProtoAMQP)
		p.want("with open", &wire.Open{ContainerID: "engine"})
		p.write(wire.ProtoAMQP[:], &p.hello)
		p.heard("it stands", "open peer")
	}, asAlice)
}

func TestAClientAnswersAChallenge(t *testing.T) {
	dialled(t, func(p *peer) {
		p.challengeClient("PLAIN")
		p.want("the login", &wire.SASLInit{Mechanism: "PLAIN", InitialResponse: login("alice", "secret"), Hostname: "example"})
		p.write(&wire.SASLChallenge{Challenge: []byte{}})
		p.want("again, for a server that overlooked it", &wire.SASLResponse{Response: login("alice", "secret")})
		p.write(&wire.SASLOutcome{Code: wire.SASLOk})
		p.wantHeader("AMQP begins", wire.ProtoAMQP)
	}, asAlice)
}

func TestAClientGivesUp(t *testing.T) {
	mechanisms := &wire.SASLMechanisms{Mechanisms: []wire.Symbol{"PLAIN"}}
	tests := map[string]struct {
		frames []any
		reason string
	}{
		"its mechanism is not offered":   {[]any{&wire.SASLMechanisms{Mechanisms: []wire.Symbol{"EXTERNAL", "GSSAPI"}}}, "the login is PLAIN"},
		"no mechanism is offered":        {[]any{&wire.SASLMechanisms{Mechanisms: []wire.Symbol{}}}, "the login is PLAIN"},
		"it is refused":                  {[]any{mechanisms, &wire.SASLOutcome{Code: wire.SASLAuth}}, "refused the login with PLAIN"},
		"the server has trouble":         {[]any{mechanisms, &wire.SASLOutcome{Code: wire.SASLSysPerm}}, "outcome code 3"},
		"an outcome before mechanisms":   {[]any{&wire.SASLOutcome{Code: wire.SASLOk}}, "not expected"},
		"mechanisms twice":               {[]any{mechanisms, mechanisms}, "not expected"},
		"a challenge it cannot answer":   {[]any{mechanisms, &wire.SASLChallenge{Challenge: []byte("?")}}, "PLAIN"},
		"a response from a server":       {[]any{mechanisms, &wire.SASLResponse{}}, "not expected"},
		"AMQP frames in the middle":      {[]any{mechanisms, &wire.Open{ContainerID: "server"}}, "SASL was expected"},
		"an init from a server":          {[]any{&wire.SASLInit{Mechanism: "PLAIN"}}, "not expected"},
		"challenges for ever":            {challenges(maxSASLSteps + 1), "not done after"},
		"a header that changes its mind": {[]any{mechanisms, &wire.SASLOutcome{}, wire.ProtoTLS[:]}, "TLS"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dialled(t, func(p *peer) {
				p.wantHeader("a login begins with SASL", wire.ProtoSASL)
				p.write(wire.ProtoSASL[:])
				p.write(tt.frames...)
				p.listen()
				p.in = nil // what it said before it gave up
				p.wantShut("there is no way on", tt.reason)
				p.heard("it never was open")
			}, asAlice)
		})
	}
}

func challenges(n int) []any {
	frames := []any{&wire.SASLMechanisms{Mechanisms: []wire.Symbol{"PLAIN"}}}
	for range n {
		frames = append(frames, &wire.SASLChallenge{Challenge: []byte{}})
	}
	return frames
}
