package sasl

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// usersFileWith returns the path of a users file with these names; each one's
// password is "pw-" and the name.
func usersFileWith(t *testing.T, names ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "users.yaml")
	for _, n := range names {
		if err := AddUser(path, n, "pw-"+n); err != nil {
			t.Fatalf("add %q: %v", n, err)
		}
	}
	return path
}

func openUsers(t *testing.T, path string) (*Users, *observer.ObservedLogs) {
	t.Helper()
	core, logs := observer.New(zap.InfoLevel)
	u, err := OpenUsers(path, zap.New(core))
	if err != nil {
		t.Fatal(err)
	}
	return u, logs
}

func TestVerify(t *testing.T) {
	u, _ := openUsers(t, usersFileWith(t, "alice", "sensor@tenant"))
	tests := []struct {
		name, password string
		ok             bool
	}{
		{"alice", "pw-alice", true},
		{"alice", "pw-alice", true}, // the second time without the slow hash
		{"alice", "pw-alic", false},
		{"alice", "", false},
		{"sensor@tenant", "pw-sensor@tenant", true},
		{"sensor@tenant", "pw-alice", false},
		{"Alice", "pw-alice", false},
		{"nobody", "pw-nobody", false},
		{"", "", false},
	}
	for _, tt := range tests {
		err := u.Verify(t.Context(), tt.name, tt.password)
		if (err == nil) != tt.ok || (err != nil && !errors.Is(err, ErrAuth)) {
			t.Errorf("%q with %q: got %v, want ok %v", tt.name, tt.password, err, tt.ok)
		}
	}
}

func TestVerifyIgnoresWhatIsProvenForWrongPasswords(t *testing.T) {
	u, _ := openUsers(t, usersFileWith(t, "alice"))
	for _, password := range []string{"pw-alice", "wrong", "pw-alice", "wrong"} {
		err := u.Verify(t.Context(), "alice", password)
		if (err == nil) != (password == "pw-alice") {
			t.Errorf("%q: got %v", password, err)
		}
	}
}

func TestVerifyGivesUpItsTurnWhenThePeerIsGone(t *testing.T) {
	u, _ := openUsers(t, usersFileWith(t, "alice"))
	for range cap(hashing) {
		hashing <- struct{}{}
	}
	defer func() {
		for range cap(hashing) {
			<-hashing
		}
	}()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, name := range []string{"alice", "nobody"} {
		if err := u.Verify(ctx, name, "pw-alice"); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v, want context.Canceled", name, err)
		}
	}
}

func TestUnknownUsersCostWhatTheDearestKnownOneDoes(t *testing.T) {
	dear := passwordHash{memory: 2 * newMemory, passes: newPasses + 1, threads: 2, salt: make([]byte, saltBytes), sum: make([]byte, sumBytes)}
	tb := newTable(usersFile{"cheap": unknownHash(), "dear": dear}, nil)
	if tb.dummy.cost() != dear.cost() || tb.dummy.threads != dear.threads {
		t.Errorf("an unknown user costs %d, the dearest known one %d", tb.dummy.cost(), dear.cost())
	}
}

func TestUsersSeeChangesOfTheFile(t *testing.T) {
	path := usersFileWith(t, "alice")
	u, logs := openUsers(t, path)
	if err := u.Verify(t.Context(), "bob", "pw-bob"); err == nil {
		t.Fatal("bob is let in before he was added")
	}
	if err := AddUser(path, "bob", "pw-bob"); err != nil {
		t.Fatal(err)
	}
	if err := u.Verify(t.Context(), "bob", "pw-bob"); err != nil {
		t.Errorf("bob after he was added: %v", err)
	}
	if err := u.Verify(t.Context(), "alice", "pw-alice"); err != nil {
		t.Fatal(err)
	}
	if err := RemoveUser(path, "alice"); err != nil {
		t.Fatal(err)
	}
	if err := u.Verify(t.Context(), "alice", "pw-alice"); err == nil {
		t.Error("alice is let in after she was removed")
	}
	if n := logs.FilterMessage("users file read again").Len(); n != 2 {
		t.Errorf("logged %d times that the file was read again, want 2", n)
	}
}

func TestUsersKeepTheOldOnesWhenTheFileBreaks(t *testing.T) {
	path := usersFileWith(t, "alice")
	u, logs := openUsers(t, path)
	stillIn := func(why string) {
		t.Helper()
		for range 3 {
			if err := u.Verify(t.Context(), "alice", "pw-alice"); err != nil {
				t.Errorf("%s: %v", why, err)
			}
		}
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("users: ["), 0o600); err != nil {
		t.Fatal(err)
	}
	stillIn("broken file")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	stillIn("no file")
	if n := logs.FilterLevelExact(zap.ErrorLevel).Len(); n != 2 {
		t.Errorf("%d errors were logged, want one for each state: %v", n, logs.All())
	}
	if err := os.WriteFile(path, good, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := AddUser(path, "bob", "pw-bob"); err != nil {
		t.Fatal(err)
	}
	if err := u.Verify(t.Context(), "bob", "pw-bob"); err != nil {
		t.Errorf("after the file was mended: %v", err)
	}
}

func TestUsersFromManyGoroutines(t *testing.T) {
	path := usersFileWith(t, "alice")
	u, _ := openUsers(t, path)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			password, want := "pw-alice", true
			if i%2 == 1 {
				password, want = "wrong", false
			}
			if err := u.Verify(t.Context(), "alice", password); (err == nil) != want {
				t.Errorf("%q: %v", password, err)
			}
		})
	}
	if err := os.Chtimes(path, time.Time{}, time.Unix(1, 0)); err != nil {
		t.Error(err)
	}
	wg.Wait()
}

