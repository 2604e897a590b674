package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/Azure/go-amqp"
	"go.uber.org/zap"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/router"
)

// startRouter starts a router, and returns it with a way to connect to it.
func startRouter(t *testing.T) (r *router.Router, dial func() *amqp.Conn) {
	t.Helper()
	cfg, err := config.Parse("test.yaml", []byte("router: {id: A}\nlisteners: [{port: 0}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	r, err = router.New(cfg, zap.NewNop())
	if err == nil {
		err = r.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Shutdown(context.Background()) })
	url := "amqp://" + r.Listening()[0].Addr.String()
	return r, func() *amqp.Conn {
		conn, err := amqp.Dial(t.Context(), url, &amqp.ConnOptions{SASLType: amqp.SASLTypeAnonymous()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
}

// scripted connects a client to an agent that answers as a function says; nil is no answer.
func scripted(t *testing.T, timeout time.Duration, script func(*amqp.Message) *amqp.Message) *Client {
	t.Helper()
	_, dial := startRouter(t)
	session, err := dial().NewSession(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	requests, err1 := session.NewReceiver(t.Context(), "agent", nil)
	replies, err2 := session.NewSender(t.Context(), "", nil)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	go func() { // ends with the connection
		for {
			m, err := requests.Receive(context.Background(), nil)
			if err != nil {
				return
			}
			_ = requests.AcceptMessage(context.Background(), m)
			if answer := script(m); answer != nil {
				answer.Properties = &amqp.MessageProperties{To: m.Properties.ReplyTo, CorrelationID: m.Properties.CorrelationID}
				_ = replies.Send(context.Background(), answer, nil)
			}
		}
	}()
	c, err := New(t.Context(), dial(), timeout)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	c.agent = func(string) string { return "agent" }
	return c
}

func reply(code int32, text string, body any) *amqp.Message {
	return &amqp.Message{ApplicationProperties: map[string]any{"statusCode": code, "statusDescription": text}, Value: body}
}

// numbered answers QUERY with rows of 0 to n.
func numbered(n int) func(*amqp.Message) *amqp.Message {
	return func(m *amqp.Message) *amqp.Message {
		offset, _ := Number(m.ApplicationProperties["offset"])
		count, _ := Number(m.ApplicationProperties["count"])
		rows := []any{}
		for i := int(offset); i < n && i < int(offset+count); i++ {
			rows = append(rows, []any{int32(i)})
		}
		return reply(200, "OK", map[string]any{"attributeNames": []any{"id"}, "results": rows})
	}
}

func TestQueriesAreReadPageByPage(t *testing.T) {
	for _, n := range []int{0, 1, pageSize - 1, pageSize, pageSize + 1, 3*pageSize + 7} {
		c := scripted(t, 0, numbered(n))
		rows, err := c.Query(t.Context(), "", "router.link", "id")
		if err != nil || len(rows) != n {
			t.Errorf("of %d rows came %d, %v", n, len(rows), err)
			continue
		}
		for i, e := range rows {
			if e.Number("id") != float64(i) {
				t.Errorf("row %d has id %v", i, e["id"])
				break
			}
		}
	}
}

func TestWhatAnAgentAnswersIsToldApart(t *testing.T) {
	ask := func(c *Client) error {
		_, err := c.Query(t.Context(), "B", "connection")
		return err
	}
	for _, c := range []struct {
		answer *amqp.Message
		want   string
	}{
		{reply(404, "Not Found: no such type", map[string]any{}), `router "B" answered QUERY with 404: Not Found: no such type`},
		{reply(403, "Forbidden", nil), "does not allow QUERY"},
		{reply(501, "Not Implemented", nil), "has no operation QUERY"},
		{reply(200, "OK", "text"), "a body that is no map"},
		{reply(200, "OK", map[string]any{"attributeNames": []any{"a"}, "results": []any{[]any{int32(1), int32(2)}}}), "2 values for 1 attributes"},
		{&amqp.Message{Value: "hello"}, "without a statusCode"},
	} {
		err := ask(scripted(t, 0, func(*amqp.Message) *amqp.Message { return c.answer }))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
	err := ask(scripted(t, 50*time.Millisecond, func(*amqp.Message) *amqp.Message { return nil }))
	if silent, ok := errors.AsType[*SilentError](err); !ok || silent.Router != "B" {
		t.Errorf("no answer: got %v, want a SilentError", err)
	}
}

func TestRepliesFindThoseWhoWaitForThem(t *testing.T) {
	c := scripted(t, 0, func(m *amqp.Message) *amqp.Message {
		return reply(200, "OK", map[string]any{"echo": m.ApplicationProperties["x"]})
	})
	errs := make(chan error)
	const n = 50
	for i := range n {
		go func() {
			body, err := c.Do(t.Context(), Request{Operation: "ECHO", Properties: map[string]any{"x": fmt.Sprint(i)}})
			if got := Entity(stringMap(body)).Text("echo"); err == nil && got != fmt.Sprint(i) {
				err = fmt.Errorf("asked %d, heard %s", i, got)
			}
			errs <- err
		}()
	}
	for range n {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

func TestARealRouterIsAsked(t *testing.T) {
	_, dial := startRouter(t)
	c, err := New(t.Context(), dial(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	rows, err := c.Query(t.Context(), "", "router")
	if err != nil || len(rows) != 1 || rows[0].Text("id") != "A" || rows[0].Number("time") == 0 {
		t.Errorf("got %v, %v", rows, err)
	}
	if ids, err := c.Routers(t.Context(), ""); err != nil || len(ids) != 0 {
		t.Errorf("a router that is alone knows the routers %v, %v", ids, err)
	}
	_, err = c.Query(t.Context(), "Z", "router")
	if lost, ok := errors.AsType[*UnreachableError](err); !ok || lost.Router != "Z" {
		t.Errorf("a router that is not there: got %v", err)
	}
	if _, err := c.Query(t.Context(), "", "nonsense"); !HasStatus(err, StatusNotFound) {
		t.Errorf("an unknown type: got %v", err)
	}
}

func TestARouterThatDiesInTheMiddleEndsTheWait(t *testing.T) {
	asked := make(chan struct{})
	c := scripted(t, time.Minute, func(*amqp.Message) *amqp.Message { close(asked); return nil })
	failed := make(chan error, 1)
	go func() {
		_, err := c.Query(t.Context(), "", "connection")
		failed <- err
	}()
	<-asked
	c.Close() // as when the connection is lost: no reply is read any more
	if _, ok := errors.AsType[*LostError](<-failed); !ok {
		t.Error("a request under way did not end with a LostError")
	}
	if _, err := c.Query(t.Context(), "", "connection"); err == nil {
		t.Error("a closed client asks")
	}
}

func TestTexts(t *testing.T) {
	for want, v := range map[string]any{
		"": nil, "a": "a", "true": true, "1.5": 1.5, "7": int32(7), "a,1": []any{"a", int32(1)}, "x,y": []string{"x", "y"},
		"k=1,l=b": map[any]any{"l": "b", "k": int64(1)},
	} {
		if got := Text(v); got != want {
			t.Errorf("%#v: got %q, want %q", v, got, want)
		}
	}
	if got := Text([]any{}); got != "" {
		t.Errorf("an empty list is %q", got)
	}
}
