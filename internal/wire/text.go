package wire

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// composites are the types whose fields have names.
var composites = map[Code]*composite{
	CodeOpen: &openType, CodeBegin: &beginType, CodeAttach: &attachType, CodeFlow: &flowType, CodeTransfer: &transferType,
	CodeDisposition: &dispositionType, CodeDetach: &detachType, CodeEnd: &endType, CodeClose: &closeType,
	CodeSASLMechanisms: &saslMechanismsType, CodeSASLInit: &saslInitType, CodeSASLChallenge: &saslChallengeType,
	CodeSASLResponse: &saslResponseType, CodeSASLOutcome: &saslOutcomeType,
	CodeError: &errorType, CodeReceived: &receivedType, CodeRejected: &rejectedType, CodeModified: &modifiedType,
	CodeSource: &sourceType, CodeTarget: &targetType, CodeCoordinator: &coordinatorType,
	CodeDeclare: &declareType, CodeDischarge: &dischargeType, CodeDeclared: &declaredType, CodeTransactional: &transactionalType,
}

const (
	// textValue is the longest encoded field that is shown, in bytes.
	textValue = 4 << 10
	// textWhole is from how many bytes on no more fields are shown.
	textWhole = 2 << 10
	// textWord is how much is shown of a string, symbol or binary, in bytes.
	textWord = 256
)

// AppendText appends what a performative says, for people: its name, and name=value of each of its
// fields that is not null. Fields that hold secrets, those of SASL, and values of maps whose keys
// look like such, are told by their size only. What is malformed is said, not refused.
func AppendText(b []byte, code Code, fields List) []byte {
	start := len(b)
	b = append(b, code.String()...)
	for k := 0; ; k++ {
		if len(b)-start > textWhole {
			return append(b[:start+textWhole], "..."...)
		}
		encoded, ok, err := fields.Next()
		if err != nil {
			return append(append(b, " malformed: "...), err.Error()...)
		}
		if !ok {
			return b
		}
		if isSecretField(code, k) {
			b = fmt.Appendf(b, " %s=(%d bytes, not shown)", fieldName(code, k), len(encoded))
			continue
		}
		if len(encoded) > textValue {
			b = fmt.Appendf(b, " %s=(%d bytes)", fieldName(code, k), len(encoded))
			continue
		}
		v, _, err := DecodeValue(encoded)
		switch {
		case err != nil:
			b = fmt.Appendf(b, " %s=(%v)", fieldName(code, k), err)
		case v != nil:
			b = append(append(append(b, ' '), fieldName(code, k)...), '=')
			b = appendField(b, code, k, v)
		}
	}
}

func fieldName(code Code, k int) string {
	if t := composites[code]; t != nil && k < len(t.fields) {
		return t.fields[k].name
	}
	return "field-" + strconv.Itoa(k)
}

// saslShown are the fields of SASL frames that say nothing by which one could log in. [5.3.3]
var saslShown = []string{"sasl-server-mechanisms", "mechanism", "hostname", "code"}

func isSecretField(code Code, k int) bool {
	return code >= CodeSASLMechanisms && code <= CodeSASLOutcome && !slices.Contains(saslShown, fieldName(code, k))
}

// fieldWords say what numbers and truth values of a field mean. [2.8.1] [2.8.2] [2.8.3]
var fieldWords = map[string][]string{
	"role":            {"sender", "receiver"},
	"snd-settle-mode": {"unsettled", "settled", "mixed"},
	"rcv-settle-mode": {"first", "second"},
}

// appendField appends the value of a field.
func appendField(b []byte, code Code, k int, v any) []byte {
	name := fieldName(code, k)
	words := fieldWords[name]
	switch n := v.(type) {
	case bool:
		if words != nil && n {
			return append(b, words[1]...)
		} else if words != nil {
			return append(b, words[0]...)
		}
	case uint8:
		if int(n) < len(words) {
			return append(b, words[n]...)
		}
		if code == CodeSASLOutcome {
			return append(b, SASLCode(n).String()...)
		}
	}
	return appendValueText(b, v)
}

func appendValueText(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...)
	case string:
		return appendQuoted(b, v)
	case Symbol:
		if v != "" && !strings.ContainsFunc(string(v), func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`"=,[]{}`, r) }) && len(v) <= textWord {
			return append(b, v...)
		}
		return appendQuoted(b, string(v))
	case []byte:
		cut := v[:min(len(v), textWord)]
		b = append(append(b, "0x"...), hex.EncodeToString(cut)...)
		return appendCut(b, len(v), len(cut))
	case UUID:
		return fmt.Appendf(b, "%x-%x-%x-%x-%x", v[:4], v[4:6], v[6:8], v[8:10], v[10:])
	case Char:
		return strconv.AppendQuoteRune(b, rune(v))
	case time.Time:
		return v.AppendFormat(b, time.RFC3339Nano)
	case []any:
		return appendElements(b, v)
	case Array:
		return appendElements(b, v.Elems)
	case Map:
		return appendMapText(b, v)
	case Described:
		return appendDescribedText(b, v)
	}
	return fmt.Append(b, v)
}

func appendQuoted(b []byte, s string) []byte {
	cut := s[:min(len(s), textWord)]
	return appendCut(strconv.AppendQuoteToASCII(b, cut), len(s), len(cut))
}

func appendCut(b []byte, all, shown int) []byte {
	if shown < all {
		return fmt.Appendf(b, "...(%d bytes)", all)
	}
	return b
}

func appendElements(b []byte, list []any) []byte {
	b = append(b, '[')
	for i, v := range list {
		if i > 0 {
			b = append(b, ' ')
		}
		b = appendValueText(b, v)
	}
	return append(b, ']')
}

func appendMapText(b []byte, m Map) []byte {
	b = append(b, '{')
	for i, p := range m {
		if i > 0 {
			b = append(b, ' ')
		}
		b = append(appendValueText(b, p.Key), '=')
		if isSecretKey(p.Key) {
			b = append(b, "(not shown)"...)
		} else {
			b = appendValueText(b, p.Value)
		}
	}
	return append(b, '}')
}

// isSecretKey says whether what has that key is likely to be a secret.
func isSecretKey(key any) bool {
	name := strings.ToLower(fmt.Sprint(key))
	return strings.Contains(name, "password") || strings.Contains(name, "secret") || strings.Contains(name, "token")
}

// appendDescribedText appends a composite type with the names of its fields, and anything else with
// its descriptor.
func appendDescribedText(b []byte, v Described) []byte {
	code, known := Code(0), false
	switch d := v.Descriptor.(type) {
	case uint64:
		code, known = Code(d), Code(d).known()
	case Symbol:
		code, known = codeOfSymbol([]byte(d))
	}
	list, isList := v.Value.([]any)
	if !known || !isList {
		b = append(appendValueText(append(b, '@'), v.Descriptor), '(')
		return append(appendValueText(b, v.Value), ')')
	}
	b = append(append(b, code.String()...), '{')
	sep := false
	for k, e := range list {
		if e == nil {
			continue
		}
		if sep {
			b = append(b, ' ')
		}
		sep = true
		b = append(append(b, fieldName(code, k)...), '=')
		b = appendField(b, code, k, e)
	}
	return append(b, '}')
}
