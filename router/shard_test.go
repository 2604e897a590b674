package router

import (
	"strings"
	"testing"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/wire"
)

// encoded is a message with these properties and application properties in front.
func encoded(t *testing.T, p *wire.MessageProperties, app wire.Map) []byte {
	t.Helper()
	m := wire.Message{Header: &wire.Header{Durable: true}, Properties: p, ApplicationProperties: app, Data: [][]byte{[]byte("x")}}
	b, err := m.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestTheKeyOfAMessageIsFound(t *testing.T) {
	props := &wire.MessageProperties{To: wire.Some("far"), Subject: wire.Some("tea"), GroupID: wire.Some("g7")}
	app := wire.Map{
		{Key: "a", Value: "first"}, {Key: "text", Value: "k"}, {Key: "symbol", Value: wire.Symbol("s")},
		{Key: "small", Value: int32(7)}, {Key: "large", Value: int64(7)}, {Key: "words", Value: "7"}, {Key: "none", Value: nil},
	}
	all, bare := encoded(t, props, app), encoded(t, nil, nil)
	for _, c := range []struct {
		kind     config.ShardKind
		property string
		message  []byte
		want     string // "-" for none
	}{
		{config.ShardByGroup, "", all, "g7"},
		{config.ShardBySubject, "", all, "tea"},
		{config.ShardByTo, "", all, "far"},
		{config.ShardByProperty, "text", all, "k"},
		{config.ShardByProperty, "symbol", all, "s"},
		{config.ShardByProperty, "small", all, "7"},
		{config.ShardByProperty, "large", all, "7"},
		{config.ShardByProperty, "words", all, "7"},
		{config.ShardByProperty, "none", all, "-"},
		{config.ShardByProperty, "missing", all, "-"},
		{config.ShardByProperty, "text", encoded(t, props, nil), "-"},
		{config.ShardByGroup, "", encoded(t, &wire.MessageProperties{Subject: wire.Some("tea")}, app), "-"},
		{config.ShardByGroup, "", bare, "-"},
		{config.ShardByProperty, "text", bare, "-"},
		{config.ShardByGroup, "", nil, "-"},
		{config.ShardByGroup, "", all[:len(all)/8], "-"},
		{config.ShardByGroup, "", []byte(strings.Repeat("\x00", 100)), "-"},
	} {
		p := shardPlan{key: c.kind, name: c.property}
		var buf [64]byte
		got := "-"
		if k := p.keyOf(c.message, buf[:0]); k != nil {
			got = string(k)
		}
		if got != c.want {
			t.Errorf("%s %s: got %q, want %q", c.kind, c.property, got, c.want)
		}
	}
}

func TestPartsHaveKeysOfTheirOwn(t *testing.T) {
	seen := map[string]bool{"q": true}
	for _, key := range []string{phaseKey("q", 1), phaseKey("q", 9), fallbackKey("q"), shardKey("q", "b1"), shardKey("q", "b2")} {
		if seen[key] || !isPart(key) {
			t.Errorf("the key %q is another's, or not one of a part", key)
		}
		seen[key] = true
		if address, _ := part(key); address != "q" {
			t.Errorf("the key %q is taken for one of %q", key, address)
		}
	}
	if phaseKey("q", 0) != "q" {
		t.Error("phase 0 is not the address itself")
	}
}

func BenchmarkKeyOfAMessage(b *testing.B) {
	m := wire.Message{Properties: &wire.MessageProperties{Subject: wire.Some("tea"), GroupID: wire.Some("g7")}, Data: [][]byte{[]byte("x")}}
	payload, _ := m.Append(nil)
	p := shardPlan{key: config.ShardByGroup}
	b.ReportAllocs()
	for b.Loop() {
		var buf [64]byte
		if p.keyOf(payload, buf[:0]) == nil {
			b.Fatal("no key")
		}
	}
}
