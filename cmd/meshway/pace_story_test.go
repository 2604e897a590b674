package main

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/go-amqp"
)

// Rates and patience are promises about time: in virtual time they are kept exactly, or not.
func TestRatesAndTimeoutsAreKept(t *testing.T) {
	four := func(s *fakeSession) {
		s.incoming = []*amqp.Message{message("1"), message("2"), message("3"), message("4")}
	}
	answers := func(s *fakeSession) {
		s.answer = func(request *amqp.Message) *amqp.Message { return message(request.Value) }
	}
	for name, c := range map[string]struct {
		args []string
		with func(*fakeSession)
		code int
		took time.Duration
	}{
		"send as fast as it goes":            {[]string{"send", "q", "x", "--count", "4"}, nil, 0, 0},
		"send at a rate":                     {[]string{"send", "q", "x", "--count", "4", "--rate", "2"}, nil, 0, 1500 * time.Millisecond},
		"request at a rate":                  {[]string{"send", "q", "x", "--count", "4", "--rate", "2", "--request"}, answers, 0, 1500 * time.Millisecond},
		"receive at a rate":                  {[]string{"receive", "q", "--count", "4", "--rate", "2"}, four, 0, 1500 * time.Millisecond},
		"send without a consumer":            {[]string{"send", "q", "x", "--timeout", "7s"}, func(s *fakeSession) { s.noCredit = true }, 1, 7 * time.Second},
		"send to one who never settles":      {[]string{"send", "q", "x", "--timeout", "7s"}, func(s *fakeSession) { s.noState = true }, 1, 7 * time.Second},
		"request without a reply":            {[]string{"send", "q", "x", "--timeout", "7s", "--request"}, nil, 1, 7 * time.Second},
		"receive where nothing comes":        {[]string{"receive", "q", "--timeout", "7s"}, nil, 1, 7 * time.Second},
		"receive where nothing comes behind": {[]string{"receive", "q", "--timeout", "7s"}, four, 1, 7 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newTestApp("")
				if c.with != nil {
					c.with(a.router)
				}
				began := time.Now()
				a.want(t, c.code, c.args...)
				if took := time.Since(began); took != c.took {
					t.Errorf("meshway %q took %v, want %v", c.args, took, c.took)
				}
			})
		})
	}
}
