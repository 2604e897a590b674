package loadgen

import (
	"strings"
	"testing"
	"time"
)

func TestDefaults(t *testing.T) {
	o := Options{Target: "h:1", Address: "a"}.withDefaults()
	if o.Groups != 1 || o.Senders != 1 || o.Receivers != 1 || o.Credit != defaultCredit || o.check() != nil {
		t.Errorf("got %+v, %v", o, o.check())
	}
	if o := (Options{Senders: 3}).withDefaults(); o.Receivers != 0 {
		t.Errorf("senders alone: got %d receivers", o.Receivers)
	}
	if o := (Options{Stream: 5}).withDefaults(); o.Count != 1 {
		t.Errorf("one streamed message is enough: got %d", o.Count)
	}
}

func TestWhatIsTimed(t *testing.T) {
	for _, c := range []struct {
		o    Options
		want int
	}{
		{Options{}, sampleSparse},
		{Options{Window: 1}, 1},
		{Options{Window: 100}, sampleSparse},
		{Options{Senders: 200, Rate: 100}, 1},
		{Options{Senders: 200, Rate: 1000}, sampleSparse},
		{Options{SampleEvery: 7, Window: 1}, 7},
		{Options{SampleEvery: -1, Window: 1}, -1},
	} {
		if got := c.o.withDefaults().SampleEvery; got != c.want {
			t.Errorf("%+v: every %d, want %d", c.o, got, c.want)
		}
	}
}

func TestWhatCannotBeDone(t *testing.T) {
	for want, o := range map[string]Options{
		"target":                           {Address: "a"},
		"address":                          {Target: "h:1"},
		"negative":                         {Target: "h:1", Address: "a", Senders: -1},
		"body":                             {Target: "h:1", Address: "a", Size: -1},
		"rate":                             {Target: "h:1", Address: "a", Rate: -1},
		"times":                            {Target: "h:1", Address: "a", Duration: -time.Second},
		"need bodies of at least 24 bytes": {Target: "h:1", Address: "a", CheckOrder: true, Size: 10},
		"cannot receive elsewhere":         {Target: "h:1", ReceiveTarget: "h:2", Address: "a", Idle: 1},
		"keeping a ledger need":            {Target: "h:1", Address: "a", Ledger: true, Size: 10},
		"a ledger needs senders":           {Target: "h:1", Address: "a", Ledger: true, Size: 100, Receivers: 1},
		"a credit of 1048577: at most":     {Target: "h:1", Address: "a", Receivers: 1, Credit: 1<<20 + 1},
		"no more ports for them":           {Target: "h:1", Address: "a", Groups: 32769, Senders: 1, Receivers: 1},
		"more than 65536 connections":      {Target: "h:1", Address: "a", Idle: 65537},
		"no more ports":                    {Target: "h:1", Address: "a", Groups: 1 << 62, Senders: 4},
		"a machine has no more ports":      {Target: "h:1", Address: "a", Senders: 65537},
		"no stream":                        {Target: "h:1", Address: "a", Idle: 1, Stream: 1},
	} {
		o = o.withDefaults()
		if err := o.check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %v, want an error about %q", o, err, want)
		}
	}
}

func TestAddressesOfGroups(t *testing.T) {
	o := Options{Address: "bench"}
	if got := o.addressOf(0, 1); got != "bench" {
		t.Errorf("one group: got %q", got)
	}
	if got := o.addressOf(2, 3); got != "bench/2" {
		t.Errorf("the third group: got %q", got)
	}
}
