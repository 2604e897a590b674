package config

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/meshway/meshway/internal/logging"
)

// legacySection is one entity in a file of the predecessor's form.
type legacySection struct {
	name       string
	line       int
	attributes []legacyAttribute
}

type legacyAttribute struct {
	name  string
	line  int
	value *yaml.Node
}

// fromLegacy makes a configuration of a file in the predecessor's form: its sections
// become those of the native form, what is harmless is left out with a warning, and
// what the predecessor took for granted is said.
func (p *parser) fromLegacy(sections []legacySection) (Config, error) {
	root := &yaml.Node{Kind: yaml.MappingNode, Line: 1}
	for _, s := range sections {
		e := legacyEntity(s.name)
		switch {
		case e == nil:
			p.strange = true
			p.unknownSection(s)
		case e.Harmless:
			p.doubt(s.line, e.Section, "%s", e.Refused)
		case e.Name == "policy" && !slices.ContainsFunc(s.attributes, restricts):
			p.doubt(s.line, e.Section, "restricts nothing, so it is left out")
		case e.Refused != "":
			p.problem(s.line, e.Section, "%s", e.Refused)
		default:
			p.addSection(root, e, s)
		}
	}
	return p.parse(root)
}

// legacyEntity finds an entity by the name of its section.
func legacyEntity(name string) *Entity {
	if e := Lookup(name); e != nil && name != e.Section || e != nil && !e.List {
		return e
	}
	return nil
}

// restricts reports whether an attribute of the predecessor's policy keeps anybody out.
func restricts(a legacyAttribute) bool {
	switch a.name {
	case "defaultVhost", "policyDir", "enableVhostNamePatterns":
		return false // nothing without enableVhostPolicy
	case "maxMessageSize":
		return a.value.Value != "0"
	case "enableVhostPolicy":
		on, err := readBoolean(a.value)
		return err != nil || on == true
	}
	return true
}

func (p *parser) unknownSection(s legacySection) {
	var names []string
	for _, e := range Schema() {
		if !e.Harmless {
			names = append(names, e.Name)
		}
	}
	if near := nearest(s.name, names); near != "" {
		p.problem(s.line, "", "the section %s is not known; did you mean %s?", shown(s.name), near)
		return
	}
	p.problem(s.line, "", "the section %s is not known; known are: %s", shown(s.name), strings.Join(names, ", "))
}

// addSection puts a section where the native form has it.
func (p *parser) addSection(root *yaml.Node, e *Entity, s legacySection) {
	section := child(root, e.Section)
	if section == nil {
		kind := yaml.MappingNode
		if e.List {
			kind = yaml.SequenceNode
		}
		section = &yaml.Node{Kind: kind, Line: s.line}
		root.Content = append(root.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: e.Section, Line: s.line}, section)
	} else if !e.List && e.Name != logEntity.Name {
		p.problem(s.line, e.Section, "is given twice, first in line %d; remove one", section.Line)
		return
	}
	s.attributes = p.modernised(e, s)
	s, ok := p.corrected(e, s)
	if !ok {
		return
	}
	switch e.Name {
	case logEntity.Name:
		p.addLog(section, s)
		return
	case listenerEntity.Name:
		s = listenEverywhere(s)
	}
	n := section
	if e.List {
		n = &yaml.Node{Kind: yaml.MappingNode, Line: s.line}
		section.Content = append(section.Content, n)
	}
	for _, a := range s.attributes {
		n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: a.name, Line: a.line}, a.value)
	}
}

