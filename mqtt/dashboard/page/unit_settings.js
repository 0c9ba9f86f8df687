// SPDX-License-Identifier: MIT
// unit_settings: a form made of what the unit says its settings are: a switch for a truth value,
// a number field, boxes for words. Each is sent by itself when it was changed.
'use strict';

lapsed.createUnitSettings = (() => {
    const { el, setData, syncViews } = lapsed.dom;
    const { text } = lapsed;
    const TRIGGERS = ['layer', 'interval', 'pause', 'mqtt', 'command'];
    const LABELS = { __proto__: null, fps: 'Frames per second', every_nth_layer: 'Every n-th layer',
        interval_s: 'Interval', pause: 'Pause the print for a frame',
        park: 'Park the head for a frame', restart: 'Begin again with the next print',
        min_length_s: 'Shortest video', max_length_s: 'Longest video',
        target_length_s: 'Wished length', hold_last_s: 'Hold the last frame', trigger: 'Trigger' };
    const UNITS = [[/_s$/, 's'], [/_mm$/, 'mm'], [/_percent$/, '%']];
    const NOT_SETTINGS = ['armed']; // start and standby do that
    const KEY = /^[a-z][a-z0-9_]{0,47}$/;

    const labelOf = (key) => LABELS[key] ||
        text.capital(text.words(key.replace(/_(s|mm|percent)$/, '')));

    function unitOf(key) {
        const found = UNITS.find(([form]) => form.test(key));
        return found ? found[1] : '';
    }

    function createSwitch(id, key, onSet) {
        const input = el('input', { type: 'checkbox', id, role: 'switch',
            onchange: () => onSet(input.checked) });
        return { input, node: el('div', { class: 'setting' }, el('label', { for: id,
            text: labelOf(key) }), input),
        show: (value) => { input.checked = value === true; } };
    }

    function createNumber(id, key, onSet) {
        const input = el('input', { type: 'number', id, step: 'any', inputmode: 'decimal',
            onchange: () => {
                if (input.value !== '' && input.checkValidity()) onSet(input.valueAsNumber);
            } });
        const unit = unitOf(key);
        return { input, node: el('div', { class: 'setting' }, el('label', { for: id,
            text: labelOf(key) }), el('span', { class: 'field' }, input,
            unit ? el('span', { class: 'unit-of', text: unit }) : null)),
        show: (value) => { input.value = text.number(value) === null ? '' : String(value); } };
    }

    function createWords(id, key, onSet) {
        const boxes = TRIGGERS.map((word) => el('input', { type: 'checkbox', value: word,
            onchange: () => {
                const words = boxes.filter((box) => box.checked).map((box) => box.value);
                if (words.length) onSet(words.join(' '));
            } }));
        const node = el('fieldset', { class: 'setting words', id },
            el('legend', { text: labelOf(key) }),
            ...boxes.map((box) => el('label', { class: 'check' }, box, ` ${box.value}`)));
        return { input: node, node, show: (value) => {
            for (const box of boxes) box.checked = text.array(value).includes(box.value);
        } };
    }

    function creatorFor(key, value) {
        if (key === 'trigger') return createWords;
        if (typeof value === 'boolean') return createSwitch;
        return typeof value === 'number' ? createNumber : null;
    }

    // What a person is typing now is not written over.
    function isInUse(field) {
        return field.input === document.activeElement && field.input.type === 'number';
    }

    return function createUnitSettings(target, commands) {
        const form = el('div', { class: 'settings-grid' });
        const node = el('details', { class: 'settings' }, el('summary', { text: 'Settings' }), form);
        const views = new Map();
        let settings = {};

        function createField(key) {
            const create = creatorFor(key, settings[key]);
            const id = `${target.agent}-${target.id}-${key}`;
            const field = create(id, key, (value) =>
                commands.set(target, key, labelOf(key), value));
            setData(field.node, 'setting', key);
            return field;
        }

        // refused: something was not taken, so what the unit has is shown again.
        function update(now, enabled, refused) {
            settings = text.object(now);
            const keys = Object.keys(settings).filter((key) => KEY.test(key) &&
                !NOT_SETTINGS.includes(key) && creatorFor(key, settings[key]));
            syncViews(form, views, keys, createField);
            for (const key of keys) {
                const field = views.get(key);
                const shown = JSON.stringify(settings[key]);
                for (const input of field.node.querySelectorAll('input'))
                    input.disabled = !enabled;
                if (isInUse(field) || (field.shown === shown && !refused)) continue;
                field.shown = shown;
                field.show(settings[key]);
            }
            node.hidden = keys.length === 0;
        }

        return { node, update };
    };
})();
