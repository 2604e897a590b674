package wire

import (
	"context"
	"errors"
	"io"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/Azure/go-amqp"
)

// A dialogue with a go-amqp client, in which every performative goes each way but
// for begin, which it sends, and end, which it answers.
func TestDialogueWithGoAMQP(t *testing.T) {
	client, server := net.Pipe()
	peer := &scriptedPeer{conn: server, seen: map[Code]int{}}
	done := make(chan error, 1)
	go func() { done <- peer.serve() }()

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, err := amqp.NewConn(ctx, client, &amqp.ConnOptions{
		ContainerID: "client", HostName: "host", SASLType: amqp.SASLTypePlain("user", "secret"), Properties: map[string]any{"product": "test"},
	})
	if err != nil {
		t.Fatal(err)
	}
	session, err := conn.NewSession(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	sender, err := session.NewSender(ctx, "orders", &amqp.SenderOptions{Capabilities: []string{"queue"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := sender.Send(ctx, amqp.NewMessage(bytes5k), nil); err != nil {
		t.Fatal(err)
	}
	var rejected *amqp.Error
	err = sender.Send(ctx, amqp.NewMessage([]byte("reject me")), nil)
	if !errors.As(err, &rejected) || rejected.Condition != "amqp:not-found" || rejected.Description != "no such thing" ||
		!reflect.DeepEqual(rejected.Info, map[string]any{"where": "here"}) {
		t.Fatalf("Send: %#v", err)
	}
	receiver, err := session.NewReceiver(ctx, "orders", &amqp.ReceiverOptions{
		Credit: 5, SourceDurability: amqp.DurabilityUnsettledState, SourceExpiryPolicy: amqp.ExpiryPolicyNever,
		Filters: []amqp.LinkFilter{amqp.NewSelectorFilter("a = 1")},
	})
	if err != nil {
		t.Fatal(err)
	}
	msg, err := receiver.Receive(ctx, nil)
	if err != nil || string(msg.GetData()) != "hello" || string(msg.DeliveryTag) != "tag" {
		t.Fatalf("Receive: %v, %v", msg, err)
	}
	if err := receiver.ModifyMessage(ctx, msg, &amqp.ModifyMessageOptions{DeliveryFailed: true, Annotations: amqp.Annotations{"x-opt-why": "because"}}); err != nil {
		t.Fatal(err)
	}
	if err := receiver.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if err := session.Close(ctx); err != nil {
		t.Fatal(err)
	}
	var closed *amqp.ConnError
	if err := conn.Close(); err != nil && !errors.As(err, &closed) {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	peer.check(t)
}

// scriptedPeer answers one client. It is the other side of the dialogue above and
// no more: two links at most, a message to whoever grants credit.
type scriptedPeer struct {
	conn     net.Conn
	in       []byte
	seen     map[Code]int
	init     SASLInit
	open     Open
	attach   Attach // the receiver's
	modified Modified
	payload  []byte
	gone     bool
}

func (p *scriptedPeer) serve() error {
	defer p.conn.Close()
	for !p.gone {
		if n, err := p.step(); err != nil {
			return err
		} else if n > 0 {
			p.in = p.in[n:]
			continue
		}
		b := make([]byte, 4096)
		n, err := p.conn.Read(b)
		if err != nil {
			return err
		}
		p.in = append(p.in, b[:n]...)
	}
	return nil
}

// step takes one protocol header or frame from what has been read.
func (p *scriptedPeer) step() (int, error) {
	if strings.HasPrefix(string(p.in), "AMQP") {
		id, ok, err := ParseProto(p.in)
		if !ok || err != nil {
			return 0, err
		}
		out := ProtoAMQP[:]
		if id == ProtoIDSASL {
			out = AppendSASLFrame(ProtoSASL[:], &SASLMechanisms{Mechanisms: []Symbol{"ANONYMOUS", "PLAIN"}})
		}
		_, err = p.conn.Write(out)
		return len(ProtoAMQP), err
	}
	f, n, err := ParseFrame(p.in, 1<<20)
	if n == 0 || err != nil || len(f.Body) == 0 {
		return n, err
	}
	code, l, payload, err := ParsePerformative(f.Body)
	if err != nil {
		return 0, err
	}
	p.seen[code]++
	out, err := p.answer(f.Channel, code, l, payload)
	if err == nil && len(out) > 0 {
		if _, err = p.conn.Write(out); p.gone && errors.Is(err, io.ErrClosedPipe) {
			err = nil // the client does not wait for the answer to its close
		}
	}
	return n, err
}

func (p *scriptedPeer) answer(ch uint16, code Code, l List, payload []byte) ([]byte, error) {
	switch code {
	case CodeSASLInit:
		return AppendSASLFrame(nil, &SASLOutcome{Code: SASLOk}), p.init.Decode(l)
	case CodeOpen:
		return AppendFrame(nil, 0, &Open{ContainerID: "peer", MaxFrameSize: Some(uint32(1024)), OfferedCapabilities: []Symbol{"ANONYMOUS-RELAY"}}), p.open.Decode(l)
	case CodeBegin:
		var x Begin
		return AppendFrame(nil, ch, &Begin{RemoteChannel: Some(ch), IncomingWindow: 1000, OutgoingWindow: 1000}), x.Decode(l)
	case CodeAttach:
		return p.onAttach(ch, l)
	case CodeTransfer:
		return p.onTransfer(ch, l, payload)
	case CodeFlow:
		return p.onFlow(ch, l)
	case CodeDisposition:
		var x Disposition
		if err := x.Decode(l); err != nil {
			return nil, err
		}
		var err error
		p.modified, err = x.State.Modified()
		return AppendDispositionFrame(nil, ch, &Disposition{Role: RoleSender, First: x.First, Settled: true, State: x.State}), err
	case CodeDetach:
		var x Detach
		if err := x.Decode(l); err != nil {
			return nil, err
		}
		return AppendFrame(nil, ch, &Detach{Handle: x.Handle, Closed: x.Closed}), nil
	case CodeEnd:
		var x End
		return AppendFrame(nil, ch, &End{}), x.Decode(l)
	case CodeClose:
		var x Close
		p.gone = true
		return AppendFrame(nil, 0, &Close{}), x.Decode(l)
	}
	return nil, errors.New("unexpected " + code.String())
}

func (p *scriptedPeer) onAttach(ch uint16, l List) ([]byte, error) {
	var x Attach
	if err := x.Decode(l); err != nil {
		return nil, err
	}
	reply := x
	reply.Role = !x.Role
	if x.Role == RoleReceiver {
		p.attach = x
		reply.InitialDeliveryCount = Some(uint32(0))
		return AppendFrame(nil, ch, &reply), nil
	}
	b := AppendFrame(nil, ch, &reply)
	return AppendFlowFrame(b, ch, &Flow{
		NextIncomingID: Some(uint32(0)), IncomingWindow: 1000, OutgoingWindow: 1000,
		Handle: Some(x.Handle), DeliveryCount: x.InitialDeliveryCount, LinkCredit: Some(uint32(10)),
	}), nil
}

func (p *scriptedPeer) onTransfer(ch uint16, l List, payload []byte) ([]byte, error) {
	var x Transfer
	if err := x.Decode(l); err != nil {
		return nil, err
	}
	if x.DeliveryID.OK {
		p.payload = p.payload[:0]
	}
	if p.payload = append(p.payload, payload...); x.More {
		return nil, nil
	}
	d := Disposition{Role: RoleReceiver, First: x.DeliveryID.V, Settled: true, State: Accepted}
	if strings.Contains(string(p.payload), "reject") {
		d.State = RejectedState(&Error{Condition: CondNotFound, Description: "no such thing", Info: Map{{"where", "here"}}})
		d.First = 1
	}
	return AppendDispositionFrame(nil, ch, &d), nil
}

func (p *scriptedPeer) onFlow(ch uint16, l List) ([]byte, error) {
	var x Flow
	if err := x.Decode(l); err != nil || !x.Handle.OK || p.seen[CodeFlow] > 1 {
		return nil, err
	}
	body, err := (&Message{Data: [][]byte{[]byte("hello")}}).Append(nil)
	t := Transfer{Handle: x.Handle.V, DeliveryID: Some(uint32(0)), DeliveryTag: []byte("tag"), MessageFormat: Some(uint32(0)), More: true}
	b := AppendTransferFrame(nil, ch, &t, body[:4])
	return AppendTransferFrame(b, ch, &Transfer{Handle: x.Handle.V}, body[4:]), err
}

// check looks at what the client said of itself.
func (p *scriptedPeer) check(t *testing.T) {
	t.Helper()
	if p.init.Mechanism != "PLAIN" || string(p.init.InitialResponse) != "\x00user\x00secret" {
		t.Errorf("init %+v", p.init)
	}
	if v, _ := p.open.Properties.Get("product"); p.open.ContainerID != "client" || p.open.Hostname != "host" || v != "test" {
		t.Errorf("open %+v", p.open)
	}
	s := p.attach.Source
	if s == nil || s.Address != Some("orders") || s.Durable != DurableUnsettled || s.ExpiryPolicy != Some(ExpireNever) || s.Filter == nil {
		t.Errorf("source %+v", s)
	}
	if !p.modified.DeliveryFailed || !reflect.DeepEqual(p.modified.MessageAnnotations, Map{{Symbol("x-opt-why"), "because"}}) {
		t.Errorf("modified %+v", p.modified)
	}
	if p.seen[CodeTransfer] < 6 { // 5000 bytes in frames of at most 1024
		t.Errorf("%d transfers", p.seen[CodeTransfer])
	}
}
