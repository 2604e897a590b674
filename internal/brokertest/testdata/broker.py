"""A small AMQP 1.0 broker for tests: broker.py PORT OPTIONS

OPTIONS is JSON: the type ProtonOptions of this package. Every address is a queue, those that
begin with "topic/" are topics. Standard input takes a command a line, {"id", "op", ...},
answered by a line {"id", ...}; other lines of standard output are events, {"event", ...}. The
broker ends when its standard input does.

It keeps everything in memory, and does what is asked of it without checking rights.
"""

import collections
import json
import os
import re
import sys
import threading

from proton import Condition, Delivery, Described, Handler, Link, Message, Terminus, symbol, ulong
from proton.reactor import ApplicationEvent, Container, EventInjector

SELECTOR = symbol("apache.org:selector-filter:string")
SELECTOR_CODE = ulong(0x0000468C00000004)
DECLARE, DISCHARGE = (symbol("amqp:declare:list"), 0x31), (symbol("amqp:discharge:list"), 0x32)
DECLARED, TRANSACTIONAL = 0x33, 0x34
WINDOW = 100  # credit of a sender


def say(**fields):
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


class Stored:
    """A message in a queue."""

    def __init__(self, encoded):
        self.number = None
        self.encoded = encoded
        self.failures = 0

    def properties(self):
        message = Message()
        message.decode(self.encoded)
        return message.properties or {}

    def failed(self):
        message = Message()
        message.decode(self.encoded)
        self.failures += 1
        message.delivery_count = self.failures
        self.encoded = message.encode()


class Queue:
    """Messages, and the consumers who take turns at them."""

    def __init__(self):
        self.last = 0
        self.messages = collections.OrderedDict()  # number -> Stored: not given to anybody
        self.consumers = collections.deque()

    def add(self, stored):
        self.last += 1
        stored.number = self.last
        self.messages[stored.number] = stored

    def put_back(self, stored):
        self.messages[stored.number] = stored
        self.messages = collections.OrderedDict(sorted(self.messages.items()))

    def dispatch(self):
        """Give messages to consumers who have credit and want them."""
        gave = True
        while gave:
            gave = False
            for _ in range(len(self.consumers)):
                consumer = self.consumers[0]
                self.consumers.rotate(-1)
                gave = consumer.take() or gave
        for consumer in self.consumers:
            if consumer.link.drain_mode and consumer.link.credit > 0:
                consumer.link.drained()
                say(event="drained", link=consumer.link.name)


class Consumer:
    """A link by which a client receives."""

    def __init__(self, link, queue, selector, browses, cut):
        self.link, self.queue, self.selector, self.browses, self.cut = link, queue, selector, browses, cut
        self.seen = 0  # by a browser: the number of the last message
        self.tags = 0
        self.given = {}  # tag -> Stored: not settled yet

    def take(self):
        if self.link.credit <= 0:
            return False
        for number, stored in self.queue.messages.items():
            if (self.browses and number <= self.seen) or not self.wants(stored):
                continue
            if not self.browses:
                del self.queue.messages[number]
            self.seen = number
            self.send(stored)
            return True
        return False

    def wants(self, stored):
        if self.selector is None:
            return True
        name, value = self.selector
        return stored.properties().get(name) == value

    def send(self, stored):
        self.tags += 1
        tag = "%d" % self.tags
        delivery = self.link.delivery(tag)
        if self.cut and len(stored.encoded) > self.cut:
            self.link.stream(stored.encoded[:self.cut])
            self.given[tag] = stored
            break_off(self.link.connection)
            return
        self.link.stream(stored.encoded)
        self.link.advance()
        if self.link.snd_settle_mode == Link.SND_SETTLED:
            delivery.settle()
        else:
            self.given[tag] = stored

    def outcome(self, delivery, state):
        """Apply what the client said of a delivery."""
        stored = self.given.pop(delivery.tag, None)
        if stored is None or self.browses:
            return
        if state in (Delivery.ACCEPTED, Delivery.REJECTED):
            return
        if state == Delivery.MODIFIED:
            if delivery.remote.failed:
                stored.failed()
            if delivery.remote.undeliverable:
                return
        self.queue.put_back(stored)

    def end(self):
        """What it was given and did not settle goes back."""
        for stored in self.given.values():
            if not self.browses:
                self.queue.put_back(stored)
        self.given = {}
        self.queue.consumers.remove(self)
        self.queue.dispatch()


class Producer:
    """A link by which a client sends."""

    def __init__(self, link, address):
        self.link, self.address = link, address
        self.encoded = b""


