#!/usr/bin/env python3
"""Regenerates proton.txt: what Qpid Proton puts on the wire, one "name: hex" a line.

Needs python3-qpid-proton. Run it in this directory: ./generate_proton.py > proton.txt
"""

import struct
import uuid

from proton import (
    UNDESCRIBED, Array, Condition, Connection, Data, Delivery, Described,
    Link, Message, Terminus, Transport, byte, char, decimal32, decimal64,
    decimal128, float32, int32, short, symbol, timestamp, ubyte, uint, ulong, ushort,
)


def out(name, b):
    print("%s: %s" % (name, bytes(b).hex()))


def value(name, v):
    d = Data()
    d.put_object(v)
    out("value " + name, d.encode())


def values():
    value("null", None)
    value("true", True)
    value("false", False)
    value("ubyte", ubyte(200))
    value("ushort", ushort(60000))
    value("uint0", uint(0))
    value("smalluint", uint(200))
    value("uint", uint(70000))
    value("ulong0", ulong(0))
    value("smallulong", ulong(200))
    value("ulong", ulong(1 << 40))
    value("byte", byte(-100))
    value("short", short(-30000))
    value("smallint", int32(-100))
    value("int", int32(-70000))
    value("smalllong", -100)
    value("long", -(1 << 40))
    value("float", float32(1.5))
    value("double", -2.25)
    value("decimal32", decimal32(0x01020304))
    value("decimal64", decimal64(0x0102030405060708))
    value("decimal128", decimal128(bytes(range(16))))
    value("char", char("\u20ac"))
    value("timestamp", timestamp(1311704463521))
    value("uuid", uuid.UUID("00112233-4455-6677-8899-aabbccddeeff"))
    value("binary", b"\x00\xff")
    value("binary32", b"\x2a" * 300)
    value("string", "gr\u00fc\u00dfe")
    value("string32", "x" * 300)
    value("symbol", symbol("amqp:accepted:list"))
    value("list0", [])
    value("list", [1, "two", None, [True]])
    value("list32", ["x" * 100] * 3)
    value("map", {symbol("key"): uint(1)})
    value("map empty", {})
    value("described", Described(ulong(0x24), []))
    value("described symbol", Described(symbol("amqp:accepted:list"), []))
    value("array symbols", Array(UNDESCRIBED, Data.SYMBOL, symbol("a"), symbol("bc")))
    value("array uints", Array(UNDESCRIBED, Data.UINT, uint(1), uint(70000)))
    value("array described", Array(symbol("d"), Data.INT, int32(1), int32(-2)))
    value("array empty", Array(UNDESCRIBED, Data.INT))


def messages():
    m = Message(body="text")
    out("message value", m.encode())

    m = Message(body=b"bytes")
    m.inferred = True
    m.durable = True
    m.priority = 7
    m.ttl = 10
    m.first_acquirer = True
    m.delivery_count = 2
    m.id = "id-1"
    m.user_id = b"user"
    m.address = "queues/orders"
    m.subject = "subject"
    m.reply_to = "replies"
    m.correlation_id = ulong(99)
    m.content_type = symbol("text/plain")
    m.content_encoding = symbol("gzip")
    m.expiry_time = 1600000000
    m.creation_time = 1500000000
    m.group_id = "group"
    m.group_sequence = 3
    m.reply_to_group_id = "reply-group"
    m.instructions = {symbol("x-opt-instruction"): "do"}
    m.annotations = {symbol("x-opt-annotation"): uint(5)}
    m.properties = {"kind": "order", "n": int32(1000)}
    out("message full", m.encode())

    m = Message(body=[1, "two"])
    m.inferred = True
    m.id = uuid.UUID("00112233-4455-6677-8899-aabbccddeeff")
    m.correlation_id = b"bin"
    out("message sequence", m.encode())


class Side:
    def __init__(self, name, mode):
        self.name, self.seen = name, {}
        self.transport = Transport(mode)
        self.connection = Connection()
        self.connection.container = name
        self.unframed = b""

    def take(self):
        n = self.transport.pending()
        if n <= 0:
            return b""
        b = self.transport.peek(n)
        self.transport.pop(len(b))
        self.split(b)
        return b

    def split(self, b):
        """Prints the frames of b; names count repetitions."""
        b = self.unframed + b
        while len(b) >= 8:
            size = 8 if b[:4] == b"AMQP" else struct.unpack(">I", b[:4])[0]
            if len(b) < size:
                break
            frame, b = b[:size], b[size:]
            if frame[:4] == b"AMQP":
                kind = "proto"
            elif size == 8:
                kind = "heartbeat"
            else:
                kind = {
                    0x10: "open", 0x11: "begin", 0x12: "attach", 0x13: "flow", 0x14: "transfer",
                    0x15: "disposition", 0x16: "detach", 0x17: "end", 0x18: "close",
                    0x40: "mechanisms", 0x41: "init", 0x44: "outcome",
                }[frame[10]]
            self.seen[kind] = self.seen.get(kind, 0) + 1
            out("frame %s %s %d" % (self.name, kind, self.seen[kind]), frame)
        self.unframed = b


