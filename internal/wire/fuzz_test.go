package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"reflect"
	"strings"
	"testing"
)

// seeds adds all that the table tests know and all that Proton sent.
func seeds(f *testing.F, want func(name string) bool) {
	f.Helper()
	for _, tt := range goldens {
		if want("golden") {
			f.Add(unhex(f, tt.bytes))
		}
	}
	for _, tt := range values {
		if want("value") {
			f.Add(unhex(f, tt.bytes))
		}
	}
	for _, tt := range states {
		if want("state") {
			f.Add(unhex(f, tt.bytes))
		}
	}
	for name, b := range protonBytes(f) {
		if want(name) {
			f.Add(b)
		}
	}
}

func prefixed(prefixes ...string) func(string) bool {
	return func(name string) bool {
		for _, p := range prefixes {
			if strings.HasPrefix(name, p) {
				return true
			}
		}
		return false
	}
}

func FuzzParseFrame(f *testing.F) {
	seeds(f, prefixed("frame"))
	f.Add([]byte("AMQP\x00\x01\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		ParseProto(b)
		const most = 4096
		frame, n, err := ParseFrame(b, most)
		size, ok := FrameSize(b)
		switch {
		case err != nil:
			if n != 0 || frame.Body != nil {
				t.Fatalf("%v with %d bytes", err, n)
			}
		case n == 0:
			if ok && len(b) >= FrameHeaderSize && int(size) <= len(b) {
				t.Fatalf("wants more than %d bytes of a frame of %d", len(b), size)
			}
		case !ok || n != int(size) || n > most || len(frame.Body) > n-FrameHeaderSize:
			t.Fatalf("took %d bytes of a frame of %d, body %d", n, size, len(frame.Body))
		default:
			out, start := BeginFrame(nil, frame.Type, frame.Channel)
			again, _, err := ParseFrame(EndFrame(append(out, frame.Body...), start), most)
			if err != nil || again.Type != frame.Type || again.Channel != frame.Channel || !bytes.Equal(again.Body, frame.Body) {
				t.Fatalf("again %+v, %v, was %+v", again, err, frame)
			}
		}
	})
}

// What can be decoded is encoded to something that decodes to the same.
func FuzzPerformative(f *testing.F) {
	seeds(f, prefixed("golden"))
	for name, b := range protonBytes(f) {
		if strings.HasPrefix(name, "frame ") && len(b) > FrameHeaderSize {
			f.Add(b[FrameHeaderSize:])
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		ParsePerformative(b)
		x, err := decodeComposite(b)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "no decoder") {
				wantFault(t, err, "")
			}
			return
		}
		first := x.Append(nil)
		y, err := decodeComposite(first)
		if err != nil {
			t.Fatalf("%+v is encoded as % x: %v", x, first, err)
		}
		if second := y.Append(nil); !bytes.Equal(first, second) {
			t.Fatalf("encoded as % x, then % x", first, second)
		}
	})
}

// The hand-written decoders of the hot path agree with the general reader. The
// list's head is not part of the input, so that a change of its elements does not
// need a change of its size.
func FuzzHotPath(f *testing.F) {
	add := func(body []byte) {
		if code, l, _, err := ParseComposite(body); err == nil {
			f.Add(byte(code), byte(l.n), l.b)
		}
	}
	for _, tt := range goldens {
		add(unhex(f, tt.bytes))
	}
	add(fullMessage.Header.Append(nil))
	for name, b := range protonBytes(f) {
		if strings.HasPrefix(name, "frame ") && len(b) > FrameHeaderSize {
			add(b[FrameHeaderSize:])
		}
	}
	f.Fuzz(func(t *testing.T, code, n byte, elems []byte) {
		l := List{n: int(n), b: elems}
		var got, want any
		var gotErr, wantErr error
		switch Code(code) {
		case CodeTransfer:
			var x, y Transfer
			gotErr, wantErr = x.Decode(l), readTransfer(&y, l)
			got, want = x, y
		case CodeFlow:
			var x, y Flow
			gotErr, wantErr = x.Decode(l), readFlow(&y, l)
			got, want = x, y
		case CodeDisposition:
			var x, y Disposition
			gotErr, wantErr = x.Decode(l), readDisposition(&y, l)
			got, want = x, y
		case CodeHeader:
			list := append(binary.BigEndian.AppendUint32([]byte{ctorList32}, uint32(len(elems)+4)), 0, 0, 0, n)
			if int(n) > len(elems) {
				return
			}
			var x, y Header
			gotErr, wantErr = x.Decode(append(list, elems...)), readHeader(&y, l)
			got, want = x, y
		default:
			return
		}
		if (gotErr == nil) != (wantErr == nil) {
			t.Fatalf("Decode: %v, reader: %v", gotErr, wantErr)
		}
		if gotErr == nil && !reflect.DeepEqual(got, want) {
			t.Fatalf("Decode: %+v, reader: %+v", got, want)
		}
	})
}

