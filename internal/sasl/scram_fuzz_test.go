package sasl

import (
	"strings"
	"testing"

	"github.com/xdg-go/scram"
)

// FuzzScram is a server that says anything: the client never panics, and never
// takes it for one that knows the password unless another project's client,
// which is told the same, does.
func FuzzScram(f *testing.F) {
	f.Add(rfcServerFirst, rfcServerFinal, "")
	f.Add(rfcServerFirst, "", rfcServerFinal)
	f.Add(rfcServerFirst+",x=1", rfcServerFinal, rfcServerFinal)
	f.Add("r="+rfcNonce+"x,s=AAAAAAAAAAA=,i=4096", "v=AAAA", "e=other-error")
	f.Add("m=x", "e=x", ",,,=")
	f.Add("", "", "")
	f.Fuzz(func(t *testing.T, first, challenge, additional string) {
		if m, err := parseServerFirst(first, rfcNonce); err == nil && m.iterations > 2*minIterations {
			t.Skip("nothing new, and slow")
		}
		c := rfcClient()
		if _, err := c.Step(nil); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Step([]byte(first)); err != nil {
			return
		}
		final := additional
		if challenge != "" {
			if _, err := c.Step([]byte(challenge)); err != nil {
				return
			}
			final = challenge
		}
		if err := c.Finish([]byte(additional)); err == nil && !otherIsContent(t, first, final) {
			t.Errorf("%q and %q are taken for a proof", first, final)
		}
	})
}

// otherIsContent asks another project's client. It wants no extensions.
func otherIsContent(t *testing.T, first, final string) bool {
	t.Helper()
	other, err := scram.SHA256.NewClient("user", "pencil", "")
	if err != nil {
		t.Fatal(err)
	}
	other.WithNonceGenerator(func() string { return rfcNonce })
	c := other.NewConversation()
	final, _, _ = strings.Cut(final, ",")
	for _, challenge := range []string{"", first, final} {
		if _, err := c.Step(challenge); err != nil {
			t.Logf("the other client: %v", err)
			return false
		}
	}
	return c.Valid()
}