class Coordinator:
    """A link by which a client controls transactions."""

    def __init__(self, link):
        self.link = link
        self.encoded = b""
        self.transactions = set()


class Transaction:
    """What was asked for and is not done yet: pairs (to commit, to roll back)."""

    def __init__(self):
        self.actions = []


class Broker(Handler):
    def __init__(self, port, options):
        self.port, self.options = port, options
        self.behaviours = options.get("addresses") or {}
        self.queues = {}
        self.subscriptions = {}  # (container, link) of a durable one -> (topic, Queue)
        self.topics = collections.defaultdict(list)  # topic -> queues
        self.transactions = {}
        self.numbered = 0
        self.connections = []

    def behaviour(self, address):
        return self.behaviours.get(address or "", {})

    def queue(self, address):
        return self.queues.setdefault(address, Queue())

    # --- commands

    def on_command(self, event):
        command = json.loads(event.subject)
        try:
            answer = getattr(self, "op_" + command["op"])(command) or {}
        except Exception as e:
            answer = {"error": repr(e)}
        say(id=command["id"], **answer)

    def op_depth(self, command):
        queue = self.queue(command["address"])
        return {"count": len(queue.messages) + sum(0 if c.browses else len(c.given) for c in queue.consumers)}

    def op_connections(self, command):
        return {"containers": [c.remote_container or "" for c in self.connections]}

    def op_behave(self, command):
        self.behaviours[command["address"]] = command["behaviour"]

    def op_close(self, command):
        for connection in self.connections:
            if command.get("condition"):
                connection.condition = Condition(command["condition"], "as the test wants it")
            connection.close()

    # --- connections and sessions

    def on_reactor_init(self, event):
        self.acceptor = event.container.listen("127.0.0.1:%d" % self.port)
        say(event="listening", port=self.port)

    def on_connection_bound(self, event):
        if self.options.get("refuse_login"):
            event.transport.sasl().allowed_mechs("EXTERNAL")

    def on_connection_remote_open(self, event):
        connection = event.connection
        self.connections.append(connection)
        say(event="connected", container=connection.remote_container or "")
        if self.options.get("silent") != "open":
            connection.container = self.options.get("container") or "test-broker"
            connection.open()

    def on_connection_remote_close(self, event):
        event.connection.close()

    def on_transport_closed(self, event):
        connection = event.connection
        if connection is None:
            return
        for link in list(self.links(connection)):
            self.ended(link, closed=False)
        if connection in self.connections:
            self.connections.remove(connection)
            say(event="disconnected", container=connection.remote_container or "")

    def links(self, connection):
        link = connection.link_head(0)
        while link:
            yield link
            link = link.next(0)

    def on_session_remote_open(self, event):
        if self.options.get("silent") != "begin":
            event.session.open()

    def on_session_remote_close(self, event):
        for link in list(self.links(event.connection)):
            if link.session == event.session:
                self.ended(link, closed=False)
        event.session.close()

    # --- links

    def on_link_remote_open(self, event):
        link = event.link
        terminus = link.remote_source if link.is_sender else link.remote_target
        coordinator = terminus.type == Terminus.COORDINATOR
        say(
            event="attach", container=link.connection.remote_container or "", link=link.name,
            role="receiver" if link.is_sender else "sender",
            address="$coordinator" if coordinator else terminus.address or "",
            durable=int(terminus.durability), filters=filters_of(link.remote_source) if link.is_sender else None,
            properties={str(k): str(v) for k, v in (link.remote_properties or {}).items()},
        )
        behaviour = self.behaviour(terminus.address)
        if behaviour.get("silent"):
            return
        if behaviour.get("refuse_attach"):
            self.refuse(link, behaviour)
            return
        link.snd_settle_mode, link.rcv_settle_mode = link.remote_snd_settle_mode, link.remote_rcv_settle_mode
        if link.is_sender:
            self.attach_consumer(link, behaviour)
            return
        link.source.copy(link.remote_source)
        link.target.copy(link.remote_target)
        link.user = Coordinator(link) if coordinator else Producer(link, terminus.address)
        link.open()
        if not behaviour.get("no_credit"):
            link.flow(WINDOW)

    def refuse(self, link, behaviour, why="as the test wants it"):
        condition = Condition(behaviour["refuse_attach"], why)
        if behaviour.get("ends_session"):
            link.session.condition = condition
            link.session.close()
            return
        # Without a terminus of its own: that is how a refusal looks ([2.6.3]).
        (link.source if link.is_sender else link.target).type = Terminus.UNSPECIFIED
        link.open()
        link.condition = condition
        link.close()

    def attach_consumer(self, link, behaviour):
        source = link.remote_source
        selector, error = selector_of(source)
        if error:
            self.refuse(link, {"refuse_attach": "amqp:invalid-field"}, error)
            return
        key = (link.connection.remote_container, link.name)
        if source.type == Terminus.UNSPECIFIED and key in self.subscriptions:
            topic, queue = self.subscriptions[key]  # taken up again ([2.6.6])
            link.source.type = Terminus.SOURCE
            link.source.address = topic
            link.source.durability = Terminus.DELIVERIES
        else:
            link.source.copy(source)
            link.source.filter.clear()
            queue = self.source_queue(link, key)
        link.target.copy(link.remote_target)
        if selector:
            link.source.filter.put_dict({SELECTOR: Described(SELECTOR, filters_of(source)[str(SELECTOR)])})
        link.open()
        browses = source.distribution_mode == Terminus.DIST_MODE_COPY
        link.user = Consumer(link, queue, selector, browses, behaviour.get("cut_after", 0))
        queue.consumers.append(link.user)
        queue.dispatch()

    def source_queue(self, link, key):
        address = link.remote_source.address
        if not (address or "").startswith("topic/"):
            return self.queue(address)
        if link.remote_source.durability == Terminus.NONDURABLE:
            queue = Queue()
            self.topics[address].append(queue)
            return queue
        if key not in self.subscriptions or self.subscriptions[key][0] != address:
            self.subscriptions[key] = address, Queue()
            self.topics[address].append(self.subscriptions[key][1])
        return self.subscriptions[key][1]

    def on_link_remote_close(self, event):
        self.ended(event.link, closed=True)
        event.link.close()

    def on_link_remote_detach(self, event):
        self.ended(event.link, closed=False)
        event.link.detach()

    def ended(self, link, closed):
        state = getattr(link, "user", None)
        if state is None:
            return
        link.user = None
        say(event="detach", container=link.connection.remote_container or "", link=link.name, closed=closed)
        if isinstance(state, Coordinator):
            for transaction in list(state.transactions):
                self.discharge(transaction, True)
        if not isinstance(state, Consumer):
            return
        state.end()
        key = (link.connection.remote_container, link.name)
        if key in self.subscriptions and self.subscriptions[key][1] is state.queue:
            if closed:
                topic, queue = self.subscriptions.pop(key)
                self.topics[topic].remove(queue)
        else:
            for queues in self.topics.values():
                if state.queue in queues:
                    queues.remove(state.queue)

    def on_link_flow(self, event):
        state = getattr(event.link, "user", None)
        if isinstance(state, Consumer):
            state.queue.dispatch()

    # --- deliveries

    def on_delivery(self, event):
        delivery, state = event.delivery, getattr(event.link, "user", None)
        if state is None:
            return
        if isinstance(state, Consumer):
            self.on_outcome(state, delivery)
        elif delivery.aborted:
            state.encoded = b""
            delivery.settle()
        elif delivery.readable:
            self.on_incoming(state, delivery)

    def on_incoming(self, state, delivery):
        link = state.link
        piece = link.recv(delivery.pending)
        state.encoded += piece or b""
        cut = self.behaviour(getattr(state, "address", None)).get("cut_after", 0)
        if cut and len(state.encoded) > cut:
            state.encoded = b""
            break_off(link.connection)
            return
        if delivery.partial:
            return
        encoded, state.encoded = state.encoded, b""
        link.advance()
        link.flow(1)
        if isinstance(state, Coordinator):
            self.on_control(state, delivery, encoded)
        else:
            self.on_message(state, delivery, encoded)

    def on_message(self, producer, delivery, encoded):
        refusal = self.behaviour(producer.address).get("refuse_message")
        say(event="message", address=producer.address, settled=delivery.settled)
        if refusal == "unsettled":
            return
        if refusal:
            if refusal == "rejected":
                delivery.local.condition = Condition("amqp:not-allowed", "as the test wants it")
            if refusal == "modified":
                delivery.local.failed = True
            delivery.update({"rejected": Delivery.REJECTED, "released": Delivery.RELEASED, "modified": Delivery.MODIFIED}[refusal])
            delivery.settle()
            return
        if delivery.remote_state == TRANSACTIONAL:
            transaction = self.transactions.get(delivery.remote.data[0])
            if transaction is None:
                delivery.local.condition = Condition("amqp:transaction:unknown-id")
                delivery.update(Delivery.REJECTED)
            else:
                transaction.actions.append((lambda: self.store(producer.address, encoded), lambda: None))
                delivery.local.data = [delivery.remote.data[0], Described(ulong(0x24), [])]
                delivery.update(TRANSACTIONAL)
        else:
            self.store(producer.address, encoded)
            delivery.update(Delivery.ACCEPTED)
        delivery.settle()

    def store(self, address, encoded):
        topic = address.startswith("topic/")
        for queue in self.topics[address] if topic else [self.queue(address)]:
            queue.add(Stored(encoded))
            queue.dispatch()

    def on_outcome(self, consumer, delivery):
        state = delivery.remote_state
        if state == TRANSACTIONAL:
            self.on_transactional_outcome(consumer, delivery)
        elif delivery.settled or state in (Delivery.ACCEPTED, Delivery.REJECTED, Delivery.RELEASED, Delivery.MODIFIED):
            say(event="outcome", link=consumer.link.name, outcome=str(state))
            consumer.outcome(delivery, state)
            delivery.update(state)
            delivery.settle()
            consumer.queue.dispatch()

    def on_transactional_outcome(self, consumer, delivery):
        number, outcome = (list(delivery.remote.data) + [None])[:2]
        say(event="outcome", link=consumer.link.name, outcome="TRANSACTIONAL", transaction=number.decode())
        transaction = self.transactions.get(number)
        stored = consumer.given.pop(delivery.tag, None)
        if transaction is None or stored is None:
            if stored is not None:
                consumer.queue.put_back(stored)
            return
        kept = outcome is not None and outcome.descriptor in (0x24, 0x25, symbol("amqp:accepted:list"), symbol("amqp:rejected:list"))

        def settle():
            if getattr(consumer.link, "user", None) is consumer:
                delivery.update(Delivery.ACCEPTED)
                delivery.settle()

        def put_back():
            consumer.queue.put_back(stored)
            settle()
            consumer.queue.dispatch()

        transaction.actions.append((settle if kept else put_back, put_back))

    # --- transactions

    def on_control(self, coordinator, delivery, encoded):
        message = Message()
        message.decode(encoded)
        body = message.body
        if isinstance(body, Described) and body.descriptor in DECLARE:
            self.numbered += 1
            number = b"txn%d" % self.numbered
            self.transactions[number] = Transaction()
            coordinator.transactions.add(number)
            say(event="declare", transaction=number.decode())
            delivery.local.data = [number]
            delivery.update(DECLARED)
        elif isinstance(body, Described) and body.descriptor in DISCHARGE and bytes(body.value[0]) in coordinator.transactions:
            coordinator.transactions.remove(bytes(body.value[0]))
            self.discharge(bytes(body.value[0]), len(body.value) > 1 and bool(body.value[1]))
            delivery.update(Delivery.ACCEPTED)
        else:
            delivery.local.condition = Condition("amqp:transaction:unknown-id")
            delivery.update(Delivery.REJECTED)
        delivery.settle()

    def discharge(self, number, fail):
        transaction = self.transactions.pop(number)
        say(event="rollback" if fail else "commit", transaction=number.decode())
        for commit, roll_back in transaction.actions:
            (roll_back if fail else commit)()