func readTransfer(x *Transfer, l List) error {
	r := transferType.read(l)
	*x = Transfer{
		Handle: r.uint().V, DeliveryID: r.uint(), DeliveryTag: readBytes(&r, binaryAt), MessageFormat: r.uint(), Settled: r.boolean(),
		More: r.boolean().V, RcvSettleMode: settleMode[ReceiverSettleMode](&r, RcvSecond), State: readState(&r),
		Resume: r.boolean().V, Aborted: r.boolean().V, Batchable: r.boolean().V,
	}
	if len(x.DeliveryTag) > MaxDeliveryTag {
		r.bad("too long")
	}
	return r.done()
}

func readDisposition(x *Disposition, l List) error {
	r := dispositionType.read(l)
	*x = Disposition{
		Role: Role(r.boolean().V), First: r.uint().V, Last: r.uint(), Settled: r.boolean().V, State: readState(&r), Batchable: r.boolean().V,
	}
	return r.done()
}

func readFlow(x *Flow, l List) error {
	r := flowType.read(l)
	*x = Flow{
		NextIncomingID: r.uint(), IncomingWindow: r.uint().V, NextOutgoingID: r.uint().V, OutgoingWindow: r.uint().V, Handle: r.uint(),
		DeliveryCount: r.uint(), LinkCredit: r.uint(), Available: r.uint(), Drain: r.boolean().V, Echo: r.boolean().V, Properties: r.rawMap(),
	}
	return r.done()
}

func readHeader(x *Header, l List) error {
	r := headerType.read(l)
	*x = Header{Durable: r.boolean().V, Priority: r.ubyte(), TTL: r.uint(), FirstAcquirer: r.boolean().V, DeliveryCount: r.uint().V}
	return r.done()
}

func readState(r *reader) DeliveryState {
	v := r.value()
	if v == nil {
		return DeliveryState{}
	}
	s, _, err := ParseState(v)
	r.failIn(err)
	return s
}

func FuzzValue(f *testing.F) {
	seeds(f, prefixed("golden", "value", "state"))
	f.Fuzz(func(t *testing.T, b []byte) {
		skipped, skipErr := SkipValue(b)
		n, spanErr := span(b)
		if skipErr == nil && (spanErr != nil || n != len(b)-len(skipped)) {
			t.Fatalf("SkipValue takes %d bytes, span %d, %v", len(b)-len(skipped), n, spanErr)
		}
		v, rest, err := DecodeValue(b)
		if skipErr != nil && err == nil || errors.Is(err, ErrShort) != errors.Is(skipErr, ErrShort) {
			t.Fatalf("DecodeValue: %v, SkipValue: %v", err, skipErr)
		}
		if err != nil {
			wantFault(t, err, "")
			return
		}
		if len(rest) != len(skipped) {
			t.Fatalf("DecodeValue leaves %d bytes, SkipValue %d", len(rest), len(skipped))
		}
		if _, err := SkipValue(b[:len(b)-len(rest)-1]); !errors.Is(err, ErrShort) {
			t.Fatalf("without its last byte: %v", err)
		}
		again, err := AppendValue(nil, v)
		if err != nil {
			t.Fatalf("encode %#v: %v", v, err)
		}
		if len(again) > len(b)-len(rest) {
			t.Fatalf("encoded in %d bytes, was %d", len(again), len(b)-len(rest))
		}
		w, _, err := DecodeValue(again)
		if err != nil || !same(v, w) {
			t.Fatalf("decoded %#v, then %#v, %v", v, w, err)
		}
		if m, ok := v.(Map); ok {
			compareMapIter(t, b, m)
		}
	})
}

