// SPDX-License-Identifier: MIT
// fake_agent: an agent that exists only as retained topics, as lapsed would publish them.
'use strict';

// The smallest JPEG that a browser shows (1 x 1), made different by a comment.
const PIXEL = Buffer.from('/9j/4AAQSkZJRgABAQEAYABgAAD/2wBDAAMCAgMCAgMDAwMEAwMEBQgFBQQEBQoHBwYIDAoM' +
    'DAsKCwsNDhIQDQ4RDgsLEBYQERMUFRUVDA8XGBYUGBIUFRT/wAALCAABAAEBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAACf/EAB' +
    'QQAQAAAAAAAAAAAAAAAAAAAAD/2gAIAQEAAD8AKp//2Q==', 'base64');

function jpeg(number) {
    const words = Buffer.from(String(number));
    const comment = Buffer.from([0xff, 0xfe, 0, words.length + 2]);
    return Buffer.concat([PIXEL.subarray(0, 2), comment, words, PIXEL.subarray(2)]);
}

const SETTINGS = { armed: true, trigger: ['layer'], every_nth_layer: 1, interval_s: 0, pause: true,
    fps: 25, hold_last_s: 1 };
const SESSION = { id: '20260131T110000Z-benchy', job: '0:/gcodes/benchy.gcode', frames: 120,
    missed: 0, bytes: 12345678, video_s: 4.8, encoded_frames: 100 };

function unit(rig, agentId, { session, printer, ...rest }) {
    return rig.retain(`${agentId}/unit/mk4/status`, { v: 1, unit: 'mk4', state: 'capturing',
        settings: SETTINGS, session: session === null ? null : { ...SESSION, ...session },
        printer: { id: 'mk4', state: 'printing', progress: 42.3, layer: 57, layers: 120, ...printer },
        cameras: [{ id: 'front', connected: true, frames: 120 }],
        build: { state: 'idle', progress: null }, error: null, ...rest });
}

function agent(rig, id, { online = true, hostname = 'pi', error = null, unit: state = {} }) {
    return Promise.all([
        rig.retain(`${id}/availability`, online ? 'online' : 'offline'),
        rig.retain(`${id}/info`, { contract: '1.0', version: '0.1.0', agent: id, hostname }),
        rig.retain(`${id}/status`, { disk: { free_bytes: 23e9 }, ffmpeg: true,
            error: error && { code: -5, message: error, since: null } }),
        rig.retain(`${id}/printer/mk4/status`, { printer: 'mk4', kind: 'duet', state: 'printing',
            job: { file: 'benchy.gcode', progress: 42.3, remaining_s: 2210 }, error: null,
            temperatures: { bed: { current: 60, target: 60 },
                tool0: { current: 214, target: 215 } } }),
        rig.retain(`${id}/camera/front/status`, { camera: 'front', connected: true, error: null }),
        rig.retain(`${id}/image/front/last`, jpeg(0)),
        unit(rig, id, state),
    ]);
}

// The document with each of its values in turn replaced by this one.
function* variants(document, value) {
    for (const key of Object.keys(document)) {
        yield Object.assign(Array.isArray(document) ? [] : {}, document, { [key]: value });
        if (document[key] !== null && typeof document[key] === 'object')
            for (const inner of variants(document[key], value))
                yield Object.assign(Array.isArray(document) ? [] : {}, document, { [key]: inner });
    }
}

module.exports = { agent, unit, jpeg, variants };
