package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/meshway/meshway/internal/config"
)

// The commands and the files that the documentation shows exist, and are right.

// pages are those of the documentation that tell users what to do.
func pages(t *testing.T) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join("..", "..", "docs", "*.md"))
	if err != nil || len(list) < 5 {
		t.Fatalf("pages: %v, %v", list, err)
	}
	return append(list, filepath.Join("..", "..", "README.md"))
}

// block is a fenced part of a page.
type block struct {
	page, language, text string
	line                 int
}

func blocksOf(t *testing.T, page string) (list []block) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var open *block
	for i, line := range strings.Split(string(text), "\n") {
		language, fence := strings.CutPrefix(line, "```")
		switch {
		case fence && open == nil:
			open = &block{page: filepath.Base(page), language: language, line: i + 2}
		case fence:
			list = append(list, *open)
			open = nil
		case open != nil:
			open.text += line + "\n"
		}
	}
	return list
}

// commandIn is the command line of this program in a line of a page, as words; nil if it
// has none.
func commandIn(line string) []string {
	line, _, _ = strings.Cut(strings.ReplaceAll(line, "$!", "1"), " #")
	line = strings.TrimPrefix(strings.TrimSpace(line), "$ ")
	if i := strings.Index(line, "| meshway "); i >= 0 {
		line = line[i+2:]
	}
	words := split(strings.TrimSuffix(strings.TrimSpace(line), "&"))
	if len(words) == 0 || words[0] != "meshway" && words[0] != "build/meshway" {
		return nil
	}
	for i, w := range words {
		if w == "|" || w == ">" || w == "<" || w == "&&" || w == ">>" {
			return words[1:i]
		}
	}
	return words[1:]
}

// split splits at blanks, but not within quotes.
func split(line string) (words []string) {
	quoted, word, some := rune(0), "", false
	for _, r := range line + " " {
		switch {
		case quoted != 0 && r == quoted:
			quoted = 0
		case quoted != 0:
			word += string(r)
		case r == '"' || r == '\'':
			quoted, some = r, true
		case r == ' ' && (word != "" || some):
			words, word, some = append(words, word), "", false
		case r != ' ':
			word += string(r)
		}
	}
	return words
}

// wrongCommand says what is wrong with a command line, without running it.
func wrongCommand(root *cobra.Command, words []string) error {
	cmd, rest, err := root.Find(words)
	if err != nil {
		return err
	}
	if err := cmd.ParseFlags(rest); err != nil {
		return err
	}
	return cmd.ValidateArgs(cmd.Flags().Args())
}

func TestCommandsInTheDocumentationExist(t *testing.T) {
	seen := 0
	for _, page := range pages(t) {
		for _, b := range blocksOf(t, page) {
			for i, line := range strings.Split(b.text, "\n") {
				words := commandIn(line)
				if words == nil || strings.Contains(line, "COMMAND") {
					continue
				}
				seen++
				if err := wrongCommand(newTestApp("").rootCommand(), words); err != nil {
					t.Errorf("%s, line %d: meshway %s: %v", b.page, b.line+i, strings.Join(words, " "), err)
				}
			}
		}
	}
	if seen < 10 {
		t.Errorf("only %d commands were found", seen)
	}
}

func TestConfigurationsInTheDocumentationAreRight(t *testing.T) {
	seen := 0
	variable := regexp.MustCompile(`env:(\w+)`)
	for _, page := range pages(t) {
		for _, b := range blocksOf(t, page) {
			if b.language != "yaml" {
				continue
			}
			seen++
			for _, m := range variable.FindAllStringSubmatch(b.text, -1) {
				t.Setenv(m[1], "secret")
			}
			if _, err := config.Parse(b.page, []byte(b.text)); err != nil {
				t.Errorf("%s, line %d: %v", b.page, b.line, err)
			}
		}
	}
	if seen == 0 {
		t.Error("no configuration was found")
	}
}

func TestWrongCommandsAreFound(t *testing.T) {
	for line, right := range map[string]bool{
		`meshway send hello "Hello, world"   # says hello`: true,
		`$ build/meshway run -c meshway.yaml &`:            true,
		`cat x | meshway send events > log`:                true,
		`meshway sned hello`:                               false,
		`meshway send hello --no-such-flag`:                false,
		`meshway send`:                                     false,
	} {
		words := commandIn(line)
		if words == nil {
			t.Errorf("%q is not taken for a command", line)
			continue
		}
		if err := wrongCommand(newTestApp("").rootCommand(), words); (err == nil) != right {
			t.Errorf("%q: %v", line, err)
		}
	}
	if words := commandIn("make run"); words != nil {
		t.Errorf("make run is taken for %q", words)
	}
}
