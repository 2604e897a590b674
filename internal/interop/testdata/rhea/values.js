'use strict';
// Messages, outcomes and values: rhea's objects to the JSON of the line
// protocol, and back.

const crypto = require('crypto');
const rhea = require('rhea');

const types = rhea.types;

// A longer body is told by its size and hash alone.
const LONGEST_TOLD = 4096;

const DATA = 0x75;

function isSection(body) {
    return body !== null && typeof body === 'object' && body.collect_sections !== undefined;
}

/** An AMQP value as JSON; binary as {"$bin": base64}. */
function toJSON(value) {
    value = types.unwrap(value);
    if (value === null || value === undefined) return null;
    if (Buffer.isBuffer(value)) return {'$bin': value.toString('base64')};
    if (value instanceof Date) return value.getTime();
    if (Array.isArray(value)) return value.map(toJSON);
    if (typeof value === 'object') {
        const out = {};
        for (const k of Object.keys(value)) out[k] = toJSON(value[k]);
        return out;
    }
    return value;
}

function fromJSON(value) {
    if (value === null || typeof value !== 'object') return value;
    if (value.$bin !== undefined) return Buffer.from(value.$bin, 'base64');
    if (Array.isArray(value)) return value.map(fromJSON);
    const out = {};
    for (const k of Object.keys(value)) out[k] = fromJSON(value[k]);
    return out;
}

/** A remote error as the error of the protocol. */
function condition(error) {
    if (!error) return {};
    return {condition: String(error.condition || 'closed'), description: String(error.description || error.message || '')};
}

// The fields of the protocol that rhea knows under the same name.
const SAME = ['message_id', 'to', 'subject', 'reply_to', 'correlation_id', 'content_type', 'group_id', 'group_sequence',
    'durable', 'priority', 'ttl'];

function toMessage(m) {
    const msg = {};
    for (const k of SAME) {
        if (m[k] !== undefined) msg[k] = m[k];
    }
    if (m.user_id !== undefined) msg.user_id = Buffer.from(m.user_id);
    if (m.annotations !== undefined) msg.message_annotations = fromJSON(m.annotations);
    if (m.application !== undefined) msg.application_properties = fromJSON(m.application);
    if (m.data !== undefined) msg.body = rhea.message.data_section(Buffer.from(m.data));
    else if (m.sequence !== undefined) msg.body = rhea.message.sequence_section(fromJSON(m.sequence));
    else msg.body = m.value === undefined ? null : fromJSON(m.value);
    return msg;
}

function sha256(body) {
    return crypto.createHash('sha256').update(body).digest('hex');
}

function fromMessage(msg, settled) {
    const m = {settled: settled};
    for (const k of SAME) {
        if (msg[k] !== undefined && msg[k] !== null && msg[k] !== false) m[k] = toJSON(msg[k]);
    }
    if (msg.user_id) m.user_id = msg.user_id.toString();
    if (msg.message_annotations) m.annotations = toJSON(msg.message_annotations);
    if (msg.application_properties) m.application = toJSON(msg.application_properties);
    if (!isSection(msg.body)) {
        if (msg.body !== null && msg.body !== undefined) m.value = toJSON(msg.body);
    } else if (msg.body.typecode === DATA) {
        const body = msg.body.multiple ? Buffer.concat(msg.body.content) : msg.body.content;
        m.size = body.length;
        m.sha256 = sha256(body);
        if (body.length <= LONGEST_TOLD) m.data = body.toString();
    } else {
        m.sequence = toJSON(msg.body.content);
    }
    return m;
}

/** The delivery state that the command names, with its data. */
function toState(c) {
    switch (c.state) {
    case 'accepted':
        return rhea.message.accepted().described();
    case 'released':
        return rhea.message.released().described();
    case 'rejected': {
        const error = c.condition ? {condition: c.condition, description: c.description, info: fromJSON(c.info)} : undefined;
        return rhea.message.rejected({error: error}).described();
    }
    case 'modified':
        return rhea.message.modified({
            delivery_failed: c.failed || false,
            undeliverable_here: c.undeliverable || false,
            message_annotations: fromJSON(c.annotations),
        }).described();
    default:
        throw new Error('unknown state ' + c.state);
    }
}

const TERMINAL = ['accepted', 'rejected', 'released', 'modified'];

/** The name of a terminal state, '' for anything else. */
function stateName(state) {
    const name = state && state.constructor ? state.constructor.composite_type : undefined;
    return TERMINAL.includes(name) ? name : '';
}

/** What the peer said of a delivery that we sent. */
function fromState(state) {
    const o = {state: stateName(state)};
    if (o.state === 'rejected' && state.error) {
        o.condition = String(state.error.condition);
        if (state.error.description) o.description = state.error.description;
        if (state.error.info) o.info = toJSON(state.error.info);
    }
    if (o.state === 'modified') {
        o.failed = Boolean(state.delivery_failed);
        o.undeliverable = Boolean(state.undeliverable_here);
        if (state.message_annotations) o.annotations = toJSON(state.message_annotations);
    }
    return o;
}

module.exports = {toJSON, fromJSON, condition, toMessage, fromMessage, toState, fromState, stateName, sha256};
