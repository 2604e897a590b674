package amqp

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/meshway/meshway/internal/wire"
)

// frame is one frame as a test writes it or wants to see it. A bare performative
// stands for one on channel 0 without payload.
type frame struct {
	ch      uint16
	body    wire.Performative // nil: a heartbeat
	payload string
}

func asFrame(v any) frame {
	switch v := v.(type) {
	case frame:
		return v
	case wire.Performative:
		return frame{body: v}
	}
	panic(fmt.Sprintf("%T is no frame", v))
}

// on puts performatives on a channel.
func on(ch uint16, body wire.Performative) frame { return frame{ch: ch, body: body} }

// with gives a transfer its payload.
func with(t *wire.Transfer, payload string) frame { return frame{body: t, payload: payload} }

func (f frame) on(ch uint16) frame { f.ch = ch; return f }

func isSASL(p wire.Performative) bool {
	switch p.(type) {
	case *wire.SASLMechanisms, *wire.SASLInit, *wire.SASLChallenge, *wire.SASLResponse, *wire.SASLOutcome:
		return true
	}
	return false
}

// encode appends the frame's bytes.
func (f frame) encode(b []byte) []byte {
	switch {
	case f.body == nil:
		return wire.AppendEmptyFrame(b)
	case isSASL(f.body):
		return wire.AppendSASLFrame(b, f.body)
	}
	b, start := wire.BeginFrame(b, wire.FrameAMQP, f.ch)
	return wire.EndFrame(append(f.body.Append(b), f.payload...), start)
}

// decodable is what every performative can do besides being encoded.
type decodable interface {
	wire.Performative
	Decode(wire.List) error
}

func newBody(code wire.Code) decodable {
	switch code {
	case wire.CodeOpen:
		return new(wire.Open)
	case wire.CodeBegin:
		return new(wire.Begin)
	case wire.CodeAttach:
		return new(wire.Attach)
	case wire.CodeFlow:
		return new(wire.Flow)
	case wire.CodeTransfer:
		return new(wire.Transfer)
	case wire.CodeDisposition:
		return new(wire.Disposition)
	case wire.CodeDetach:
		return new(wire.Detach)
	case wire.CodeEnd:
		return new(wire.End)
	case wire.CodeClose:
		return new(wire.Close)
	case wire.CodeSASLMechanisms:
		return new(wire.SASLMechanisms)
	case wire.CodeSASLInit:
		return new(wire.SASLInit)
	case wire.CodeSASLChallenge:
		return new(wire.SASLChallenge)
	case wire.CodeSASLResponse:
		return new(wire.SASLResponse)
	case wire.CodeSASLOutcome:
		return new(wire.SASLOutcome)
	}
	return nil
}

// decodeFrame reads what the engine wrote; it must be without fault.
func decodeFrame(t testing.TB, f wire.Frame) frame {
	t.Helper()
	if len(f.Body) == 0 {
		return frame{ch: f.Channel}
	}
	code, fields, payload, err := wire.ParsePerformative(f.Body)
	if err != nil {
		t.Fatalf("the engine wrote a frame that cannot be read: %v\n% x", err, f.Body)
	}
	body := newBody(code)
	if body == nil {
		t.Fatalf("the engine wrote %v", code)
	}
	if err := body.Decode(fields); err != nil {
		t.Fatalf("the engine wrote a faulty %v: %v\n% x", code, err, f.Body)
	}
	if isSASL(body) != (f.Type == wire.FrameSASL) {
		t.Fatalf("the engine wrote %v in a frame of type %v", code, f.Type)
	}
	return frame{ch: f.Channel, body: body, payload: string(payload)}
}

// same says whether got is what was wanted. Everything counts but for this: a
// flow with a handle is about the link, one without about the session's incoming
// side; windows of a begin, fields of an open, modes, capabilities and termini
// of an attach (but not whether there is one), tags, formats, and the fields of
// states count if they are wanted; of errors the condition does, and the
// description has to contain the one wanted.
func same(got, want frame) bool {
	if got.ch != want.ch || got.payload != want.payload || (got.body == nil) != (want.body == nil) {
		return false
	}
	if want.body == nil {
		return true
	}
	if reflect.TypeOf(got.body) != reflect.TypeOf(want.body) {
		return false
	}
	g := reflect.New(reflect.TypeOf(got.body).Elem())
	g.Elem().Set(reflect.ValueOf(got.body).Elem())
	blind(g.Interface(), want.body)
	return reflect.DeepEqual(g.Interface(), want.body)
}

