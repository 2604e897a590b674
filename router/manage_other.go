package router

import "github.com/meshway/meshway/internal/management"

// Entities of the predecessor that its tools ask for and that this router has nothing to say
// of: there are none, or one with nothing in it.

// none is a kind of entity of which there are none.
type none struct{}

func noneOf(name, base, help string, attributes ...management.Column[none]) management.Entities {
	nothing := func(none) string { return "" }
	return management.NewTable(management.Type{Name: name, Base: base, Help: help, Operations: []string{"READ"}},
		append(identified(nothing, nothing), attributes...), func(management.Client) []none { return nil })
}

func unset(typ string, names ...string) (list []management.Column[none]) {
	for _, n := range names {
		list = append(list, always[none](typ, n, "", nil))
	}
	return list
}

// allocatorTable has no pools: memory is the Go runtime's.
func allocatorTable() management.Entities {
	return noneOf("allocator", management.BaseOperational, "memory pools; there are none",
		append(unset(typeText, "typeName"), unset(typeNumber, "typeSize", "transferBatchSize", "localFreeListMax", "globalFreeListMax",
			"totalAllocFromHeap", "totalFreeToHeap", "heldByThreads", "batchesRebalancedToThreads", "batchesRebalancedToGlobal")...)...)
}

// policyTable is a policy that allows everything.
func (r *Router) policyTable() management.Entities {
	name := func(*Router) string { return "policy" }
	columns := append(identified(name, name),
		always[*Router](typeNumber, "maxConnections", "connections at a time", int32(65535)),
		always[*Router](typeNumber, "maxMessageSize", "bytes of a message; 0 is no limit", int32(0)),
		always[*Router](typeTruth, "enableVhostPolicy", "policies are enforced", false),
		always[*Router](typeTruth, "enableVhostNamePatterns", "names of policies are patterns", false),
		always[*Router](typeText, "policyDir", "where policies are read from", ""),
		always[*Router](typeText, "defaultVhost", "the policy of those that have none", "$default"),
		counter("connectionsProcessed", "connections so far", func(r *Router) uint64 { return r.connID.Load() }),
		counter("connectionsDenied", "that were refused", func(*Router) uint64 { return 0 }),
		counter("connectionsCurrent", "connections now", func(r *Router) uint64 { return uint64(len(r.eachPeer())) }),
		counter("linksDenied", "links that were refused", func(*Router) uint64 { return 0 }),
		counter("maxMessageSizeDenied", "messages that were too large", func(*Router) uint64 { return 0 }),
		counter("totalDenials", "all that was refused", func(*Router) uint64 { return 0 }))
	return management.NewTable(management.Type{
		Name: "policy", Base: management.BaseConfiguration, Singleton: true, Help: "what clients may do: everything", Operations: []string{"READ"},
	}, columns, func(management.Client) []*Router { return []*Router{r} })
}

// noneTables are kinds of which there are none.
func noneTables() []management.Entities {
	return []management.Entities{
		allocatorTable(),
		noneOf("vhost", management.BaseConfiguration, "policies of virtual hosts; there are none",
			append(unset(typeText, "hostname", "aliases"), append(unset(typeNumber, "maxConnections", "maxMessageSize", "maxConnectionsPerUser", "maxConnectionsPerHost"),
				append(unset(typeTruth, "allowUnknownUser"), unset(typeMap, "groups")...)...)...)...),
		noneOf("vhostUserGroupSettings", management.BaseConfiguration, "what a group of users may do; there are none",
			append(unset(typeText, "users", "remoteHosts", "sources", "targets", "sourcePattern", "targetPattern"),
				unset(typeNumber, "maxConnectionsPerUser", "maxConnectionsPerHost", "maxMessageSize", "maxFrameSize", "maxSessionWindow", "maxSessions", "maxSenders", "maxReceivers")...)...),
		noneOf("vhostStats", management.BaseOperational, "what policies have refused; there are none",
			append(unset(typeText, "id", "hostname"), append(unset(typeNumber, "connectionsApproved", "connectionsDenied", "connectionsCurrent", "sessionDenied", "senderDenied", "receiverDenied", "maxMessageSizeDenied"),
				unset(typeMap, "perUserState", "perHostState")...)...)...),
		noneOf("sslProfile", management.BaseConfiguration, "what TLS uses; there are none",
			unset(typeText, "ciphers", "protocols", "caCertFile", "certFile", "privateKeyFile", "passwordFile", "password", "uidFormat", "uidNameMappingFile")...),
		noneOf("authServicePlugin", management.BaseConfiguration, "remote services that check logins; there are none",
			unset(typeText, "host", "port", "realm", "sslProfile")...),
		noneOf("router.config.exchange", management.BaseConfiguration, "exchanges; there are none",
			append(unset(typeText, "address", "alternateAddress", "matchMethod"),
				unset(typeNumber, "phase", "alternatePhase", "bindingCount", "receivedCount", "droppedCount", "forwardedCount", "divertedCount")...)...),
		noneOf("router.config.binding", management.BaseConfiguration, "bindings of exchanges; there are none",
			append(unset(typeText, "exchangeName", "bindingKey", "nextHopAddress"), unset(typeNumber, "nextHopPhase", "matchedCount")...)...),
	}
}
