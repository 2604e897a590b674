// Package addrtable is what a router knows of the addresses that have users at
// other routers: one table for each owner, kept equal on all routers of a mesh.
//
// It consumes the changes that this router's own addresses undergo, messages of
// neighbours' [Tables], and what link state says of owners: reachable or not, and
// the version and digest of their tables. It produces messages for neighbours,
// answers for the data plane's question "who has users of this address?", and a
// call when the answer changes for an address that is watched. It owns all copies
// of all tables. It has no goroutine, no clock and no connection: whoever holds
// the adjacencies calls [Tables.Due], [Tables.Next], [Tables.Receive] and
// [Tables.Tick].
//
// # Versions
//
// Only its owner changes a table, and each change has the table's next version. An
// entry keeps the version of its last change, and a table lists its entries in that
// order. Deleted entries stay as tombstones. So what a neighbour lacks is all that
// is listed behind the version it has: a cursor for each neighbour and table is all
// that sending needs, an entry that changed ten times is sent once, and a slow
// neighbour costs no memory. Control links are reliable and in order, so a cursor
// moves when its message is made. A message says from which version to which it
// leads: one that does not fit what the receiver has is answered with a question.
//
// A copy at version v has all entries whose last change is not after v. While it
// catches up with a neighbour, it may lack others, which have changed again since;
// a copy that has caught up is exact, and has the owner's digest of that version.
//
// A neighbour is never sent what it is known to have: because it said so when the
// adjacency came up, because it was sent it, or because it sent it itself.
//
// # Repair
//
// A digest is the sum of a hash of each live entry, over 256 buckets by address.
// Digests come from the owner alone, with its table and in its link-state
// advertisement ([Tables.Check]); no router believes a neighbour's. A copy with
// another digest asks a neighbour for its buckets, and, if these add up to the
// owner's word, for the content of those that differ. That comes in the order of
// versions, too, and is merged with the copy: what the neighbour has is taken over,
// what it lacks is dropped when all of it is there, so no address is gone for a
// moment. A neighbour whose version is older than the oldest tombstone, or that
// begins when some are gone, is sent all buckets in the same way.
//
// # Locks
//
// One mutex guards versions, order and cursors: all that changes tables takes it.
// The entries of an address and its name are in one of 64 shards, each with a lock
// of its own, that is held for one entry at a time. The data plane's questions take
// only that, so a large message does not hold them up.
package addrtable