// compareMapIter walks over an encoded map that was decoded as m.
func compareMapIter(t *testing.T, b []byte, m Map) {
	it, err := IterMap(b)
	if err != nil || it.Len() != len(m) {
		t.Fatalf("IterMap: %d entries, %v, want %d", it.Len(), err, len(m))
	}
	for _, p := range m {
		key, value, ok := it.Next()
		k, _, kerr := DecodeValue(key)
		v, _, verr := DecodeValue(value)
		if !ok || kerr != nil || verr != nil || !same(k, p.Key) || !same(v, p.Value) {
			t.Fatalf("Next: %v=%v, %v, %v, %v, want %v", k, v, ok, kerr, verr, p)
		}
	}
	if _, _, ok := it.Next(); ok || it.Err() != nil {
		t.Fatalf("at the end: %v, %v", ok, it.Err())
	}
}

func FuzzSections(f *testing.F) {
	seeds(f, prefixed("message"))
	f.Add(encoded(f, fullMessage))
	f.Fuzz(func(t *testing.T, b []byte) {
		for rest := b; len(rest) > 0; {
			s, next, err := NextSection(rest)
			if err != nil {
				wantFault(t, err, "")
				break
			}
			if len(s.Raw)+len(next) != len(rest) || !bytes.HasSuffix(s.Raw, s.Value) {
				t.Fatalf("section of %d and %d bytes, of %d", len(s.Raw), len(next), len(rest))
			}
			if _, _, err := NextSection(rest[:len(s.Raw)-1]); err != ErrShort {
				t.Fatalf("%s without its last byte: %v", s.Code, err)
			}
			checkSection(t, s)
			rest = next
		}
		m, err := ParseMessage(b)
		if err != nil {
			wantFault(t, err, "")
			return
		}
		first := encoded(t, m)
		again, err := ParseMessage(first)
		if err != nil {
			t.Fatalf("encoded as % x: %v", first, err)
		}
		if second := encoded(t, again); !bytes.Equal(first, second) {
			t.Fatalf("encoded as % x, then % x", first, second)
		}
	})
}

// checkSection compares what is read alone with what is read together.
func checkSection(t *testing.T, s Section) {
	to, toOK, toErr := PropertiesTo(s.Value)
	subject, subjectOK, subjectErr := PropertiesSubject(s.Value)
	group, groupOK, groupErr := PropertiesGroupID(s.Value)
	var p MessageProperties
	if s.Code != SectionProperties || p.Decode(s.Value) != nil {
		return
	}
	if toErr != nil || toOK != p.To.OK || string(to) != p.To.V {
		t.Fatalf("to %q, %v, %v, want %+v", to, toOK, toErr, p.To)
	}
	if subjectErr != nil || subjectOK != p.Subject.OK || string(subject) != p.Subject.V {
		t.Fatalf("subject %q, %v, %v, want %+v", subject, subjectOK, subjectErr, p.Subject)
	}
	if groupErr != nil || groupOK != p.GroupID.OK || string(group) != p.GroupID.V {
		t.Fatalf("group-id %q, %v, %v, want %+v", group, groupOK, groupErr, p.GroupID)
	}
}

func FuzzState(f *testing.F) {
	seeds(f, prefixed("state"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, rest, err := ParseState(b)
		if err != nil {
			wantFault(t, err, "")
			return
		}
		if stateSize(s) < len(AppendState(nil, s)) {
			t.Fatalf("%+v: bound %d", s, stateSize(s))
		}
		again, left, err := ParseState(AppendState(nil, s))
		if err != nil || len(left) != 0 || !again.Equal(s) || again.Terminal() != s.Terminal() {
			t.Fatalf("%+v, then %+v, %v", s, again, err)
		}
		if _, err := SkipValue(b[:len(b)-len(rest)]); err != nil {
			t.Fatalf("passed on malformed: %v", err)
		}
		s.RejectedError()
		s.Modified()
		s.Received()
		s.Declared()
		if _, outcome, err := s.Transactional(); err == nil && s.Terminal() != (outcome.Kind != StateNone) {
			t.Fatalf("terminal %v with outcome %s", s.Terminal(), outcome.Kind)
		}
	})
}
