// SPDX-License-Identifier: MIT
// connection: which broker, and as whom. Words of the page's address (?url= &user= &password=
// &prefix=) win over what this browser remembers, that wins over where the page came from.
// A password in the address is taken out of it at once; nothing is stored unless wished.
'use strict';

lapsed.connection = (() => {
    const KEY = 'lapsed-connection';
    const WORDS = ['url', 'user', 'password', 'prefix'];
    const byId = (id) => document.getElementById(id);
    const field = (name) => byId(`set-${name}`);

    function ownBroker() {
        const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
        return location.host ? `${scheme}://${location.host}/mqtt` : '';
    }

    function remembered() {
        try {
            return JSON.parse(localStorage.getItem(KEY)) || {};
        } catch {
            return {};
        }
    }

    function fromAddress() {
        const found = {};
        const address = new URL(location.href);
        for (const word of WORDS) {
            const value = address.searchParams.get(word);
            if (value) found[word] = value;
        }
        if (found.password) {
            address.searchParams.delete('password');
            history.replaceState(null, '', address);
        }
        return found;
    }

    function load() {
        return { url: ownBroker(), user: '', password: '', prefix: 'timelapse', ...remembered(),
            ...fromAddress() };
    }

    function remember(settings, wanted) {
        try {
            if (wanted) localStorage.setItem(KEY, JSON.stringify(settings));
            else localStorage.removeItem(KEY);
        } catch {
            // A browser that stores nothing for this page: it asks again next time.
        }
    }

    function fill(settings) {
        for (const word of WORDS) field(word).value = settings[word];
        field('remember').checked = Boolean(remembered().url);
    }

    function read() {
        return Object.fromEntries(WORDS.map((word) => [word,
            word === 'password' ? field(word).value : field(word).value.trim()]));
    }

    // onConnect(settings): the form was sent.
    function open(settings, note, onConnect) {
        const dialog = byId('settings');
        lapsed.dom.setLine(byId('settings-note'), note);
        if (dialog.open) return;
        fill(settings);
        byId('settings-close').onclick = () => dialog.close();
        byId('settings-form').onsubmit = () => {
            const chosen = read();
            remember(chosen, field('remember').checked);
            onConnect(chosen);
        };
        dialog.showModal();
    }

    return { load, open };
})();
