package sasl

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestEditUsers(t *testing.T) {
	path := usersFileWith(t, "bob", "alice")
	names, err := ListUsers(path)
	if err != nil || !slices.Equal(names, []string{"alice", "bob"}) {
		t.Fatalf("got %v, %v, want alice and bob", names, err)
	}
	if err := AddUser(path, "bob", "other"); !errors.Is(err, ErrUserExists) {
		t.Errorf("adding bob again: got %v, want ErrUserExists", err)
	}
	if err := RemoveUser(path, "carol"); !errors.Is(err, ErrNoUser) {
		t.Errorf("removing carol: got %v, want ErrNoUser", err)
	}
	for name, want := range map[string]bool{"bob": true, "carol": false} {
		if has, err := HasUser(path, name); has != want || err != nil {
			t.Errorf("has %s: got %v, %v", name, has, err)
		}
	}
	if has, err := HasUser(path+".missing", "bob"); has || err != nil {
		t.Errorf("has in a missing file: got %v, %v", has, err)
	}
	if err := RemoveUser(path, "bob"); err != nil {
		t.Error(err)
	}
	if names, err = ListUsers(path); err != nil || !slices.Equal(names, []string{"alice"}) {
		t.Errorf("got %v, %v, want alice", names, err)
	}
	if err := RemoveUser(path+".missing", "bob"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("removing from a missing file: got %v", err)
	}
	files, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(files) != 1 {
		t.Errorf("left behind: %v, %v", files, err)
	}
}

func TestUsersFileShowsNoPassword(t *testing.T) {
	path := usersFileWith(t, "alice")
	data, err := os.ReadFile(path)
	if err != nil || strings.Contains(string(data), "pw-alice") {
		t.Errorf("got %v, file %q", err, data)
	}
	info, err := os.Stat(path)
	if err != nil || (runtime.GOOS != "windows" && info.Mode().Perm() != 0o600) {
		t.Errorf("got mode %v, %v, want 0600", info.Mode(), err)
	}
}

func TestSamePasswordHashesDifferently(t *testing.T) {
	if a, b := newHash("same"), newHash("same"); string(a.sum) == string(b.sum) {
		t.Error("two hashes of one password are equal: no salt")
	}
}

func TestEditFollowsASymbolicLink(t *testing.T) {
	file := usersFileWith(t, "alice")
	link := filepath.Join(t.TempDir(), "link.yaml")
	if err := os.Symlink(file, link); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	if err := AddUser(link, "bob", "pw"); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link was replaced: %v, %v", info.Mode(), err)
	}
	if has, err := HasUser(file, "bob"); !has || err != nil {
		t.Errorf("bob is not behind the link: %v", err)
	}
}

func TestEditsAtTheSameTimeAllCount(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("folders cannot be locked there")
	}
	path := filepath.Join(t.TempDir(), "users.yaml")
	var wg sync.WaitGroup
	const n = 6
	for i := range n {
		wg.Go(func() {
			if err := AddUser(path, fmt.Sprintf("user%d", i), "pw"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if names, err := ListUsers(path); err != nil || len(names) != n {
		t.Errorf("got %v, %v, want %d users", names, err, n)
	}
}

func TestBadNamesAndPasswords(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users.yaml")
	for _, name := range []string{"", "a:b", "a\x00b", "a\nb", "a\x1bb", " a", "a ", "a\xff", "anonymous", strings.Repeat("x", MaxName+1)} {
		if err := AddUser(path, name, "pw"); err == nil {
			t.Errorf("the name %q was taken", name)
		}
	}
	for _, password := range []string{"", "a\x00b", "a\xff", strings.Repeat("x", MaxPassword+1)} {
		if err := AddUser(path, "alice", password); err == nil {
			t.Errorf("the password %q was taken", password)
		}
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file was made all the same: %v", err)
	}
	for _, name := range []string{"a", "a b", "ünïcode", "sensor-1@tenant", strings.Repeat("x", MaxName)} {
		if err := CheckName(name); err != nil {
			t.Error(err)
		}
	}
}
