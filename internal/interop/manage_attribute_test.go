package interop

import (
	"slices"
	"strings"
)

// attributesOfTools are the attributes that the field's tools read, with the types of AMQP by
// which its routers encode them. What does not apply is null.
var attributesOfTools = map[string]map[string]string{
	"router": {
		"string": "name identity id type mode area version",
		"ulong": `addrCount linkCount nodeCount linkRouteCount autoLinkCount connectionCount presettledDeliveries
			droppedPresettledDeliveries acceptedDeliveries rejectedDeliveries releasedDeliveries modifiedDeliveries deliveriesDelayed1Sec
			deliveriesDelayed10Sec deliveriesStuck deliveriesIngress deliveriesEgress deliveriesTransit deliveriesIngressRouteContainer
			deliveriesEgressRouteContainer deliveriesRedirectedToFallback`,
		"uint": "linksBlocked uptimeSeconds", "int": "workerThreads", "ulong or null": "memoryUsage", "string or null": "metadata",
	},
	"connection": {
		"string":         "name identity host role protocol dir container type adminStatus operStatus",
		"string or null": "sasl user sslProto sslCipher tenant", "boolean": "isAuthenticated isEncrypted ssl opened active enableProtocolTrace",
		"map": "properties", "long": "sslSsf", "uint": "uptimeSeconds", "uint or null": "lastDlvSeconds",
	},
	"router.link": {
		"string": "name identity type linkType linkDir connectionId adminStatus operStatus linkName", "string or null": "owningAddr peer",
		"ulong": `undeliveredCount unsettledCount deliveryCount presettledCount droppedPresettledCount acceptedCount rejectedCount
			releasedCount modifiedCount deliveriesDelayed1Sec deliveriesDelayed10Sec deliveriesStuck`,
		"uint": "capacity priority settleRate creditAvailable zeroCreditSeconds", "list or null": "ingressHistogram",
	},
	"router.address": {
		"string": "name identity type key distribution", "uint": "inProcess subscriberCount remoteCount containerCount",
		"ulong": `deliveriesIngress deliveriesEgress deliveriesTransit deliveriesToContainer deliveriesFromContainer
			deliveriesRedirectedToFallback deliveriesEgressRouteContainer deliveriesIngressRouteContainer`,
		"int": "priority", "long": "trackedDeliveries", "list": "remoteHostRouters", "list or null": "transitOutstanding",
	},
	"router.node": {
		"string": "name identity type id address", "string or null": "nextHop", "int": "index protocolVersion instance",
		"int or null": "routerLink cost lastTopoChange", "list": "linkState validOrigins",
	},
	"router.config.address": {
		"string": "name identity type distribution", "string or null": "prefix pattern", "boolean": "waypoint fallback",
		"int": "ingressPhase egressPhase priority",
	},
	"router.config.autoLink": {
		"string": "name identity type address addr direction dir operStatus", "string or null": "externalAddress externalAddr linkRef lastError connection containerId",
		"int": "phase", "boolean": "fallback",
	},
	"router.config.linkRoute": {
		"string": "name identity type direction dir distribution operStatus", "string or null": "prefix pattern addExternalPrefix delExternalPrefix connection containerId",
	},
	"listener": {
		"string": "name identity type host port role", "int": "cost maxFrameSize maxSessions idleTimeoutSeconds initialHandshakeTimeoutSeconds",
		"boolean": "authenticatePeer http",
	},
	"log":      {"string": "name identity type module enable", "boolean": "includeTimestamp includeSource", "string or null": "outputFile"},
	"logStats": {"string": "name identity type", "ulong": "traceCount debugCount infoCount noticeCount warningCount errorCount criticalCount"},
	"policy": {
		"string": "name identity type policyDir defaultVhost", "int": "maxConnections maxMessageSize", "boolean": "enableVhostPolicy enableVhostNamePatterns",
		"ulong": "connectionsProcessed connectionsDenied connectionsCurrent linksDenied maxMessageSizeDenied totalDenials",
	},
	"management": {"string": "name identity type"},
}

// everyAttributeHasItsType: each attribute that tools read is there, on every entity, with the
// type that they expect.
func everyAttributeHasItsType(m *manager) {
	for entityType, byType := range attributesOfTools {
		rows := m.rows(entityType)
		if len(rows) == 0 {
			m.Errorf("there is no %s to look at", entityType)
		}
		all := m.wants(200, "GET-ATTRIBUTES", properties{"entityType": long + entityType}, nil).(map[string]any)[long+entityType].([]any)
		for want, names := range byType {
			for _, name := range strings.Fields(names) {
				if !slices.Contains(all, any(name)) {
					m.Errorf("%s has no attribute %s", entityType, name)
					continue
				}
				for _, row := range rows {
					if got := amqpType(row[name]); !slices.Contains(strings.Split(want, " or "), got) {
						m.Errorf("%s: %s is %s (%v), want %s", entityType, name, got, row[name], want)
						break
					}
				}
			}
		}
	}
	// Connectors differ: one is there at B alone.
	for _, row := range m.rows("connector") {
		for _, name := range strings.Fields("name identity type host port role connectionStatus") {
			m.equal("connector: type of "+name, amqpType(row[name]), "string")
		}
	}
}
