// SPDX-License-Identifier: MIT
// printer: the small cards of an agent: printers, cameras that no unit shows, and jobs.
'use strict';

lapsed.createPrinter = (() => {
    const { el, setText, setLine, setData, setHidden, syncViews } = lapsed.dom;
    const { text } = lapsed;

    const degrees = (value) => (text.number(value) === null ? '–' : `${Math.round(value)} °C`);

    function createHeater(name) {
        const value = el('dd');
        const node = el('div', {}, el('dt', { text: text.words(name) }), value);
        return { node, update(heater) {
            const current = text.number(text.object(heater).current);
            const target = text.number(text.object(heater).target);
            setText(value, target > 0 ? `${degrees(current)} → ${degrees(target)}`
                : degrees(current));
            setData(node, 'hot', current > 50 ? 'yes' : 'no');
        } };
    }

    function jobText(job) {
        const left = text.number(job.remaining_s);
        return [text.jobName(job.file),
            text.number(job.progress) === null ? null : text.percent(job.progress),
            left === null ? null : `${text.duration(left)} left`].filter(Boolean).join(' · ');
    }

    function noteText(status) {
        if (status.message_box === true) return 'it shows a message and waits for a person';
        return status.paused_by_us === true ? 'held for a frame' : '';
    }

    return function createPrinter(printerId) {
        const pill = el('span', { class: 'pill' });
        const job = el('p', { class: 'job' });
        const error = el('p', { class: 'error' });
        const heaters = el('dl', { class: 'facts heaters' });
        const about = el('p', { class: 'about' });
        const views = new Map();
        const node = el('article', { class: 'card small printer', 'data-printer': printerId,
            'aria-label': `Printer ${printerId}` },
        el('header', {}, el('h3', {}, el('span', { class: 'kind', text: 'Printer' }), printerId), pill),
        job, heaters, error, about);

        function update(printer) {
            const status = text.object(printer.status);
            const state = text.string(status.state) || text.string(printer.state) || 'unknown';
            const temperatures = text.object(status.temperatures);
            const names = Object.keys(temperatures).slice(0, 8);
            setData(node, 'state', state);
            setText(pill, state);
            setLine(job, jobText(text.object(status.job)));
            syncViews(heaters, views, names, createHeater);
            for (const name of names) views.get(name).update(temperatures[name]);
            setHidden(heaters, names.length === 0);
            setLine(error, text.error(status.error));
            setLine(about, [text.string(status.kind), text.string(status.firmware), noteText(status)]
                .filter(Boolean).join(' · '));
        }

        return { node, update };
    };
})();

lapsed.createCamera = (() => {
    const { el, setLine, setData } = lapsed.dom;
    const { text } = lapsed;

    return function createCamera(agentId, cameraId, commands) {
        const target = { agent: agentId, kind: 'camera', id: cameraId };
        const picture = lapsed.createPicture(cameraId);
        const error = el('p', { class: 'error' });
        const answer = el('p', { class: 'answer', role: 'status' });
        const button = el('button', { type: 'button', text: 'Snapshot', 'data-verb': 'snapshot',
            onclick: () => commands.ask(target, 'snapshot') });
        const node = el('article', { class: 'card small camera', 'data-camera': cameraId,
            'aria-label': `Camera ${cameraId}` },
        el('div', { class: 'pictures' }, picture.node),
        el('div', { class: 'buttons' }, button), error, answer);

        function update(agent, enabled, nowMs) {
            const camera = agent.cameras.get(cameraId);
            const last = commands.answerOf(target);
            picture.update(agent.images.get(cameraId), camera, nowMs);
            button.disabled = !enabled;
            setLine(error, text.error(text.object(camera && camera.status).error));
            setLine(answer, last ? last.text : '');
            setData(answer, 'tone', last ? last.tone : '');
        }

        return { node, update, close: picture.close };
    };
})();

lapsed.createJobs = (() => {
    const { el, setText, setHidden, setData, syncViews } = lapsed.dom;
    const { text } = lapsed;

    const KINDS = { __proto__: null, final: 'Final video', preview: 'Preview' };
    const UNDER_WAY = ['running', 'paused'];

    function createJob(id) {
        const title = el('span', {});
        const bar = el('progress', { max: '100', 'aria-label': `Progress of job ${id}` });
        const about = el('span', { class: 'about' });
        const node = el('li', { 'data-job': id }, title, bar, about);
        return { node, update(job) {
            const eta = text.number(job.eta_s);
            setText(title, [KINDS[text.string(job.kind)] || text.capital(text.words(job.kind) || 'job'),
                text.string(job.unit)]
                .filter(Boolean).join(' · '));
            const shown = UNDER_WAY.includes(job.state) && text.number(job.progress) !== null;
            setData(node, 'state', text.string(job.state) || '');
            setHidden(bar, !shown);
            bar.value = shown ? job.progress : 0;
            setText(about, [text.string(job.state), shown ? text.percent(job.progress) : null,
                eta === null ? null : `${text.duration(eta)} left`, text.error(job.error)]
                .filter(Boolean).join(' · '));
        } };
    }

    return function createJobs() {
        const list = el('ul', { class: 'jobs' });
        const views = new Map();
        const node = el('article', { class: 'card small', 'aria-label': 'Jobs' },
            el('header', {}, el('h3', { text: 'Jobs' })), list);

        function update(value) {
            const jobs = new Map(text.array(value).map(text.object)
                .filter((job) => text.string(job.id)).map((job) => [job.id, job]));
            syncViews(list, views, [...jobs.keys()], createJob);
            for (const [id, job] of jobs) views.get(id).update(job);
            setHidden(node, jobs.size === 0);
        }

        return { node, update };
    };
})();
