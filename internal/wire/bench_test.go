package wire

import "testing"

// The transfer of a small message on an established link: what a router decodes
// and encodes for each.
var benchTransfer = Transfer{
	Handle:        3,
	DeliveryID:    Some(uint32(70_000)),
	DeliveryTag:   []byte{1, 2, 3, 4, 5, 6, 7, 8},
	MessageFormat: Some(uint32(0)),
	Settled:       Some(false),
}

var (
	benchDisposition = Disposition{Role: RoleReceiver, First: 70_000, Last: Some(uint32(70_010)), Settled: true, State: Accepted}
	benchFlow        = Flow{
		NextIncomingID: Some(uint32(70_000)), IncomingWindow: 2048, NextOutgoingID: 12, OutgoingWindow: 2048,
		Handle: Some(uint32(3)), DeliveryCount: Some(uint32(70_000)), LinkCredit: Some(uint32(250)),
	}
	benchMessage = func() []byte {
		m := Message{
			Header:                &Header{Durable: true},
			MessageAnnotations:    Map{{Symbol("x-opt-a"), uint32(7)}},
			Properties:            &MessageProperties{MessageID: "id-1", To: Some("queues/orders")},
			ApplicationProperties: Map{{"kind", "order"}},
			Data:                  [][]byte{make([]byte, 100)},
		}
		b, err := m.Append(nil)
		if err != nil {
			panic(err)
		}
		return b
	}()
)

func BenchmarkParseFrame(b *testing.B) {
	frame := AppendTransferFrame(nil, 1, &benchTransfer, benchMessage)
	for b.Loop() {
		if _, n, err := ParseFrame(frame, 65536); n == 0 || err != nil {
			b.Fatal(n, err)
		}
	}
}

func BenchmarkParsePerformative(b *testing.B) {
	body := append(benchTransfer.Append(nil), benchMessage...)
	for b.Loop() {
		if _, _, _, err := ParsePerformative(body); err != nil {
			b.Fatal(err)
		}
	}
}

// The forms of a performative that take the longer way.
func BenchmarkParsePerformativeOther(b *testing.B) {
	short := benchTransfer.Append(nil)
	fields := append([]byte{ctorList32, 0, 0, 0, short[4] + 3, 0, 0, 0, short[5]}, short[6:]...)
	for name, body := range map[string][]byte{
		"list32":     append([]byte{0, ctorSmallUlong, byte(CodeTransfer)}, fields...),
		"descriptor": append(appendSymbol([]byte{0}, "amqp:transfer:list"), fields...),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, _, _, err := ParsePerformative(body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkHeaderDecode(b *testing.B) {
	value := (&Header{Durable: true, Priority: Some(uint8(4)), TTL: Some(uint32(60000))}).Append(nil)[3:]
	b.ReportAllocs()
	for b.Loop() {
		var h Header
		if err := h.Decode(value); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	b.Run("transfer", func(b *testing.B) {
		var x Transfer
		benchDecode(b, benchTransfer.Append(nil), x.Decode)
	})
	b.Run("disposition", func(b *testing.B) {
		var x Disposition
		benchDecode(b, benchDisposition.Append(nil), x.Decode)
	})
	b.Run("flow", func(b *testing.B) {
		var x Flow
		benchDecode(b, benchFlow.Append(nil), x.Decode)
	})
}

func benchDecode(b *testing.B, body []byte, decode func(List) error) {
	_, l, _, err := ParsePerformative(body)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := decode(l); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	buf := make([]byte, 0, 4096)
	b.Run("transfer frame", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			buf = AppendTransferFrame(buf[:0], 1, &benchTransfer, benchMessage)
		}
	})
	b.Run("disposition frame", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			buf = AppendDispositionFrame(buf[:0], 1, &benchDisposition)
		}
	})
	b.Run("flow frame", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			buf = AppendFlowFrame(buf[:0], 1, &benchFlow)
		}
	})
}

// From the bytes of a frame to a transfer, as the receive path does it.
func BenchmarkReceiveTransfer(b *testing.B) {
	frame := AppendTransferFrame(nil, 1, &benchTransfer, benchMessage)
	var x Transfer
	b.ReportAllocs()
	for b.Loop() {
		f, _, err := ParseFrame(frame, 65536)
		if err != nil {
			b.Fatal(err)
		}
		_, l, _, err := ParsePerformative(f.Body)
		if err != nil {
			b.Fatal(err)
		}
		if err := x.Decode(l); err != nil {
			b.Fatal(err)
		}
	}
}

// To the address of a message, as a sender without a target address needs it.
func BenchmarkSectionsToAddress(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		rest := benchMessage
		for {
			s, next, err := NextSection(rest)
			if err != nil {
				b.Fatal(err)
			}
			if s.Code == SectionProperties {
				if _, ok, err := PropertiesTo(s.Value); !ok || err != nil {
					b.Fatal(ok, err)
				}
				break
			}
			rest = next
		}
	}
}

func BenchmarkSkipValue(b *testing.B) {
	value, _ := AppendValue(nil, Map{{Symbol("x-opt-a"), uint32(7)}, {Symbol("x-opt-b"), "text"}, {Symbol("x-opt-c"), true}})
	for b.Loop() {
		if _, err := SkipValue(value); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMapIter(b *testing.B) {
	value, _ := AppendValue(nil, Map{{Symbol("x-opt-a"), uint32(7)}, {Symbol("x-opt-b"), "text"}, {Symbol("x-opt-c"), true}})
	for b.Loop() {
		it, err := IterMap(value)
		if err != nil {
			b.Fatal(err)
		}
		n := 0
		for key, _, ok := it.Next(); ok; key, _, ok = it.Next() {
			if _, ok := Text(key); ok {
				n++
			}
		}
		if n != 3 {
			b.Fatal(n)
		}
	}
}
