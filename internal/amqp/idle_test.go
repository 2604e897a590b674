package amqp

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/meshway/meshway/internal/wire"
)

// wanting says which idle-time-out the peer asks for, and lasting how long the
// engine bears silence.
func wanting(d time.Duration) option {
	return saying(func(o *wire.Open) { o.IdleTimeout = wire.Some(uint32(d.Milliseconds())) })
}

func lasting(d time.Duration) option {
	return config(func(c *Config) { c.IdleTimeout = d })
}

// [2.4.5] An idle peer hears of us in time, for as long as it stays.
func TestHeartbeatsGoOutForManyPeriods(t *testing.T) {
	const idle = time.Second
	dialogue(t, func(p *peer) {
		p.open()
		last, beats := time.Now(), 0
		for end := last.Add(50 * idle); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			for f, ok := p.next(); ok; f, ok = p.next() {
				if f.body != nil {
					p.t.Fatalf("nothing is going on, but %v came", f)
				}
				last = time.Now()
				beats++
			}
			if silent := time.Since(last); silent > idle*7/10 {
				p.t.Fatalf("silent for %v: a peer that gives us %v needs some of it for itself", silent, idle)
			}
		}
		if beats > 200 {
			p.t.Errorf("%d heartbeats in 50 periods are too many", beats)
		}
	}, wanting(idle))
}

// The worst moment for other output is right after the timer looked: it must not
// make the next heartbeat late.
func TestOtherOutputDelaysNoHeartbeat(t *testing.T) {
	const idle = time.Second
	for _, offset := range []time.Duration{time.Millisecond, idle / 3, idle/2 - time.Millisecond, idle/2 + time.Millisecond} {
		t.Run(offset.String(), func(t *testing.T) {
			opened(t, func(p *peer) {
				time.Sleep(offset)
				p.write(&wire.Flow{Echo: true, IncomingWindow: 10})
				if _, ok := p.next(); !ok {
					p.t.Fatal("the flow is not echoed")
				}
				last := time.Now()
				for range 300 {
					time.Sleep(10 * time.Millisecond)
					if _, ok := p.next(); ok {
						last = time.Now()
					}
					if silent := time.Since(last); silent > idle*7/10 {
						p.t.Fatalf("silent for %v of %v", silent, idle)
					}
				}
			}, wanting(idle), aboutWindows())
		})
	}
}

func TestAPeerThatDoesNotCareGetsNoHeartbeats(t *testing.T) {
	opened(t, func(p *peer) {
		time.Sleep(10 * time.Hour)
		p.wantIdle("it asked for no idle-time-out")
	})
}

// [2.4.5] "when no frames are received after a threshold value is exceeded": the
// close says why.
func TestASilentPeerIsClosed(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachSender("q", 0)
		p.write(message(0, 0, "hello"))
		time.Sleep(8 * time.Second)
		p.wantIdle("half of it was advertised, all of it is given")
		time.Sleep(3 * time.Second)
		p.want("the reason", &wire.Close{Error: &wire.Error{Condition: wire.CondResourceLimitExceeded, Description: "idle-timeout expired"}})
		p.wantShut("nobody waits for the close of a peer that says nothing", "nothing was received for 8s")
		p.heard("its link is gone, and what came by it", `q 0 "hello"`, "detach q lost 0 amqp:resource-limit-exceeded")
	}, lasting(8*time.Second))
}

func TestAnyFrameKeepsAConnection(t *testing.T) {
	flow := &wire.Flow{IncomingWindow: 10}
	for name, f := range map[string]frame{"heartbeats": {}, "heartbeats on another channel": {ch: 3}, "flows": asFrame(flow)} {
		t.Run(name, func(t *testing.T) {
			opened(t, func(p *peer) {
				for range 40 {
					time.Sleep(7 * time.Second)
					p.write(f)
				}
				p.wantIdle("280 seconds, and never 8 of silence")
			}, lasting(8*time.Second))
		})
	}
}

// Bytes of a frame that takes its time are life, too.
func TestAByteASecondKeepsAConnection(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachSender("q", 0)
		for _, b := range message(0, 0, "a slow peer").encode(nil) {
			time.Sleep(time.Second)
			p.write([]byte{b})
		}
		p.heard("the message is whole in the end", `q 0 "a slow peer"`)
		p.wantIdle("")
	}, lasting(4*time.Second))
}

func TestBothSidesBeatForManyPeriods(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newPair(t, lasting(2*time.Second))
		time.Sleep(10 * time.Minute)
		for _, c := range []*engine{a, b} {
			c.wantUp("300 periods of silence, filled with heartbeats")
		}
		a.close()
		b.wantEnd("")
		a.wantEnd("")
	})
}

// The peer vanishes: no close, no reset, and what we write goes nowhere.
func TestAPeerThatVanishesIsNoticed(t *testing.T) {
	opened(t, func(p *peer) {
		p.nc.in.set(func(s *memStream) { s.limit = 1 })
		time.Sleep(time.Minute)
		select {
		case <-p.done:
		default:
			p.t.Fatal("a minute after it vanished it is still held to be there")
		}
		p.heard("nobody was at fault")
	}, lasting(8*time.Second), wanting(4*time.Second))
}

// [2.4.5] No heartbeats behind our close, however long the peer's is awaited.
func TestNoHeartbeatsBehindClose(t *testing.T) {
	opened(t, func(p *peer) {
		p.do(func(b *Batch) { p.conn.Close(b, nil) })
		p.want("our close", &wire.Close{})
		time.Sleep(1900 * time.Millisecond)
		p.wantIdle("the peer takes its time")
		p.write(&wire.Close{})
		p.wantShut("", "")
	}, wanting(100*time.Millisecond))
}

// A look that comes late says that this machine stood still: what the peer sent
// meanwhile waits to be read, and its time begins anew.
func TestAMachineThatWasPausedTakesNobodyForSilent(t *testing.T) {
	dialogue(t, func(p *peer) {
		p.open()
		time.Sleep(3 * time.Second)
		p.conn.mu.Lock()
		p.conn.dueAt -= int64(10 * time.Second) // as if the next look had been due then
		p.conn.mu.Unlock()
		time.Sleep(9 * time.Second)
		p.wantIdle("ten seconds more than four are not over")
		time.Sleep(4 * time.Second)
		p.want("now they are", &wire.Close{Error: refused(wire.CondResourceLimitExceeded)})
	}, lasting(4*time.Second))
}
