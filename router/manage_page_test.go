package router

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/management"
)

var update = flag.Bool("update", false, "rewrite docs/management.md from the entities")

// The page in docs says what the agent knows.
func TestManagementPage(t *testing.T) {
	r, err := New(config.Default(), zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	page := filepath.Join("..", "docs", "management.md")
	want := managementPage(management.NewAgent(r.managed(), r.entities()...))
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil || strings.ReplaceAll(string(got), "\r\n", "\n") != want {
		t.Errorf("docs/management.md is not what the agent knows (%v); run: go test ./router -run ManagementPage -update", err)
	}
}

const managementHead = `# Management

<!-- Written by go test ./router -run ManagementPage -update from the entities in router/manage*.go. -->

Every router has an agent that answers management requests over AMQP, in the form that ` + "`qdstat` and `qdmanage`" + ` speak
(AMQP Management, working draft 9). A request is a message to one of these addresses:

| address | reaches |
|---|---|
| ` + "`$management`, `_local/$management`" + ` | the router that the client is connected to |
| ` + "`_topo/0/ID/$management`" + ` | the router with that id, through the mesh |
| ` + "`_topo/0/all/$management`" + ` | every router of the mesh; each answers |

What clients may do follows the ` + "`management`" + ` attribute of their [listener](configuration.md#listeners): ` + "`full`" + ` lets them look
and change, ` + "`read`" + ` look, ` + "`none`" + ` nothing. Through the mesh the router that the client is connected to decides.

## Requests and answers

A request has the properties ` + "`reply-to`" + ` (without it the message is rejected) and, if wanted, ` + "`correlation-id`" + `, which the
answer repeats. Its application-properties say what is to be done; its body is one amqp-value, a map. It may have 1 MiB. Every
request is answered: the answer's application-properties are ` + "`statusCode`" + ` and ` + "`statusDescription`" + `.

| status | when |
|---|---|
| 200, 201, 204 | done; something was created; something was deleted |
| 400 | the request is wrong; the description says what |
| 403 | not allowed: to this client, or to anybody |
| 404 | there is no such entity, type or attribute |
| 500 | a fault of the router |
| 501 | the type has no such operation |

Answers that nobody takes are kept for 30 seconds, at most 1,024 of them and 32 MiB for one client, and then dropped.

| operation | properties | body of the request | body of the answer |
|---|---|---|---|
| QUERY | ` + "`entityType`, `offset`, `count`" + ` | ` + "`attributeNames`" + `: a list; all if it is empty | ` + "`attributeNames`, and `results`" + `, a list of lists |
| READ | ` + "`type`, `identity` or `name`" + ` | | all attributes |
| CREATE | ` + "`type`, `name`" + ` | attributes | all attributes |
| UPDATE | ` + "`type`, `identity` or `name`" + ` | attributes to change | all attributes |
| DELETE | ` + "`type`, `identity` or `name`" + ` | | |
| GET-TYPES, GET-ATTRIBUTES, GET-OPERATIONS | ` + "`entityType`" + `, or all | | a map of types to lists |
| GET-ANNOTATIONS | | | an empty map |
| GET-MGMT-NODES | | | the management addresses of all routers of the mesh |
| GET-SCHEMA, GET-JSON-SCHEMA | ` + "`indent`" + ` | | all types and their attributes |
| GET-LOG | ` + "`limit`" + ` | | the newest lines of the log, at most 1,000 |
| DRAIN | | | an empty map; the router lets what is in flight settle, and ends |
| RELOAD | ` + "`dryRun`" + `: a boolean | | a list of what changes; the configuration file is taken over, unless it is a dry run |
| SAVE-CONFIG | | | the name of the file that the running configuration is written to |

Types are known by a short name, or in their long form with ` + "`org.apache.qpid.dispatch.`" + ` in front. A QUERY of more than
20,000 entities has to be made in pages, with ` + "`offset` and `count`" + `: pages that follow each other within ten seconds fit together.

Counters rise for as long as the router runs: what a link has carried stays in those of its address, as long as anybody uses
that, and of the router when the link has gone. What is created is in effect at once, for as long as the router runs; a
configuration file that is taken over later replaces it.

## Entities
`

func managementPage(a *management.Agent) string {
	var b strings.Builder
	b.WriteString(managementHead)
	for _, e := range a.Types() {
		t := e.Type()
		fmt.Fprintf(&b, "\n### %s\n\n%s%s. Operations besides QUERY: %s.\n\n| attribute | type | | meaning |\n|---|---|---|---|\n",
			t.Name, strings.ToUpper(t.Help[:1]), t.Help[1:], strings.Join(t.Operations, ", "))
		for _, at := range t.Attributes {
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", at.Name, typeWords(&at), accessWords(&at), strings.ReplaceAll(at.Help, "|", `\|`))
		}
	}
	return b.String()
}

func typeWords(at *management.Attribute) string {
	switch {
	case len(at.Values) > 0:
		return strings.Join(at.Values, ", ")
	case at.Counter:
		return "counter"
	}
	return at.Type
}

func accessWords(at *management.Attribute) string {
	var words []string
	for _, w := range []struct {
		is   bool
		word string
	}{{at.Create, "create"}, {at.Update, "update"}, {at.Required, "required"}} {
		if w.is {
			words = append(words, w.word)
		}
	}
	return strings.Join(words, ", ")
}
