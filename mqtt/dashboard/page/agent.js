// SPDX-License-Identifier: MIT
// agent: one machine: a heading that says enough while it is folded, and below it the cards of its
// units, printers, cameras and jobs. Pictures are asked of the broker only while it is unfolded.
'use strict';

lapsed.createAgent = (() => {
    const { el, setText, setData, setHidden, syncViews } = lapsed.dom;
    const { text } = lapsed;

    const ids = (parts) => [...parts.keys()].sort();

    function standing(agent, heard) {
        if (!heard) return ['unheard', 'not heard yet'];
        if (agent.online === null) return ['unheard', 'unknown'];
        return agent.online ? ['online', 'online'] : ['offline', 'offline'];
    }

    function aboutText(agent) {
        const info = text.object(agent.info);
        const status = text.object(agent.status);
        const free = text.number(text.object(status.disk).free_bytes);
        return [info.hostname === agent.id ? null : text.string(info.hostname),
            text.string(info.version) && `lapsed ${info.version}`,
            free === null ? null : `${text.bytes(free)} free`].filter(Boolean).join(' · ');
    }

    // "capturing 42 %" of a unit, for the folded heading.
    function createGlance(id) {
        const words = el('span', {});
        const node = el('span', { class: 'glance' }, el('span', { class: 'dot',
            'aria-hidden': 'true' }), words);
        return { node, update(unit) {
            const status = text.object(unit.status);
            const state = text.string(status.state) || text.string(unit.state) || 'unknown';
            const progress = text.number(text.object(status.printer).progress);
            setData(node, 'state', state);
            setText(words, `${id} ${state}${progress === null || !status.session ? ''
                : ` ${text.percent(progress)}`}`);
        } };
    }

    function looseCameras(agent) {
        const used = new Set();
        for (const unit of agent.units.values())
            for (const camera of text.array(text.object(unit.status).cameras))
                used.add(text.object(camera).id);
        return [...new Set([...agent.cameras.keys(), ...agent.images.keys()])]
            .filter((id) => !used.has(id)).sort();
    }

    // onFold(open): the person unfolded or folded it.
    return function createAgent(agentId, commands, onFold) {
        const pill = el('span', { class: 'pill' });
        const about = el('span', { class: 'about' });
        const glances = el('span', { class: 'glances' });
        const fold = el('button', { type: 'button', class: 'fold', 'aria-expanded': 'false',
            'aria-controls': `agent-${agentId}`, onclick: () => onFold(body.hidden) },
        el('span', { class: 'name', text: agentId }), pill, about, glances,
        lapsed.dom.icon('M6 9l6 6 6-6'));
        const units = el('div', { class: 'units' });
        const extras = el('div', { class: 'extras' });
        const jobs = lapsed.createJobs();
        const body = el('div', { id: `agent-${agentId}`, class: 'agent-body', hidden: true }, units,
            el('div', { class: 'extras-row' }, extras, jobs.node));
        const node = el('section', { class: 'agent', 'data-agent': agentId,
            'aria-label': `Agent ${agentId}` }, el('h2', {}, fold), body);
        const glanceViews = new Map();
        const unitViews = new Map();
        const extraViews = new Map();

        function showGlances(agent) {
            syncViews(glances, glanceViews, ids(agent.units), createGlance);
            for (const [id, view] of glanceViews) view.update(agent.units.get(id));
        }

        function showUnits(agent, enabled, nowMs) {
            syncViews(units, unitViews, ids(agent.units),
                (id) => lapsed.createUnit(agentId, id, commands));
            for (const view of unitViews.values()) view.update(agent, enabled, nowMs);
        }

        function showExtras(agent, enabled, nowMs) {
            const keys = [...ids(agent.printers).map((id) => `printer/${id}`),
                ...looseCameras(agent).map((id) => `camera/${id}`)];
            syncViews(extras, extraViews, keys, (key) => {
                const [kind, id] = key.split('/');
                return kind === 'printer' ? lapsed.createPrinter(id)
                    : lapsed.createCamera(agentId, id, commands);
            });
            for (const [key, view] of extraViews) {
                const [kind, id] = key.split('/');
                if (kind === 'printer') view.update(agent.printers.get(id));
                else view.update(agent, enabled, nowMs);
            }
            jobs.update(agent.jobs);
        }

        function close() {
            for (const views of [unitViews, extraViews])
                for (const view of views.values()) if (view.close) view.close();
        }

        // how: {open, heard, linked (the broker is there), nowMs}
        function update(agent, how) {
            const [state, words] = standing(agent, how.heard);
            const enabled = how.linked && state === 'online';
            setData(node, 'standing', state);
            setText(pill, words);
            setText(about, aboutText(agent));
            fold.setAttribute('aria-expanded', String(how.open));
            setHidden(body, !how.open);
            showGlances(agent);
            if (!how.open) return;
            showUnits(agent, enabled, how.nowMs);
            showExtras(agent, enabled, how.nowMs);
        }

        return { node, update, close };
    };
})();