def break_off(connection):
    connection.condition = Condition("amqp:internal-error", "as the test wants it")
    connection.close()


def filters_of(source):
    """The filters of a source by name, each with its value."""
    data = source.filter
    data.rewind()
    if not data.next():
        return {}
    found = data.get_object() or {}
    return {str(name): f.value if isinstance(f, Described) else f for name, f in found.items()}


def selector_of(source):
    """The (property, value) that a source selects, and what is wrong with it."""
    data = source.filter
    data.rewind()
    if not data.next():
        return None, None
    for name, f in (data.get_object() or {}).items():
        if isinstance(f, Described) and f.descriptor in (SELECTOR, SELECTOR_CODE):
            match = re.match(r"^\s*([A-Za-z_]\w*)\s*=\s*(?:'([^']*)'|(-?\d+))\s*$", f.value)
            if not match:
                return None, "selector %r: only NAME = 'TEXT' and NAME = NUMBER are known" % f.value
            property_name, text, number = match.groups()
            return (property_name, text if number is None else int(number)), None
    return None, None


def main():
    container = Container(Broker(int(sys.argv[1]), json.loads(sys.argv[2])))
    injector = EventInjector()
    container.selectable(injector)

    def read_commands():
        for line in sys.stdin:
            injector.trigger(ApplicationEvent("command", subject=line))
        os._exit(0)  # the test is over, or gone

    threading.Thread(target=read_commands, daemon=True).start()
    container.run()


main()
