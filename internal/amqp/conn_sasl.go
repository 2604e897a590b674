package amqp

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/meshway/meshway/internal/buf"
	"github.com/meshway/meshway/internal/sasl"
	"github.com/meshway/meshway/internal/wire"
)

// saslState is a SASL exchange under way, owned by the reader. [5.3]
type saslState struct {
	server    sasl.Exchange       // nil until sasl-init
	client    sasl.ClientExchange // nil until sasl-init
	mechanism string
	quick     bool // no step takes long
	steps     int
}

// quick says whether no step of a mechanism takes long, as a salted hash does.
func quick(m sasl.Mechanism) bool {
	_, anonymous := m.(sasl.Anonymous)
	return anonymous
}

// maxSASLSteps bounds an exchange: the longest mechanism in use takes three.
const maxSASLSteps = 8

// startSASL answers the peer's SASL header with ours and the mechanisms.
func (c *Conn) startSASL() {
	c.sasl = new(saslState)
	c.phase = phaseSASL
	c.answerHeader(wire.ProtoSASL)
	c.sayBytes(c.cfg.alike().mechanisms)
}

func (c *Conn) sendSASL(p wire.Performative) {
	c.mu.Lock()
	c.out.bytes = wire.AppendSASLFrame(buf.Reserve(c.out.bytes, 512), p)
	c.mu.Unlock()
}

// sayBytes sends what is encoded already.
func (c *Conn) sayBytes(frame []byte) {
	c.mu.Lock()
	c.out.bytes = append(buf.Reserve(c.out.bytes, len(frame)), frame...)
	c.mu.Unlock()
}

// recvSASL handles one SASL frame. Every error ends the connection.
func (c *Conn) recvSASL(body []byte) error {
	code, fields, rest, err := wire.ParsePerformative(body)
	if err != nil {
		return &HandshakeError{Reason: err.Error()}
	}
	if len(rest) > 0 {
		return &HandshakeError{Reason: fmt.Sprintf("SASL: %d bytes behind %v", len(rest), code)}
	}
	if c.sasl.steps++; c.sasl.steps > maxSASLSteps {
		return &HandshakeError{Reason: fmt.Sprintf("SASL: not done after %d steps", maxSASLSteps)}
	}
	if c.client {
		return c.recvSASLClient(code, fields)
	}
	switch code {
	case wire.CodeSASLInit:
		var init wire.SASLInit
		if err := init.Decode(fields); err != nil {
			return &HandshakeError{Reason: err.Error()}
		}
		return c.recvSASLInit(&init)
	case wire.CodeSASLResponse:
		var r wire.SASLResponse
		if err := r.Decode(fields); err != nil {
			return &HandshakeError{Reason: err.Error()}
		}
		if c.sasl.server != nil {
			return c.stepSASL(r.Response)
		}
	}
	return &HandshakeError{Reason: fmt.Sprintf("SASL: %v was not expected now", code)}
}

func (c *Conn) recvSASLInit(init *wire.SASLInit) error {
	if c.sasl.server != nil {
		return &HandshakeError{Reason: "SASL: a second sasl-init"}
	}
	for _, m := range c.cfg.Mechanisms {
		if m.Name() == string(init.Mechanism) {
			c.sasl.mechanism, c.sasl.quick = m.Name(), quick(m)
			c.sasl.server = m.Start()
			return c.stepSASL(init.InitialResponse)
		}
	}
	return c.refuseLogin(fmt.Sprintf("the peer chose the mechanism %q, which was not offered", init.Mechanism), wire.SASLAuth)
}

