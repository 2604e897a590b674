"""Messages, outcomes and values: Proton's objects to the JSON of the line protocol, and back."""

import base64
import hashlib
import uuid

from proton import Condition, Data, Delivery, Message, int32, symbol, uint, ulong

# A longer body is told by its size and hash alone.
LONGEST_TOLD = 4096

STATES = {
    "accepted": Delivery.ACCEPTED,
    "rejected": Delivery.REJECTED,
    "released": Delivery.RELEASED,
    "modified": Delivery.MODIFIED,
}
NAMES = {int(v): k for k, v in STATES.items()}


# AMQP's numbers that management uses; Proton has a long as a plain int.
NUMBERS = {"int": int32, "uint": uint, "ulong": ulong, "long": int}


def number_name(value):
    """Which of AMQP's numbers a value is."""
    for name, kind in NUMBERS.items():
        if type(value) is kind:
            return name
    return type(value).__name__


def to_json(value, typed=False):
    """An AMQP value as JSON; binary as {"$bin": base64}; typed has a number as {"$ulong": 1}."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"$bin": base64.b64encode(bytes(value)).decode()}
    if isinstance(value, uuid.UUID):
        return {"$uuid": str(value)}
    if isinstance(value, symbol) and typed:
        return {"$symbol": str(value)}
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return {"$" + number_name(value): int(value)} if typed else int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, dict):
        return {str(k): to_json(v, typed) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(v, typed) for v in value]
    return repr(value)


def from_json(value):
    if isinstance(value, dict):
        if "$bin" in value:
            return base64.b64decode(value["$bin"])
        for name, kind in NUMBERS.items():
            if "$" + name in value:
                return kind(value["$" + name])
        return {k: from_json(v) for k, v in value.items()}
    if isinstance(value, list):
        return [from_json(v) for v in value]
    return value


def symbolic(table):
    """The keys of annotations, error info and link properties are symbols."""
    return {symbol(k): from_json(v) for k, v in table.items()}


def condition(cond):
    """A remote condition as the error of the protocol; None when there is none."""
    if not cond:
        return None
    return {"condition": str(cond.name), "description": str(cond.description or "")}


def encode_message(m):
    msg = Message()
    if "data" in m:
        msg.body, msg.inferred = m["data"].encode(), True
    elif "sequence" in m:
        msg.body, msg.inferred = from_json(m["sequence"]), True
    else:
        msg.body = from_json(m.get("value"))
    if m.get("durable"):
        msg.durable = True
    if "priority" in m:
        msg.priority = m["priority"]
    if "ttl" in m:
        msg.ttl = m["ttl"] / 1000.0
    if "message_id" in m:
        msg.id = m["message_id"]
    if "user_id" in m:
        msg.user_id = m["user_id"].encode()
    if "to" in m:
        msg.address = m["to"]
    if "subject" in m:
        msg.subject = m["subject"]
    if "reply_to" in m:
        msg.reply_to = m["reply_to"]
    if "correlation_id" in m:
        msg.correlation_id = from_json(m["correlation_id"])
    if "content_type" in m:
        msg.content_type = m["content_type"]
    if "group_id" in m:
        msg.group_id = m["group_id"]
    if "group_sequence" in m:
        msg.group_sequence = m["group_sequence"]
    if "annotations" in m:
        msg.annotations = symbolic(m["annotations"])
    if "application" in m:
        msg.properties = from_json(m["application"])
    return msg.encode()


def encode_random(body):
    msg = Message()
    msg.body, msg.inferred = body, True
    return msg.encode()


def decode_message(encoded, settled, typed=False):
    msg = Message()
    msg.decode(encoded)
    m = {"settled": settled}
    body = msg.body
    if isinstance(body, (bytes, memoryview)) and msg.inferred:
        body = bytes(body)
        m["size"], m["sha256"] = len(body), hashlib.sha256(body).hexdigest()
        if len(body) <= LONGEST_TOLD:
            m["data"] = body.decode(errors="replace")
    elif isinstance(body, list) and msg.inferred:
        m["sequence"] = to_json(body)
    elif body is not None:
        m["value"] = to_json(body, typed)
    if msg.durable:
        m["durable"] = True
    m["priority"] = msg.priority
    if msg.ttl:
        m["ttl"] = int(round(msg.ttl * 1000))
    for key, value in (
        ("message_id", msg.id),
        ("correlation_id", msg.correlation_id),
        ("to", msg.address),
        ("subject", msg.subject),
        ("reply_to", msg.reply_to),
        ("content_type", msg.content_type),
        ("group_id", msg.group_id),
        ("group_sequence", msg.group_sequence),
        ("annotations", msg.annotations),
        ("application", msg.properties),
    ):
        if value:
            m[key] = to_json(value, typed and key == "application")
    if msg.user_id:
        m["user_id"] = bytes(msg.user_id).decode(errors="replace")
    return m


def set_outcome(delivery, c):
    """Say the outcome that the command names, with its data."""
    state = STATES[c["state"]]
    if c.get("condition"):
        info = symbolic(c["info"]) if "info" in c else None
        delivery.local.condition = Condition(c["condition"], c.get("description"), info)
    if c["state"] == "modified":
        delivery.local.failed = bool(c.get("failed"))
        delivery.local.undeliverable = bool(c.get("undeliverable"))
        if "annotations" in c:
            delivery.local.annotations = symbolic(c["annotations"])
    delivery.update(state)


def read_outcome(delivery):
    """What the peer said of a delivery that we sent."""
    state = NAMES.get(int(delivery.remote_state), "")
    o = {"state": state}
    remote = delivery.remote
    if state == "rejected" and remote.condition:
        o["condition"] = str(remote.condition.name)
        if remote.condition.description:
            o["description"] = str(remote.condition.description)
        if remote.condition.info:
            o["info"] = to_json(remote.condition.info)
    if state == "modified":
        o["failed"] = bool(remote.failed)
        o["undeliverable"] = bool(remote.undeliverable)
        if remote.annotations:
            o["annotations"] = to_json(remote.annotations)
    return o
