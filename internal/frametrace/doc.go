// Package frametrace writes what connections say and hear into the log: a line for each frame,
// that people can read.
//
// It consumes the frames of connections that somebody has asked to be traced (a [Trace] is an
// amqp.Tap), and produces lines of a logger. It owns the lines that wait to be written, and what
// must be remembered of a connection to know which bytes are the beginning of a message.
//
// Whoever traces must not slow down what is traced. So lines are written by a goroutine of their
// own, a bounded number of them waits for it, and a bounded number is written a second, over all
// connections of a [Tracer]. What is left out is counted, and said.
//
// Secrets are not shown: nothing by which one logs in, and no body of a message that asks somebody
// to do something (management, tokens), nor bytes from the middle of a message, which may be such
// a body.
package frametrace
