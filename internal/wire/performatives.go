package wire

// Role of a link endpoint, or of the sender of a disposition. [2.8.1]
type Role bool

// The two roles.
const (
	RoleSender   Role = false
	RoleReceiver Role = true
)

// SenderSettleMode says whether a sender settles deliveries as it sends them. [2.8.2]
type SenderSettleMode uint8

// The modes of a sender; absent on the wire means mixed.
const (
	SndUnsettled SenderSettleMode = 0
	SndSettled   SenderSettleMode = 1
	SndMixed     SenderSettleMode = 2
)

// ReceiverSettleMode says when a receiver settles. [2.8.3]
type ReceiverSettleMode uint8

// The modes of a receiver; absent on the wire means first.
const (
	RcvFirst  ReceiverSettleMode = 0
	RcvSecond ReceiverSettleMode = 1
)

// Opt is an optional field: the zero value is absent (null on the wire).
type Opt[T any] struct {
	V  T
	OK bool
}

// Some is a present optional.
func Some[T any](v T) Opt[T] { return Opt[T]{V: v, OK: true} }

// Or returns the value, or def when absent.
func (o Opt[T]) Or(def T) T {
	if o.OK {
		return o.V
	}
	return def
}

// Open negotiates a connection. [2.7.1]
type Open struct {
	ContainerID         string
	Hostname            string
	MaxFrameSize        Opt[uint32] // default 4294967295
	ChannelMax          Opt[uint16] // default 65535
	IdleTimeout         Opt[uint32] // milliseconds
	OutgoingLocales     []Symbol
	IncomingLocales     []Symbol
	OfferedCapabilities []Symbol
	DesiredCapabilities []Symbol
	Properties          Map
}

// Begin starts a session on a channel. [2.7.2]
type Begin struct {
	RemoteChannel       Opt[uint16]
	NextOutgoingID      uint32
	IncomingWindow      uint32
	OutgoingWindow      uint32
	HandleMax           Opt[uint32] // default 4294967295
	OfferedCapabilities []Symbol
	DesiredCapabilities []Symbol
	Properties          Map
}

// Attach attaches a link to a session. [2.7.3]
type Attach struct {
	Name                 string
	Handle               uint32
	Role                 Role
	SndSettleMode        Opt[SenderSettleMode]   // default mixed
	RcvSettleMode        Opt[ReceiverSettleMode] // default first
	Source               *Source                 // nil: null
	Target               *Target                 // nil: null; a coordinator is a Target with Coordinator set
	Unsettled            Raw                     // encoded map; nil: null
	IncompleteUnsettled  bool
	InitialDeliveryCount Opt[uint32]
	MaxMessageSize       Opt[uint64] // 0 or absent: no limit
	OfferedCapabilities  []Symbol
	DesiredCapabilities  []Symbol
	Properties           Map
}

// TerminusDurability says what a terminus keeps. [3.5.5]
type TerminusDurability uint32

// Source is where messages come from. [3.5.3]
type Source struct {
	Address               Opt[string] // null differs from ""
	Durable               TerminusDurability
	ExpiryPolicy          Opt[Symbol]
	Timeout               Opt[uint32]
	Dynamic               bool
	DynamicNodeProperties Raw // encoded map; nil: null
	DistributionMode      Opt[Symbol]
	Filter                Raw // encoded map; nil: null
	DefaultOutcome        Raw // encoded outcome; nil: null
	Outcomes              []Symbol
	Capabilities          []Symbol
}

// Target is where messages go. [3.5.4] With Coordinator set it is the
// transaction coordinator, which has capabilities only. [4.5.1]
type Target struct {
	Coordinator           bool
	Address               Opt[string]
	Durable               TerminusDurability
	ExpiryPolicy          Opt[Symbol]
	Timeout               Opt[uint32]
	Dynamic               bool
	DynamicNodeProperties Raw
	Capabilities          []Symbol
}

// Flow updates session windows and, with a handle, link credit. [2.7.4]
type Flow struct {
	NextIncomingID Opt[uint32]
	IncomingWindow uint32
	NextOutgoingID uint32
	OutgoingWindow uint32
	Handle         Opt[uint32]
	DeliveryCount  Opt[uint32]
	LinkCredit     Opt[uint32]
	Available      Opt[uint32]
	Drain          bool
	Echo           bool
	Properties     Raw // encoded map, a slice of the input; nil: null
}

// Transfer carries (part of) a message. [2.7.5] DeliveryTag and State are slices of the input.
type Transfer struct {
	Handle        uint32
	DeliveryID    Opt[uint32]
	DeliveryTag   []byte // nil: null
	MessageFormat Opt[uint32]
	Settled       Opt[bool]
	More          bool
	RcvSettleMode Opt[ReceiverSettleMode]
	State         DeliveryState
	Resume        bool
	Aborted       bool
	Batchable     bool
}

// Disposition tells of the state of deliveries. [2.7.6] State is a slice of the input.
type Disposition struct {
	Role      Role
	First     uint32
	Last      Opt[uint32] // absent: the same as First
	Settled   bool
	State     DeliveryState
	Batchable bool
}

// Detach detaches or closes a link. [2.7.7]
type Detach struct {
	Handle uint32
	Closed bool
	Error  *Error
}

// End ends a session. [2.7.8]
type End struct{ Error *Error }

// Close closes a connection. [2.7.9]
type Close struct{ Error *Error }

// Error is the AMQP error type. [2.8.14] It is also a Go error.
type Error struct {
	Condition   Symbol
	Description string
	Info        Map
}

// StateKind says which delivery state it is; the values are the low bytes of the descriptors. [3.4] [4.5]
type StateKind uint8

// The delivery states. StateNone is null on the wire; StateOther is a described
// type that this package does not know (Fields then holds the whole value,
// descriptor included).
const (
	StateNone          StateKind = 0
	StateReceived      StateKind = 0x23
	StateAccepted      StateKind = 0x24
	StateRejected      StateKind = 0x25
	StateReleased      StateKind = 0x26
	StateModified      StateKind = 0x27
	StateDeclared      StateKind = 0x33
	StateTransactional StateKind = 0x34
	StateOther         StateKind = 0xff
)

// DeliveryState is a delivery state as it came from the wire: its kind, and the
// encoded list of its fields, unread, so that errors, annotations and
// transaction ids pass through unchanged. Fields is nil when the list has no
// elements (accepted, released), and is otherwise a slice of the frame it came
// in: whoever keeps it copies it.
type DeliveryState struct {
	Kind   StateKind
	Fields []byte
}
