package sasl

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/xdg-go/scram"
)

// The exchange of RFC 7677 section 3.
const (
	rfcNonce       = "rOprNGfwEbeRWgbNEkqO"
	rfcClientFirst = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
	rfcServerFirst = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
	rfcClientFinal = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
	rfcServerFinal = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
)

func rfcClient() ClientExchange {
	return ScramClient{Username: "user", Password: "pencil", nonce: func() string { return rfcNonce }}.Start()
}

// rfcStep wants the next step of the RFC's exchange to go well.
func rfcStep(t *testing.T, c ClientExchange, challenge, want string) {
	t.Helper()
	if got, err := c.Step([]byte(challenge)); err != nil || string(got) != want || got == nil {
		t.Fatalf("challenge %q: got %q, %v, want %q", challenge, got, err, want)
	}
}

// askedForProof has got as far as the proof.
func askedForProof(t *testing.T) ClientExchange {
	t.Helper()
	c := rfcClient()
	rfcStep(t, c, "", rfcClientFirst)
	rfcStep(t, c, rfcServerFirst, rfcClientFinal)
	return c
}

func TestScramOfTheRFCWithTheServersProofInTheOutcome(t *testing.T) {
	if err := askedForProof(t).Finish([]byte(rfcServerFinal)); err != nil {
		t.Error(err)
	}
}

func TestScramOfTheRFCWithTheServersProofInAChallenge(t *testing.T) {
	for why, additional := range map[string][]byte{"said once": nil, "an empty field": {}, "said twice": []byte(rfcServerFinal)} {
		c := askedForProof(t)
		rfcStep(t, c, rfcServerFinal, "")
		if err := c.Finish(additional); err != nil {
			t.Errorf("%s: %v", why, err)
		}
	}
}

// Neither a server that lets everybody in, nor one that is somebody else, is
// taken for the one that knows the password.
func TestScramServersThatProveNothing(t *testing.T) {
	wrong := []byte("v=" + base64.StdEncoding.EncodeToString(make([]byte, 32)))
	tests := []struct {
		name string
		run  func(c ClientExchange) error
		want string
	}{
		{"done before anything was said", func(c ClientExchange) error { return c.Finish(nil) }, "without server-first-message"},
		{"done, with a proof out of thin air", func(c ClientExchange) error {
			_, _ = c.Step(nil)
			return c.Finish([]byte(rfcServerFinal))
		}, "without server-first-message"},
		{"done without additional-data", func(c ClientExchange) error { return toProof(c).Finish(nil) }, "without server-final-message"},
		{"done with empty additional-data", func(c ClientExchange) error { return toProof(c).Finish([]byte{}) }, "without server-final-message"},
		{"a wrong signature in the outcome", func(c ClientExchange) error { return toProof(c).Finish(wrong) }, "signature (v=) is wrong"},
		{"a wrong signature in a challenge", func(c ClientExchange) error {
			_, err := toProof(c).Step(wrong)
			return err
		}, "signature (v=) is wrong"},
		{"another signature behind the right one", func(c ClientExchange) error {
			_, _ = toProof(c).Step([]byte(rfcServerFinal))
			return c.Finish(wrong)
		}, "signature (v=) is wrong"},
		{"a challenge behind the last one", func(c ClientExchange) error {
			_, _ = toProof(c).Step([]byte(rfcServerFinal))
			_, err := c.Step([]byte(rfcServerFinal))
			return err
		}, "after server-final-message"},
		{"the first message twice", func(c ClientExchange) error {
			_, err := toProof(c).Step([]byte(rfcServerFirst))
			return err
		}, "no signature (v=)"},
		{"the last message first", func(c ClientExchange) error {
			_, _ = c.Step(nil)
			_, err := c.Step([]byte(rfcServerFinal))
			return err
		}, "no nonce (r=)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			wantScramError(t, tt.run(rfcClient()), tt.want)
		})
	}
}

func toProof(c ClientExchange) ClientExchange {
	_, _ = c.Step(nil)
	_, _ = c.Step([]byte(rfcServerFirst))
	return c
}

