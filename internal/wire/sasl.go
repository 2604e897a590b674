package wire

import "fmt"

// SASLCode is the outcome of a SASL dialogue. [5.3.3.6]
type SASLCode uint8

// The outcomes.
const (
	SASLOk      SASLCode = 0
	SASLAuth    SASLCode = 1 // bad credentials
	SASLSys     SASLCode = 2 // system error
	SASLSysPerm SASLCode = 3 // system error that will not go away by itself
	SASLSysTemp SASLCode = 4 // system error that may
)

func (c SASLCode) String() string {
	switch c {
	case SASLOk:
		return "ok"
	case SASLAuth:
		return "auth"
	case SASLSys:
		return "sys"
	case SASLSysPerm:
		return "sys-perm"
	case SASLSysTemp:
		return "sys-temp"
	}
	return fmt.Sprintf("code %d", uint8(c))
}

// SASLMechanisms offers the mechanisms of a server. [5.3.3.1]
type SASLMechanisms struct{ Mechanisms []Symbol }

// SASLInit chooses one of them. [5.3.3.2]
type SASLInit struct {
	Mechanism       Symbol
	InitialResponse []byte // nil: null, which differs from empty
	Hostname        string
}

// SASLChallenge asks the client. [5.3.3.3]
type SASLChallenge struct{ Challenge []byte }

// SASLResponse answers a challenge. [5.3.3.4]
type SASLResponse struct{ Response []byte }

// SASLOutcome ends the dialogue. [5.3.3.5]
type SASLOutcome struct {
	Code           SASLCode
	AdditionalData []byte // nil: null
}

var saslMechanismsType = composite{CodeSASLMechanisms, []field{must("sasl-server-mechanisms", "")}}

// Decode reads the fields of the mechanisms. [5.3.3.1]
func (x *SASLMechanisms) Decode(l List) error {
	r := saslMechanismsType.read(l)
	*x = SASLMechanisms{Mechanisms: r.symbols()}
	return r.done()
}

// Append appends the frame body. [5.3.3.1]
func (x *SASLMechanisms) Append(b []byte) []byte {
	w := saslMechanismsType.write(b)
	mechanisms := x.Mechanisms
	if mechanisms == nil {
		mechanisms = []Symbol{} // null is not allowed
	}
	w.symbols(mechanisms)
	return w.done()
}

var saslInitType = composite{CodeSASLInit, []field{
	must("mechanism", "symbol"),
	may("initial-response", "binary"),
	may("hostname", "string"),
}}

// Decode reads the fields of an init. Nothing of it is a slice of the input. [5.3.3.2]
func (x *SASLInit) Decode(l List) error {
	r := saslInitType.read(l)
	*x = SASLInit{
		Mechanism:       r.symbol(),
		InitialResponse: r.binary(),
		Hostname:        r.str(),
	}
	return r.done()
}

// Append appends the frame body. [5.3.3.2]
func (x *SASLInit) Append(b []byte) []byte {
	w := saslInitType.write(b)
	w.symbol(x.Mechanism)
	w.optBinary(x.InitialResponse)
	w.strIf(x.Hostname)
	return w.done()
}

var saslChallengeType = composite{CodeSASLChallenge, []field{must("challenge", "binary")}}

// Decode reads the fields of a challenge. [5.3.3.3]
func (x *SASLChallenge) Decode(l List) error {
	r := saslChallengeType.read(l)
	*x = SASLChallenge{Challenge: r.binary()}
	return r.done()
}

// Append appends the frame body. [5.3.3.3]
func (x *SASLChallenge) Append(b []byte) []byte {
	w := saslChallengeType.write(b)
	w.binary(x.Challenge)
	return w.done()
}

var saslResponseType = composite{CodeSASLResponse, []field{must("response", "binary")}}

// Decode reads the fields of a response. [5.3.3.4]
func (x *SASLResponse) Decode(l List) error {
	r := saslResponseType.read(l)
	*x = SASLResponse{Response: r.binary()}
	return r.done()
}

// Append appends the frame body. [5.3.3.4]
func (x *SASLResponse) Append(b []byte) []byte {
	w := saslResponseType.write(b)
	w.binary(x.Response)
	return w.done()
}

var saslOutcomeType = composite{CodeSASLOutcome, []field{
	must("code", "ubyte"),
	may("additional-data", "binary"),
}}

// Decode reads the fields of an outcome. [5.3.3.5]
func (x *SASLOutcome) Decode(l List) error {
	r := saslOutcomeType.read(l)
	code := r.ubyte().V
	if code > uint8(SASLSysTemp) {
		r.bad("not a SASL code")
	}
	*x = SASLOutcome{Code: SASLCode(code), AdditionalData: r.binary()}
	return r.done()
}

// Append appends the frame body. [5.3.3.5]
func (x *SASLOutcome) Append(b []byte) []byte {
	w := saslOutcomeType.write(b)
	w.ubyte(uint8(x.Code))
	w.optBinary(x.AdditionalData)
	return w.done()
}
