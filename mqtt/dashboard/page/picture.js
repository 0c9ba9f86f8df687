// SPDX-License-Identifier: MIT
// picture: the last image of a camera. Each JPEG gets an object URL that is given back as soon as
// the next one is shown, or an evening of layers would stay in memory.
'use strict';

lapsed.createPicture = (() => {
    const { el, setText, setHidden } = lapsed.dom;
    const { text } = lapsed;
    const CAMERA = 'M4 8h3l1.5-2h7L17 8h3v11H4zM12 10.2a3.1 3.1 0 1 0 0 6.2 3.1 3.1 0 0 0 0-6.2z';

    return function createPicture(cameraId) {
        const img = el('img', { alt: '', hidden: true, decoding: 'async' });
        const missing = el('span', {});
        const none = el('p', { class: 'no-picture' }, lapsed.dom.icon(CAMERA), missing);
        const about = el('span', { class: 'about' });
        const node = el('figure', { class: 'picture', 'data-camera': cameraId }, img, none,
            el('figcaption', {}, el('span', { class: 'camera-name', text: cameraId }), about));
        let shown = null;
        let url = null;

        function show(bytes) {
            const before = url;
            shown = bytes;
            url = bytes ? URL.createObjectURL(new Blob([bytes], { type: 'image/jpeg' })) : null;
            if (url) img.src = url;
            else img.removeAttribute('src');
            if (before) URL.revokeObjectURL(before);
            setHidden(img, !url);
            setHidden(none, Boolean(url));
        }

        // The frame of the page has the form of the picture, so nothing is cut off and nothing jumps.
        function shape(meta) {
            const { width, height } = text.object(meta);
            const ratio = text.number(width) / text.number(height);
            if (ratio > 0.4 && ratio < 4)
                node.style.aspectRatio = `${width} / ${height}`;
        }

        function describe(meta, nowMs) {
            const { frame, layer, ts } = text.object(meta);
            const parts = [];
            if (text.number(frame) !== null) parts.push(`frame ${frame}`);
            if (text.number(layer) !== null) parts.push(`layer ${layer}`);
            if (text.string(ts)) parts.push(text.ago(ts, nowMs));
            return parts.join(' · ');
        }

        // image: {last, last_meta} of the store; camera: the camera's entry; both may be missing.
        function update(image, camera, nowMs) {
            const bytes = (image && image.last) || null;
            const status = text.object(camera && camera.status);
            if (bytes !== shown) show(bytes);
            setText(missing, image && image.last_meta ? 'The picture is on its way' : 'No picture yet');
            shape(image && image.last_meta);
            img.alt = `Last picture of camera ${cameraId}`;
            setText(about, status.connected === false ? 'not connected'
                : describe(image && image.last_meta, nowMs));
            node.classList.toggle('lost', status.connected === false);
        }

        return { node, update, close: () => show(null) };
    };
})();
