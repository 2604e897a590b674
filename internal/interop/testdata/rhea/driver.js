'use strict';
// Drives rhea by lines of JSON; the protocol is described in ../../doc.go.
//
// A command that has to wait leaves a predicate behind, which is asked again
// after every event of rhea's.

const crypto = require('crypto');
const readline = require('readline');
const rhea = require('rhea');
const values = require('./values.js');

const SETTLE = {unsettled: 0, settled: 1, mixed: 2};

/** Thrown by a command that rhea cannot carry out. */
class Lacks extends Error {}

const conns = {};
const links = {};
let waiting = [];

function answer(id, fields) {
    process.stdout.write(JSON.stringify(Object.assign({}, fields, {id: id})) + '\n');
}

/** Ask every waiting command again. */
function wake() {
    waiting = waiting.filter(function (w) {
        const fields = w.ready();
        if (fields === undefined) return true;
        answer(w.id, fields);
        return false;
    });
}

function numbers(c) {
    const first = c.first || 0;
    return Array.from({length: c.count}, function (_, i) { return first + i; });
}

function sessionOf(c) {
    const conn = conns[c.conn];
    const name = c.session || '';
    if (!conn.sessions[name]) {
        conn.sessions[name] = conn.connection.create_session();
        conn.sessions[name].begin();
    }
    return conn.sessions[name];
}

function closedOr(link, fields) {
    return link.closed === undefined ? fields : {error: link.closed.condition ? link.closed : {condition: 'closed'}};
}

/** Send what has credit: rhea itself would queue beyond it. */
function pump(link) {
    const outgoing = link.rhea.session.outgoing;
    // What rhea has taken but not yet written: its credit still counts it.
    link.unwritten = link.unwritten.filter(function (d) { return d.id >= outgoing.next_pending_delivery; });
    while (link.queue.length && link.rhea.credit > link.unwritten.length && outgoing.available() > 0) {
        const next = link.queue.shift();
        const delivery = link.rhea.send(next.message);
        delivery.driver_number = link.sent++;
        link.unwritten.push(delivery);
        if (next.settled) delivery.settled = true;
    }
}

