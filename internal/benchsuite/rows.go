package main

// row is one figure that a router is judged by.
type row struct {
	key    string // of the result
	number string // in the table
	what   string
	unit   string

	target float64 // must be reached
	aim    float64 // is aimed at
	more   bool    // more is better; else less
	noted  bool    // there is no target: it explains another row
	cost   bool    // it is CPU a message, or a connection, which the byte relay has as well

	// What others were measured at, on another machine of the same kind: static.
	dispatch   string // qdrouterd 1.20
	skupper    string // skupper-router 2026-05
	experiment string // a throwaway router with the data path alone
}

// Units of rows.
const (
	unitMicros  = "us"
	unitMillis  = "ms"
	unitTimes   = "x"
	unitRate    = "k/s"
	unitCount   = ""
	unitKiB     = "KiB"
	unitMB      = "MB"
	unitMiB     = "MiB"
	unitBytes   = "B"
	unitPercent = "%"
)

// rows is every figure, in the order of the table.
var rows = []row{
	{key: "p1", number: "P1", what: "one sender, one receiver, 100-byte body, unsettled, credit 1,000: CPU a message",
		unit: unitMicros, cost: true, target: 1.0, aim: 0.6, dispatch: "11.2-13.3", skupper: "8.5-9.9", experiment: "0.47"},
	{key: "p2", number: "P2", what: "the same: throughput, with the generator on the same cores",
		unit: unitRate, target: 600, aim: 1000, more: true, dispatch: "110-122", skupper: "88-106", experiment: "1,250"},
	{key: "p3", number: "P3", what: "four pairs at once: CPU a message",
		unit: unitMicros, cost: true, target: 1.0, aim: 0.6, dispatch: "16.2", skupper: "12.6", experiment: "0.51"},
	{key: "p4", number: "P4", what: "100-kB bodies: CPU a message",
		unit: unitMicros, cost: true, target: 45, aim: 30, dispatch: "234", skupper: "144", experiment: "25"},
	{key: "p5latency", number: "P5", what: "one message in flight: one-way latency, median",
		unit: unitMicros, target: 30, aim: 18, dispatch: "48-70", experiment: "16"},
	{key: "p5cpu", number: "P5", what: "the same: CPU a message",
		unit: unitMicros, cost: true, target: 40, aim: 26, dispatch: "91-144", experiment: "24"},
	{key: "p6", number: "P6", what: "chain of three routers, P1 across them: CPU of all three a message",
		unit: unitMicros, cost: true, target: 4, aim: 2, dispatch: "54-57", skupper: "53-57"},
	{key: "p7latency", number: "P7", what: "chain of three, one message in flight: one-way latency, median",
		unit: unitMicros, target: 80, aim: 50, dispatch: "300", skupper: "213"},
	{key: "p7cpu", number: "P7", what: "the same: CPU of all three a message",
		unit: unitMicros, cost: true, noted: true},
	{key: "p8lost", number: "P8", what: "presettled at full speed to a live consumer: lost of 2,000,000 (the others: of 200,000)",
		unit: unitCount, target: 0, aim: 0, dispatch: "13,570", experiment: "0"},
	{key: "p8cpu", number: "P8", what: "the same: CPU a message",
		unit: unitMicros, cost: true, target: 1.0, aim: 0.6, dispatch: "11.5", experiment: "0.68"},
	{key: "p8chain", number: "P8", what: "presettled at full speed over a chain of three to a consumer that reads 100,000 a second: lost of 500,000",
		unit: unitCount, target: 0, aim: 0},
	{key: "p9memory", number: "P9", what: "10,000 idle connections with one sender and one receiver link: resident memory of each",
		unit: unitKiB, target: 8, aim: 5, dispatch: "42.8", skupper: "37.9", experiment: "7.2-8.9"},
	{key: "p9back", number: "P9", what: "the same: resident within 60 s of the close, of what it was before the first connection",
		unit: unitPercent, target: 110, aim: 110, dispatch: "kept", skupper: "kept"},
	{key: "p9again", number: "P9", what: "the same again on that router: of what it was before the second time (the runtime keeps what it needs to manage memory, for reuse)",
		unit: unitPercent, noted: true},
	{key: "p10", number: "P10", what: "connection set-up (SASL, open, begin, two attaches): CPU",
		unit: unitMicros, cost: true, target: 100, aim: 65, dispatch: "236", skupper: "210", experiment: "60-85"},
	{key: "p11", number: "P11", what: "square of four (A-B-C costs 1 and 1, A-D-C 2 and 2), 2,000 messages a second from A to C, B killed: longest silence at the receiver",
		unit: unitMillis, target: 100, aim: 20, dispatch: "4,800-5,100", skupper: "1,600"},
	{key: "p11tilted", number: "P11", what: "the same with A-D-C costing 1 and 3",
		unit: unitMillis, target: 100, aim: 20},
	{key: "p11ring", number: "P11", what: "the same in a ring of six",
		unit: unitMillis, target: 100, aim: 20},
	{key: "p11lost", number: "P11", what: "those three: messages not delivered, of which each sender was told (20 are those of 10 ms)",
		unit: unitCount, target: 20, aim: 4, dispatch: "9,700", skupper: "3,246"},
	{key: "p11calm", number: "P11", what: "the square with nobody killed: longest silence (what the machine adds)",
		unit: unitMillis, noted: true},
	{key: "p12", number: "P12", what: "the square, B stopped with its sockets open: longest silence at the receiver",
		unit: unitMillis, target: 1000, aim: 400, dispatch: "16,000", skupper: "16,000"},
	{key: "p12lost", number: "P12", what: "the same: messages not delivered, of which the sender was told",
		unit: unitCount, noted: true},
	{key: "p13", number: "P13", what: "mesh of 200 routers in virtual time, ring and 200 random adjacencies: an adjacency is lost or new: until every router has new routes",
		unit: unitMillis, target: 1000, aim: 300, dispatch: "at most 128 routers", skupper: "at most 128 routers"},
	{key: "p13ring", number: "P13", what: "the same in a ring of 200",
		unit: unitMillis, target: 1000, aim: 300},
	{key: "p13line", number: "P13", what: "the same in a line of 200",
		unit: unitMillis, target: 1000, aim: 300},
	{key: "p13cpu", number: "P13", what: "those three: CPU of the path computation at a router, the median of all",
		unit: unitMicros, noted: true},
	{key: "p14", number: "P14", what: "1,000,000 addresses of 20 bytes, each of a consumer at A of a chain A-B-C: heap of C that lives, for each",
		unit: unitBytes, target: 150, aim: 100},
	{key: "p14resident", number: "P14", what: "the same: growth of the resident memory of B, for each",
		unit: unitBytes, noted: true},
	{key: "p14cpu", number: "P14", what: "10,000 of them change every second: what B uses for that, of one core",
		unit: unitPercent, noted: true},
	{key: "p14latency", number: "P14", what: "the same: latency of 500 messages a second from A to C, in that before the addresses came",
		unit: unitTimes, noted: true},
	{key: "p14lost", number: "P14", what: "the same: messages not delivered, or twice, or given back though delivered",
		unit: unitCount, target: 0, aim: 0},
	{key: "p15", number: "P15", what: "a 4-GB streamed message through three routers, read at 200 MB/s: growth of resident memory of each, at most",
		unit: unitMiB, target: 16, aim: 4},
	{key: "p16a", number: "P16", what: "P1 with a consumer credit of 20: CPU a message",
		unit: unitMicros, cost: true, target: 3, aim: 1.5, dispatch: "12.5", experiment: "1.9"},
	{key: "p16b", number: "P16", what: "P1 with a consumer credit of 100: CPU a message",
		unit: unitMicros, cost: true, target: 1.5, aim: 0.9, dispatch: "10.0", experiment: "1.0"},
	{key: "p16order", number: "P16", what: "the same two: messages missing, out of order or repeated",
		unit: unitCount, target: 0, aim: 0},
	{key: "p17cpu", number: "P17", what: "fan-in, 200 senders to one consumer, flat out: CPU a message",
		unit: unitMicros, cost: true, target: 1.5, aim: 0.9, dispatch: "11.3", experiment: "0.88"},
	{key: "p17memory", number: "P17", what: "the same: resident memory at most",
		unit: unitMB, target: 60, aim: 30, dispatch: "280"},
	{key: "p18", number: "P18", what: "fan-in paced, 200 senders at 100 messages a second each: CPU a message",
		unit: unitMicros, cost: true, target: 15, aim: 10, dispatch: "33-49", experiment: "11"},
	{key: "p19", number: "P19", what: "fan-out, one sender to 200 consumers, flat out, balanced: CPU a message",
		unit: unitMicros, cost: true, target: 6, aim: 3, dispatch: "28-30"},
	{key: "p20", number: "P20", what: "P7 beside two streams of 1 GB to stalled readers over the same adjacencies: latency, in that without them",
		unit: unitTimes, target: 2, aim: 1.2},
	{key: "stream", number: "-", what: "a 2-GB streamed message, read at 200 MB/s: growth of resident memory",
		unit: unitMiB, target: 16, aim: 4},
}
