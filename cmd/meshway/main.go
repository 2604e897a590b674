// Command meshway is an AMQP 1.0 message router, and what one needs to try it:
// send, receive and manage users.
//
// One file holds one command, or one thing that commands share: dial.go what
// connects them to a router, compose.go and body.go messages from flags and
// text, show.go messages and outcomes for people and programs.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() { os.Exit(mainCode()) }

func mainCode() int {
	// The handler stands before anything listens: whoever starts the router
	// may stop it as soon as its port answers.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends the program at once.
	context.AfterFunc(ctx, stop)
	return newApp(os.Stdin, os.Stdout, os.Stderr).run(ctx, os.Args[1:])
}