def feed(side, b):
    while b:
        n = side.transport.capacity()
        side.transport.push(b[:n])
        b = b[n:]


def pump(a, b):
    for _ in range(10):
        feed(b, a.take())
        feed(a, b.take())


def frames():
    client, server = Side("client", Transport.CLIENT), Side("server", Transport.SERVER)
    sasl = client.transport.sasl()
    sasl.allowed_mechs("ANONYMOUS")
    server.transport.sasl().allowed_mechs("ANONYMOUS")
    client.connection.hostname = "host.example"
    client.connection.desired_capabilities = Array(UNDESCRIBED, Data.SYMBOL, symbol("ANONYMOUS-RELAY"))
    client.connection.properties = {symbol("product"): "golden"}
    client.transport.idle_timeout = 8
    client.transport.max_frame_size = 16384
    client.transport.channel_max = 100
    client.transport.bind(client.connection)
    server.transport.bind(server.connection)

    client.connection.open()
    server.connection.open()
    cs = client.connection.session()
    cs.open()
    snd = cs.sender("link-1")
    snd.target.address = "queues/orders"
    snd.target.capabilities.put_object(symbol("queue"))
    snd.source.address = "client-1"
    snd.source.outcomes.put_object(
        Array(UNDESCRIBED, Data.SYMBOL, symbol("amqp:accepted:list"), symbol("amqp:rejected:list")))
    snd.snd_settle_mode = Link.SND_UNSETTLED
    snd.open()
    rcv = cs.receiver("link-2")
    rcv.source.dynamic = True
    rcv.source.durability = Terminus.DELIVERIES
    rcv.source.expiry_policy = Terminus.EXPIRE_NEVER
    rcv.source.timeout = 60
    rcv.source.distribution_mode = Terminus.DIST_MODE_COPY
    rcv.source.properties.put_object({symbol("lifetime-policy"): Described(symbol("amqp:delete-on-close:list"), [])})
    rcv.source.filter.put_object({symbol("selector"): Described(symbol("apache.org:selector-filter:string"), "a = 1")})
    rcv.rcv_settle_mode = Link.RCV_SECOND
    rcv.open()
    coordinator = cs.sender("txn")
    coordinator.target.type = Terminus.COORDINATOR
    coordinator.target.capabilities.put_object(symbol("amqp:local-transactions"))
    coordinator.open()
    rcv.flow(10)
    pump(client, server)

    ss = server.connection.session_head(0)
    ss.open()
    links = {}
    link = server.connection.link_head(0)
    while link:
        link.source.copy(link.remote_source)
        link.target.copy(link.remote_target)
        link.open()
        links[link.name] = link
        if link.is_receiver:
            link.flow(5)
        link = link.next(0)
    pump(client, server)

    payload = Message(body="hello").encode()
    snd.delivery("tag-1")
    snd.send(payload)
    snd.advance()
    snd.delivery("tag-2")
    snd.send(payload)
    snd.advance()
    d = snd.delivery("tag-3")
    snd.send(payload)
    d.settle()
    pump(client, server)

    peer = links["link-1"]
    d = peer.current
    d.update(Delivery.ACCEPTED)
    d.settle()  # moves on to the next
    pump(client, server)
    d = peer.current
    d.local.condition = Condition("amqp:not-found", "no such thing", {symbol("where"): "here"})
    d.update(Delivery.REJECTED)
    pump(client, server)
    d.local.failed = True
    d.local.undeliverable = True
    d.local.annotations = {symbol("x-opt-why"): "because"}
    d.update(Delivery.MODIFIED)
    pump(client, server)
    d.local.section_number = 3
    d.local.section_offset = 1000
    d.update(Delivery.RECEIVED)
    pump(client, server)
    d.update(Delivery.RELEASED)
    d.settle()
    pump(client, server)

    snd.offered(7)
    snd.drained()
    rcv.drain(20)
    pump(client, server)

    rcv.detach()
    snd.condition = Condition("amqp:resource-deleted", "gone")
    snd.close()
    pump(client, server)
    cs.close()
    client.connection.condition = Condition("amqp:connection:forced")
    client.connection.close()
    pump(client, server)


values()
messages()
frames()
