package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Parse reads a configuration from data, in the native form or one of the two of the
// predecessor's qdrouterd.conf: what it looks like decides. file is its name in messages,
// and says in which folder it is. Passwords that it keeps elsewhere are looked for there.
// All that is wrong comes back at once, as [Problems].
func Parse(file string, data []byte) (Config, error) { return parse(file, data, nil) }

func parse(file string, data []byte, users func(file string) error) (Config, error) {
	data, err := checkEncoding(file, data)
	if err != nil {
		return Config{}, err
	}
	p := newParser(file, false)
	p.users = users
	if IsLegacy(data) {
		return p.parseSections(data)
	}
	if looksJSONPairs(data) {
		data = bytes.ReplaceAll(data, []byte("\t"), []byte(" ")) // which YAML does not take for a blank
	}
	root, err := parseYAML(file, data)
	if err != nil {
		return Config{}, err
	}
	if root.Kind == yaml.SequenceNode {
		return p.parsePairs(root)
	}
	return p.parse(root)
}

// parser walks one file.
type parser struct {
	file     string
	folder   string // that names of files are relative to
	lax      bool   // what may be right warns, instead of being a problem
	config   Config
	lines    map[string]int  // of every section, entry and attribute by its path
	set      map[string]bool // attributes that were read without a problem
	strange  bool            // there is an unknown section: it may be meant to be any
	problems Problems
	users    func(file string) error // looks at the users file; may be nil

	legacy bool // the file has the predecessor's form, and names of its own for sections
}

func newParser(file string, lax bool) *parser {
	p := &parser{file: file, folder: filepath.Dir(file), lax: lax, config: empty(), lines: map[string]int{}, set: map[string]bool{}}
	p.config.File = file
	return p
}

// parse makes a configuration of the sections.
func (p *parser) parse(root *yaml.Node) (Config, error) {
	p.root(root)
	p.crossCheck()
	if len(p.problems) > 0 {
		return Config{}, p.problems.sorted()
	}
	p.config.Warnings.sorted()
	p.config.finish()
	return p.config, nil
}

// doubt is a problem, or a warning where what may be right is taken.
func (p *parser) doubt(line int, where, format string, args ...any) {
	if !p.lax {
		p.problem(line, where, format, args...)
		return
	}
	p.config.Warnings = append(p.config.Warnings, Problem{File: p.file, Line: line, Where: p.label(where), path: where, Text: fmt.Sprintf(format, args...)})
}

func (p *parser) problem(line int, where, format string, args ...any) {
	p.problems = append(p.problems, Problem{File: p.file, Line: line, Where: p.label(where), path: where, Text: fmt.Sprintf(format, args...)})
}

// label is how the file's form calls a path.
func (p *parser) label(path string) string {
	if !p.legacy {
		return path
	}
	section, rest, _ := strings.Cut(path, ".")
	name, _, _ := strings.Cut(section, "[")
	if e := sectionNamed(name); e != nil {
		name = e.Name
	}
	return strings.TrimSuffix(name+"."+rest, ".")
}

// root takes the sections one by one.
func (p *parser) root(n *yaml.Node) {
	p.eachKey(n, "", func(key *yaml.Node, value *yaml.Node) {
		e := sectionNamed(key.Value)
		switch {
		case e == nil:
			p.strange = true
			p.unknown(key, "", sectionNames(), nil)
		case e.Refused != "":
			p.problem(key.Line, e.Section, "%s", e.Refused)
		case e.List:
			p.entries(e, value)
		default:
			p.single(e, value)
		}
	})
}

// single reads an entity of which there is one.
func (p *parser) single(e *Entity, n *yaml.Node) {
	p.lines[e.Section] = n.Line
	switch e.Name {
	case routerEntity.Name:
		p.entity(e, n, e.Section, &p.config.Router)
	case usersEntity.Name:
		p.entity(e, n, e.Section, &p.config.Users)
	case logEntity.Name:
		p.entity(e, n, e.Section, &p.config.Log)
	}
}

// entries reads a section that is a list.
func (p *parser) entries(e *Entity, n *yaml.Node) {
	p.lines[e.Section] = n.Line
	n = resolve(n)
	if n.Kind != yaml.SequenceNode {
		p.problem(n.Line, e.Section, "is %s; it must be a list, each entry with a dash in front", kind(n))
		return
	}
	for i, entry := range n.Content {
		where := fmt.Sprintf("%s[%d]", e.Section, i)
		p.lines[where] = entry.Line
		p.entry(e, entry, where)
	}
}

// entry reads one entity of a list, and gives it the defaults that follow from
// what else is said of it.
func (p *parser) entry(e *Entity, n *yaml.Node, where string) {
	switch e.Name {
	case listenerEntity.Name:
		l := DefaultListener()
		p.entity(e, n, where, &l)
		p.byRole(e, where, l.Role, &l)
		p.config.Listeners = append(p.config.Listeners, l)
	case connectorEntity.Name:
		c := defaultConnector()
		p.entity(e, n, where, &c)
		p.byRole(e, where, c.Role, &c)
		c.SASLPassword = c.SASLPassword.in(p.folder)
		p.config.Connectors = append(p.config.Connectors, c)
	case addressEntity.Name:
		a := DefaultAddress()
		p.entity(e, n, where, &a)
		p.phases(&a, where)
		p.config.Addresses = append(p.config.Addresses, a)
	case autoLinkEntity.Name:
		var l AutoLink
		e.setDefaults(&l)
		p.entity(e, n, where, &l)
		if !p.has(where + ".phase") {
			l.Phase = l.defaultPhase()
		}
		p.config.AutoLinks = append(p.config.AutoLinks, l)
	case linkRouteEntity.Name:
		var l LinkRoute
		e.setDefaults(&l)
		p.entity(e, n, where, &l)
		p.config.LinkRoutes = append(p.config.LinkRoutes, l)
	}
}

