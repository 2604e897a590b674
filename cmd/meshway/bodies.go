package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// bodies yields the bodies to send, one after the other: strings, which go out
// as text, or []byte, which go out as data. io.EOF ends them.
type bodies func(ctx context.Context) (any, error)

// repeated yields the same bodies again and again, n rounds of them.
func repeated(n int, list ...any) bodies {
	i, total := 0, n*len(list)
	return func(context.Context) (any, error) {
		if i == total {
			return nil, io.EOF
		}
		i++
		return list[(i-1)%len(list)], nil
	}
}

// lines yields the lines of r, without their ends.
func lines(r io.Reader, data bool) bodies {
	in := bufio.NewReader(r)
	n := 0
	return func(ctx context.Context) (any, error) {
		return unlessDone(ctx, func() (any, error) {
			line, err := in.ReadString('\n')
			if err != nil && (!errors.Is(err, io.EOF) || line == "") {
				return nil, err
			}
			n++
			if line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"); !data && !utf8.ValidString(line) {
				return nil, fmt.Errorf("line %d is no text in UTF-8; --data sends lines as the bytes that they are", n)
			}
			return asBody(line, data), nil
		})
	}
}

// whole yields all of r, n times.
func whole(r io.Reader, n int) bodies {
	var again bodies
	return func(ctx context.Context) (any, error) {
		if again == nil {
			all, err := unlessDone(ctx, func() ([]byte, error) { return io.ReadAll(r) })
			if err != nil {
				return nil, err
			}
			again = repeated(n, all)
		}
		return again(ctx)
	}
}

// unlessDone returns what read returns, or the error of ctx if that ends
// first. A read from a terminal cannot be called off: it is left behind then,
// and the process is about to end.
func unlessDone[T any](ctx context.Context, read func() (T, error)) (T, error) {
	type result struct {
		v   T
		err error
	}
	done := make(chan result, 1)
	go func() {
		v, err := read()
		done <- result{v, err}
	}()
	select {
	case r := <-done:
		return r.v, r.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

func asBody(s string, data bool) any {
	if data {
		return []byte(s)
	}
	return s
}

// maxMadeUp is the most bytes of a message that is made up: it is held in memory, more than once.
const maxMadeUp = 1 << 30

// bodyFlags say where bodies come from.
type bodyFlags struct {
	count   int
	size    int
	whole   bool
	data    bool
	counted bool // --count was given
}

// source decides where the bodies come from: arguments, a size, or standard input.
func (f bodyFlags) source(a *app, messages []string) (bodies, error) {
	switch {
	case f.count < 1:
		return nil, usageError{fmt.Errorf("--count %d: it must be at least 1", f.count)}
	case f.size < -1:
		return nil, usageError{fmt.Errorf("--size %d: it must not be negative", f.size)}
	case f.size > maxMadeUp:
		return nil, usageError{fmt.Errorf("--size %d: it must be at most %d; %s bench --stream sends longer ones", f.size, maxMadeUp, a.name)}
	case f.size >= 0 && (len(messages) > 0 || f.whole):
		return nil, usageError{errors.New("--size makes the message up; give no other one")}
	case f.whole && len(messages) > 0:
		return nil, usageError{errors.New("--stdin-whole reads the message from standard input; give no other one")}
	case f.size >= 0:
		return repeated(f.count, bytes.Repeat([]byte("x"), f.size)), nil
	case len(messages) > 0:
		list := make([]any, len(messages))
		for i, m := range messages {
			if !f.data && !utf8.ValidString(m) {
				return nil, usageError{fmt.Errorf("message %d is no text in UTF-8; --data sends it as the bytes that it is", i+1)}
			}
			list[i] = asBody(m, f.data)
		}
		return repeated(f.count, list...), nil
	case f.whole:
		return whole(a.in, f.count), nil
	case f.counted:
		return nil, usageError{errors.New("--count repeats messages given as arguments, by --size or by --stdin-whole; there are none")}
	}
	if a.inTerm {
		a.say("type messages, one a line; Ctrl-D ends")
	}
	return lines(a.in, f.data), nil
}
