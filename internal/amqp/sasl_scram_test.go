package amqp

import (
	"testing"

	"github.com/xdg-go/scram"

	"github.com/meshway/meshway/internal/sasl"
	"github.com/meshway/meshway/internal/wire"
)

var byScram = config(func(c *Config) {
	c.Login = sasl.ScramClient{Username: "alice", Password: "secret"}
})

// nextSASL takes the next frame, which is to be of T.
func nextSASL[T wire.Performative](p *peer) T {
	p.t.Helper()
	f, _ := p.next()
	body, ok := f.body.(T)
	if !ok {
		p.t.Fatalf("got %v%s, want %T", f, p.ending(), body)
	}
	return body
}

// scramAsk is a server that knows alice by this password, as far as its last
// message. It does not care whether alice has proven anything.
func (p *peer) scramAsk(password string) (serverFinal []byte) {
	p.t.Helper()
	alice, err := scram.SHA256.NewClient("alice", password, "")
	if err != nil {
		p.t.Fatal(err)
	}
	stored, err := alice.GetStoredCredentialsWithError(scram.KeyFactors{Salt: "eight or more", Iters: 4096})
	if err != nil {
		p.t.Fatal(err)
	}
	server, err := scram.SHA256.NewServer(func(string) (scram.StoredCredentials, error) { return stored, nil })
	if err != nil {
		p.t.Fatal(err)
	}
	s := server.NewConversation()
	p.challengeClient("PLAIN", "SCRAM-SHA-256")
	init := nextSASL[*wire.SASLInit](p)
	if init.Mechanism != "SCRAM-SHA-256" {
		p.t.Fatalf("it logs in with %s", init.Mechanism)
	}
	challenge, err := s.Step(string(init.InitialResponse))
	if err != nil {
		p.t.Fatal(err)
	}
	p.write(&wire.SASLChallenge{Challenge: []byte(challenge)})
	final, _ := s.Step(string(nextSASL[*wire.SASLResponse](p).Response)) // its errors are in final, too
	return []byte(final)
}

// wantIn checks that the client goes on to AMQP.
func (p *peer) wantIn(mechanism string) {
	p.t.Helper()
	p.wantHeader("AMQP begins", wire.ProtoAMQP)
	p.want("with open", &wire.Open{ContainerID: "engine"})
	p.write(wire.ProtoAMQP[:], &p.hello)
	p.heard("it stands", "open peer")
	if _, got := p.conn.Identity(); got != mechanism {
		p.t.Errorf("logged in by %q, want %s", got, mechanism)
	}
}

// [5.3.3.6] What a mechanism has to say at its end comes along with the outcome.
func TestScramWithTheServersProofInTheOutcome(t *testing.T) {
	dialled(t, func(p *peer) {
		p.write(&wire.SASLOutcome{Code: wire.SASLOk, AdditionalData: p.scramAsk("secret")})
		p.wantIn("SCRAM-SHA-256")
	}, byScram)
}

func TestScramWithTheServersProofInAChallenge(t *testing.T) {
	dialled(t, func(p *peer) {
		p.write(&wire.SASLChallenge{Challenge: p.scramAsk("secret")})
		p.want("there is nothing left to say", &wire.SASLResponse{Response: []byte{}})
		p.write(&wire.SASLOutcome{Code: wire.SASLOk})
		p.wantIn("SCRAM-SHA-256")
	}, byScram)
}

