package brokerlink

import (
	"context"
	"errors"
	"net"
	"os"
	"syscall"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/wire"
)

// advice says what to do about a connection that could not be had, or did not last.
func advice(err error) string {
	var handshake *amqp.HandshakeError
	var dns *net.DNSError
	var reason *wire.Error
	var missing *missingError
	switch {
	case errors.As(err, &handshake) && handshake.Login:
		return "check saslUsername, saslPassword and saslMechanisms of the connector, and that the broker lets this user in from here"
	case errors.As(err, &handshake) && handshake.Silent:
		return "something accepts connections there and does not speak AMQP 1.0, or hangs: check the port, that the broker has AMQP 1.0 enabled, and that it is well"
	case errors.As(err, &handshake):
		return "check that the port is the broker's for AMQP 1.0 without TLS"
	case errors.As(err, &dns):
		return "check the name of the host, and the resolver of this machine"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "check that the broker is running, and its port"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, syscall.EHOSTUNREACH):
		return "check the host, and that no firewall is in between"
	case errors.As(err, &missing):
		return "see whether the broker came back without its data, or somebody deleted it; create it again, durable if it is to outlive the broker; who sent there hears nothing of what is lost, since the broker had accepted it"
	case errors.As(err, &reason):
		return adviceOn(reason)
	}
	return "look into the broker's log; the connection is tried again"
}

// adviceOn is advice on a reason that the broker gave.
func adviceOn(e *wire.Error) string {
	switch e.Condition {
	case wire.CondConnectionRedirect, wire.CondLinkRedirect:
		return "the broker points to another place; hints of that kind are not followed: add it to the hosts of the connector"
	case wire.CondNotFound:
		return "create it at the broker, or correct the address"
	case wire.CondResourceDeleted:
		return "somebody deleted it at the broker, with what it kept: create it again, or remove the auto-link"
	case wire.CondUnauthorizedAccess:
		return "give the connector's saslUsername the right to it at the broker"
	case wire.CondPreconditionFailed:
		return "it exists with other properties: make durable and capabilities those that it has at the broker"
	case wire.CondNotImplemented, wire.CondInvalidField:
		return "the broker does not know what was asked for: check address, durable and capabilities of the link"
	case wire.CondTransferLimitExceeded:
		return "the broker sends more than it was given credit for, which is a fault of its own; its link is attached again"
	case wire.CondMessageSizeExceeded:
		return "raise the largest message size at the broker, or send smaller ones"
	case wire.CondResourceLimitExceeded:
		return "raise the limit at the broker, or use fewer links"
	}
	return "look into the broker's log; it is tried again"
}