// stepSASL gives the peer's response to the mechanism.
func (c *Conn) stepSASL(response []byte) error {
	ctx := context.Background()
	if !c.sasl.quick {
		var cancel context.CancelFunc
		ctx, cancel = c.saslContext()
		defer cancel()
	}
	challenge, done, identity, err := c.sasl.server.Step(ctx, response)
	switch {
	case errors.Is(err, sasl.ErrAuth):
		return c.refuseLogin(err.Error(), wire.SASLAuth)
	case err != nil:
		// Our own trouble (a users file that cannot be read): the peer may try again.
		return c.refuseLogin(err.Error(), wire.SASLSysTemp)
	case !done:
		c.sendSASL(&wire.SASLChallenge{Challenge: challenge})
		return nil
	}
	c.identity, c.mechanism = identity, c.sasl.mechanism
	c.sasl = nil
	c.sayBytes(c.cfg.alike().welcome)
	c.phase = phaseAMQPHeader
	return nil
}

// refuseLogin tells the outcome; the socket is closed behind it. [5.3.2]
func (c *Conn) refuseLogin(reason string, code wire.SASLCode) error {
	c.sendSASL(&wire.SASLOutcome{Code: code})
	return &HandshakeError{Reason: "SASL: " + reason}
}

func (c *Conn) recvSASLClient(code wire.Code, fields wire.List) error {
	switch {
	case code == wire.CodeSASLMechanisms && c.sasl.client == nil:
		var m wire.SASLMechanisms
		if err := m.Decode(fields); err != nil {
			return &HandshakeError{Reason: err.Error()}
		}
		return c.chooseMechanism(m.Mechanisms)
	case code == wire.CodeSASLChallenge && c.sasl.client != nil:
		var ch wire.SASLChallenge
		if err := ch.Decode(fields); err != nil {
			return &HandshakeError{Reason: err.Error()}
		}
		response, err := c.sasl.client.Step(ch.Challenge)
		if err != nil {
			return &HandshakeError{Reason: "SASL: " + err.Error()}
		}
		c.sendSASL(&wire.SASLResponse{Response: response})
		return nil
	case code == wire.CodeSASLOutcome && c.sasl.client != nil:
		var o wire.SASLOutcome
		if err := o.Decode(fields); err != nil {
			return &HandshakeError{Reason: err.Error()}
		}
		return c.finishLogin(&o)
	}
	return &HandshakeError{Reason: fmt.Sprintf("SASL: %v was not expected now", code)}
}

// finishLogin goes on to AMQP, if the server is content with the client and the
// other way round.
func (c *Conn) finishLogin(o *wire.SASLOutcome) error {
	if o.Code != wire.SASLOk {
		return &HandshakeError{Reason: fmt.Sprintf("SASL: the server refused the login with %s (outcome code %d)", c.sasl.mechanism, o.Code), Login: true}
	}
	if err := c.sasl.client.Finish(o.AdditionalData); err != nil {
		return &HandshakeError{Reason: "SASL: " + err.Error(), Login: true}
	}
	c.mechanism = c.sasl.mechanism
	c.sasl = nil
	c.phase = phaseAMQPHeader
	c.mu.Lock()
	c.appendHeader(wire.ProtoAMQP)
	c.appendOpen()
	c.mu.Unlock()
	return nil
}

// chooseMechanism begins the login with the strongest mechanism that both sides have.
func (c *Conn) chooseMechanism(offered []wire.Symbol) error {
	var names []string
	for _, login := range append([]sasl.ClientMechanism{c.cfg.Login}, c.cfg.WeakerLogins...) {
		if slices.Contains(offered, wire.Symbol(login.Name())) {
			return c.startLogin(login)
		}
		names = append(names, login.Name())
	}
	return &HandshakeError{Reason: fmt.Sprintf("SASL: the server offers %v, the login is %s", offered, strings.Join(names, " or ")), Login: true}
}

func (c *Conn) startLogin(login sasl.ClientMechanism) error {
	c.sasl.mechanism, c.sasl.client = login.Name(), login.Start()
	initial, err := c.sasl.client.Step(nil)
	if err != nil {
		return &HandshakeError{Reason: "SASL: " + err.Error(), Login: true}
	}
	c.sendSASL(&wire.SASLInit{Mechanism: wire.Symbol(login.Name()), InitialResponse: initial, Hostname: c.cfg.Hostname})
	return nil
}
