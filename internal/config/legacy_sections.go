package config

import (
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// The predecessor's section form, line by line:
//
//	name {
//	    attribute: value   # comment
//	    openProperties: {
//	        "key": "value"
//	    }
//	}
var (
	sectionStart = regexp.MustCompile(`^\s*([A-Za-z][A-Za-z0-9_. -]*?)\s*\{(.*)$`)
	sectionEnd   = regexp.MustCompile(`^\s*\}\s*(#.*)?$`)
	sectionLine  = regexp.MustCompile(`^\s*([A-Za-z][A-Za-z0-9_.-]*)\s*:(.*)$`)
)

// hashValues are the attributes in which "#" is no comment; their value ends at the
// first blank.
var hashValues = []string{"pattern", "bindingKey", "hostname"}

// IsLegacy reports whether a file is in one of the predecessor's forms: whether its first
// line that says something starts a section.
func IsLegacy(data []byte) bool { return sectionStart.MatchString(firstLine(data)) }

// looksJSONPairs reports whether it starts a list.
func looksJSONPairs(data []byte) bool { return strings.HasPrefix(firstLine(data), "[") }

// firstLine is the first that is neither empty nor a comment.
func firstLine(data []byte) string {
	for line := range strings.Lines(string(data)) {
		if text := strings.TrimSpace(line); text != "" && text[0] != '#' {
			return text
		}
	}
	return ""
}

// parseSections reads the predecessor's section form.
func (p *parser) parseSections(data []byte) (Config, error) {
	p.lax, p.legacy = true, true
	r := sectionReader{parser: p}
	for text := range strings.Lines(string(data)) {
		r.line++
		r.take(strings.TrimRight(text, "\r\n"))
	}
	switch {
	case r.depth > 0:
		p.problem(r.start, r.current.name+"."+r.mapName, "has a brace that is never closed; add } in a line of its own")
	case r.open:
		p.problem(r.current.line, r.current.name, "is never closed; add } in a line of its own")
	}
	if len(p.problems) > 0 {
		return Config{}, p.problems.sorted()
	}
	return p.fromLegacy(r.sections)
}

// sectionReader takes the lines of a file.
type sectionReader struct {
	*parser
	line     int
	sections []legacySection
	open     bool // within current
	current  legacySection

	// A value that is a map, over several lines, until all braces are closed:
	depth   int
	mapName string
	start   int
	text    []string
}

func (r *sectionReader) take(line string) {
	text := strings.TrimSpace(line)
	switch {
	case r.depth > 0:
		r.takeMap(line)
	case text == "" || text[0] == '#':
	case !r.open:
		r.begin(line)
	case sectionEnd.MatchString(line):
		r.open = false
		r.sections = append(r.sections, r.current)
	default:
		r.attribute(line)
	}
}

func (r *sectionReader) begin(line string) {
	m := sectionStart.FindStringSubmatch(line)
	if m == nil {
		r.problem(r.line, "", "is %s, outside of any section; a section is its name and { at the end of a line, its attributes, and } in a line of its own", shown(strings.TrimSpace(line)))
		return
	}
	if rest := strings.TrimSpace(m[2]); rest != "" && rest[0] != '#' {
		r.problem(r.line, m[1], "has more in the line of its brace; put each attribute and the closing brace into lines of their own")
		if strings.HasSuffix(rest, "}") {
			return
		}
	}
	r.open, r.current = true, legacySection{name: camelCase(m[1]), line: r.line}
}

func (r *sectionReader) attribute(line string) {
	m := sectionLine.FindStringSubmatch(line)
	if m == nil {
		r.problem(r.line, r.current.name, `has the line %s; it must be "attribute: value", or } to end the section`, shown(strings.TrimSpace(line)))
		return
	}
	name, value := camelCase(m[1]), strings.TrimSpace(m[2])
	if strings.HasPrefix(value, "{") {
		r.mapName, r.start, r.text = name, r.line, nil
		r.takeMap(value)
		return
	}
	if slices.Contains(hashValues, name) {
		value, _, _ = strings.Cut(value, " ")
	} else {
		value, _, _ = strings.Cut(value, "#")
	}
	value = strings.TrimSpace(value)
	if len(value) > 1 && (value[0] == '"' || value[0] == '\'') && value[len(value)-1] == value[0] {
		r.problem(r.line, r.current.name+"."+name, "has quotes, which are part of a value in this form; remove them")
		return
	}
	r.add(name, r.line, legacyValue(value, r.line))
}

func (r *sectionReader) add(name string, line int, value *yaml.Node) {
	r.current.attributes = append(r.current.attributes, legacyAttribute{name, line, value})
}

// takeMap gathers the lines of a map until its last brace is closed.
func (r *sectionReader) takeMap(line string) {
	r.text = append(r.text, strings.ReplaceAll(line, "\t", " "))
	if !strings.HasPrefix(strings.TrimSpace(line), "#") {
		r.depth += braces(line)
	}
	if r.depth > 0 {
		return
	}
	r.depth = 0
	var doc yaml.Node
	err := yaml.Unmarshal([]byte(strings.Repeat("\n", r.start-1)+strings.Join(r.text, "\n")), &doc)
	if err != nil || len(doc.Content) != 1 {
		r.problem(r.start, r.current.name+"."+r.mapName, `is no JSON; it must look like {"key": "value", ...}`)
		return
	}
	r.add(r.mapName, r.start, doc.Content[0])
}

// braces is how many more are opened than closed, outside of strings.
func braces(line string) int {
	n, quoted, escaped := 0, false, false
	for _, c := range line {
		switch {
		case escaped:
			escaped = false
		case quoted && c == '\\':
			escaped = true
		case c == '"':
			quoted = !quoted
		case !quoted && c == '{':
			n++
		case !quoted && c == '}':
			n--
		}
	}
	return n
}
