// SPDX-License-Identifier: MIT
// text: values of the contract in words for people. Whatever comes in, a text goes out.
'use strict';

lapsed.text = (() => {
    const isNumber = (value) => typeof value === 'number' && Number.isFinite(value);
    const number = (value) => (isNumber(value) ? value : null);
    const string = (value) => (typeof value === 'string' && value !== '' ? value : null);
    const object = (value) =>
        value !== null && typeof value === 'object' && !Array.isArray(value) ? value : {};
    const array = (value) => (Array.isArray(value) ? value : []);

    function count(value, one, many) {
        return `${isNumber(value) ? value : '?'} ${value === 1 ? one : many}`;
    }

    function duration(seconds) {
        if (!isNumber(seconds)) return '–';
        if (seconds < 60) return `${Math.round(seconds * 10) / 10} s`;
        const minutes = Math.round(seconds / 60);
        if (minutes < 60) return seconds < 600
            ? `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s` : `${minutes} min`;
        return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
    }

    // Length of a video: 0:04.8, 1:02:33.
    function length(seconds) {
        if (!isNumber(seconds)) return '–';
        const tenths = Math.round(seconds * 10);
        const pad = (value) => String(value).padStart(2, '0');
        const [h, m, s] = [Math.floor(tenths / 36000), Math.floor(tenths / 600) % 60,
            Math.floor(tenths / 10) % 60];
        return h ? `${h}:${pad(m)}:${pad(s)}` : `${m}:${pad(s)}.${tenths % 10}`;
    }

    function bytes(value) {
        if (!isNumber(value)) return '–';
        const units = ['B', 'kB', 'MB', 'GB', 'TB'];
        let size = value;
        let unit = 0;
        while (size >= 1000 && unit < units.length - 1) {
            size /= 1000;
            unit++;
        }
        return `${size < 10 && unit ? size.toFixed(1) : Math.round(size)} ${units[unit]}`;
    }

    function percent(value) {
        return isNumber(value) ? `${Math.round(value)} %` : '–';
    }

    const moment = (value) => new Date(string(value) || (value instanceof Date ? value : NaN));

    function time(rfc3339) {
        const at = moment(rfc3339);
        if (Number.isNaN(at.getTime())) return '';
        const clock = at.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit',
            second: '2-digit' });
        return at.toDateString() === new Date().toDateString() ? clock
            : `${at.toLocaleDateString([], { day: 'numeric', month: 'short' })}, ${clock}`;
    }

    // The clocks of agent and browser may differ a little: never "in 2 s".
    function ago(rfc3339, nowMs) {
        const at = moment(rfc3339).getTime();
        if (Number.isNaN(at)) return '';
        const seconds = Math.max(0, Math.round((nowMs - at) / 1000));
        if (seconds < 2) return 'just now';
        if (seconds < 60) return `${seconds} s ago`;
        if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
        if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
        return `${count(Math.floor(seconds / 86400), 'day', 'days')} ago`;
    }

    // gcodes/Part 1.gcode → Part 1
    function jobName(file) {
        const name = string(file);
        if (!name) return null;
        const base = name.slice(name.lastIndexOf('/') + 1) || name;
        return base.replace(/\.(gcode|gco|g|bgcode|3mf)$/i, '') || base;
    }

    // A name of the contract, which may be no text at all when somebody else wrote it.
    function words(name) {
        return string(name) ? name.replaceAll('_', ' ') : '';
    }

    function capital(text) {
        return text.charAt(0).toUpperCase() + text.slice(1);
    }

    // The message of an {code, message, since} or a text; null when there is none.
    function error(value) {
        if (string(value)) return value;
        const { code, message } = object(value);
        return string(message) || (isNumber(code) && code !== 0 ? `error ${code}` : null);
    }

    // Only what a browser may open: a topic could say "javascript:".
    function webAddress(value) {
        if (!string(value)) return null;
        try {
            const url = new URL(value, location.href);
            return url.protocol === 'http:' || url.protocol === 'https:' ? url.href : null;
        } catch {
            return null;
        }
    }

    return { number, string, object, array, count, duration, length, bytes, percent, time, ago,
        jobName, words, capital, error, webAddress };
})();
