package interop

import (
	"testing"
)

// row is one line of the table: a story that is played by every client as
// sender and as receiver.
type row struct {
	name  string
	basic bool // also played from each client to the next
	play  func(*stage)
}

// rows are the lines of docs/interop.md, in order.
var rows = []row{
	{"unsettled", true, unsettledIsForwarded},
	{"presettled", true, presettledIsForwarded},
	{"accepted", true, acceptedComesBack},
	{"rejected, with condition, description and info", true, rejectedComesBackWithItsError},
	{"released", true, releasedComesBack},
	{"modified, with both flags and annotations", true, modifiedComesBackWithItsData},
	{"receiver asks for settled", true, receiverAsksForSettled},
	{"three-way acknowledgement", true, threeWayAcknowledgement},

	{"properties, annotations and header unchanged", true, sectionsAreUnchanged},
	{"bodies: data, sequence, string, number, list, map", true, bodiesAreUnchanged},
	{"10,000 messages in order", true, tenThousandInOrder},
	{"1,000 presettled to a slow receiver, none lost", true, presettledToASlowReceiver},
	{"a 64-MB message", true, largeMessage},
	{"frames of 512 bytes", true, smallestFrames},
	{"aborted delivery", false, abortedDeliveryNeverArrives},

	{"drain, nothing there", false, drainOfNothing},
	{"drain, some there", false, drainOfSome},
	{"drain and credit in one flow", false, drainTakesWhatWaits},
	{"credit withheld until a consumer comes", true, creditComesWithTheConsumer},
	{"never more than the credit given", true, creditIsNeverExceeded},

	{"request and response over a dynamic source", true, requestAndResponse},
	{"dynamic target", false, dynamicTarget},
	{"anonymous relay", true, anonymousRelay},
	{"anonymous relay: unroutable is released", false, unroutableIsReleased},
	{"anonymous relay: without address is rejected", false, withoutAddressIsRejected},
	{"anonymous relay: a long one without address is rejected", false, longWithoutAddressIsRejected},
	{"multicast to three, mixed outcomes", false, multicastMixedOutcomes},
	{"two consumers share what is sent", false, twoConsumersShare},
	{"several sessions in one connection", false, severalSessions},
	{"link properties", false, linkProperties},

	{"receiver killed with deliveries outstanding", true, receiverKilled},
	{"receiver killed in the middle of a long message", false, receiverKilledMidway},
	{"receiver detached with deliveries outstanding", false, receiverDetached},
	{"session ended with deliveries outstanding", false, sessionEnded},
	{"sender killed with deliveries outstanding", false, senderKilled},
	{"another consumer takes over what waits", false, anotherConsumerTakesOver},
	{"link name stolen", false, linkNameStolen},
	{"unavailable address refused", false, unavailableAddressIsRefused},
	{"coordinator refused", false, coordinatorIsRefused},

	{"no SASL layer", false, noSASL},
	{"PLAIN", false, plainLogin},
	{"PLAIN, wrong password refused", false, wrongPasswordIsRefused},
	{"heartbeats over four periods", false, heartbeats},
	{"router stops: connection forced", false, routerStops},
}

// TestInterop plays every row and compares docs/interop.md with what was seen.
func TestInterop(t *testing.T) {
	lookAtSources(t)
	shared := startRouter(t)
	results := newResults()
	t.Run("rows", func(t *testing.T) {
		for _, row := range rows {
			t.Run(row.name, func(t *testing.T) {
				for i, k := range kinds {
					play(t, shared, results, row, k, k)
					if row.basic {
						play(t, shared, results, row, k, kinds[(i+1)%len(kinds)])
					}
				}
			})
		}
	})
	results.compare(t)
}

func play(t *testing.T, shared *router, results *results, row row, sending, receiving kind) {
	name := string(sending)
	if receiving != sending {
		name += " to " + string(receiving)
	}
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		s := newStage(t, shared, row.name, sending, receiving)
		t.Cleanup(func() { results.record(row, s) })
		row.play(s)
	})
}
