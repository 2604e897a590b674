package brokertest

import (
	"context"
	_ "embed" // for the client's source
	"fmt"
	"os/exec"
	"strings"
)

//go:embed testdata/transact.py
var transactClient string

// Transact runs a client that uses transactions at an address, an empty queue, and returns what
// it saw, a line of JSON a step: two messages sent and committed, two sent and rolled back, two
// taken and given back by a roll-back, the same two taken for good.
func Transact(ctx context.Context, addr, address string) (string, error) {
	cmd := exec.CommandContext(ctx, systemPython, "-c", transactClient, addr, address)
	endWithParent(cmd)
	var waits strings.Builder
	cmd.Stderr = &waits
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("client of transactions: %w: it saw\n%sand what it waited for, the last in vain, was\n%s", err, out, waits.String())
	}
	return string(out), nil
}

// Transacted is what Transact returns when all went as it should.
const Transacted = `{"step": "send_and_commit", "declared": true}
{"step": "send_and_commit", "committed": true}
{"step": "send_and_roll_back", "declared": true}
{"step": "send_and_roll_back", "aborted": true}
{"step": "take_and_roll_back", "declared": true}
{"step": "take_and_roll_back", "received": [1, 2]}
{"step": "take_and_roll_back", "aborted": true}
{"step": "take_and_commit", "declared": true}
{"step": "take_and_commit", "received": [1, 2]}
{"step": "take_and_commit", "committed": true}
`
