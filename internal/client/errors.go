package client

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/Azure/go-amqp"
)

// Status codes that agents answer with.
const (
	StatusOK             = 200
	StatusCreated        = 201
	StatusNoContent      = 204
	StatusBadRequest     = 400
	StatusUnauthorized   = 401
	StatusForbidden      = 403
	StatusNotFound       = 404
	StatusInternal       = 500
	StatusNotImplemented = 501
)

// StatusError is what an agent refused, in its own words.
type StatusError struct {
	Router      string // empty: the one that we are connected to
	Operation   string
	Code        int
	Description string
}

func (e *StatusError) Error() string {
	why := strings.TrimSpace(e.Description)
	switch {
	case e.Code == StatusForbidden || e.Code == StatusUnauthorized:
		return fmt.Sprintf("%s does not allow %s: %s; the attribute \"management\" of the listener says what its clients may do", where(e.Router), e.Operation, why)
	case e.Code == StatusNotImplemented:
		return fmt.Sprintf("%s has no operation %s for this: %s", where(e.Router), e.Operation, why)
	}
	return fmt.Sprintf("%s answered %s with %d: %s", where(e.Router), e.Operation, e.Code, why)
}

// HasStatus reports whether err is an agent's answer with that code.
func HasStatus(err error, code int) bool {
	status, ok := errors.AsType[*StatusError](err)
	return ok && status.Code == code
}

// UnreachableError says that a request found no way to a router: there is none of that
// id, it is down, or no path leads to it.
type UnreachableError struct{ Router string }

func (e *UnreachableError) Error() string {
	if e.Router == "" {
		return "what listens there has no $management: it is no Meshway or Qpid Dispatch router, or its listener has management: none"
	}
	return fmt.Sprintf("router %q cannot be reached from here: it is down, or there is none of that id; see meshway topology", e.Router)
}

// SilentError says that a request was delivered and never answered.
type SilentError struct {
	Router string
	After  time.Duration
}

func (e *SilentError) Error() string {
	return fmt.Sprintf("%s has not answered for %v: it was lost in the middle, or is very busy", where(e.Router), e.After)
}

// LostError says that the connection to the router ended.
type LostError struct{ Err error }

func (e *LostError) Error() string {
	if c, ok := errors.AsType[*amqp.ConnError](e.Err); ok && c.RemoteErr != nil {
		return "the router closed the connection: " + describe(c.RemoteErr)
	}
	return "the connection to the router was lost: " + e.Err.Error()
}

// Unwrap gives the library's error.
func (e *LostError) Unwrap() error { return e.Err }

// NotRouterError says that what we are connected to speaks AMQP and is not a router:
// some broker, most likely.
type NotRouterError struct {
	What string // that it refused
	Err  error
}

func (e *NotRouterError) Error() string {
	return fmt.Sprintf("what listens there speaks AMQP 1.0, but is no router (it refused %s: %v); name a router with --url", e.What, e.Err)
}

// Unwrap gives the library's error.
func (e *NotRouterError) Unwrap() error { return e.Err }

// attachError tells a peer that cannot be asked from one that is gone.
func attachError(what string, err error) error {
	if refusal, ok := errors.AsType[*amqp.Error](err); ok {
		if refusal.Condition == amqp.ErrCondUnauthorizedAccess {
			return fmt.Errorf("the router does not allow %s: %s", what, describe(refusal))
		}
		return &NotRouterError{What: what, Err: errors.New(describe(refusal))}
	}
	if l, ok := errors.AsType[*amqp.LinkError](err); ok && l.RemoteErr != nil {
		return &NotRouterError{What: what, Err: errors.New(describe(l.RemoteErr))}
	}
	return &LostError{err}
}

func describe(e *amqp.Error) string {
	if e.Description == "" {
		return string(e.Condition)
	}
	return string(e.Condition) + ": " + e.Description
}

func where(router string) string {
	if router == "" {
		return "the router"
	}
	return fmt.Sprintf("router %q", router)
}
