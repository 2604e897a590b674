package checks

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	fenced  = regexp.MustCompile("(?ms)^```.*?^```$")
)

// anchorOf is how a heading is linked to.
func anchorOf(heading string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(heading) {
		switch {
		case r == ' ':
			b.WriteByte('-')
		case r == '-' || r == '_' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r > 127:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// brokenLinks are the links of a page to places in the tree that do not exist.
func brokenLinks(read func(string) ([]byte, error), page string) (broken []string) {
	text, err := read(page)
	if err != nil {
		return []string{err.Error()}
	}
	prose := fenced.ReplaceAllString(string(text), "")
	for _, m := range link.FindAllStringSubmatch(prose, -1) {
		if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
			continue
		}
		path, anchor, _ := strings.Cut(m[1], "#")
		target := page
		if path != "" {
			target = filepath.Join(filepath.Dir(page), path)
		}
		there, err := read(target)
		switch {
		case err != nil:
			broken = append(broken, fmt.Sprintf("%s: %s leads nowhere", page, m[1]))
		case anchor != "" && !hasAnchor(string(there), anchor):
			broken = append(broken, fmt.Sprintf("%s: %s: there is no such heading", page, m[1]))
		}
	}
	return broken
}

func hasAnchor(page, anchor string) bool {
	for _, h := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(page, ""), -1) {
		if anchorOf(h[1]) == anchor {
			return true
		}
	}
	return false
}

func TestLinksOfTheDocumentationLeadSomewhere(t *testing.T) {
	root := filepath.Join("..", "..")
	read := func(path string) ([]byte, error) {
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			return nil, nil // a link to a folder
		}
		return os.ReadFile(path)
	}
	pages := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "build" || d.Name() == "node_modules"):
			return fs.SkipDir
		case d.IsDir() || filepath.Ext(path) != ".md":
			return nil
		}
		pages++
		for _, b := range brokenLinks(read, path) {
			t.Error(b)
		}
		return nil
	})
	if err != nil || pages < 10 {
		t.Errorf("%d pages were looked at: %v", pages, err)
	}
}

func TestBrokenLinksAreFound(t *testing.T) {
	files := map[string]string{
		"docs/a.md": "[b](b.md) [c](c.md#what-it-is) [no](d.md) [neither](c.md#nothing) [own](#mine) [out](https://example.org/x)\n# Mine\n```\n[code](e.md)\n```\n",
		"docs/b.md": "", "docs/c.md": "## What it is\n",
	}
	read := func(path string) ([]byte, error) {
		if s, ok := files[filepath.ToSlash(path)]; ok {
			return []byte(s), nil
		}
		return nil, fs.ErrNotExist
	}
	got := strings.Join(brokenLinks(read, "docs/a.md"), "\n")
	want := "docs/a.md: d.md leads nowhere\ndocs/a.md: c.md#nothing: there is no such heading"
	if filepath.ToSlash(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
