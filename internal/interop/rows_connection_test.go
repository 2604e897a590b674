package interop

import (
	"errors"
	"time"
)

// Rows about connections: who gets in, who stays, and how it ends.

// exchange proves that both connections work, and closes them.
func exchange(s *stage, from, to *connection) {
	s.Helper()
	address := s.address("exchange")
	r := to.receiver(address)
	r.credit(1)
	out := from.sender(address)
	out.send(texts("hello")...)
	r.wantBodies("hello")
	r.settle(0, 1, accepted)
	out.wantOutcomes(0, accepted)
	from.close()
	to.close()
}

// noSASL: a peer that comes without a SASL layer is let in where the listener
// asks for no authentication.
func noSASL(s *stage) {
	bare := func(c *command) { c.SASL = "none" }
	exchange(s, s.sendingSide(bare), s.receivingSide(bare))
}

func login(user, password string) option {
	return func(c *command) { c.SASL, c.User, c.Password = "PLAIN", user, password }
}

func plainLogin(s *stage) {
	users := s.listener(usersListener)
	exchange(s, s.sendingSide(users, login(userName, userPassword)), s.receivingSide(users, login(userName, userPassword)))
}

func wrongPasswordIsRefused(s *stage) {
	users := s.listener(usersListener)
	s.refusedConnection(s.sending, users, login(userName, "wrong"))
	s.refusedConnection(s.sending, users, login("nobody", userPassword))
	s.refusedConnection(s.sending, users, func(c *command) { c.SASL = "ANONYMOUS" })
	plainLogin(s)
}

// heartbeats: both sides ask for short idle time-outs and say nothing for four
// of them. The client drops a router that is silent, the router a client.
func heartbeats(s *stage) {
	short := func(c *command) { c.IdleMS = int(idleTimeout.Milliseconds()) }
	idle := s.listener(idleListener)
	for {
		from, to := s.sendingSide(idle, short), s.receivingSide(idle, short)
		stoodStill := keepSilent(4 * idleTimeout)
		err := errors.Join(from.ping(), to.ping())
		if err != nil && stoodStill > idleTimeout/4 {
			// Then nobody could send a heartbeat: a virtual machine was held.
			s.Logf("again: the machine stood still for %v (%v)", stoodStill, err)
			continue
		}
		s.check("after four periods of silence", err)
		exchange(s, from, to)
		return
	}
}

// keepSilent waits, and returns the longest time in which nothing ran here.
func keepSilent(d time.Duration) (stoodStill time.Duration) {
	const tick = 20 * time.Millisecond
	for begin, last := time.Now(), time.Now(); time.Since(begin) < d; last = time.Now() {
		time.Sleep(tick) // silence is the subject
		stoodStill = max(stoodStill, time.Since(last)-tick)
	}
	return stoodStill
}

// routerStops: a router that ends says so, and lets what is in flight settle.
func routerStops(s *stage) {
	s.router = startRouter(s.T)
	from, to := s.sendingSide(), s.receivingSide()
	address := s.address("q")
	r := to.receiver(address)
	r.credit(1)
	out := from.sender(address)
	out.send(texts("in flight")...)
	r.wantBodies("in flight")
	s.router.terminate(s.T)
	r.settle(0, 1, accepted)
	out.wantOutcomes(0, accepted)
	s.equal("condition for the sender", from.closed().Condition, "amqp:connection:forced")
	s.equal("condition for the receiver", to.closed().Condition, "amqp:connection:forced")
}
