// SPDX-License-Identifier: MIT
// events: the last things that happened, newest first, each a line of words.
'use strict';

lapsed.createEvents = (() => {
    const { el, setHidden } = lapsed.dom;
    const { text } = lapsed;
    const BAD = /failed|missed|attention|refused|lost/;
    const GOOD = /ready|done|finished/;

    const DETAILS = {
        __proto__: null, // the type comes from outside
        frame: (event) => [text.number(event.frame) === null ? null : String(event.frame), event.camera,
            text.number(event.layer) === null ? null : `layer ${event.layer}`],
        session_started: (event) => [text.jobName(event.job)],
        session_finished: (event) => [text.count(event.frames, 'frame', 'frames'), event.end],
        session_aborted: (event) => [text.count(event.frames, 'frame', 'frames')],
        session_discarded: (event) => [text.count(event.frames, 'frame', 'frames')],
        video_ready: (event) => [`${text.length(event.duration_s)} long`, event.file],
        preview_ready: (event) => [`${text.length(event.duration_s)} long`, event.file],
    };

    function detailsOf(event) {
        const more = DETAILS[text.string(event.event_type)];
        const words = more ? more(event) : [text.words(event.kind), event.end];
        return [...words, text.error(event.error), text.string(event.message)]
            .filter((word) => text.string(word)).join(' · ');
    }

    function toneOf(type) {
        if (BAD.test(type)) return 'bad';
        return GOOD.test(type) ? 'good' : '';
    }

    function createLine({ agent, unit, event }) {
        const type = text.string(event.event_type) || 'event';
        return el('li', { 'data-event': type, 'data-tone': toneOf(type) },
            el('time', { text: text.time(event.ts) || text.time(new Date()) }),
            el('span', { class: 'where', text: unit ? `${agent} · ${unit}` : agent }),
            el('span', { class: 'what' }, el('strong', { text: text.capital(text.words(type)) }),
                ` ${detailsOf(event)}`));
    }

    return function createEvents(section, list) {
        const shown = new Map(); // entry of the store → its line

        function update(events) {
            for (const [entry, line] of shown) {
                if (events.includes(entry)) continue;
                line.remove();
                shown.delete(entry);
            }
            for (const entry of [...events].reverse()) {
                if (shown.has(entry)) continue;
                shown.set(entry, createLine(entry));
                list.prepend(shown.get(entry));
            }
            setHidden(section, shown.size === 0);
        }

        return { update };
    };
})();