const ops = {
    hello() {
        return {version: require('rhea/package.json').version};
    },

    // --- connections and sessions

    connect(c) {
        const options = {
            host: c.host, port: c.port, reconnect: false, tcp_no_delay: true, container_id: c.container || c.conn,
        };
        const mechanism = c.sasl || (c.user ? 'PLAIN' : 'ANONYMOUS');
        if (mechanism === 'PLAIN') Object.assign(options, {username: c.user, password: c.password});
        if (mechanism === 'ANONYMOUS') options.username = 'anonymous';
        if (c.idle_ms) options.idle_time_out = c.idle_ms / 2; // rhea waits for twice what it announces
        if (c.max_frame) options.max_frame_size = c.max_frame;
        const connection = rhea.connect(options);
        const conn = conns[c.conn] = {connection: connection, sessions: {}, opened: false, closed: undefined};
        connection.driver_state = conn;
        return function () {
            if (conn.closed !== undefined) return closedOr(conn);
            if (conn.opened) {
                return {
                    container: connection.container_id,
                    offered: [].concat(values.toJSON(connection.offered_capabilities) || []).map(String),
                    properties: values.toJSON(connection.properties || {}),
                };
            }
        };
    },

    barrier(c) {
        const conn = conns[c.conn];
        const session = conn.connection.create_session();
        const barrier = session.driver_barrier = {done: false};
        session.begin();
        return function () { return barrier.done ? {} : closedOr(conn, undefined); };
    },

    end(c) {
        const conn = conns[c.conn];
        const session = conn.sessions[c.session];
        delete conn.sessions[c.session];
        const barrier = session.driver_barrier = {done: false};
        session.close();
        return function () { if (barrier.done) return {}; };
    },

    close(c) {
        const conn = conns[c.conn];
        conn.connection.close();
        return function () { if (conn.closed !== undefined) return {}; };
    },

    hold(c) {
        const conn = conns[c.conn];
        const held = conn.held || [];
        conn.held = c.on ? [] : undefined;
        held.forEach(function (delivery) { delivery.update(true); });
        return {};
    },

    closed(c) {
        const conn = conns[c.conn];
        return function () { if (conn.closed !== undefined) return {error: conn.closed}; };
    },

    // --- links

    attach(c) {
        if (c.coordinator) throw new Lacks('a target of type coordinator');
        const sender = c.role === 'sender';
        const terminus = c.anonymous ? {} : (c.dynamic ? {dynamic: true} : {address: c.address});
        const options = {
            name: c.name || c.link, autoaccept: false, autosettle: false, credit_window: 0, treat_modified_as_released: false,
        };
        options[sender ? 'target' : 'source'] = terminus;
        if (c.settle) options.snd_settle_mode = SETTLE[c.settle];
        if (c.second) options.rcv_settle_mode = 1;
        if (c.properties) options.properties = values.fromJSON(c.properties);
        const session = sessionOf(c);
        const link = links[c.link] = {
            opened: false, closed: undefined,
            queue: [], unwritten: [], sent: 0, outcomes: {}, ends: {}, // a sender's
            messages: [], read: 0, deliveries: [], settled: {}, drained: false, // a receiver's
        };
        link.rhea = sender ? session.open_sender(options) : session.open_receiver(options);
        link.rhea.driver_state = link;
        return function () {
            if (link.closed !== undefined) return closedOr(link);
            if (!link.opened) return undefined;
            // A null terminus is kept as a wrapped null.
            const remote = rhea.types.unwrap(sender ? link.rhea.target : link.rhea.source);
            if (!remote) return undefined; // refused: the detach with the reason comes next
            return {address: remote.address || '', properties: values.toJSON(link.rhea.properties || {})};
        };
    },

    detach(c) {
        const link = links[c.link];
        link.rhea.close();
        return function () { if (link.closed !== undefined) return {}; };
    },

    detached(c) {
        const link = links[c.link];
        return function () { if (link.closed !== undefined) return {error: link.closed}; };
    },

    state(c) {
        const link = links[c.link];
        return {
            credit: link.rhea.credit, sent: link.sent, ended: Object.keys(link.outcomes).length, received: link.messages.length,
            settled: Object.keys(link.settled).length,
        };
    },

    // --- sending

    send(c) {
        const link = links[c.link];
        const fields = {};
        let messages;
        if (!c.bulk) {
            messages = c.messages.map(values.toMessage);
        } else if (c.bulk.random) {
            const body = crypto.randomBytes(c.bulk.random);
            fields.sha256 = values.sha256(body);
            messages = [{body: rhea.message.data_section(body)}];
        } else {
            messages = Array.from({length: c.bulk.count}, function (_, i) { return {body: i}; });
        }
        const goal = link.sent + link.queue.length + messages.length;
        messages.forEach(function (m) { link.queue.push({message: m, settled: c.settled || false}); });
        pump(link);
        return function () {
            if (link.sent >= goal) return fields;
            return closedOr(link, undefined);
        };
    },

    abort() {
        throw new Lacks('a way to abort');
    },

    outcomes(c) {
        const link = links[c.link];
        const wanted = numbers(c);
        return function () {
            if (wanted.every(function (n) { return link.outcomes[n] !== undefined; })) {
                return {
                    outcomes: wanted.map(function (n) { return link.outcomes[n]; }),
                    ends: wanted.map(function (n) { return link.ends[n]; }),
                };
            }
            return closedOr(link, undefined);
        };
    },

    // --- receiving

    credit(c) {
        links[c.link].rhea.add_credit(c.count);
        return {};
    },

    drain(c) {
        const link = links[c.link];
        link.drained = false;
        if (c.count) link.rhea.add_credit(c.count);
        link.rhea.drain_credit();
        return function () { if (link.drained) return {}; };
    },

    receive(c) {
        const link = links[c.link];
        return function () {
            if (link.messages.length - link.read < c.count) return closedOr(link, undefined);
            link.read += c.count;
            return {messages: link.messages.slice(link.read - c.count, link.read)};
        };
    },

    settle(c) {
        const link = links[c.link];
        numbers(c).forEach(function (n) { link.deliveries[n].update(!c.pending, values.toState(c)); });
        return {};
    },

    settled(c) {
        const link = links[c.link];
        const wanted = numbers(c);
        return function () { if (wanted.every(function (n) { return link.settled[n]; })) return {}; };
    },
};