// modernised are the attributes of a section by the names of today, without those that
// ask for nothing or for what nobody misses.
func (p *parser) modernised(e *Entity, s legacySection) []legacyAttribute {
	var kept []legacyAttribute
	for _, given := range s.attributes {
		where := e.Section + "." + given.name
		a := e.Attribute(given.name)
		if a == nil {
			kept = append(kept, given)
			continue
		}
		if given.name == a.Old {
			p.doubt(given.line, where, "is the old name of %s; use that", a.Name)
			given.name = a.Name
		}
		switch {
		case slices.ContainsFunc(kept, func(k legacyAttribute) bool { return k.name == a.Name }):
			p.problem(given.line, where, "is given twice; remove one")
		case given.value.Kind == yaml.ScalarNode && given.value.Value == "", a.asksNothing(given.value):
		case a.Harmless:
			p.doubt(given.line, where, "%s", a.Refused)
		default:
			given.value = p.withoutUnbuilt(e, a, given)
			kept = append(kept, given)
		}
	}
	return kept
}

// asksNothing reports whether the value is the one that switches off.
func (a *Attribute) asksNothing(n *yaml.Node) bool {
	if a.Off == "" || n.Kind != yaml.ScalarNode {
		return false
	}
	if a.Off == "no" {
		on, err := readBoolean(n)
		return err == nil && on == false
	}
	return n.Value == a.Off
}

// withoutUnbuilt leaves out SASL mechanisms that there are not, as the predecessor did
// where its library had none of that name, unless none would be left.
func (p *parser) withoutUnbuilt(e *Entity, a *Attribute, given legacyAttribute) *yaml.Node {
	if a.Name != "saslMechanisms" || given.value.Kind != yaml.ScalarNode {
		return given.value
	}
	var kept, left []string
	for _, m := range strings.FieldsFunc(given.value.Value, isSeparator) {
		if slices.Contains(a.Values, m) {
			kept = append(kept, m)
		} else {
			left = append(left, m)
		}
	}
	if len(kept) == 0 || len(left) == 0 {
		return given.value
	}
	for _, m := range left {
		p.doubt(given.line, e.Section+"."+a.Name, "%s is left out: %s", m, a.allowed(m))
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: strings.Join(kept, " "), Line: given.value.Line}
}

// listenEverywhere says what the predecessor takes for granted: without a host it
// listens on every interface, waits for Open for ever, and lets every client manage it. What speaks HTTP stays on loopback:
// it asks nobody who they are.
func listenEverywhere(s legacySection) legacySection {
	find := func(name string) (string, bool) {
		for _, a := range s.attributes {
			if a.name == name {
				return a.value.Value, true
			}
		}
		return "", false
	}
	say := func(name, value string) {
		s.attributes = append(s.attributes, legacyAttribute{name: name, line: s.line, value: legacyValue(value, s.line)})
	}
	if http, _ := find("http"); slices.Contains([]string{"true", "yes", "on"}, strings.ToLower(http)) {
		return s
	}
	host, given := find("host")
	family, _ := find("socketAddressFamily")
	switch {
	case !given && family == string(IPv4):
		say("host", "0.0.0.0")
	case !given:
		say("host", "::")
	case family == "" && unbracket(host) == "::":
		say("socketAddressFamily", string(IPv6))
	}
	if _, given := find("management"); !given {
		if role, _ := find("role"); role == "" || role == string(RoleNormal) || role == string(RoleRouteContainer) {
			say("management", string(ManagementFull))
		}
	}
	if _, given := find("initialHandshakeTimeoutSeconds"); !given {
		say("initialHandshakeTimeoutSeconds", "0")
	}
	return s
}

// legacyValue is a value of a form that has text only.
func legacyValue(text string, line int) *yaml.Node {
	n := untypedNode(text)
	n.Line = line
	return n
}

