package client

import (
	"context"
	"fmt"
	"strings"
)

// Types of entities that this client itself has to name.
const (
	Prefix         = "org.apache.qpid.dispatch."
	ManagementType = "org.amqp.management"
)

// Long is the full name of a type: "router.link" is ours by its short name.
func Long(kind string) string {
	if kind == ManagementType || strings.HasPrefix(kind, Prefix) {
		return kind
	}
	return Prefix + kind
}

const (
	pageSize = 500     // rows; what older agents can answer at once
	maxRows  = 2000000 // an agent that gives more never ends
)

// node makes the properties of a request to the agent itself.
func node(more map[string]any) map[string]any {
	p := map[string]any{"type": ManagementType, "name": "self"}
	for name, value := range more {
		p[name] = value
	}
	return p
}

// Query lists all entities of a type, in the agent's order. Attributes names those wanted;
// none is all. It asks for a page at a time.
func (c *Client) Query(ctx context.Context, router, kind string, attributes ...string) ([]Entity, error) {
	names := make([]any, len(attributes)) // a list, not an array: that is what agents expect
	for i, name := range attributes {
		names[i] = name
	}
	var all []Entity
	for len(all) < maxRows {
		body, err := c.Do(ctx, Request{
			Router: router, Operation: "QUERY",
			Properties: node(map[string]any{"entityType": Long(kind), "offset": int32(len(all)), "count": int32(pageSize)}),
			Body:       map[string]any{"attributeNames": names},
		})
		if err != nil {
			return nil, err
		}
		page, err := rows(body)
		if err != nil {
			return nil, fmt.Errorf("%s answered QUERY of %s with %w", where(router), kind, err)
		}
		all = append(all, page...)
		if len(page) < pageSize {
			return all, nil
		}
	}
	return nil, fmt.Errorf("%s has more than %d entities of type %s", where(router), maxRows, kind)
}

// rows makes entities of an answer to QUERY.
func rows(body any) ([]Entity, error) {
	m := stringMap(body)
	if m == nil {
		return nil, fmt.Errorf("a body that is no map")
	}
	names, results := Entity(m).List("attributeNames"), items(m["results"])
	page := make([]Entity, 0, len(results))
	for _, row := range results {
		values := items(row)
		if len(values) > len(names) {
			return nil, fmt.Errorf("%d values for %d attributes", len(values), len(names))
		}
		e := make(Entity, len(values))
		for i, v := range values {
			e[names[i]] = v
		}
		page = append(page, e)
	}
	return page, nil
}

// entity does an operation on one entity, and returns its attributes.
func (c *Client) entity(ctx context.Context, router, operation string, properties map[string]any, body any) (Entity, error) {
	got, err := c.Do(ctx, Request{Router: router, Operation: operation, Properties: properties, Body: body})
	return Entity(stringMap(got)), err
}

// Key names an entity: by identity, or by name. Identity decides if both are there.
type Key struct{ Identity, Name string }

func (k Key) properties(kind string) map[string]any {
	p := map[string]any{"type": Long(kind)}
	if k.Identity != "" {
		p["identity"] = k.Identity
	} else {
		p["name"] = k.Name
	}
	return p
}

// Read reads one entity.
func (c *Client) Read(ctx context.Context, router, kind string, key Key) (Entity, error) {
	return c.entity(ctx, router, "READ", key.properties(kind), nil)
}

// Create makes an entity, and returns what became of its attributes.
func (c *Client) Create(ctx context.Context, router, kind, name string, attributes map[string]any) (Entity, error) {
	p := map[string]any{"type": Long(kind)}
	if name != "" {
		p["name"] = name
	}
	return c.entity(ctx, router, "CREATE", p, attributes)
}

// Update changes attributes of an entity.
func (c *Client) Update(ctx context.Context, router, kind string, key Key, attributes map[string]any) (Entity, error) {
	return c.entity(ctx, router, "UPDATE", key.properties(kind), attributes)
}

// Delete removes an entity.
func (c *Client) Delete(ctx context.Context, router, kind string, key Key) error {
	_, err := c.Do(ctx, Request{Router: router, Operation: "DELETE", Properties: key.properties(kind)})
	return err
}

// Node does an operation of the agent itself, such as GET-LOG. Properties go with it.
func (c *Client) Node(ctx context.Context, router, operation string, properties map[string]any) (any, error) {
	return c.Do(ctx, Request{Router: router, Operation: operation, Properties: node(properties)})
}

// Routers are the ids of all routers that the mesh can reach, that one included. A router
// that is in no mesh names none.
func (c *Client) Routers(ctx context.Context, router string) ([]string, error) {
	body, err := c.Node(ctx, router, "GET-MGMT-NODES", nil)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, item := range items(body) {
		address := strings.TrimPrefix(Text(item), "amqp:/")
		id, ok := strings.CutPrefix(address, "_topo/0/")
		id, found := strings.CutSuffix(id, "/$management")
		if !ok || !found || id == "" {
			return nil, fmt.Errorf("%s names a router by %q, which is no address of an agent", where(router), address)
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// LogLine is one line of a router's log.
type LogLine struct {
	Module, Level, Text string
	Seconds             int64 // since 1970
}

// Log reads the newest lines of a router's log, the oldest first; 0 is all that it keeps.
func (c *Client) Log(ctx context.Context, router string, limit int) ([]LogLine, error) {
	properties := map[string]any{}
	if limit > 0 {
		properties["limit"] = int32(min(limit, 1<<20))
	}
	body, err := c.Node(ctx, router, "GET-LOG", properties)
	if err != nil {
		return nil, err
	}
	var lines []LogLine
	for _, row := range items(body) {
		f := items(row)
		if len(f) < 6 {
			return nil, fmt.Errorf("%s answered GET-LOG with a line of %d fields", where(router), len(f))
		}
		at, _ := Number(f[5])
		lines = append(lines, LogLine{Text(f[0]), Text(f[1]), Text(f[2]), int64(at)})
	}
	return lines, nil
}