// phases says what shards and waypoint imply.
func (p *parser) phases(a *Address, where string) {
	if a.Shards != nil && !p.has(where+".waypoint") {
		a.Waypoint = true
	}
	if !p.has(where + ".egressPhase") {
		a.EgressPhase = a.defaultEgressPhase()
	}
}

// entity reads the attributes of one entity into target.
func (p *parser) entity(e *Entity, n *yaml.Node, where string, target any) {
	if r := resolve(n); r.Kind != yaml.MappingNode {
		p.problem(n.Line, where, "is %s; it must be attributes, each as \"name: value\"", kind(r))
		return
	}
	misspelt := false
	p.eachKey(n, where+".", func(key *yaml.Node, value *yaml.Node) {
		path := where + "." + key.Value
		p.lines[path] = key.Line
		a := e.attribute(key.Value)
		if a == nil {
			misspelt = true // perhaps one that is required
			p.unknown(key, where+".", attributeNames(e), e)
			return
		}
		if why := a.Refused; why != "" {
			p.problem(key.Line, path, "%s", why)
			return
		}
		if a.Type == TypeRecord {
			p.entity(a.Record, value, path, a.newRecord(target))
		} else if err := a.readInto(target, value); err != nil {
			line := value.Line
			if le, ok := errors.AsType[*lineError](err); ok {
				line = le.line
			}
			p.problem(line, path, "%s", err)
			return
		}
		p.set[path] = true
	})
	for i := range e.Attributes {
		if a := &e.Attributes[i]; a.Required && !misspelt && !p.has(where+"."+a.Name) {
			p.problem(n.Line, where+"."+a.Name, "is missing; it must be %s", a.wanted())
		}
	}
}

// byRole gives an entity that was read the defaults of its role, and refuses
// what has no effect with it, or with the protocol that is spoken.
func (p *parser) byRole(e *Entity, where string, role Role, target any) {
	if p.bad(where + ".role") {
		return
	}
	for i := range e.Attributes {
		a, path := &e.Attributes[i], where+"."+e.Attributes[i].Name
		switch {
		case a.Mesh != nil && role == RoleInterRouter && !p.has(path):
			a.setDefault(target, a.Mesh)
		case len(a.Only) > 0 && !slices.Contains(a.Only, role) && p.set[path]:
			p.set[path] = false
			p.doubt(p.lines[path], path, "has no effect with role %s, only with %s; remove it", role, strings.Join(words(a.Only...), " and "))
			a.reset(target)
		case !a.fitsProtocol(target) && p.set[path] && !p.bad(where+".http"):
			p.set[path] = false
			p.doubt(p.lines[path], path, "%s", wrongProtocol(target))
			a.reset(target)
		}
	}
}

// eachKey calls f for every key of a mapping, once.
func (p *parser) eachKey(n *yaml.Node, prefix string, f func(key, value *yaml.Node)) {
	n = resolve(n)
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode {
			p.problem(key.Line, strings.TrimSuffix(prefix, "."), "has a key that is %s; keys are names", kind(key))
			continue
		}
		if key.Tag == "!!merge" {
			p.problem(key.Line, prefix+key.Value, "merge keys are not supported; write the attributes out")
			continue
		}
		if first, ok := seen[key.Value]; ok {
			p.problem(key.Line, prefix+key.Value, "is given twice, first in line %d; remove one", first)
			continue
		}
		seen[key.Value] = key.Line
		f(key, value)
	}
}

// parseYAML returns the mapping that the file is.
func parseYAML(file string, data []byte) (*yaml.Node, error) {
	var doc, more yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(data))
	err := dec.Decode(&doc)
	if errors.Is(err, io.EOF) {
		return nil, Problems{{File: file, Text: "it is empty; give at least a listener, for example: listeners: [{port: 5672}]"}}
	}
	if err != nil {
		return nil, Problems{syntaxProblem(file, data, err)}
	}
	if err := dec.Decode(&more); err == nil {
		return nil, Problems{{File: file, Line: more.Line, Text: "a second document starts here; a configuration is one"}}
	} else if !errors.Is(err, io.EOF) {
		return nil, Problems{syntaxProblem(file, data, err)}
	}
	root := resolve(doc.Content[0])
	if root.Kind != yaml.MappingNode && !isPairs(root) {
		text := fmt.Sprintf("the file is %s; it must be sections: %s", kind(root), strings.Join(builtSections(), ", "))
		return nil, Problems{{File: file, Line: root.Line, Text: text}}
	}
	return root, nil
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// syntaxProblem puts the line that the YAML parser names where ours stands.
func syntaxProblem(file string, data []byte, err error) Problem {
	text := err.Error()
	pr := Problem{File: file}
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		pr.Line, _ = strconv.Atoi(m[1])
		text = text[len(m[0]):]
	}
	pr.Text = "this is not YAML: " + text
	if strings.Contains(text, "cannot start any token") {
		pr.Line = max(pr.Line, 1) // the parser does not name the first
		if bytes.Contains(data, []byte("\t")) {
			pr.Text += "; indent with blanks, not tabs"
		}
	}
	return pr
}
