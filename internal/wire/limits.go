package wire

// Limits on what a peer may make a decoder do. Counts and sizes need no limit
// of their own, because each is checked against the bytes that are there; these
// are for what costs no bytes.
const (
	// MaxDepth bounds the nesting of lists, maps, arrays and described values, so
	// that recursion over them is bounded too.
	MaxDepth = 32

	// MaxZeroWidth bounds the elements without bytes (null, true, list0, ...) in
	// all arrays of one value: an array32 of 2^32 nulls takes ten bytes.
	MaxZeroWidth = 256

	// MaxDeliveryTag is the longest delivery tag. [2.8.7]
	MaxDeliveryTag = 32

	// MaxTxnID is the longest transaction id. [4.5.4]
	MaxTxnID = 32
)