// wantScramError wants an error that names the mechanism and what is wrong, and
// keeps the password to itself.
func wantScramError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.HasPrefix(err.Error(), "SCRAM-SHA-256: ") || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want an error of SCRAM-SHA-256 with %q", err, want)
	}
	if err != nil && strings.Contains(err.Error(), "pencil") {
		t.Errorf("the error %q shows the password", err)
	}
}

func TestScramServerFirstThatIsWrong(t *testing.T) {
	nonce, salt := "r="+rfcNonce+"xyz", ",s=W22ZaJ0SNY7soEsUEjb6gQ=="
	salted := func(n int) string {
		return nonce + ",s=" + base64.StdEncoding.EncodeToString(make([]byte, n)) + ",i=4096"
	}
	tests := []struct{ name, message, want string }{
		{"empty", "", "no nonce (r=)"},
		{"no nonce", "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", "no nonce (r=)"},
		{"an empty nonce", "r=" + salt + ",i=4096", "nonce (r=) is empty"},
		{"the nonce of another client", "r=xyz" + rfcNonce + salt + ",i=4096", "answers another login"},
		{"the nonce in other letters", "r=" + strings.ToLower(rfcNonce) + "xyz" + salt + ",i=4096", "answers another login"},
		{"no nonce of the server", "r=" + rfcNonce + salt + ",i=4096", "the server has added nothing"},
		{"a blank in the nonce", nonce + " z" + salt + ",i=4096", "not printable"},
		{"a nonce beyond ASCII", nonce + "é" + salt + ",i=4096", "not printable"},
		{"an endless nonce", nonce + strings.Repeat("x", maxScramNonce) + salt + ",i=4096", "nonce (r=) has 279 bytes"},
		{"no salt", nonce + ",i=4096", "no salt (s=)"},
		{"an empty salt", nonce + ",s=,i=4096", "salt (s=) is empty"},
		{"a salt that is not base64", nonce + ",s=W22Z*,i=4096", "salt (s=) is not base64"},
		{"a salt without its padding", nonce + ",s=W22ZaJ0SNY7soEsUEjb6gQ,i=4096", "salt (s=) is not base64"},
		{"a salt with a line break", nonce + ",s=W22ZaJ0SNY7s\noEsUEjb6gQ==,i=4096", "salt (s=) is not base64"},
		{"a salt with stray bits", nonce + ",s=W22ZaJ0SNY7soEsUEjb6gR==,i=4096", "salt (s=) is not base64"},
		{"a short salt", salted(7), "salt (s=) has 7 bytes"},
		{"a long salt", salted(257), "salt (s=) has 257 bytes"},
		{"no iteration count", nonce + salt, "no iteration count (i=)"},
		{"an empty iteration count", nonce + salt + ",i=", "iteration count (i=) is empty"},
		{"cheap to guess", nonce + salt + ",i=4095", "iteration count (i=) 4095 is less than 4096"},
		{"one iteration", nonce + salt + ",i=1", "less than 4096"},
		{"none", nonce + salt + ",i=0", "not a positive number"},
		{"too much work", nonce + salt + ",i=10000001", "iteration count (i=) 10000001 is more than 10000000"},
		{"work for ever", nonce + salt + ",i=" + strings.Repeat("9", 50), "more than 10000000"},
		{"a negative count", nonce + salt + ",i=-4096", `"-4096" is not a positive number`},
		{"a count with a plus", nonce + salt + ",i=+4096", "not a positive number"},
		{"a count with a leading nought", nonce + salt + ",i=04096", "not a positive number"},
		{"a count in words", nonce + salt + ",i=many", "not a positive number"},
		{"another order", "s=W22ZaJ0SNY7soEsUEjb6gQ==," + nonce + ",i=4096", "no nonce (r=)"},
		{"a required extension", "m=x," + nonce + salt + ",i=4096", "requires an extension (m=)"},
		{"a trailing comma", nonce + salt + ",i=4096,", "no extension"},
		{"rubbish behind it", nonce + salt + ",i=4096,xyz", `"xyz" is behind all fields`},
		{"an extension without a value", nonce + salt + ",i=4096,x=", "no extension"},
		{"an extension named by a digit", nonce + salt + ",i=4096,1=x", "no extension"},
		{"a refusal", "e=unknown-user", `the server refuses (e=): "unknown-user"`},
		{"NUL", nonce + salt + ",i=4096,x=\x00", "without NUL"},
		{"not UTF-8", nonce + salt + ",i=4096,x=\xff", "not UTF-8"},
		{"endless", nonce + salt + ",i=4096,x=" + strings.Repeat("x", maxScramMessage), "at most 4096"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := rfcClient()
			rfcStep(t, c, "", rfcClientFirst)
			response, err := c.Step([]byte(tt.message))
			wantScramError(t, err, tt.want)
			wantScramError(t, err, "server-first-message")
			if response != nil {
				t.Errorf("it is answered with %q all the same", response)
			}
		})
	}
}

