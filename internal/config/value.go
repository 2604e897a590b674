package config

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// lineError is an error about another line than the one where the value starts.
type lineError struct {
	line int
	text string
}

func (e *lineError) Error() string { return e.text }

// read turns a node into the attribute's kind of value: a string, uint64, bool,
// []string or map[string]any, within its bounds.
func (a *Attribute) read(n *yaml.Node) (any, error) {
	n = resolve(n)
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return nil, errors.New("has no value; give one or remove the line")
	}
	if !knownTag(n) {
		return nil, fmt.Errorf("has the tag %s, which means nothing here; remove it", n.Tag)
	}
	v, err := a.readType(n)
	if err != nil {
		return nil, err
	}
	if a.check != nil {
		if err := a.check(v); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// readInto reads a node into the entity.
func (a *Attribute) readInto(entity any, n *yaml.Node) error {
	v, err := a.read(n)
	if err != nil {
		return err
	}
	return a.assign(entity, v)
}

// reset gives the attribute its default again.
func (a *Attribute) reset(entity any) {
	reflect.ValueOf(a.field(entity)).Elem().SetZero()
	if a.Default != nil {
		a.setDefault(entity, a.Default)
	}
}

// newRecord puts an empty record, with its defaults, into the entity.
func (a *Attribute) newRecord(entity any) any {
	field := reflect.ValueOf(a.field(entity)).Elem()
	field.Set(reflect.New(field.Type().Elem()))
	a.Record.setDefaults(field.Interface())
	return field.Interface()
}

func (a *Attribute) readType(n *yaml.Node) (any, error) {
	switch a.Type {
	case TypeMap:
		return readMap(n)
	case TypeWords:
		return a.readWords(n)
	}
	if n.Kind != yaml.ScalarNode {
		return nil, fmt.Errorf("is %s; it must be %s", kind(n), a.wanted())
	}
	switch a.Type {
	case TypeInteger:
		return a.readInteger(n)
	case TypeBoolean:
		return readBoolean(n)
	case TypeEnum:
		return n.Value, a.allowed(n.Value)
	default:
		return n.Value, nil
	}
}

// wanted says what the attribute's value must look like.
func (a *Attribute) wanted() string {
	switch a.Type {
	case TypeInteger:
		return a.bounds()
	case TypeBoolean:
		return "true or false"
	case TypeEnum:
		return a.choice()
	case TypeWords:
		return "a list"
	default:
		return "a single value"
	}
}

func (a *Attribute) choice() string {
	if len(a.Values) == 1 {
		return a.Values[0]
	}
	return "one of " + strings.Join(a.Values, ", ")
}

func (a *Attribute) bounds() string {
	s := fmt.Sprintf("a whole number from %d to %d", a.Min, a.Max)
	if a.Unit != "" {
		s += " (" + a.Unit + ")"
	}
	return s
}

func (a *Attribute) readInteger(n *yaml.Node) (any, error) {
	if n.Tag == "!!str" && n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 && isDecimal(n.Value) {
		return nil, errors.New("is a string; remove the quotes")
	}
	if n.Tag == "!!int" && isDecimal(strings.TrimLeft(n.Value, "+-")) {
		v, err := strconv.ParseUint(strings.TrimPrefix(n.Value, "+"), 10, 64)
		if err == nil && v >= a.Min && v <= a.Max {
			return v, nil
		}
	}
	return nil, fmt.Errorf("is %s; it must be %s", shown(n.Value), a.bounds())
}

// isDecimal refuses forms that readers of YAML disagree about: 010, 0x10, 1_000.
func isDecimal(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == "" && (s == "0" || s[0] != '0')
}

func readBoolean(n *yaml.Node) (any, error) {
	switch strings.ToLower(n.Value) {
	case "true", "yes", "on":
		return true, nil
	case "false", "no", "off":
		return false, nil
	}
	return nil, fmt.Errorf("is %s; it must be true or false", shown(n.Value))
}

// readWords takes a list, or one string with blanks or commas between the words.
func (a *Attribute) readWords(n *yaml.Node) (any, error) {
	words := []string{}
	switch n.Kind {
	case yaml.ScalarNode:
		words = append(words, strings.FieldsFunc(n.Value, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' })...)
	case yaml.SequenceNode:
		for _, item := range n.Content {
			item = resolve(item)
			if item.Kind != yaml.ScalarNode || item.Tag == "!!null" {
				return nil, &lineError{item.Line, fmt.Sprintf("has %s in its list; it must be names only", kind(item))}
			}
			words = append(words, item.Value)
		}
	default:
		return nil, fmt.Errorf("is %s; it must be a list", kind(n))
	}
	for _, w := range words {
		if err := a.allowed(w); err != nil {
			return nil, err
		}
	}
	return words, nil
}

// allowed checks a word against the attribute's values, if it has any.
func (a *Attribute) allowed(word string) error {
	if len(a.Values) == 0 || slices.Contains(a.Values, word) {
		return nil
	}
	if why := a.RefusedValues[word]; why != "" {
		return fmt.Errorf("%s: %s", word, why)
	}
	text := fmt.Sprintf("is %s; it must be %s", shown(word), a.choice())
	if near := nearest(word, a.Values); near != "" {
		text += fmt.Sprintf(" (did you mean %s?)", near)
	}
	return errors.New(text)
}

// assign puts a value that read returned, or a default, into the entity.
func (a *Attribute) assign(entity, v any) error {
	switch field := a.field(entity).(type) {
	case *[]string:
		*field = v.([]string)
	case *map[string]any:
		*field = v.(map[string]any)
	case *map[string]Level:
		*field = map[string]Level{}
		for name, level := range v.(map[string]any) {
			(*field)[name] = Level(level.(string))
		}
	case *bool:
		*field = v.(bool)
	case *time.Duration:
		*field = time.Duration(v.(uint64)) * a.unit()
	case *Secret:
		*field = NewSecret(v.(string), "")
	case **uint8:
		n := uint8(v.(uint64))
		*field = &n
	case *ShardKey:
		key, err := parseShardKey(v.(string))
		*field = key
		return err
	case *[]FailoverURL:
		urls, err := parseFailover(v.([]string))
		*field = urls
		return err
	default:
		assignBasic(reflect.ValueOf(field).Elem(), v)
	}
	return nil
}

// assignBasic takes the fields that are a string or a number under their own type.
func assignBasic(field reflect.Value, v any) {
	switch v := v.(type) {
	case string:
		field.SetString(v)
	case uint64:
		if field.CanInt() && v <= math.MaxInt64 {
			field.SetInt(int64(v))
		} else {
			field.SetUint(v)
		}
	}
}
