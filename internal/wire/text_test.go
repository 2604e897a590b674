package wire

import (
	"strings"
	"testing"
)

// said is the text of the frame body at the start of b.
func said(t testing.TB, b []byte) string {
	t.Helper()
	code, fields, _, err := ParsePerformative(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(AppendText(nil, code, fields))
}

func TestWhatAPerformativeSaysCanBeRead(t *testing.T) {
	for _, tt := range []struct {
		p    Performative
		want string
	}{
		{&Open{ContainerID: "c", Hostname: "h", MaxFrameSize: Some(uint32(65536)), OfferedCapabilities: []Symbol{"a", "b c"}, Properties: Map{{Symbol("product"), "mesh\nway"}, {Symbol("n"), int64(-1)}}},
			`open container-id="c" hostname="h" max-frame-size=65536 offered-capabilities=[a "b c"] properties={product="mesh\nway" n=-1}`},
		{&Begin{RemoteChannel: Some(uint16(1)), IncomingWindow: 2048}, "begin remote-channel=1 next-outgoing-id=0 incoming-window=2048 outgoing-window=0"},
		{&Attach{Name: "l", Handle: 1, Role: RoleReceiver, SndSettleMode: Some(SndMixed), RcvSettleMode: Some(RcvSecond), Source: &Source{Address: Some("q"), Outcomes: []Symbol{"amqp:accepted:list"}}, Target: &Target{}},
			`attach name="l" handle=1 role=receiver snd-settle-mode=mixed rcv-settle-mode=second source=source{address="q" outcomes=[amqp:accepted:list]} target=target{}`},
		{&Attach{Name: "t", Target: &Target{Coordinator: true, Capabilities: []Symbol{CapLocalTransactions}}},
			`attach name="t" handle=0 role=sender target=coordinator{capabilities=[amqp:local-transactions]}`},
		{&Flow{IncomingWindow: 1, Handle: Some(uint32(0)), DeliveryCount: Some(uint32(0)), LinkCredit: Some(uint32(250)), Drain: true},
			"flow incoming-window=1 next-outgoing-id=0 outgoing-window=0 handle=0 delivery-count=0 link-credit=250 drain=true"},
		{&Transfer{Handle: 3, DeliveryID: Some(uint32(7)), DeliveryTag: []byte{1, 255}, Settled: Some(false), More: true},
			"transfer handle=3 delivery-id=7 delivery-tag=0x01ff settled=false more=true"},
		{&Transfer{State: DeliveryState{Kind: StateTransactional, Fields: unhex(t, "c0 03 01 a0 00")}}, "transfer handle=0 state=transactional-state{txn-id=0x}"},
		{&Disposition{Role: RoleReceiver, First: 1, Last: Some(uint32(4)), Settled: true, State: Accepted}, "disposition role=receiver first=1 last=4 settled=true state=accepted{}"},
		{&Disposition{First: 1, State: RejectedState(&Error{Condition: "amqp:not-allowed", Description: "no"})},
			`disposition role=sender first=1 state=rejected{error=error{condition=amqp:not-allowed description="no"}}`},
		{&Detach{Handle: 1, Closed: true, Error: &Error{Condition: CondNotFound}}, "detach handle=1 closed=true error=error{condition=amqp:not-found}"},
		{&End{}, "end"},
		{&Close{Error: &Error{Condition: CondConnectionForced, Description: "bye"}}, `close error=error{condition=amqp:connection:forced description="bye"}`},
		{&SASLMechanisms{Mechanisms: []Symbol{"PLAIN", "ANONYMOUS"}}, "sasl-mechanisms sasl-server-mechanisms=[PLAIN ANONYMOUS]"},
		{&SASLOutcome{Code: SASLAuth}, "sasl-outcome code=auth"},
	} {
		if got := said(t, tt.p.Append(nil)); got != tt.want {
			t.Errorf("said  %s\nwant  %s", got, tt.want)
		}
	}
}

func TestSecretsAreNotSaid(t *testing.T) {
	for _, p := range []Performative{
		&SASLInit{Mechanism: "PLAIN", InitialResponse: []byte("\x00user\x00hidden"), Hostname: "h"},
		&SASLChallenge{Challenge: []byte("hidden")}, &SASLResponse{Response: []byte("hidden")}, &SASLOutcome{AdditionalData: []byte("hidden")},
		&Open{ContainerID: "c", Properties: Map{{Symbol("accessToken"), "hidden"}, {"n", Map{{"Password", "hidden"}}}}},
	} {
		got := said(t, p.Append(nil))
		if strings.Contains(got, "hidden") || strings.Contains(got, "68696464656e") || !strings.Contains(got, "not shown") {
			t.Errorf("said  %s", got)
		}
	}
	// As text instead of binary, where a challenge has no business, and in a field too many.
	for _, hex := range []string{"00 53 43 c0 09 01 a1 06 68 69 64 64 65 6e", "00 53 43 c0 0a 02 40 a1 06 68 69 64 64 65 6e"} {
		if got := said(t, unhex(t, hex)); strings.Contains(got, "hidden") {
			t.Errorf("said  %s", got)
		}
	}
}

func TestWhatIsLongOrMalformedIsSaidInShort(t *testing.T) {
	long := strings.Repeat("x", 3000)
	if got := said(t, (&Open{ContainerID: long}).Append(nil)); len(got) > 400 || !strings.HasSuffix(got, "...(3000 bytes)") {
		t.Errorf("said %d bytes: %s", len(got), got)
	}
	if got := said(t, (&Open{ContainerID: long + long}).Append(nil)); got != "open container-id=(6005 bytes)" {
		t.Errorf("said  %s", got)
	}
	many := append(unhex(t, "00 53 17 d0 00 00 27 14 00 00 27 10"), []byte(strings.Repeat("\x41", 10_000))...)
	if got := said(t, many); len(got) > 2100 || !strings.HasSuffix(got, "...") {
		t.Errorf("10,000 fields are said in %d bytes: %.200s", len(got), got)
	}
	for body, want := range map[string]string{
		"00 53 10 c0 03 01 a1 05":    "open malformed: ",
		"00 53 18 c0 04 01 a1 01 ff": "close error=(",
		"00 53 17 c0 03 02 40 41":    "end field-1=true",
		"00 53 17 c0 04 01 00 43 41": "end error=@0(true)",
	} {
		if got := said(t, unhex(t, body)); !strings.HasPrefix(got, want) {
			t.Errorf("%s said  %s\nwant  %s", body, got, want)
		}
	}
}

func FuzzAppendText(f *testing.F) {
	seeds(f, func(string) bool { return true })
	f.Fuzz(func(_ *testing.T, b []byte) {
		if code, fields, _, err := ParsePerformative(b); err == nil {
			AppendText(nil, code, fields)
		}
	})
}
