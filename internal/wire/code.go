package wire

import "fmt"

// Code is the numeric descriptor of a composite type. [1.5]
type Code uint64

// The frame bodies, [2.7] and [5.3.3].
const (
	CodeOpen           Code = 0x10
	CodeBegin          Code = 0x11
	CodeAttach         Code = 0x12
	CodeFlow           Code = 0x13
	CodeTransfer       Code = 0x14
	CodeDisposition    Code = 0x15
	CodeDetach         Code = 0x16
	CodeEnd            Code = 0x17
	CodeClose          Code = 0x18
	CodeSASLMechanisms Code = 0x40
	CodeSASLInit       Code = 0x41
	CodeSASLChallenge  Code = 0x42
	CodeSASLResponse   Code = 0x43
	CodeSASLOutcome    Code = 0x44
)

// Types within frame bodies and messages: the error [2.8.14], delivery states
// [3.4] [4.5], termini [3.5] [4.5.1], transactional bodies [4.5] and the sections
// that are lists [3.2].
const (
	CodeError         Code = 0x1d
	CodeReceived      Code = Code(StateReceived)
	CodeAccepted      Code = Code(StateAccepted)
	CodeRejected      Code = Code(StateRejected)
	CodeReleased      Code = Code(StateReleased)
	CodeModified      Code = Code(StateModified)
	CodeSource        Code = 0x28
	CodeTarget        Code = 0x29
	CodeCoordinator   Code = 0x30
	CodeDeclare       Code = 0x31
	CodeDischarge     Code = 0x32
	CodeDeclared      Code = Code(StateDeclared)
	CodeTransactional Code = Code(StateTransactional)
	CodeHeader        Code = Code(SectionHeader)
	CodeProperties    Code = Code(SectionProperties)
)

// codeNames is the name of each composite type of the specification whose
// symbolic descriptor is "amqp:<name>:list".
var codeNames = [...]string{
	CodeOpen:           "open",
	CodeBegin:          "begin",
	CodeAttach:         "attach",
	CodeFlow:           "flow",
	CodeTransfer:       "transfer",
	CodeDisposition:    "disposition",
	CodeDetach:         "detach",
	CodeEnd:            "end",
	CodeClose:          "close",
	CodeError:          "error",
	CodeReceived:       "received",
	CodeAccepted:       "accepted",
	CodeRejected:       "rejected",
	CodeReleased:       "released",
	CodeModified:       "modified",
	CodeSource:         "source",
	CodeTarget:         "target",
	CodeCoordinator:    "coordinator",
	CodeDeclare:        "declare",
	CodeDischarge:      "discharge",
	CodeDeclared:       "declared",
	CodeTransactional:  "transactional-state",
	CodeSASLMechanisms: "sasl-mechanisms",
	CodeSASLInit:       "sasl-init",
	CodeSASLChallenge:  "sasl-challenge",
	CodeSASLResponse:   "sasl-response",
	CodeSASLOutcome:    "sasl-outcome",
	CodeHeader:         "header",
	CodeProperties:     "properties",
}

func (c Code) String() string {
	if c < Code(len(codeNames)) && codeNames[c] != "" {
		return codeNames[c]
	}
	return fmt.Sprintf("descriptor 0x%02x", uint64(c))
}

// known says whether the specification has such a composite type.
func (c Code) known() bool { return c < Code(len(codeNames)) && codeNames[c] != "" }

// isFrameBody says whether the type stands for itself in a frame.
func (c Code) isFrameBody() bool {
	return c >= CodeOpen && c <= CodeClose || c >= CodeSASLMechanisms && c <= CodeSASLOutcome
}

// codeOfSymbol resolves a symbolic descriptor. [1.5] Peers hardly ever send one,
// so a search is good enough.
func codeOfSymbol(sym []byte) (Code, bool) {
	const prefix, suffix = "amqp:", ":list"
	if len(sym) <= len(prefix)+len(suffix) {
		return 0, false
	}
	name := sym[len(prefix) : len(sym)-len(suffix)]
	if string(sym[:len(prefix)]) != prefix || string(sym[len(sym)-len(suffix):]) != suffix {
		return 0, false
	}
	for c, n := range codeNames {
		if n != "" && n == string(name) {
			return Code(c), true
		}
	}
	return 0, false
}