// addLog makes one section of those for all modules.
func (p *parser) addLog(section *yaml.Node, s legacySection) {
	module, level := "DEFAULT", Level("")
	var output *legacyAttribute
	line := s.line
	for _, a := range s.attributes {
		switch a.name {
		case "module":
			module = a.value.Value
		case "enable":
			level, line = p.legacyLevel(a), a.line
		case "outputFile":
			output = &a
		default:
			section.Content = append(section.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: a.name, Line: a.line}, a.value)
		}
	}
	ours, ok := logging.ModuleOf(module)
	p.addOutput(section, output, ours)
	switch {
	case !ok:
		p.problem(s.line, logEntity.Section+".module", "is %s, which is not known", shown(module))
	case level == "":
	case ours == "":
		p.setLevel(section, "level", level, line)
	default:
		modules := child(section, "modules")
		if modules == nil {
			modules = &yaml.Node{Kind: yaml.MappingNode, Line: line}
			section.Content = append(section.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: "modules", Line: line}, modules)
		}
		p.setLevel(modules, ours, level, line)
	}
}

// addOutput says where log lines go, if all modules' do.
func (p *parser) addOutput(section *yaml.Node, output *legacyAttribute, module string) {
	switch {
	case output == nil:
	case module != "":
		p.doubt(output.line, logEntity.Section+".outputFile", "modules have no files of their own; this is left out: set it for module DEFAULT")
	case output.value.Value == outputSyslog:
		p.doubt(output.line, logEntity.Section+".outputFile", "nothing is written to syslog; lines go to stderr, which a service manager passes on")
	default:
		section.Content = append(section.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: output.name, Line: output.line}, output.value)
	}
}

// setLevel takes the more talkative one where several modules of the predecessor are
// one here.
func (p *parser) setLevel(m *yaml.Node, key string, level Level, line int) {
	if n := child(m, key); n != nil {
		if slices.Index(levels, string(level)) < slices.Index(levels, n.Value) {
			n.Value = string(level)
		}
		return
	}
	m.Content = append(m.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: key, Line: line}, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: string(level), Line: line})
}

// legacyLevel is the level that does what the attribute says; "" leaves it as it is.
func (p *parser) legacyLevel(a legacyAttribute) Level {
	level, err := logging.LevelOf(a.value.Value)
	if err != nil {
		p.problem(a.line, logEntity.Section+".enable", "%s", err)
	}
	return Level(level)
}

func isSeparator(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' }

// isPairs reports whether a file is a list of names and attributes, the predecessor's
// JSON form.
func isPairs(root *yaml.Node) bool {
	return root.Kind == yaml.SequenceNode && len(root.Content) > 0 && root.Content[0].Kind == yaml.SequenceNode
}

// parsePairs reads the predecessor's JSON form.
func (p *parser) parsePairs(root *yaml.Node) (Config, error) {
	p.lax, p.legacy = true, true
	var sections []legacySection
	for _, pair := range root.Content {
		if pair.Kind != yaml.SequenceNode || len(pair.Content) != 2 || pair.Content[0].Kind != yaml.ScalarNode || pair.Content[1].Kind != yaml.MappingNode {
			p.problem(pair.Line, "", `is not ["SECTION", {"ATTRIBUTE": VALUE, ...}], as all entries of the list must be`)
			continue
		}
		s := legacySection{name: camelCase(pair.Content[0].Value), line: pair.Line}
		for i := 0; i+1 < len(pair.Content[1].Content); i += 2 {
			key, value := pair.Content[1].Content[i], pair.Content[1].Content[i+1]
			if value.Kind == yaml.ScalarNode && value.Tag == "!!str" {
				value = legacyValue(value.Value, value.Line)
			}
			if value.Tag != "!!null" {
				s.attributes = append(s.attributes, legacyAttribute{name: camelCase(key.Value), line: key.Line, value: value})
			}
		}
		sections = append(sections, s)
	}
	return p.fromLegacy(sections)
}

// camelCase is how names may be written otherwise: ssl-profile, ssl_profile.
func camelCase(name string) string {
	if strings.HasPrefix(name, "router.config.") {
		return name
	}
	words := strings.FieldsFunc(name, func(r rune) bool { return strings.ContainsRune(" _-.", r) })
	for i, w := range words {
		if i > 0 {
			words[i] = strings.ToUpper(w[:1]) + w[1:]
		}
	}
	return strings.Join(words, "")
}
