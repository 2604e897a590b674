"""Drives Qpid Proton by lines of JSON; the protocol is described in ../../doc.go.

Commands are handled on Proton's own loop. One that has to wait leaves a
predicate behind, which is asked again after every event.
"""

import collections
import hashlib
import json
import os
import sys
import threading
import traceback

import proton
from proton import Handler, Link, Terminus
from proton.reactor import ApplicationEvent, Container, EventInjector

import values

SETTLE = {"unsettled": Link.SND_UNSETTLED, "settled": Link.SND_SETTLED, "mixed": Link.SND_MIXED}

PIECE = 256 * 1024


class Conn:
    def __init__(self, connection):
        self.connection = connection
        self.sessions = {}
        self.opened = False
        self.closed = None  # the error, or {} after a clean end
        self.held = None  # deliveries that are not to be settled now; None to settle at once


class Ended:
    """A session made for a barrier."""

    def __init__(self):
        self.done = False


class LinkState:
    def __init__(self, link):
        self.link = link
        self.opened = False
        self.closed = None  # the error, or {} after a clean end
        # a sender's
        self.queue = collections.deque()
        self.delivery = None  # the one being sent
        self.streamed = 0
        self.sent = 0
        self.outcomes = {}
        self.ends = {}  # whether the peer settled with the outcome
        self.order = {}  # tag -> number of the delivery
        # a receiver's
        self.partial = b""
        self.messages = []
        self.typed = False  # tell which of AMQP's numbers each is
        self.read = 0
        self.deliveries = []
        self.settled = {}