// --- rhea's events

function on(name, handler) {
    rhea.on(name, function (context) {
        handler(context);
        wake();
    });
}

on('connection_open', function (context) { context.connection.driver_state.opened = true; });

/** A link is closed with whatever carried it. */
function closeLinks(carried, error) {
    Object.values(links).filter(carried).forEach(function (link) {
        if (link.closed === undefined) link.closed = error;
    });
}

function lost(context) {
    const conn = context.connection.driver_state;
    if (conn.closed === undefined) conn.closed = values.condition(context.error || context.connection.error);
    closeLinks(function (link) { return link.rhea.connection === context.connection; }, conn.closed);
}
// rhea tells of a close as it reads it, and of outcomes that came before it only
// when it has read all: what has arrived counts first.
function lostLater(context) {
    setImmediate(function () {
        lost(context);
        wake();
    });
}
on('connection_error', lostLater);
on('connection_close', lostLater);
on('disconnected', lostLater);

on('session_open', function (context) { if (context.session.driver_barrier) context.session.close(); });
function sessionEnded(context) {
    if (context.session.driver_barrier) context.session.driver_barrier.done = true;
    closeLinks(function (link) { return link.rhea.session === context.session; }, values.condition(context.session.error));
}
on('session_close', sessionEnded);
on('session_error', sessionEnded);

function linkOf(context) {
    return (context.sender || context.receiver).driver_state;
}
function opened(context) { linkOf(context).opened = true; }
function closed(context) {
    linkOf(context).closed = values.condition((context.sender || context.receiver).error);
}
on('sender_open', opened);
on('receiver_open', opened);
on('sender_close', closed);
on('receiver_close', closed);
on('sender_error', closed);
on('receiver_error', closed);

on('sendable', function (context) { pump(linkOf(context)); });
on('sender_draining', function (context) { context.sender.set_drained(true); });

function ended(context) {
    const link = linkOf(context);
    const delivery = context.delivery;
    const number = delivery.driver_number;
    if (number === undefined || link.outcomes[number] !== undefined) return;
    if (delivery.remote_settled || values.stateName(delivery.remote_state)) {
        link.outcomes[number] = values.fromState(delivery.remote_state);
        link.ends[number] = Boolean(delivery.remote_settled);
        const held = context.connection.driver_state.held;
        if (held) held.push(delivery);
        else delivery.update(true); // tells the peer only if it has not settled itself
    }
}
['accepted', 'rejected', 'released', 'modified'].forEach(function (name) { on(name, ended); });

on('settled', function (context) {
    if (context.sender) {
        ended(context);
        return;
    }
    const link = linkOf(context);
    const number = link.deliveries.indexOf(context.delivery);
    if (number >= 0) link.settled[number] = true;
    context.delivery.update(true);
});

on('message', function (context) {
    const link = linkOf(context);
    const settled = context.delivery.remote_settled;
    link.messages.push(values.fromMessage(context.message, settled));
    link.deliveries.push(context.delivery);
    if (settled) context.delivery.update(true);
});

on('receiver_drained', function (context) {
    context.receiver.drain = false; // or every later flow would drain again
    linkOf(context).drained = true;
});

rhea.on('error', function (error) { console.error(error); });
rhea.on('protocol_error', function (error) { console.error(error); });

readline.createInterface({input: process.stdin}).on('line', function (line) {
    const c = JSON.parse(line);
    try {
        const result = ops[c.op](c);
        if (typeof result === 'function') waiting.push({id: c.id, ready: result});
        else answer(c.id, result);
    } catch (e) {
        if (e instanceof Lacks) {
            answer(c.id, {lacks: e.message});
        } else {
            console.error(e);
            answer(c.id, {error: {condition: 'driver', description: String(e)}});
        }
    }
    wake();
}).on('close', function () { process.exit(0); }); // the test is over, or gone
