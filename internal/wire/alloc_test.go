package wire

import "testing"

// What runs for every message allocates nothing.
func TestHotPathDoesNotAllocate(t *testing.T) {
	transfer := benchTransfer
	transfer.State = RejectedState(&Error{Condition: CondNotFound})
	frame := AppendTransferFrame(nil, 1, &transfer, benchMessage)
	symbolic := append(appendSymbol([]byte{0}, "amqp:transfer:list"), transfer.Append(nil)[3:]...)
	body := frame[FrameHeaderSize:]
	flow := benchFlow
	flow.Properties = Raw{ctorMap8, 5, 2, ctorSym8, 1, 'k', ctorNull}
	flowBody := flow.Append(nil)
	disposition := benchDisposition
	disposition.State = TransactionalState([]byte{1}, Accepted)
	dispositionBody := disposition.Append(nil)
	value, _ := AppendValue(nil, []any{Map{{"a", uint32(1)}}, Array{Elems: []any{"x"}}, Described{uint64(1), "y"}})
	section, _, _ := NextSection((&MessageProperties{MessageID: "id", To: Some("to"), Subject: Some("s"), GroupID: Some("g")}).Append(nil))
	header := (&Header{Durable: true, TTL: Some(uint32(1))}).Append(nil)[3:]
	buf := make([]byte, 0, 4096)

	for name, f := range map[string]func() error{
		"ParseFrame":                   func() error { _, _, err := ParseFrame(frame, 65536); return err },
		"ParseFrame, more needed":      func() error { _, _, err := ParseFrame(frame[:20], 65536); return err },
		"ParseProto":                   func() error { _, _, err := ParseProto(ProtoAMQP[:]); return err },
		"ParsePerformative":            func() error { _, _, _, err := ParsePerformative(body); return err },
		"ParsePerformative, by symbol": func() error { _, _, _, err := ParsePerformative(symbolic); return err },
		"Transfer.Decode":              func() error { var x Transfer; return decodeBody(body, x.Decode) },
		"Flow.Decode":                  func() error { var x Flow; return decodeBody(flowBody, x.Decode) },
		"Disposition.Decode":           func() error { var x Disposition; return decodeBody(dispositionBody, x.Decode) },
		"Header.Decode":                func() error { var x Header; return x.Decode(header) },
		"AppendTransferFrame":          func() error { buf = AppendTransferFrame(buf[:0], 1, &transfer, benchMessage); return nil },
		"AppendFlowFrame":              func() error { buf = AppendFlowFrame(buf[:0], 1, &flow); return nil },
		"AppendDispositionFrame":       func() error { buf = AppendDispositionFrame(buf[:0], 1, &disposition); return nil },
		"AppendEmptyFrame":             func() error { buf = AppendEmptyFrame(buf[:0]); return nil },
		"Header.Append":                func() error { h := Header{Durable: true}; buf = h.Append(buf[:0]); return nil },
		"SkipValue":                    func() error { _, err := SkipValue(value); return err },
		"PropertiesTo":                 func() error { _, _, err := PropertiesTo(section.Value); return err },
		"PropertiesSubject":            func() error { _, _, err := PropertiesSubject(section.Value); return err },
		"PropertiesGroupID":            func() error { _, _, err := PropertiesGroupID(section.Value); return err },
		"ParseState":                   func() error { _, _, err := ParseState(AppendState(buf[:0], disposition.State)); return err },
		"Terminal":                     func() error { disposition.State.Terminal(); return nil },
		"NextSection": func() (err error) {
			for rest := benchMessage; len(rest) > 0 && err == nil; {
				_, rest, err = NextSection(rest)
			}
			return err
		},
		"NextSection, more needed": func() error {
			if _, _, err := NextSection(benchMessage[:2]); err != ErrShort {
				return err
			}
			return nil
		},
		"MapIter": func() error {
			it, err := IterMap([]byte{ctorMap8, 5, 2, ctorSym8, 1, 'k', ctorNull})
			for k, _, ok := it.Next(); ok; k, _, ok = it.Next() {
				Text(k)
			}
			return err
		},
		"List": func() error {
			_, l, _, err := ParsePerformative(body)
			for ok := true; ok && err == nil; {
				_, ok, err = l.Next()
			}
			return err
		},
	} {
		if err := f(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if n := testing.AllocsPerRun(100, func() { _ = f() }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func decodeBody(body []byte, decode func(List) error) error {
	_, l, _, err := ParsePerformative(body)
	if err != nil {
		return err
	}
	return decode(l)
}

// The bound lets a sender fill a frame up to max-frame-size and not beyond.
func TestTransferOverhead(t *testing.T) {
	for _, tt := range goldens {
		x, ok := tt.value.(*Transfer)
		if !ok {
			continue
		}
		if got, most := len(AppendTransferFrame(nil, 65535, x, nil)), TransferOverhead(x); got > most {
			t.Errorf("%s: %d bytes, bound %d", tt.name, got, most)
		}
	}
	big := Transfer{
		Handle: 1 << 31, DeliveryID: Some(uint32(1 << 31)), DeliveryTag: make([]byte, 32), MessageFormat: Some(uint32(1 << 31)),
		Settled: Some(true), More: true, RcvSettleMode: Some(RcvSecond), Resume: true, Aborted: true, Batchable: true,
		State: RejectedState(&Error{Condition: CondNotFound, Description: text300}),
	}
	frame := AppendTransferFrame(nil, 1, &big, nil)
	if slack := TransferOverhead(&big) - len(frame); slack < 0 || slack > 16 {
		t.Errorf("largest transfer: %d bytes, bound %d", len(frame), TransferOverhead(&big))
	}
	with := big
	with.More = false
	if TransferOverhead(&with) != TransferOverhead(&big) {
		t.Error("the bound depends on More")
	}
	// Beyond 255 bytes the list takes its long form.
	var x Transfer
	if err := decodeBody(frame[FrameHeaderSize:], x.Decode); err != nil || !x.State.Equal(big.State) {
		t.Errorf("largest transfer: %v", err)
	}
}