class Driver(Handler):
    def __init__(self):
        self.conns = {}
        self.links = {}
        self.waiting = []

    # --- lines in and out

    def on_command(self, event):
        c = json.loads(event.subject)
        try:
            answer = getattr(self, "op_" + c["op"])(c)
            if callable(answer):
                self.waiting.append((c["id"], answer))
            else:
                self.answer(c["id"], answer)
        except Exception as e:
            traceback.print_exc()
            self.answer(c["id"], {"error": {"condition": "driver", "description": repr(e)}})
        self.wake()

    def answer(self, command, fields):
        sys.stdout.write(json.dumps(dict(fields, id=command)) + "\n")
        sys.stdout.flush()

    def wake(self):
        """Ask every waiting command again."""
        still = []
        for command, ready in self.waiting:
            fields = ready()
            if fields is None:
                still.append((command, ready))
            else:
                self.answer(command, fields)
        self.waiting = still

    # --- connections and sessions

    def op_hello(self, c):
        return {"version": ".".join(str(n) for n in proton.VERSION)}

    def op_connect(self, c):
        options = {"reconnect": False}
        mechanism = c.get("sasl", "PLAIN" if c.get("user") else "ANONYMOUS")
        if mechanism == "none":
            options["sasl_enabled"] = False
        else:
            options["allowed_mechs"] = mechanism
        if c.get("user"):
            options.update(user=c["user"], password=c["password"], allow_insecure_mechs=True)
        if c.get("idle_ms"):
            options["heartbeat"] = c["idle_ms"] / 1000.0
        if c.get("max_frame"):
            options["max_frame_size"] = c["max_frame"]
        container.container_id = c.get("container") or c["conn"]
        connection = container.connect("amqp://%s:%d" % (c["host"], c["port"]), **options)
        conn = self.conns[c["conn"]] = connection.conn = Conn(connection)

        def ready():
            if conn.closed is not None:
                return {"error": conn.closed or {"condition": "closed"}}
            if conn.opened:
                return {
                    "container": connection.remote_container,
                    "offered": [str(o) for o in connection.remote_offered_capabilities or []],
                    "properties": values.to_json(connection.remote_properties) or {},
                }

        return ready

    def op_barrier(self, c):
        conn = self.conns[c["conn"]]
        ended = Ended()
        session = conn.connection.session()
        session.ended = ended
        session.open()

        def ready():
            if conn.closed is not None:
                return {"error": conn.closed or {"condition": "closed"}}
            if ended.done:
                return {}

        return ready

    def op_end(self, c):
        conn = self.conns[c["conn"]]
        session = conn.sessions.pop(c["session"])
        session.ended = ended = Ended()
        session.close()
        return lambda: {} if ended.done else None

    def op_hold(self, c):
        conn = self.conns[c["conn"]]
        held, conn.held = conn.held or [], [] if c.get("on") else None
        for delivery in held:
            delivery.settle()
        return {}

    def op_close(self, c):
        conn = self.conns[c["conn"]]
        conn.connection.close()
        return lambda: {} if conn.closed is not None else None

    def op_closed(self, c):
        conn = self.conns[c["conn"]]
        return lambda: {"error": conn.closed} if conn.closed is not None else None

    def session(self, c):
        conn = self.conns[c["conn"]]
        name = c.get("session", "")
        if name not in conn.sessions:
            conn.sessions[name] = conn.connection.session()
            conn.sessions[name].open()
        return conn.sessions[name]

    # --- links

    def op_attach(self, c):
        session = self.session(c)
        name = c.get("name") or c["link"]
        sender = c["role"] == "sender"
        link = session.sender(name) if sender else session.receiver(name)
        state = self.links[c["link"]] = link.driver_state = LinkState(link)
        state.typed = c.get("typed", False)
        terminus, other = (link.target, link.source) if sender else (link.source, link.target)
        other.type = Terminus.SOURCE if sender else Terminus.TARGET
        if c.get("coordinator"):
            terminus.type = Terminus.COORDINATOR
        elif c.get("anonymous"):
            terminus.type = Terminus.TARGET
        elif c.get("dynamic"):
            terminus.dynamic = True
        else:
            terminus.address = c["address"]
        if "settle" in c:
            link.snd_settle_mode = SETTLE[c["settle"]]
        if c.get("second"):
            link.rcv_settle_mode = Link.RCV_SECOND
        if "properties" in c:
            link.properties = values.symbolic(c["properties"])
        link.open()

        def ready():
            if state.closed is not None:
                return {"error": state.closed}
            if not state.opened:
                return None
            remote = link.remote_target if sender else link.remote_source
            if remote.type == Terminus.UNSPECIFIED:
                return None  # refused: the detach with the reason comes next
            return {
                "address": remote.address or "",
                "properties": values.to_json(link.remote_properties) or {},
            }

        return ready

    def op_detach(self, c):
        state = self.links[c["link"]]
        state.link.close()
        return lambda: {} if state.closed is not None else None

    def op_detached(self, c):
        state = self.links[c["link"]]
        return lambda: {"error": state.closed} if state.closed is not None else None

    def op_state(self, c):
        state = self.links[c["link"]]
        return {
            "credit": state.link.credit,
            "sent": state.sent,
            "ended": len(state.outcomes),
            "received": len(state.messages),
            "settled": len(state.settled),
        }

    # --- sending

    def op_send(self, c):
        state = self.links[c["link"]]
        reply = {}
        if "bulk" in c:
            if c["bulk"].get("random"):
                body = os.urandom(c["bulk"]["random"])
                reply["sha256"] = hashlib.sha256(body).hexdigest()
                encoded = [values.encode_random(body)]
            else:
                encoded = [values.encode_message({"value": n}) for n in range(c["bulk"]["count"])]
        else:
            encoded = [values.encode_message(m) for m in c["messages"]]
        goal = state.sent + len(state.queue) + len(encoded)
        state.queue += [(e, c.get("settled", False)) for e in encoded]
        self.pump(state)

        def ready():
            if state.sent >= goal:
                return reply
            if state.closed is not None:
                return {"error": state.closed or {"condition": "closed"}}

        return ready

    def op_abort(self, c):
        state = self.links[c["link"]]
        link, begun = state.link, []

        def ready():
            if not begun:
                if link.credit > 0:
                    begun.append(link.delivery("aborted"))
                    # More than fits one frame: a part is sent before the end is known.
                    link.stream(b"\x00\x53\x75\xb0\x00\x10\x00\x00" + bytes(200000))
            elif link.session.outgoing_bytes == 0:
                begun[0].abort()
                return {}

        return ready

    def pump(self, state):
        """Send what has credit: Proton itself would queue beyond it.

        A large message goes piece by piece, as Proton has written the last one:
        what is left of a delivery is moved in memory for every few frames.
        """
        link = state.link
        while state.queue and link.credit > 0:
            encoded, settled = state.queue[0]
            if state.delivery is None:
                tag = "d%d" % state.sent
                state.delivery = link.delivery(tag)
                state.order[tag] = state.sent
                state.streamed = 0
            elif link.session.outgoing_bytes > 0:
                return
            link.stream(encoded[state.streamed:state.streamed + PIECE])
            state.streamed += PIECE
            if state.streamed < len(encoded):
                return  # on_transport comes back
            state.queue.popleft()
            link.advance()
            if settled or link.snd_settle_mode == Link.SND_SETTLED:
                state.delivery.settle()
            state.delivery = None
            state.sent += 1

    def op_outcomes(self, c):
        state = self.links[c["link"]]
        wanted = range(c.get("first", 0), c.get("first", 0) + c["count"])

        def ready():
            if len(state.outcomes) >= len(wanted) and all(n in state.outcomes for n in wanted):
                return {"outcomes": [state.outcomes[n] for n in wanted], "ends": [state.ends[n] for n in wanted]}
            if state.closed is not None:
                return {"error": state.closed or {"condition": "closed"}}

        return ready

    # --- receiving

    def op_credit(self, c):
        self.links[c["link"]].link.flow(c["count"])
        return {}

    def op_drain(self, c):
        link = self.links[c["link"]].link
        link.drain(c.get("count", 0))

        def ready():
            if link.draining():
                return None
            link.drain_mode = False
            return {}

        return ready

    def op_receive(self, c):
        state = self.links[c["link"]]

        def ready():
            if len(state.messages) - state.read >= c["count"]:
                first, state.read = state.read, state.read + c["count"]
                return {"messages": state.messages[first:state.read]}
            if state.closed is not None:
                return {"error": state.closed or {"condition": "closed"}}

        return ready

    def op_settle(self, c):
        state = self.links[c["link"]]
        first = c.get("first", 0)
        for delivery in state.deliveries[first:first + c["count"]]:
            values.set_outcome(delivery, c)
            if not c.get("pending"):
                delivery.settle()
        return {}

    def op_settled(self, c):
        state = self.links[c["link"]]
        wanted = range(c.get("first", 0), c.get("first", 0) + c["count"])
        return lambda: {} if all(n in state.settled for n in wanted) else None

    # --- Proton's events

    def on_transport(self, event):
        for state in self.links.values():
            if state.delivery is not None:
                self.pump(state)
        self.wake()

    def on_connection_remote_open(self, event):
        event.connection.conn.opened = True
        self.wake()

    def on_connection_remote_close(self, event):
        self.lost(event.connection, values.condition(event.connection.remote_condition) or {})
        event.connection.close()
        self.wake()

    def on_transport_closed(self, event):
        if event.connection is not None:
            self.lost(event.connection, values.condition(event.transport.condition) or {})
        self.wake()

    def lost(self, connection, error):
        conn = connection.conn
        if conn.closed is None:
            conn.closed = error
        self.close_links(lambda link: link.connection == connection, conn.closed)

    def close_links(self, carried, error):
        """A link is closed with whatever carried it."""
        for state in self.links.values():
            if state.closed is None and carried(state.link):
                state.closed = error

    def on_session_remote_open(self, event):
        if hasattr(event.session, "ended"):
            event.session.close()

    def on_session_remote_close(self, event):
        if hasattr(event.session, "ended"):
            event.session.ended.done = True
        error = values.condition(event.session.remote_condition) or {}
        self.close_links(lambda link: link.session == event.session, error)
        event.session.close()
        self.wake()

    def on_link_remote_open(self, event):
        event.link.driver_state.opened = True
        self.wake()

    def on_link_remote_close(self, event):
        event.link.driver_state.closed = values.condition(event.link.remote_condition) or {}
        event.link.close()
        self.wake()

    def on_link_remote_detach(self, event):
        event.link.driver_state.closed = values.condition(event.link.remote_condition) or {}
        event.link.detach()
        self.wake()

    def on_link_flow(self, event):
        state = event.link.driver_state
        if event.link.is_sender:
            self.pump(state)
            if event.link.drain_mode:
                event.link.drained()
        self.wake()

    def on_delivery(self, event):
        delivery = event.delivery
        state = event.link.driver_state
        if event.link.is_sender:
            self.on_outgoing(state, delivery)
        else:
            self.on_incoming(state, delivery)
        self.wake()

    def on_outgoing(self, state, delivery):
        if not delivery.updated or delivery.tag not in state.order:
            return
        if delivery.settled or int(delivery.remote_state) in values.NAMES:
            number = state.order.pop(delivery.tag)
            state.outcomes[number], state.ends[number] = values.read_outcome(delivery), delivery.settled
            held = delivery.link.connection.conn.held
            if held is not None:
                held.append(delivery)
            else:
                delivery.settle()
        self.pump(state)

    def on_incoming(self, state, delivery):
        if delivery.aborted:
            state.partial = b""
            delivery.settle()
            return
        if delivery.readable and not delivery.partial:
            encoded = state.link.recv(delivery.pending)
            state.messages.append(values.decode_message(encoded, delivery.settled, state.typed))
            state.deliveries.append(delivery)
            state.link.advance()
            if delivery.settled:
                delivery.settle()
            return
        if delivery.settled and delivery in state.deliveries:
            state.settled[state.deliveries.index(delivery)] = True
            delivery.settle()


driver = Driver()
container = Container(driver)
injector = EventInjector()
container.selectable(injector)


def read_commands():
    for line in sys.stdin:
        injector.trigger(ApplicationEvent("command", subject=line))
    os._exit(0)  # the test is over, or gone


threading.Thread(target=read_commands, daemon=True).start()
container.run()
