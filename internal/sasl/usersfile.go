package sasl

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxUsersFile bounds what is read: some hundred thousand users.
const maxUsersFile = 64 << 20

// usersFile is what a users file holds: hashes by the users' names.
type usersFile map[string]passwordHash

const usersHeader = `# Who may log in with SASL PLAIN: names, and salted hashes of their passwords.
# Change it with "meshway user add|remove"; a running router sees it at the next login.
`

// readUsers reads the users file at path. The info is that of what was read,
// even if another file takes its place meanwhile.
func readUsers(path string) (usersFile, os.FileInfo, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	if info.IsDir() {
		return nil, info, fmt.Errorf("%s is a folder; name the file in it", path)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxUsersFile+1))
	if err != nil {
		return nil, info, fmt.Errorf("read %s: %w", path, err)
	}
	if len(data) > maxUsersFile {
		return nil, info, fmt.Errorf("%s is larger than %d MiB", path, maxUsersFile>>20)
	}
	users, err := parseUsers(path, data)
	return users, info, err
}

// parseUsers wants users: {NAME: {hash: HASH}, ...} and nothing else.
func parseUsers(path string, data []byte) (usersFile, error) {
	list, err := usersNode(path, data)
	if err != nil {
		return nil, err
	}
	users := usersFile{}
	if list == nil || list.Tag == "!!null" {
		return users, nil
	}
	if list.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s:%d: users must be a mapping of names", path, list.Line)
	}
	for i := 0; i+1 < len(list.Content); i += 2 {
		key, value := list.Content[i], list.Content[i+1]
		if err := users.read(key.Value, value); err != nil {
			return nil, fmt.Errorf("%s:%d: user %q: %w", path, key.Line, key.Value, err)
		}
	}
	return users, nil
}

// usersNode finds what stands behind "users"; nil if the file is empty. Of another
// file it says the line alone: that may be one with secrets.
func usersNode(path string, data []byte) (*yaml.Node, error) {
	const form = `it must hold users: {NAME: {hash: HASH}, ...} and nothing else, as "meshway user add" writes it`
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("%s: this is not YAML: %s; %s", path, strings.TrimPrefix(err.Error(), "yaml: "), form)
	}
	if len(doc.Content) == 0 || doc.Content[0].Tag == "!!null" {
		return nil, nil
	}
	top := doc.Content[0]
	if top.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s:%d: this is no users file: %s", path, top.Line, form)
	}
	var users *yaml.Node
	for i := 0; i+1 < len(top.Content); i += 2 {
		switch key := top.Content[i]; {
		case key.Value != "users":
			return nil, fmt.Errorf("%s:%d: this is no users file: %s", path, key.Line, form)
		case users != nil:
			return nil, fmt.Errorf("%s:%d: users is there twice; remove one", path, key.Line)
		}
		users = top.Content[i+1]
	}
	return users, nil
}

// read takes one entry.
func (u usersFile) read(name string, value *yaml.Node) error {
	if err := CheckName(name); err != nil {
		return err
	}
	if _, ok := u[name]; ok {
		return errors.New("is there twice; remove one")
	}
	var entry map[string]string
	if err := value.Decode(&entry); err != nil || len(entry) != 1 || entry["hash"] == "" {
		return errors.New(`must be {hash: "..."} and nothing else`)
	}
	h, err := parseHash(entry["hash"])
	if err != nil {
		return fmt.Errorf("hash %w", err)
	}
	u[name] = h
	return nil
}

// format is what write writes.
func (u usersFile) format() ([]byte, error) {
	type entry struct {
		Hash string `yaml:"hash"`
	}
	entries := map[string]entry{}
	for name, h := range u {
		entries[name] = entry{h.String()}
	}
	body, err := yaml.Marshal(map[string]any{"users": entries}) // sorted by name
	return append([]byte(usersHeader), body...), err
}

// ErrUserExists and ErrNoUser say why an edit was not made.
var (
	ErrUserExists = errors.New("there is such a user already")
	ErrNoUser     = errors.New("there is no such user")
)

// AddUser adds a user to the file at path, and makes the file if there is none.
func AddUser(path, name, password string) error {
	if err := errors.Join(CheckName(name), CheckPassword(password)); err != nil {
		return err
	}
	return edit(path, true, func(u usersFile) error {
		if _, ok := u[name]; ok {
			return ErrUserExists
		}
		u[name] = newHash(password)
		return nil
	})
}

// RemoveUser removes a user from the file at path.
func RemoveUser(path, name string) error {
	return edit(path, false, func(u usersFile) error {
		if _, ok := u[name]; !ok {
			return ErrNoUser
		}
		delete(u, name)
		return nil
	})
}

// HasUser reports whether the file at path has such a user; a file that is not
// there has none.
func HasUser(path, name string) (bool, error) {
	users, _, err := readUsers(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	_, ok := users[name]
	return ok, err
}

// ListUsers returns the names in the file at path, sorted.
func ListUsers(path string) ([]string, error) {
	users, _, err := readUsers(path)
	if err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(users)), nil
}

// edit changes the file as one step, also against edits by others.
func edit(path string, create bool, change func(usersFile) error) error {
	path, err := target(path)
	if err != nil {
		return err
	}
	unlock, err := lockFolder(path)
	if err != nil {
		return err
	}
	defer unlock()
	users, info, err := readUsers(path)
	if create && errors.Is(err, fs.ErrNotExist) {
		users, err = usersFile{}, nil
	}
	if err != nil {
		return err
	}
	if err := change(users); err != nil {
		return err
	}
	data, err := users.format()
	if err != nil {
		return err
	}
	return replace(path, data, info)
}
