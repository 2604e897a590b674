package checks

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Pages of the documentation name files, functions and types of the source. They must be there, and
// where a page says in which file, in that one.

var (
	quoted     = regexp.MustCompile("`([^`]+)`")
	identifier = regexp.MustCompile(`^[A-Za-z_]\w*(\.[A-Za-z_]\w*)?$`)
	fileOfName = regexp.MustCompile("`([\\w.]+)` \\(`([\\w/*-]+\\.go)`[,)]")
	nameOfFile = regexp.MustCompile("\\(`([\\w/*-]+\\.go)`, `([\\w.]+)`\\)")
)

// source is what is declared in which file: "f", "T" and "T.m", methods and fields also as "m".
type source map[string][]string

// add takes in what a file declares.
func (s source) add(name string, text []byte) error {
	f, err := parser.ParseFile(token.NewFileSet(), name, text, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			s.declare(name, owner(d), d.Name.Name)
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				s.addSpec(name, spec)
			}
		}
	}
	return nil
}

func (s source) addSpec(name string, spec ast.Spec) {
	switch spec := spec.(type) {
	case *ast.ValueSpec:
		for _, n := range spec.Names {
			s.declare(name, "", n.Name)
		}
	case *ast.TypeSpec:
		s.declare(name, "", spec.Name.Name)
		var members *ast.FieldList
		switch t := spec.Type.(type) {
		case *ast.StructType:
			members = t.Fields
		case *ast.InterfaceType:
			members = t.Methods
		default:
			return
		}
		for _, m := range members.List {
			for _, n := range m.Names {
				s.declare(name, spec.Name.Name, n.Name)
			}
		}
	}
}

func (s source) declare(file, owner, name string) {
	s[name] = append(s[name], file)
	if owner != "" {
		s[owner+"."+name] = append(s[owner+"."+name], file)
	}
}

// owner is the type that a method belongs to; "" for a function.
func owner(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return ""
	}
	t := d.Recv.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	if generic, ok := t.(*ast.IndexExpr); ok {
		t = generic.X
	}
	id, _ := t.(*ast.Ident)
	if id == nil {
		return ""
	}
	return id.Name
}

// wrongNames are the names on a page that the source does not have. words are those that are none
// of the source's; folders are those that there are.
func (s source) wrongNames(page, text string, words []string, folders map[string]bool) (wrong []string) {
	complain := func(format string, args ...any) { wrong = append(wrong, page+": "+fmt.Sprintf(format, args...)) }
	text = fenced.ReplaceAllString(text, "")
	files := map[string]bool{}
	for _, list := range s {
		for _, f := range list {
			files[f] = true
		}
	}
	for _, m := range quoted.FindAllStringSubmatch(text, -1) {
		name := m[1]
		first, _, nested := strings.Cut(name, "/")
		switch {
		case slices.Contains(words, name):
		case strings.HasSuffix(name, ".go"):
			if !someFile(files, name) {
				complain("there is no file %s", name)
			}
		case nested && folders[first] && !strings.Contains(name, " "):
			if !folders[name] {
				complain("there is no folder %s", name)
			}
		case identifier.MatchString(name) && !folders[name] && len(s[name]) == 0:
			complain("nothing is called %s", name)
		}
	}
	for _, pair := range append(nameOfFile.FindAllStringSubmatch(text, -1), swapped(fileOfName.FindAllStringSubmatch(text, -1))...) {
		file, name := pair[1], pair[2]
		if len(s[name]) > 0 && !slices.ContainsFunc(s[name], func(f string) bool { return sameFile(file, f) }) {
			complain("%s is not in %s, but in %v", name, file, s[name])
		}
	}
	return wrong
}

func swapped(pairs [][]string) [][]string {
	for _, p := range pairs {
		p[1], p[2] = p[2], p[1]
	}
	return pairs
}

func someFile(files map[string]bool, name string) bool {
	for f := range files {
		if sameFile(name, f) {
			return true
		}
	}
	return false
}

// sameFile says that a page means a file by a name: with its folders, or without where the text
// says of which package it is about.
func sameFile(name, file string) bool {
	if !strings.Contains(name, "/") {
		file = path.Base(file)
	}
	same, _ := path.Match(name, file)
	return same
}

// pagesWithNames are the pages, and which quoted words on them are no names of the source: those of
// the protocol and of configuration.
var pagesWithNames = map[string][]string{
	"docs/life-of-a-transfer.md": {"maxInFlight", "onLoss", "orders", "q", "to"},
	"docs/architecture.md":       nil,
	"docs/decisions/mesh.md":     nil,
	"docs/decisions/routes.md":   nil,
	"docs/decisions/brokers.md":  {"maxInFlight", "modified"},
	"docs/decisions/parts.md":    {"closest", "int", "long", "presettledDirect", "wait"},
}

func TestWhatTheDocumentationNamesIsInTheSource(t *testing.T) {
	root := filepath.Join("..", "..")
	s, folders := source{}, map[string]bool{}
	err := filepath.WalkDir(root, func(at string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, at)
		name = filepath.ToSlash(name)
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "build" || d.Name() == "node_modules" || d.Name() == "testdata"):
			return fs.SkipDir
		case d.IsDir():
			folders[name] = true
			return nil
		case !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(at)
		if err != nil {
			return err
		}
		return s.add(name, text)
	})
	if err != nil || len(s) < 1000 {
		t.Fatalf("%d names found: %v", len(s), err)
	}
	for page, words := range pagesWithNames {
		text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(page)))
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range s.wrongNames(page, string(text), words, folders) {
			t.Error(w)
		}
	}
}

func TestWrongNamesAreFound(t *testing.T) {
	s := source{}
	err := s.add("router/a.go", []byte("package router\ntype link struct{ credit int }\nfunc (l *link) send() {}\nfunc relay() {}\nvar limit = 1\n"))
	if err != nil {
		t.Fatal(err)
	}
	page := "`relay` (`a.go`), `link.send`, `credit` (`router/a.go`, `limit`) in `router`; `to`\n```\n`code`\n```\n" +
		"`gone`, `link.gone`, `b.go`, `router/b`, `send` (`c.go`)"
	got := strings.Join(s.wrongNames("p", page, []string{"to"}, map[string]bool{"router": true}), "\n")
	want := "p: nothing is called gone\np: nothing is called link.gone\np: there is no file b.go\np: there is no folder router/b\n" +
		"p: there is no file c.go\np: send is not in c.go, but in [router/a.go]"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
