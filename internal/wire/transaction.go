package wire

// The capabilities of a coordinator. [4.5.7]
const (
	CapLocalTransactions       Symbol = "amqp:local-transactions"
	CapDistributedTransactions Symbol = "amqp:distributed-transactions"
	CapPromotableTransactions  Symbol = "amqp:promotable-transactions"
	CapMultiTxnsPerSession     Symbol = "amqp:multi-txns-per-ssn"
	CapMultiSessionsPerTxn     Symbol = "amqp:multi-ssns-per-txn"
)

// Declare asks a coordinator for a transaction; it is the body of a message. [4.5.2]
type Declare struct {
	GlobalID Raw // encoded; nil: null
}

var declareType = composite{CodeDeclare, []field{may("global-id", "")}}

// Decode reads the fields of a declare. [4.5.2]
func (x *Declare) Decode(l List) error {
	r := declareType.read(l)
	*x = Declare{GlobalID: Raw(cloneBytes(r.value()))}
	return r.done()
}

// Append appends the declare as a described value. [4.5.2]
func (x *Declare) Append(b []byte) []byte {
	w := declareType.write(b)
	w.raw(x.GlobalID)
	return w.done()
}

// Discharge ends a transaction; it is the body of a message. [4.5.3]
type Discharge struct {
	TxnID []byte
	Fail  bool // roll back
}

var dischargeType = composite{CodeDischarge, []field{
	must("txn-id", "binary"),
	may("fail", "boolean"),
}}

// Decode reads the fields of a discharge. Nothing of it is a slice of the input. [4.5.3]
func (x *Discharge) Decode(l List) error {
	r := dischargeType.read(l)
	*x = Discharge{
		TxnID: cloneBytes(r.txnID()),
		Fail:  r.boolean().V,
	}
	return r.done()
}

// Append appends the discharge as a described value. [4.5.3]
func (x *Discharge) Append(b []byte) []byte {
	w := dischargeType.write(b)
	w.binary(x.TxnID)
	w.flag(x.Fail)
	return w.done()
}

// txnID reads a transaction id, a slice of the input. [4.5.4]
func (r *reader) txnID() []byte {
	id := readBytes(r, binaryAt)
	if len(id) > MaxTxnID {
		r.bad("transaction id is too long")
	}
	return id
}

var declaredType = composite{CodeDeclared, []field{must("txn-id", "binary")}}

// DeclaredState is the outcome of a declare: the new transaction's id. [4.5.5]
func DeclaredState(txnID []byte) DeliveryState {
	w := declaredType.write(nil)
	w.binary(txnID)
	return w.state()
}

// Declared returns the new transaction's id, a slice of s.Fields. [4.5.5]
func (s DeliveryState) Declared() (txnID []byte, err error) {
	r, err := declaredType.fieldsOf(s)
	if err != nil {
		return nil, err
	}
	txnID = r.txnID()
	return txnID, r.done()
}

var transactionalType = composite{CodeTransactional, []field{
	must("txn-id", "binary"),
	may("outcome", "described value"),
}}

// TransactionalState makes a delivery part of a transaction; outcome may be none. [4.5.6]
func TransactionalState(txnID []byte, outcome DeliveryState) DeliveryState {
	w := transactionalType.write(nil)
	w.binary(txnID)
	w.putIf(outcome.Kind != StateNone, AppendState(w.b, outcome))
	return w.state()
}

// Transactional returns the transaction's id and the provisional outcome, both
// slices of s.Fields. [4.5.6]
func (s DeliveryState) Transactional() (txnID []byte, outcome DeliveryState, err error) {
	r, err := transactionalType.fieldsOf(s)
	if err != nil {
		return nil, DeliveryState{}, err
	}
	txnID = r.txnID()
	if r.more() {
		var next int
		outcome, next = stateAt(r.l.b, r.i)
		r.moved(next, outcome.Kind == StateNone)
	}
	return txnID, outcome, r.done()
}
