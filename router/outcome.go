package router

import "github.com/meshway/meshway/internal/wire"

// outcomeSet is the outcomes that a sender's source lists: what its deliveries
// may be told to have come to. [3.5.3] None listed means all.
type outcomeSet uint8

const (
	canAccept outcomeSet = 1 << iota
	canReject
	canRelease
	canModify
	canOther // an outcome of an extension, such as declared
)

func outcomesOf(source *wire.Source) outcomeSet {
	if source == nil || len(source.Outcomes) == 0 {
		return canAccept | canReject | canRelease | canModify | canOther
	}
	var s outcomeSet
	for _, o := range source.Outcomes {
		switch o {
		case wire.OutcomeSymbol(wire.StateAccepted):
			s |= canAccept
		case wire.OutcomeSymbol(wire.StateRejected):
			s |= canReject
		case wire.OutcomeSymbol(wire.StateReleased):
			s |= canRelease
		case wire.OutcomeSymbol(wire.StateModified):
			s |= canModify
		default:
			s |= canOther
		}
	}
	return s
}

// acceptsByDefault says whether what has no outcome counts as accepted once the source is no
// more. A source whose default is another outcome has its messages back then. [3.5.3]
func acceptsByDefault(source *wire.Source) bool {
	if source == nil || len(source.DefaultOutcome) == 0 {
		return true
	}
	s, _, err := wire.ParseState(source.DefaultOutcome)
	return err == nil && s.Kind == wire.StateAccepted
}

// foreign says whether the state is one of an extension, or of a transaction, and the
// sender's source lists its outcomes without any such.
func (in *ingress) foreign(state wire.DeliveryState) bool {
	switch state.Kind {
	case wire.StateDeclared, wire.StateTransactional, wire.StateOther:
		return in.outcomes&canOther == 0
	}
	return false
}

// outcome replaces an outcome that the sender's source does not list by the
// nearest one that it does: some brokers end the session at an outcome that they
// do not know. Nobody can say what a foreign one means, so the delivery has failed.
func (in *ingress) outcome(state wire.DeliveryState) wire.DeliveryState {
	s := in.outcomes
	if in.foreign(state) {
		state = wire.ModifiedState(true, false, nil)
	}
	released := wire.DeliveryState{Kind: wire.StateReleased}
	switch {
	case state.Kind == wire.StateModified && s&canModify == 0 && s&canRelease != 0:
		return released
	case state.Kind == wire.StateReleased && s&canRelease == 0 && s&canModify != 0:
		return wire.ModifiedState(false, false, nil)
	case state.Kind == wire.StateRejected && s&canReject == 0 && s&canRelease != 0:
		return released
	case state.Kind == wire.StateRejected && s&canReject == 0 && s&canModify != 0:
		return wire.ModifiedState(true, true, nil)
	case state.Kind == wire.StateModified && s&canModify == 0 && s&canReject != 0,
		state.Kind == wire.StateReleased && s&canRelease == 0 && s&canReject != 0:
		return wire.RejectedState(&wire.Error{Condition: wire.CondInternalError,
			Description: "the message was not delivered, and the sender's source lists no outcome that says just that"})
	}
	return state
}
