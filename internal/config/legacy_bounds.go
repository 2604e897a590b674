package config

import (
	"slices"
	"strconv"
)

// What the predecessor took without a word and made something else of is made the same here,
// with a warning.

// corrected is the section with such values put right; ok is false if it has no effect.
func (p *parser) corrected(e *Entity, s legacySection) (_ legacySection, ok bool) {
	set := func(name, value string) {
		for i := range s.attributes {
			if a := &s.attributes[i]; a.name == name {
				a.value = legacyValue(value, a.line)
			}
		}
	}
	has := func(name string) bool {
		return slices.ContainsFunc(s.attributes, func(a legacyAttribute) bool { return a.name == name })
	}
	for _, a := range slices.Clone(s.attributes) {
		value := a.value.Value
		n, err := strconv.ParseInt(value, 10, 64)
		where := e.Section + "." + a.name
		switch {
		case e.Name == connectorEntity.Name && a.name == "host" && (value == "0.0.0.0" || value == "::" || value == "[::]"):
			own := "127.0.0.1"
			if value != "0.0.0.0" {
				own = "::1"
			}
			p.doubt(a.line, where, "%s is where to listen; %s is taken, which is this machine", shown(value), own)
			set(a.name, own)
		case a.name == "maxFrameSize" && err == nil && n < leastFrameSize:
			p.doubt(a.line, where, "is below %d, the least that the protocol allows, which is taken", leastFrameSize)
			set(a.name, strconv.Itoa(leastFrameSize))
		case a.name == "maxSessions" && err == nil && (n <= 0 || n > mostSessions):
			p.doubt(a.line, where, "is not from 1 to %d; %d is taken", mostSessions, mostSessions)
			set(a.name, strconv.Itoa(mostSessions))
		}
	}
	if e.Name == autoLinkEntity.Name && !has("connection") && !has("containerId") {
		p.doubt(s.line, e.Section, "has neither connection nor containerId, so it is never attached, and left out")
		return s, false
	}
	return s, true
}

const (
	leastFrameSize = 512   // [2.4.1]
	mostSessions   = 32768 // channels
)
