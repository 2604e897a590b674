package amqp

// Serial numbers wrap: they are compared and subtracted as RFC 1982 says, with
// 32 bits. [2.8.10] Delivery-ids, transfer-ids and delivery-counts are all of
// this kind. Adding is plain uint32 addition.

// serialLess says whether a comes before b.
func serialLess(a, b uint32) bool { return int32(a-b) < 0 }

// serialDiff is how far a is past b, negative when it is before.
func serialDiff(a, b uint32) int32 { return int32(a - b) }
