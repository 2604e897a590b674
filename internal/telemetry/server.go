package telemetry

import (
	"net"
	"net/http"
	"sync"
	"time"

	"go.uber.org/zap"
)

// What one client, and all of them, may cost.
const (
	headerTimeout   = 5 * time.Second // until a request's header is there
	requestTimeout  = 10 * time.Second
	responseTimeout = 90 * time.Second // profiles take as long as they are asked to
	idleTimeout     = time.Minute
	largestHeader   = 8 << 10 // bytes
	// MostConnections is how many there may be at a time; one more is closed at once.
	MostConnections = 100
)

// NewServer makes a server that answers by h, and gives slow clients little. Serve it on a
// listener that [Limit] bounds.
func NewServer(h http.Handler, log *zap.Logger) *http.Server {
	errorLog, _ := zap.NewStdLogAt(log, zap.DebugLevel) // the level is one that there is
	return &http.Server{
		Handler:           http.MaxBytesHandler(h, 0), // no request has a body
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       requestTimeout,
		WriteTimeout:      responseTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    largestHeader,
		ErrorLog:          errorLog,
	}
}

// Limit bounds the connections that a listener accepts: those beyond [MostConnections] at a
// time are closed at once.
func Limit(ln net.Listener) net.Listener {
	return &limited{Listener: ln, places: make(chan struct{}, MostConnections)}
}

type limited struct {
	net.Listener
	places chan struct{}
}

func (l *limited) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case l.places <- struct{}{}:
			return &limitedConn{Conn: c, leave: sync.OnceFunc(func() { <-l.places })}, nil
		default:
			_ = c.Close()
		}
	}
}

type limitedConn struct {
	net.Conn
	leave func()
}

func (c *limitedConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
