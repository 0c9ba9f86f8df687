// SPDX-License-Identifier: MIT
// dom: the few things every view does to the document. Text goes in as text, never as markup, and
// only when it changed, so that a selection, a focus and a screen reader are left in peace.
'use strict';

const lapsed = {};

lapsed.dom = (() => {
    const SVG = 'http://www.w3.org/2000/svg';

    // Words of attributes: class and text are themselves, on… are listeners, the rest attributes.
    function el(tag, attributes, ...children) {
        const node = document.createElement(tag);
        for (const [name, value] of Object.entries(attributes || {})) {
            if (value === undefined || value === null || value === false) continue;
            if (name === 'class') node.className = value;
            else if (name === 'text') node.textContent = value;
            else if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
            else node.setAttribute(name, value === true ? '' : value);
        }
        node.append(...children.filter((child) => child !== null && child !== undefined));
        return node;
    }

    function icon(path) {
        const svg = document.createElementNS(SVG, 'svg');
        const shape = document.createElementNS(SVG, 'path');
        svg.setAttribute('viewBox', '0 0 24 24');
        svg.setAttribute('class', 'icon');
        svg.setAttribute('aria-hidden', 'true');
        shape.setAttribute('d', path);
        svg.append(shape);
        return svg;
    }

    function setText(node, text) {
        if (node.textContent !== text) node.textContent = text;
    }

    // Text of a line that is not there when it has nothing to say.
    function setLine(node, text) {
        setText(node, text || '');
        setHidden(node, !text);
    }

    function setHidden(node, hidden) {
        if (node.hidden !== hidden) node.hidden = hidden;
    }

    function setData(node, name, value) {
        if (node.dataset[name] !== value) node.dataset[name] = value;
    }

    // Children of parent become the views of these keys, in this order. A view is {node, update};
    // those that stay keep their node. views: a Map that belongs to parent.
    function syncViews(parent, views, keys, create) {
        const wanted = new Set(keys);
        for (const [key, view] of views) {
            if (wanted.has(key)) continue;
            if (view.close) view.close();
            view.node.remove();
            views.delete(key);
        }
        let place = parent.firstElementChild;
        for (const key of keys) {
            if (!views.has(key)) views.set(key, create(key));
            const { node } = views.get(key);
            if (node === place) place = place.nextElementSibling;
            else parent.insertBefore(node, place);
        }
    }

    return { el, icon, setText, setLine, setHidden, setData, syncViews };
})();
