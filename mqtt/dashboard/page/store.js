// SPDX-License-Identifier: MIT
// store: what the broker's topics say, as one tree: agents, and in each its units, printers,
// cameras and pictures. Knows the topics of the contract (version 1) and nothing of the page.
//
// Topics come from anybody who may write below the prefix, so names, sizes and numbers of things
// have limits, and a document that is not JSON is passed over.
'use strict';

lapsed.createStore = (() => {
    const ID = /^[a-z0-9][a-z0-9_-]{0,47}$/;
    const AGENTS_MAX = 500;
    const PARTS_MAX = 64;
    const EVENTS_MAX = 50;
    const DOCUMENT_MAX_BYTES = 256 * 1024;
    const PICTURE_MAX_BYTES = 16 * 1024 * 1024;
    const utf8 = new TextDecoder();

    // Topics below <prefix>/v1/<agent>/, "+" for the name of a part of the agent.
    const FILTERS = ['availability', 'info', 'status', 'jobs', 'event', 'ack', 'printer/+/state',
        'printer/+/status', 'camera/+/status', 'unit/+/state', 'unit/+/status', 'unit/+/video',
        'unit/+/event', 'image/+/last/meta'];
    const DOCUMENTS = ['info', 'status', 'jobs'];
    const PARTS = { unit: 'units', printer: 'printers', camera: 'cameras', image: 'images' };

    function newAgent(id) {
        return { id, online: null, info: null, status: null, jobs: null, units: new Map(),
            printers: new Map(), cameras: new Map(), images: new Map(), topics: new Map() };
    }

    function textOf(payload) {
        return payload.length <= DOCUMENT_MAX_BYTES ? utf8.decode(payload) : '';
    }

    function documentOf(payload) {
        try {
            const json = JSON.parse(textOf(payload));
            return json !== null && typeof json === 'object' ? json : null;
        } catch {
            return null;
        }
    }

    // A document of the same start of the agent with a lower number was overtaken on its way.
    function isOvertaken(before, now) {
        return before && now && before.boot && before.boot === now.boot &&
            lapsed.text.number(now.seq) !== null && now.seq < lapsed.text.number(before.seq);
    }

    function isJpeg(payload) {
        return payload.length > 3 && payload.length <= PICTURE_MAX_BYTES && payload[0] === 0xff &&
            payload[1] === 0xd8;
    }

    return function createStore(prefix, { onChange, onEvent, onAck }) {
        const root = `${prefix}/v1/`;
        const store = { agents: new Map(), events: [], epoch: 0, filters, pictureFilter, apply,
            beginEpoch, forgetUnheard, isHeard };

        function filters() {
            return FILTERS.map((filter) => `${root}+/${filter}`);
        }

        function pictureFilter(agentId) {
            return `${root}${agentId}/image/+/last`;
        }

        // A new connection: all that is known is hearsay until the broker says it again.
        function beginEpoch() {
            store.epoch++;
            onChange();
        }

        function isHeard(agent) {
            return [...agent.topics.values()].includes(store.epoch);
        }

        function forgetUnheard() {
            for (const agent of store.agents.values())
                for (const [topic, epoch] of agent.topics)
                    if (epoch !== store.epoch) set(agent, topic.split('/'), null);
            onChange();
        }

        function findAgent(id) {
            if (!store.agents.has(id) && ID.test(id) && store.agents.size < AGENTS_MAX)
                store.agents.set(id, newAgent(id));
            return store.agents.get(id);
        }

        function findPart(parts, id) {
            if (!parts.has(id) && ID.test(id) && parts.size < PARTS_MAX) parts.set(id, { id });
            return parts.get(id);
        }

        // payload null: the topic was cleared.
        function set(agent, levels, payload) {
            const name = levels.join('/');
            if (payload) agent.topics.set(name, store.epoch);
            else agent.topics.delete(name);
            if (levels.length === 1) setOwn(agent, name, payload);
            else setPart(agent, levels, payload);
            if (agent.topics.size === 0) store.agents.delete(agent.id);
        }

        function setOwn(agent, name, payload) {
            if (name === 'availability')
                agent.online = payload ? textOf(payload) === 'online' : null;
            else if (DOCUMENTS.includes(name)) agent[name] = newer(agent[name], payload);
        }

        function newer(before, payload) {
            const now = payload && documentOf(payload);
            return isOvertaken(before, now) ? before : now;
        }

        function setPart(agent, [kind, id, ...rest], payload) {
            const parts = agent[PARTS[kind]];
            const part = parts && findPart(parts, id);
            if (!part) return;
            const key = rest.join('_');
            if (key === 'last') part.last = payload && isJpeg(payload) ? payload : null;
            else if (key === 'state') part.state = payload && textOf(payload);
            else part[key] = newer(part[key], payload);
            if (!payload && ![...agent.topics.keys()].some((topic) =>
                topic.startsWith(`${kind}/${id}/`))) parts.delete(id);
        }

        function addEvent(agentId, unitId, payload) {
            const event = documentOf(payload);
            if (!event) return;
            // Of frame after frame of a unit only the last one stays, or nothing else would.
            const before = store.events.findIndex((entry) => entry.agent === agentId &&
                entry.unit === unitId);
            if (event.event_type === 'frame' && before >= 0 &&
                store.events[before].event.event_type === 'frame') store.events.splice(before, 1);
            store.events.unshift({ agent: agentId, unit: unitId, event });
            onEvent(agentId, event);
            store.events.length = Math.min(store.events.length, EVENTS_MAX);
        }

        function apply(topic, payload) {
            if (!topic.startsWith(root)) return;
            const [agentId, ...levels] = topic.slice(root.length).split('/');
            const last = levels[levels.length - 1];
            if (last === 'ack') {
                const ack = documentOf(payload);
                if (ack) onAck(ack);
                return;
            }
            if (last === 'event') addEvent(agentId, levels.length > 1 ? levels[1] : null, payload);
            else if (payload.length || store.agents.has(agentId)) {
                const agent = findAgent(agentId);
                if (agent) set(agent, levels, payload.length ? payload : null);
            }
            onChange();
        }

        return store;
    };
})();