// A server that says ok is not believed before it has shown that it knows the
// password: it learns nothing more, and nothing is sent to it.
func TestScramServersThatOnlySayOk(t *testing.T) {
	ok := func(data []byte) any { return &wire.SASLOutcome{Code: wire.SASLOk, AdditionalData: data} }
	tests := map[string]struct {
		says   func(p *peer) any
		reason string
	}{
		"it keeps silent":               {func(p *peer) any { p.scramAsk("secret"); return ok(nil) }, "without server-final-message"},
		"it does not know":              {func(p *peer) any { return ok(p.scramAsk("guess")) }, "the server refuses (e=)"},
		"it makes something up":         {func(p *peer) any { p.scramAsk("secret"); return ok(madeUp) }, "signature (v=) is wrong"},
		"it makes up a challenge":       {func(p *peer) any { p.scramAsk("secret"); return &wire.SASLChallenge{Challenge: madeUp} }, "signature (v=) is wrong"},
		"it asks for nothing at all":    {func(p *peer) any { p.challengeClient("SCRAM-SHA-256"); p.next(); return ok(nil) }, "without server-first-message"},
		"it refuses, with the proof":    {func(p *peer) any { return &wire.SASLOutcome{Code: wire.SASLAuth, AdditionalData: p.scramAsk("secret")} }, "refused the login with SCRAM-SHA-256"},
		"it wants to hash for ever":     {scramAsking("i=4000000000"), "iteration count (i=) 4000000000 is more than"},
		"it wants the password cheaply": {scramAsking("i=1"), "iteration count (i=) 1 is less than"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dialled(t, func(p *peer) {
				p.write(tt.says(p))
				p.wantShut("not another word", tt.reason)
				p.heard("it never was open")
			}, byScram)
		})
	}
}

var madeUp = []byte("v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")

// scramAsking is a first message with this iteration count.
func scramAsking(iterations string) func(*peer) any {
	return func(p *peer) any {
		p.challengeClient("SCRAM-SHA-256")
		first := string(nextSASL[*wire.SASLInit](p).InitialResponse)
		nonce := first[len("n,,n=alice,"):]
		return &wire.SASLChallenge{Challenge: []byte(nonce + "xyz,s=AAAAAAAAAAAAAAAA," + iterations)}
	}
}

func TestANameThatScramCannotSendIsToldAtOnce(t *testing.T) {
	dialled(t, func(p *peer) {
		p.challengeClient("SCRAM-SHA-256")
		p.wantShut("the server learns nothing", "SASLprep")
	}, config(func(c *Config) { c.Login = sasl.ScramClient{Username: "al\x07ice", Password: "secret"} }))
}

func weaker(mechanisms ...sasl.ClientMechanism) option {
	return config(func(c *Config) { c.WeakerLogins = mechanisms })
}

func TestAClientTakesTheStrongestLoginThatIsOffered(t *testing.T) {
	tests := map[string]struct {
		offered []wire.Symbol
		want    string
	}{
		"all, the weakest first": {[]wire.Symbol{"ANONYMOUS", "PLAIN", "SCRAM-SHA-256"}, "SCRAM-SHA-256"},
		"the weaker ones":        {[]wire.Symbol{"ANONYMOUS", "PLAIN"}, "PLAIN"},
		"one, among others":      {[]wire.Symbol{"GSSAPI", "ANONYMOUS", "EXTERNAL"}, "ANONYMOUS"},
		"others":                 {[]wire.Symbol{"GSSAPI", "scram-sha-256", "SCRAM-SHA-256-PLUS"}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dialled(t, func(p *peer) {
				p.challengeClient(tt.offered...)
				if tt.want == "" {
					p.wantShut("nothing fits", "the login is SCRAM-SHA-256 or PLAIN or ANONYMOUS")
					return
				}
				if init := nextSASL[*wire.SASLInit](p); string(init.Mechanism) != tt.want {
					p.t.Fatalf("it logs in with %s, want %s", init.Mechanism, tt.want)
				}
				p.write(&wire.SASLOutcome{Code: wire.SASLAuth})
				p.wantShut("what was taken is what is told", "refused the login with "+tt.want)
			}, byScram, weaker(sasl.PlainClient{Username: "alice", Password: "secret"}, sasl.AnonymousClient{}))
		})
	}
}

func TestAWeakerLoginIsTheOneThatStands(t *testing.T) {
	dialled(t, func(p *peer) {
		p.challengeClient("PLAIN")
		p.want("the weaker login", &wire.SASLInit{Mechanism: "PLAIN", InitialResponse: login("alice", "secret")})
		p.write(&wire.SASLOutcome{Code: wire.SASLOk})
		p.wantIn("PLAIN")
	}, byScram, weaker(sasl.PlainClient{Username: "alice", Password: "secret"}))
}
