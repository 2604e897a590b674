package router_test

import (
	"context"
	"maps"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/router"
)

// meshStage is a whole mesh in memory, in virtual time, and its applications.
type meshStage struct {
	*stage
	routers  map[string]*router.Router // by host
	configs  map[string]config.Config
	channels uint16 // channel-max of containers; 0 is what is usual
	granted  uint32 // credit that neighbours which are none grant

	mu      sync.Mutex
	dialled map[string][]*meshtest.Conn // what each host has dialled to other routers
}

// playMesh runs a story in a mesh that is drawn as adjacencies with their costs:
// "A-B A-C:3". The lesser name listens, the other one dials. change may alter each
// router's configuration; nil leaves them alone.
func playMesh(t *testing.T, drawing string, change func(*config.Config), story func(s *meshStage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &meshStage{stage: &stage{t: t}, routers: map[string]*router.Router{}, configs: map[string]config.Config{}, dialled: map[string][]*meshtest.Conn{}, granted: 1000}
		for _, adjacency := range strings.Fields(drawing) {
			ends, cost, _ := strings.Cut(adjacency, ":")
			a, b, _ := strings.Cut(ends, "-")
			s.draw(a, b, cost)
		}
		for id, cfg := range s.configs {
			if change != nil {
				change(&cfg)
				s.configs[id] = cfg
			}
		}
		for _, id := range slices.Sorted(maps.Keys(s.configs)) {
			s.startRouter(id) // those that dial after those that listen
		}
		s.advance(2 * time.Second)
		story(s)
		s.end()
	})
}

// draw adds an adjacency to the configurations of its ends.
func (s *meshStage) draw(a, b, cost string) {
	for _, id := range []string{a, b} {
		if _, ok := s.configs[id]; !ok {
			c := standalone()
			c.Router.ID, c.Router.Mode = id, config.Interior
			c.Router.Heartbeat = 100 * time.Millisecond
			c.Listeners[0].Host = id
			c.Listeners = append(c.Listeners, config.Listener{
				Name: "mesh", Host: id, Port: "55672", Role: config.RoleInterRouter, Cost: 1, MaxFrameSize: 64 << 10,
				MaxSessions: 2048, IdleTimeout: 16 * time.Second,
			})
			s.configs[id] = c
		}
	}
	n, err := strconv.Atoi(cost)
	if err != nil {
		n = 1
	}
	c := s.configs[b]
	c.Connectors = append(c.Connectors, config.Connector{
		Name: "to-" + a, Host: a, Port: "55672", Role: config.RoleInterRouter, Cost: uint32(n), MaxFrameSize: 64 << 10, IdleTimeout: 16 * time.Second,
	})
	s.configs[b] = c
}

func (s *meshStage) startRouter(id string) {
	s.t.Helper()
	s.startRouterWith(id, testLog(s.t).With(zap.String("router", id)), func(*router.Router) {})
}

// startRouterWith starts a router with a log of its own, which is prepared before.
func (s *meshStage) startRouterWith(id string, log *zap.Logger, prepare func(*router.Router)) {
	s.t.Helper()
	r, err := router.New(s.configs[id], log)
	if err != nil {
		s.t.Fatal(err)
	}
	prepare(r)
	s.routers[id] = r
	r.ListenBy(s.net.Listen)
	r.DialBy(func(ctx context.Context, _, address string) (net.Conn, error) {
		nc, err := s.net.Dial(ctx, id, address)
		if err != nil {
			return nil, err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.dialled[id] = append(s.dialled[id], nc)
		return nc, nil
	})
	if err := r.Start(); err != nil {
		s.t.Fatal(err)
	}
	time.Sleep(apart)
}

// apart is what lies between the starts of two routers. If they started in one instant of a
// bubble's time, their tickers would come due together for ever, and the race detector has one
// stack of calls for all that a bubble's timers do: reading overdue tickers side by side crashes it.
const apart = time.Millisecond

// at connects an application to a router.
func (s *meshStage) at(id, name string) *app {
	a := s.appAt(name, id+":5672", meshtest.ClientOptions{})
	a.at = id
	return a
}

// cutOne cuts one of the connections between two routers that stand: the first for even
// i, the last for odd.
func (s *meshStage) cutOne(a, b string, i int) {
	live := s.standing(a, b)
	live[i%2*(len(live)-1)].Cut()
}

// standing is the connections between two routers that stand.
func (s *meshStage) standing(a, b string) (live []*meshtest.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range append(append([]*meshtest.Conn(nil), s.dialled[a]...), s.dialled[b]...) {
		if _, err := c.TryWrite(nil); err == nil {
			live = append(live, c)
		}
	}
	return live
}

// cost is what the way from one router to another costs.
func (s *meshStage) cost(from, to string) uint32 { return s.routers[from].CostTo(to) }

// end closes what is open, and checks that nothing is left.
func (s *meshStage) end() {
	s.t.Helper()
	for _, a := range s.apps {
		a.do(func() {
			for _, session := range a.sessions {
				session.End(nil)
			}
		})
	}
	s.advance(time.Second)
	for id, r := range s.routers {
		for _, what := range r.Residue() {
			s.t.Errorf("left at %s after every session has ended: %s", id, what)
		}
	}
	for _, a := range s.apps {
		a.do(func() { a.Close(nil) })
	}
	for id, r := range s.routers {
		if err := r.Shutdown(context.Background()); err != nil {
			s.t.Errorf("shutdown of %s: %v", id, err)
		}
	}
	time.Sleep(2 * time.Minute) // what gossip has begun ends with its timers
	synctest.Wait()
}

// testLog writes to standard error if MESHWAY_LOG is set.
func testLog(*testing.T) *zap.Logger {
	if os.Getenv("MESHWAY_LOG") == "" {
		return zap.NewNop()
	}
	enc := zapcore.NewConsoleEncoder(zap.NewDevelopmentEncoderConfig())
	return zap.New(zapcore.NewCore(enc, zapcore.Lock(os.Stderr), zap.DebugLevel))
}