func TestScramServerFinalThatIsWrong(t *testing.T) {
	signature := rfcServerFinal[2:]
	tests := []struct{ name, message, want string }{
		{"another field", "x=" + signature, "no signature (v=)"},
		{"an empty signature", "v=", "signature (v=) is empty"},
		{"not base64", "v=*", "signature (v=) is not base64"},
		{"a short signature", "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl9", "has 30 bytes instead of 32"},
		{"a signature and more", "v=" + strings.Replace(signature, "=", "A", 1), "has 33 bytes instead of 32"},
		{"one with a line break", "v=" + signature + "\n", "not base64"},
		{"a refusal", "e=invalid-proof", `the server refuses (e=): "invalid-proof"`},
		{"a refusal that would forge lines of the log", "e=x\ny", `"x\ny"`},
		{"a trailing comma", rfcServerFinal + ",", "no extension"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			wantScramError(t, askedForProof(t).Finish([]byte(tt.message)), tt.want)
			_, err := askedForProof(t).Step([]byte(tt.message))
			wantScramError(t, err, "server-final-message: ")
		})
	}
}

// Whichever byte of what the server says is changed on its way: no login.
func TestScramEveryByteOfTheServerCounts(t *testing.T) {
	for i := range rfcServerFirst {
		c := rfcClient()
		rfcStep(t, c, "", rfcClientFirst)
		_, err := c.Step([]byte(changed(rfcServerFirst, i)))
		if err == nil && c.Finish([]byte(rfcServerFinal)) == nil {
			t.Errorf("byte %d of server-first-message was changed, and nobody noticed", i)
		}
	}
	asked := askedForProof(t)
	for i := range rfcServerFinal {
		if err := asked.Finish([]byte(changed(rfcServerFinal, i))); err == nil {
			t.Errorf("byte %d of server-final-message was changed, and nobody noticed", i)
		}
	}
}

// changed changes one bit of one byte, such that a letter remains a letter.
func changed(s string, i int) string {
	b := []byte(s)
	b[i] ^= 1
	return string(b)
}

func TestScramBoundsOfTheWorkAreInclusive(t *testing.T) {
	for s, want := range map[string]int{"4096": minIterations, "10000000": maxIterations} {
		if n, err := parseIterations(s); n != want || err != nil {
			t.Errorf("%s: got %d, %v", s, n, err)
		}
	}
}

// Extensions that nobody requires are signed like the rest, and passed over.
func TestScramExtensionsArePassedOver(t *testing.T) {
	c := rfcClient()
	_, _ = c.Step(nil)
	if _, err := c.Step([]byte(rfcServerFirst + ",x=1,Y=a=b")); err != nil {
		t.Error(err)
	}
	if err := askedForProof(t).Finish([]byte(rfcServerFinal + ",x=1")); err != nil {
		t.Error(err)
	}
}

func TestScramNamesAndPasswordsThatCannotBeSent(t *testing.T) {
	tests := []struct{ name, user, password, want string }{
		{"no name", "", "pencil", "nothing is left"},
		{"a name of nothing but soft hyphens", "\u00ad\u00ad", "pencil", "nothing is left"},
		{"a control character in the name", "us\x07er", "pencil", `"us\aer": SASLprep`},
		{"a name that is not UTF-8", "us\xff", "pencil", "name is not UTF-8"},
		{"a name without end", strings.Repeat("x", MaxName+1), "pencil", "at most 255 bytes"},
		{"no password", "user", "", "must not be empty"},
		{"a control character in the password", "user", "pencil\x07", "SASLprep"},
		{"a password newer than stringprep", "user", "pencil\U0001f511", "SASLprep"},
		{"two directions in a password", "user", "pencil\u0627", "SASLprep"},
		{"a password that is not UTF-8", "user", "pencil\xff", "UTF-8"},
		{"a password of nothing but soft hyphens", "user", "\u00ad", "nothing is left"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			response, err := ScramClient{Username: tt.user, Password: tt.password}.Start().Step(nil)
			wantScramError(t, err, tt.want)
			if response != nil {
				t.Errorf("the server is told %q all the same", response)
			}
		})
	}
}

