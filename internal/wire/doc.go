// Package wire turns bytes into AMQP 1.0 values and back: types and encodings
// (part 1 of the specification), frames and performatives (part 2), message
// sections and delivery states (part 3), transaction types (part 4) and SASL
// frames (part 5).
//
// It consumes and produces byte slices and owns nothing: no I/O, no clock, no
// goroutine, no state between calls.
//
// Two rules hold everywhere. A decoder never trusts a length, a count or a
// nesting depth: it is checked against the bytes that are there, and against
// [MaxDepth] and its like, before anything is allocated. And a decoder of the hot path
// (transfer, disposition, flow) allocates nothing: what it returns are slices
// of its input, valid only as long as the input is.
package wire
