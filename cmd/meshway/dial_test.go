package main

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
)

// peer accepts one connection and hands it to a function.
func peer(t *testing.T, serve func(net.Conn)) target {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer func() { _ = c.Close() }()
		serve(c)
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return target{address: l.Addr().String(), host: "127.0.0.1"}
}

// say answers the header of the client with bytes, and waits for its end.
func say(bytes string) func(net.Conn) {
	return func(c net.Conn) {
		if _, err := io.ReadFull(c, make([]byte, 8)); err != nil {
			return
		}
		_, _ = io.WriteString(c, bytes)
		_, _ = io.Copy(io.Discard, c)
	}
}

const saslHeader = "AMQP\x03\x01\x00\x00"

// mechanisms is a sasl-mechanisms frame that offers one.
func mechanisms(name string) string {
	body := "\x00\x53\x40\xc0" + string(rune(3+len(name))) + "\x01\xa3" + string(rune(len(name))) + name
	return "\x00\x00\x00" + string(rune(8+len(body))) + "\x02\x01\x00\x00" + body
}

// refusal is a sasl-outcome frame with code 1, auth.
const refusal = "\x00\x00\x00\x10\x02\x01\x00\x00\x00\x53\x44\xc0\x03\x01\x50\x01"

func TestDialSaysWhatIsWrong(t *testing.T) {
	tests := []struct {
		name  string
		serve func(net.Conn)
		login bool
		want  string
	}{
		{"a web server", say("HTTP/1.1 400 Bad Request\r\n\r\n"), false, `does not speak AMQP 1.0 (unexpected protocol "HTTP"); it is probably not an AMQP 1.0 router`},
		{"AMQP 0-9-1", say("AMQP\x00\x00\x09\x01"), false, "does not speak AMQP 1.0"},
		{"closes at once", func(net.Conn) {}, false, "closed the connection during the handshake"},
		{"hangs up in the middle", func(c net.Conn) {
			_, _ = io.ReadFull(c, make([]byte, 8))
			_, _ = io.WriteString(c, "AMQ")
		}, false, "closed the connection during the handshake"},
		{"wants a login", say(saslHeader + mechanisms("PLAIN")), false, "lets nobody in without a login (it offers PLAIN); use --url amqp://USER:PASSWORD@127.0.0.1:"},
		{"knows no logins", say(saslHeader + mechanisms("ANONYMOUS")), true, "takes no user names with passwords (it offers ANONYMOUS); use --url amqp://127.0.0.1:"},
		{"refuses the login", say(saslHeader + mechanisms("PLAIN") + refusal), true, "refused the user name or the password"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			to := peer(t, tt.serve)
			to.login, to.user, to.password = tt.login, "alice", "secret"
			_, err := dialAMQP(t.Context(), to)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), to.address) {
				t.Fatalf("got %v, want %q and the address", err, tt.want)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("%q shows the password", err)
			}
		})
	}
}

func TestDialWhereNothingListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	_, err = dialAMQP(t.Context(), target{address: address, host: "127.0.0.1"})
	if want := "nothing listens on " + address + " (connection refused); start a router with: meshway run, or name another one with --url"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestDialAHostThatIsNone(t *testing.T) {
	err := explainDial(t.Context(), target{host: "nowhere.invalid"}, &net.DNSError{IsNotFound: true})
	if want := `there is no host "nowhere.invalid"; see --url`; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
}

func TestDialAPeerThatSaysNothing(t *testing.T) {
	to := target{address: "h:1"}
	for _, err := range []error{
		explainDial(t.Context(), to, context.DeadlineExceeded),
		explainHandshake(t.Context(), to, context.DeadlineExceeded),
	} {
		if !strings.Contains(err.Error(), "h:1") || !strings.Contains(err.Error(), "10s") {
			t.Errorf("got %v", err)
		}
	}
}

func TestDialInterrupted(t *testing.T) {
	accepted := make(chan struct{})
	to := peer(t, func(c net.Conn) {
		close(accepted)
		_, _ = io.Copy(io.Discard, c)
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-accepted
		cancel()
	}()
	if _, err := dialAMQP(ctx, to); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}
