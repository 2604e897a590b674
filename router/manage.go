package router

import (
	"encoding/binary"
	"errors"
	"net"
	"strings"

	"go.uber.org/zap"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/management"
	"github.com/meshway/meshway/internal/wire"
)

// The management agent is a client of its own router, by a connection that leads from the
// process into itself. So requests to it and its answers are forwarded, given credit, settled
// and carried through the mesh as all messages are.

// agent is the router's end of what answers management requests.
type agent struct {
	peer     *peer
	endpoint *management.Endpoint
	client   *amqp.Conn // the agent's end of the connection
}

const (
	managementName = "$management"
	// readSuffix marks the address by which those reach the agent who may only look: the
	// router where a request comes in knows who sends it, and the others take its word.
	readSuffix = ".read"
)

// agentCapacity is how many answers to one client may wait in the router; the agent keeps
// some more, and for a while.
const agentCapacity = 32

// ownTreatment is how the addresses of agents, of dynamic nodes and of routers are
// treated, whatever is configured.
var ownTreatment = &treatment{distribution: config.Closest}

// isManagement says whether the key, in its normal form, is that of a management agent.
func isManagement(key string) bool {
	if !strings.HasPrefix(key, "_") {
		return false
	}
	prefix, ok := strings.CutSuffix(strings.TrimSuffix(key, readSuffix), managementName)
	return ok && (prefix == localPrefix || strings.HasPrefix(prefix, topoPrefix) && strings.Count(prefix, "/") == 3)
}

// managementKey is by which key the peer reaches what it calls key: an agent hears by that
// what the peer may do.
func (p *peer) managementKey(key string) (string, *wire.Error) {
	if p.inside || !isManagement(key) {
		return key, nil
	}
	switch {
	case p.manages == config.ManagementNone:
		return "", refusal(wire.CondUnauthorizedAccess, "clients of listener %q may not use management (management: none)", p.place)
	case p.manages == config.ManagementRead && !strings.HasSuffix(key, readSuffix):
		return key + readSuffix, nil
	}
	return key, nil
}

// cameBy is what stands in front of a request to the agent: the number of the connection by
// which it came in, 0 if that is another router's.
func (m *message) cameBy() []byte {
	var id uint64
	if !m.in.trunk {
		id = m.in.peer.id
	}
	return binary.BigEndian.AppendUint64(nil, id)
}

// startAgent connects the management agent, and returns once it hears requests: the first
// client finds it.
func (r *Router) startAgent() {
	near, far := net.Pipe()
	conf := &amqp.Config{ContainerID: r.cfg.Router.ID, MaxFrameSize: 64 << 10, ChannelMax: 1<<15 - 1, Budget: r.budget, HoldBySession: true}
	p := &peer{router: r, place: managementName, inside: true, capacity: agentCapacity, stripIn: true, stripOut: true}
	p.conn.InitServer(near, conf, p)
	log := r.log.Named("management")
	e := management.NewEndpoint(management.NewAgent(r.managed(), r.entities()...), log,
		management.Source{Address: localPrefix + managementName, Access: management.Full},
		management.Source{Address: localPrefix + managementName + readSuffix, Access: management.Read})
	r.agent = &agent{peer: p, endpoint: e, client: amqp.NewClient(far, conf, e)}
	r.tasks.Add(3)
	p.conn.Start(func(error) { r.tasks.Done() }) // ends with stopAgent
	r.agent.client.Start(func(err error) {       // ends with stopAgent
		if err != nil {
			log.Error("the management agent is cut off", zap.Error(err))
		}
		e.Closed()
		r.tasks.Done()
	})
	go func() { // ends with the connection
		defer r.tasks.Done()
		e.Run()
	}()
	e.Await()
}

// stopAgent disconnects the management agent.
func (r *Router) stopAgent() {
	var b amqp.Batch
	r.agent.client.Close(&b, nil)
	b.Flush()
}

// managed is what the agent has to know of the router besides its entities.
func (r *Router) managed() management.Node {
	return management.Node{Nodes: r.managementNodes, Log: r.recentLog, Drain: r.askToEnd, Reload: r.reloadFile, Save: r.saveFile}
}

// Keeper has the configuration file of a router.
type Keeper interface {
	// Reload has the router take the file over, or says what that would change.
	Reload(dryRun bool) ([]config.Change, error)
	// Save writes the running configuration to the file, and returns its name.
	Save() (file string, err error)
}

// KeptBy says who has the router's configuration file, for management. Without a call there
// is none.
func (r *Router) KeptBy(k Keeper) { r.keeper.Store(&k) }

var errNoFile = errors.New("the router was started without a configuration file")

func (r *Router) reloadFile(dryRun bool) (list []string, err error) {
	k := r.keeper.Load()
	if k == nil {
		return nil, errNoFile
	}
	changes, err := (*k).Reload(dryRun)
	for _, c := range changes {
		list = append(list, c.String())
	}
	return list, err
}

func (r *Router) saveFile() (string, error) {
	k := r.keeper.Load()
	if k == nil {
		return "", errNoFile
	}
	return (*k).Save()
}

// askToEnd says that the router is to be shut down.
func (r *Router) askToEnd() {
	r.log.Info("told to drain, by management")
	select {
	case r.asked <- struct{}{}:
	default: // it is asked already
	}
}

// Asked is told when somebody with full access to management wants the router to end: call
// Shutdown then.
func (r *Router) Asked() <-chan struct{} { return r.asked }

// managementNodes are the addresses of the agents of all routers, this one's too. A router
// that is alone has none.
func (r *Router) managementNodes() (list []string) {
	if r.mesh == nil {
		return nil
	}
	t := r.mesh.forwarding.Load().routes.Topology()
	for i := range t.Len() {
		list = append(list, "amqp:/"+topoPrefix+"0/"+t.Node(i).ID+"/"+managementName)
	}
	return list
}

// entities is what the agent knows of.
func (r *Router) entities() []management.Entities {
	return append(noneTables(),
		r.routerTable(), r.connectionTable(), r.linkTable(), r.addressTable(), r.nodeTable(),
		r.configTable("listener", listenerColumns...), r.configTable("connector", connectorColumns...),
		r.configTable("address"), r.configTable("autoLink", autoLinkColumns...), r.configTable("linkRoute", linkRouteColumns...),
		r.ownRouteTable(), r.logTable(), r.logStatsTable(), r.policyTable())
}
