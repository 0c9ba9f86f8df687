// SPDX-License-Identifier: MIT
// unit: the card of one timelapse pipeline: its pictures, the print, the growing video, the
// buttons that make sense now and the answer to the last of them.
'use strict';

lapsed.createUnit = (() => {
    const { el, setText, setLine, setHidden, setData, syncViews } = lapsed.dom;
    const { text } = lapsed;

    const OPEN = ['capturing', 'paused'];
    // verb, its word, when it makes sense, how it looks; careful: a session would be lost by it
    const BUTTONS = [
        { verb: 'start', label: 'Start', in: ['standby', 'error'], look: 'primary' },
        { verb: 'resume', label: 'Resume', in: ['paused'], look: 'primary' },
        { verb: 'snapshot', label: 'Snapshot' },
        { verb: 'pause', label: 'Pause', in: ['capturing'] },
        { verb: 'preview', label: 'Preview', in: OPEN },
        { verb: 'finish', label: 'Finish', in: OPEN, careful: OPEN },
        { verb: 'restart', label: 'Restart', in: OPEN, careful: OPEN, look: 'quiet' },
        { verb: 'abort', label: 'Abort', in: [...OPEN, 'building', 'error'], look: 'quiet danger',
            careful: [...OPEN, 'building'] },
        { verb: 'standby', label: 'Standby', in: [...OPEN, 'building', 'waiting', 'error'],
            look: 'quiet danger', careful: [...OPEN, 'building'] },
    ];

    function createButtons(target, commands, stateOf) {
        const buttons = BUTTONS.map((row) => ({ row, node: el('button', { type: 'button',
            class: row.look, 'data-verb': row.verb, text: row.label,
            onclick: () => commands.ask(target, row.verb,
                (row.careful || []).includes(stateOf())) }) }));
        const isRare = ({ row }) => (row.look || '').startsWith('quiet');
        const nodes = (some) => some.map((button) => button.node);
        const node = el('div', { role: 'group', 'aria-label': `Commands for ${target.id}` },
            el('div', { class: 'buttons' }, ...nodes(buttons.filter((each) => !isRare(each)))),
            el('div', { class: 'buttons rare' }, ...nodes(buttons.filter(isRare))));

        return { node, update(state, enabled) {
            const focused = document.activeElement;
            for (const { row, node: button } of buttons) {
                setHidden(button, Boolean(row.in) && !row.in.includes(state));
                button.disabled = !enabled;
            }
            // Who works with the keyboard stays here when the button pressed last is gone.
            if (node.contains(focused) && focused.hidden)
                buttons.find((button) => !button.node.hidden).node.focus();
        } };
    }

    function createFacts() {
        const node = el('dl', { class: 'facts' });
        const facts = new Map();
        return { node, update(rows) {
            for (const [name, value] of rows) {
                if (!facts.has(name)) {
                    const fact = el('div', {}, el('dt', { text: name }), el('dd'));
                    facts.set(name, fact);
                    node.append(fact);
                }
                setText(facts.get(name).lastChild, value || '');
                setHidden(facts.get(name), value === null);
            }
        } };
    }

    function createVideo() {
        const title = el('span', { class: 'video-title' });
        const link = el('a', { target: '_blank', rel: 'noopener noreferrer', text: 'Open the video' });
        const path = el('code', {});
        const about = el('span', { class: 'about' });
        const node = el('div', { class: 'video' }, title, about, link, path);
        return { node, update(value) {
            const video = text.object(value);
            const url = text.webAddress(video.url);
            setHidden(node, !value);
            setText(title, 'Last video');
            setText(about, [`${text.length(video.duration_s)} long`,
                text.count(video.frames, 'frame', 'frames'), text.bytes(video.bytes),
                text.number(video.ready_ms_after_end) === null ? null
                    : `ready ${text.duration(video.ready_ms_after_end / 1000)} after the end`]
                .filter(Boolean).join(' · '));
            if (url && link.href !== url) link.href = url;
            setHidden(link, !url);
            setLine(path, url ? '' : text.string(video.file));
        } };
    }

    // [value of the bar or null, its words]
    function progressOf(status) {
        const build = text.object(status.build);
        const printer = text.object(status.printer);
        if (build.state === 'running')
            return [text.number(build.progress), `Making the ${build.kind === 'preview'
                ? 'preview' : 'video'} · ${text.percent(build.progress)}`];
        if (text.number(printer.progress) === null) return [null, ''];
        const layer = text.number(printer.layer);
        const layers = text.number(printer.layers);
        return [printer.progress, [text.percent(printer.progress),
            layer === null ? null : `layer ${layer}${layers === null ? '' : ` of ${layers}`}`]
            .filter(Boolean).join(' · ')];
    }

    function factsOf(status) {
        const session = text.object(status.session);
        const some = (value, show) => (status.session && text.number(value) !== null
            ? show(value) : null);
        return [['Frames', some(session.frames, String)],
            ['Video so far', some(session.video_s, text.length)],
            ['Size', some(session.bytes, text.bytes)],
            ['Missed', some(session.missed || null, String)]];
    }

    function headline(state, status) {
        const session = text.object(status.session);
        const job = text.jobName(session.job);
        if (job) return job;
        if (status.session) return 'Session without a print job';
        return { __proto__: null, standby: 'Nothing to do: start arms it', waiting: 'Waits for the next print',
            error: 'No session could be opened' }[state] || '';
    }

    return function createUnit(agentId, unitId, commands) {
        const target = { agent: agentId, kind: 'unit', id: unitId };
        const kind = el('span', { class: 'kind' });
        const pill = el('span', { class: 'pill' });
        const job = el('p', { class: 'job' });
        const bar = el('progress', { max: '100', 'aria-label': `Progress of ${unitId}` });
        const barText = el('p', { class: 'progress-text' });
        const error = el('p', { class: 'error' });
        const answer = el('p', { class: 'answer', role: 'status' });
        const pictures = el('div', { class: 'pictures' });
        const views = new Map();
        const facts = createFacts();
        const video = createVideo();
        const buttons = createButtons(target, commands, () => node.dataset.state);
        const settings = lapsed.createUnitSettings(target, commands);
        const node = el('article', { class: 'card unit', 'data-unit': unitId,
            'aria-label': `Unit ${unitId}` }, pictures,
        el('div', { class: 'body' },
            el('header', {}, el('h3', {}, kind, unitId), pill), job,
            el('div', { class: 'progress' }, bar, barText), facts.node, error, video.node,
            buttons.node, answer, settings.node));

        function showPictures(agent, status, nowMs) {
            const ids = text.array(status.cameras).map((camera) => text.object(camera).id)
                .filter((id) => text.string(id));
            syncViews(pictures, views, [...new Set(ids)], lapsed.createPicture);
            for (const [id, view] of views)
                view.update(agent.images.get(id), agent.cameras.get(id), nowMs);
            setData(node, 'cameras', views.size > 2 ? 'many' : String(views.size));
        }

        function showProgress(status) {
            const [value, words] = progressOf(status);
            if (value !== null && bar.value !== value) bar.value = value;
            setHidden(bar.parentElement, value === null);
            setText(barText, words);
        }

        function showAnswer() {
            const last = commands.answerOf(target);
            setLine(answer, last ? last.text : '');
            setData(answer, 'tone', last ? last.tone : '');
            return last && last.tone === 'bad';
        }

        function update(agent, enabled, nowMs) {
            const unit = agent.units.get(unitId);
            const status = text.object(unit.status);
            const state = text.string(status.state) || text.string(unit.state) || 'unknown';
            setData(node, 'state', state);
            setText(kind, status.runtime ? 'Unit made by a command' : 'Unit');
            setText(pill, state);
            setLine(job, headline(state, status));
            showPictures(agent, status, nowMs);
            showProgress(status);
            facts.update(factsOf(status));
            setLine(error, text.error(status.error));
            video.update(unit.video);
            buttons.update(state, enabled);
            settings.update(status.settings, enabled, showAnswer());
        }

        return { node, update, close: () => views.forEach((view) => view.close()) };
    };
})();