func TestOpenUsersWarnsOfAFileOpenToOthers(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("rights are not in the mode there")
	}
	path := usersFileWith(t, "alice")
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	_, logs := openUsers(t, path)
	if logs.FilterLevelExact(zap.WarnLevel).Len() != 1 {
		t.Errorf("got %v, want one warning", logs.All())
	}
}

func TestOpenUsersRefusesBadFiles(t *testing.T) {
	good := newHash("x").String()
	tests := []struct{ name, content, want string }{
		{"not YAML", "users: [", ": this is not YAML: line 1"},
		{"another key", "users: {}\nadmins: {}\n", ":2: this is no users file: it must hold users: {NAME: {hash: HASH}, ...}"},
		{"a file of another kind", "root:$6$salt$hash:1::\n", ":1: this is no users file: it must hold users: {NAME: {hash: HASH}, ...}"},
		{"users twice", "users: {}\nusers: {}\n", ":2: users is there twice"},
		{"a list", "users: [alice]\n", ":1: users must be a mapping"},
		{"a plain password", "users:\n  alice: secret\n", `:2: user "alice": must be {hash`},
		{"a hash of another kind", "users:\n  alice: {hash: $2y$10$abc}\n", "$argon2id$"},
		{"a colon in a name", "users:\n  'a:b': {hash: \"" + good + "\"}\n", "colon"},
		{"twice", "users:\n  a: {hash: \"" + good + "\"}\n  a: {hash: \"" + good + "\"}\n", ":3: user \"a\": is there twice"},
		{"no passes", "users:\n  a: {hash: \"" + strings.Replace(good, "t=2", "t=0", 1) + "\"}\n", "out of bounds"},
		{"no threads", "users:\n  a: {hash: \"" + strings.Replace(good, "p=1", "p=0", 1) + "\"}\n", "out of bounds"},
		{"all of the memory", "users:\n  a: {hash: \"" + strings.Replace(good, "m=19456", "m=4294967295", 1) + "\"}\n", "out of bounds"},
		{"more parameters", "users:\n  a: {hash: \"" + strings.Replace(good, "p=1", "p=1,x=2", 1) + "\"}\n", "parameters"},
		{"another version", "users:\n  a: {hash: \"" + strings.Replace(good, "v=19", "v=16", 1) + "\"}\n", "version"},
		{"an empty hash", "users:\n  a: {hash: \"$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAA$\"}\n", "too short"},
		{"not base64", "users:\n  a: {hash: \"$argon2id$v=19$m=19456,t=2,p=1$AA*$AA\"}\n", "base64"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "users.yaml")
			if err := os.WriteFile(path, []byte(tt.content), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := OpenUsers(path, zap.NewNop())
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("got %v, want an error with %q and the file's name", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "$6$") {
				t.Errorf("a hash was told to everybody: %v", err)
			}
		})
	}
	if _, err := OpenUsers(filepath.Join(t.TempDir(), "missing.yaml"), zap.NewNop()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: got %v", err)
	}
	if _, err := OpenUsers(t.TempDir(), zap.NewNop()); err == nil {
		t.Error("a folder was taken for a users file")
	}
}

func TestOldEntriesKeepTheirOwnCost(t *testing.T) {
	h := passwordHash{memory: 64, passes: 3, threads: 2, salt: []byte("0123456789")}
	h.sum = h.compute("old", 24)
	back, err := parseHash(h.String())
	if err != nil {
		t.Fatal(err)
	}
	if back.String() != h.String() {
		t.Errorf("read back as %s, want %s", back, h)
	}
	if ok, err := back.matches(t.Context(), "old"); !ok || err != nil {
		t.Errorf("got %v, %v, want a match", ok, err)
	}
}

func FuzzParseUsers(f *testing.F) {
	f.Add([]byte("users:\n  a: {hash: \"" + unknownHash().String() + "\"}\n"))
	f.Add([]byte("users: {a: &x {hash: *x}}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		users, err := parseUsers("f", data)
		if err != nil {
			return
		}
		text, err := users.format()
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseUsers("f", text)
		if err != nil || len(again) != len(users) {
			t.Errorf("written and read again: %d users, %v; had %d", len(again), err, len(users))
		}
	})
}
