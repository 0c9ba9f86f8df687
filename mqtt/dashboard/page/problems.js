// SPDX-License-Identifier: MIT
// problems: every error that any topic tells of, in one list, the offline agents first.
'use strict';

lapsed.createProblems = (() => {
    const { el, setText, setHidden, syncViews } = lapsed.dom;
    const { text } = lapsed;
    const SHOWN_MAX = 30;

    function* ofParts(agent, parts, kind) {
        for (const [id, part] of parts) {
            const { error } = text.object(part.status);
            if (text.error(error))
                yield { where: `${agent.id} · ${kind} ${id}`, what: text.error(error),
                    since: text.object(error).since };
        }
    }

    function* ofAgent(agent) {
        const status = text.object(agent.status);
        if (agent.online === false) {
            yield { where: agent.id, what: 'The agent is offline. What it shows is its last word.' };
            return;
        }
        if (text.error(status.error))
            yield { where: agent.id, what: text.error(status.error), since: status.error.since };
        if (status.ffmpeg === false)
            yield { where: agent.id, what: 'ffmpeg is missing there: no video can be made.' };
        yield* ofParts(agent, agent.units, 'unit');
        yield* ofParts(agent, agent.printers, 'printer');
        yield* ofParts(agent, agent.cameras, 'camera');
        for (const job of text.array(agent.jobs).map(text.object))
            if (text.error(job.error))
                yield { where: `${agent.id} · job ${text.string(job.id) || '?'}`, what: text.error(job.error) };
    }

    function createProblem() {
        const where = el('strong');
        const what = el('span');
        const since = el('span', { class: 'about' });
        return { node: el('li', {}, where, what, since), update(problem) {
            setText(where, problem.where);
            setText(what, problem.what);
            setText(since, problem.since ? `since ${text.time(problem.since)}` : '');
        } };
    }

    return function createProblems(section, list) {
        const views = new Map();

        function update(agents) {
            const problems = [];
            for (const agent of agents) problems.push(...ofAgent(agent));
            const byKey = new Map(problems.slice(0, SHOWN_MAX)
                .map((problem) => [`${problem.where}\n${problem.what}`, problem]));
            syncViews(list, views, [...byKey.keys()], createProblem);
            for (const [key, problem] of byKey) views.get(key).update(problem);
            setHidden(section, byKey.size === 0);
            return problems.length;
        }

        return { update };
    };
})();