// blind overwrites what does not count in got by what was wanted.
func blind(got any, want wire.Performative) {
	switch w := want.(type) {
	case *wire.Open:
		blindUnset(got, w)
	case *wire.Begin:
		g := got.(*wire.Begin)
		g.OutgoingWindow = w.OutgoingWindow
		if w.IncomingWindow == 0 {
			g.IncomingWindow = 0
		}
		if !w.HandleMax.OK {
			g.HandleMax = w.HandleMax
		}
	case *wire.Attach:
		blindAttach(got.(*wire.Attach), w)
	case *wire.Flow:
		g := got.(*wire.Flow)
		g.OutgoingWindow = w.OutgoingWindow
		if w.NextOutgoingID == 0 {
			g.NextOutgoingID = 0
		}
		g.Available = w.Available
		if w.Handle.OK {
			g.NextIncomingID, g.IncomingWindow = w.NextIncomingID, w.IncomingWindow
		}
	case *wire.Transfer:
		g := got.(*wire.Transfer)
		if w.DeliveryTag == nil {
			g.DeliveryTag = nil
		}
		if !w.MessageFormat.OK {
			g.MessageFormat = w.MessageFormat
		}
	case *wire.Disposition:
		if w.State.Fields == nil {
			got.(*wire.Disposition).State.Fields = nil
		}
	case *wire.Detach:
		blindError(got.(*wire.Detach).Error, w.Error)
	case *wire.End:
		blindError(got.(*wire.End).Error, w.Error)
	case *wire.Close:
		blindError(got.(*wire.Close).Error, w.Error)
	}
}

func blindError(got, want *wire.Error) {
	if got != nil && want != nil && strings.Contains(got.Description, want.Description) {
		got.Description, got.Info = want.Description, want.Info
	}
}

func blindAttach(g, w *wire.Attach) {
	if (g.Source == nil) == (w.Source == nil) && (w.Source == nil || w.Source.Address == g.Source.Address || !w.Source.Address.OK) {
		g.Source = w.Source
	}
	if (g.Target == nil) == (w.Target == nil) && (w.Target == nil || w.Target.Address == g.Target.Address || !w.Target.Address.OK) {
		g.Target = w.Target
	}
	if !w.SndSettleMode.OK {
		g.SndSettleMode = w.SndSettleMode
	}
	if !w.RcvSettleMode.OK {
		g.RcvSettleMode = w.RcvSettleMode
	}
	if w.OfferedCapabilities == nil && w.DesiredCapabilities == nil && w.Properties == nil {
		g.OfferedCapabilities, g.DesiredCapabilities, g.Properties = nil, nil, nil
	}
}

// blindUnset clears every field of got that is zero in want.
func blindUnset(got, want any) {
	g, w := reflect.ValueOf(got).Elem(), reflect.ValueOf(want).Elem()
	for i := range w.NumField() {
		if w.Field(i).IsZero() {
			g.Field(i).SetZero()
		}
	}
}

// String shows the frame with the fields that are set.
func (f frame) String() string {
	if f.body == nil {
		return fmt.Sprintf("[%d] heartbeat", f.ch)
	}
	var b strings.Builder
	v := reflect.ValueOf(f.body).Elem()
	fmt.Fprintf(&b, "[%d] %s{", f.ch, strings.ToLower(v.Type().Name()))
	sep := ""
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			continue
		}
		fmt.Fprintf(&b, "%s%s: %s", sep, v.Type().Field(i).Name, valueText(v.Field(i)))
		sep = ", "
	}
	b.WriteByte('}')
	if f.payload != "" {
		b.WriteString(" " + payloadText(f.payload))
	}
	return b.String()
}

func valueText(v reflect.Value) string {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	switch x := v.Interface().(type) {
	case wire.Error:
		return x.Error()
	case wire.DeliveryState:
		return x.Kind.String()
	}
	if v.Kind() == reflect.Struct && v.NumField() == 2 && v.Type().Field(1).Name == "OK" {
		return fmt.Sprint(v.Field(0).Interface())
	}
	return fmt.Sprintf("%+v", v.Interface())
}

func payloadText(p string) string {
	if len(p) > 32 {
		return fmt.Sprintf("%d bytes", len(p))
	}
	return fmt.Sprintf("%q", p)
}
