package config

import "cmp"

// notYet refuses what the schema has and the router does not do, so that nothing
// is accepted without effect. A name is a section, section.attribute, or
// section.attribute: value. Whoever builds a part takes its names out, and runs
// go test ./internal/config -update for the page in docs.
var notYet = map[string]string{}

// refused is why a file with the entity's section is refused, or "".
func (e *Entity) refused() string { return cmp.Or(e.Refused, notYet[e.Section]) }

// refusedAttribute is why a file that sets the attribute is refused, or "".
func (e *Entity) refusedAttribute(a *Attribute) string {
	return cmp.Or(a.Refused, notYet[e.Section+"."+a.Name])
}

// refusedValue is why the value that the schema allows is refused, or "".
func (e *Entity) refusedValue(a *Attribute, value string) string {
	return notYet[e.Section+"."+a.Name+": "+value]
}