func TestScramNoncesAreFresh(t *testing.T) {
	a, err := ScramClient{Username: "user", Password: "pencil"}.Start().Step(nil)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := ScramClient{Username: "user", Password: "pencil"}.Start().Step(nil)
	if string(a) == string(b) || len(a) < len("n,,n=user,r=")+20 {
		t.Errorf("two logins begin with %q and %q", a, b)
	}
}

var errNobody = errors.New("no such user")

// scramServer knows one user by the name and the password that stand in its
// books: another project's server half.
func scramServer(t *testing.T, user, password string, iterations int) *scram.ServerConversation {
	t.Helper()
	books, err := scram.SHA256.NewClientUnprepped(user, password, "")
	if err != nil {
		t.Fatal(err)
	}
	stored, err := books.GetStoredCredentialsWithError(scram.KeyFactors{Salt: "eight or more", Iters: iterations})
	if err != nil {
		t.Fatal(err)
	}
	server, err := scram.SHA256.NewServer(func(name string) (scram.StoredCredentials, error) {
		if name != user {
			return scram.StoredCredentials{}, errNobody
		}
		return stored, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return server.NewConversation()
}

func TestScramAgainstAnotherProjectsServer(t *testing.T) {
	tests := []struct{ name, user, password, bookedUser, bookedPassword string }{
		{"plain letters", "alice", "secret", "alice", "secret"},
		{"= and comma", "a=b,c=,2C", "p=,q", "a=b,c=,2C", "p=,q"},
		{"what looks escaped", "=3D=2C", "=3D", "=3D=2C", "=3D"},
		{"= and comma that SASLprep makes", "a\uff1db\uff0cc", "secret", "a=b,c", "secret"},
		{"RFC 4013, example 1", "I\u00adX", "I\u00adX", "IX", "IX"},
		{"RFC 4013, examples 4 and 5", "\u00aa", "\u2168", "a", "IX"},
		{"blanks of other kinds", "a\u00a0b", "c\u2003d", "a b", "c d"},
		{"accents in two pieces", "Jose\u0301", "e\u0301te\u0301", "José", "été"},
		{"right to left", "\u0627\u0644\u0641", "\u0627\u0644", "\u0627\u0644\u0641", "\u0627\u0644"},
		{"a name newer than stringprep", "key\U0001f511", "secret", "key\U0001f511", "secret"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := scramServer(t, tt.bookedUser, tt.bookedPassword, 5000)
			if err := logIn(t, ScramClient{Username: tt.user, Password: tt.password}, server); err != nil || !server.Valid() {
				t.Errorf("got %v, and the server says %v", err, server.Valid())
			}
		})
	}
}

func TestScramWithTheWrongPasswordIsRefused(t *testing.T) {
	server := scramServer(t, "alice", "secret", 4096)
	err := logIn(t, ScramClient{Username: "alice", Password: "pencil"}, server)
	wantScramError(t, err, `the server refuses (e=): "invalid-proof"`)
	if server.Valid() {
		t.Error("the server lets it in")
	}
}

// logIn carries messages between the two until the client is content, or not.
func logIn(t *testing.T, client ScramClient, server *scram.ServerConversation) error {
	t.Helper()
	c := client.Start()
	first, err := c.Step(nil)
	if err != nil {
		return err
	}
	challenge, err := server.Step(string(first))
	if err != nil {
		t.Fatalf("the server does not understand %q: %v", first, err)
	}
	final, err := c.Step([]byte(challenge))
	if err != nil {
		return err
	}
	// What the server thinks of the proof is in the message, too.
	outcome, _ := server.Step(string(final))
	return c.Finish([]byte(outcome))
}
