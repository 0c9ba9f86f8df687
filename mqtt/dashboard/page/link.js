// SPDX-License-Identifier: MIT
// link: the connection to the broker. Comes back by itself; says how it stands:
//   connecting  the first attempt        online    subscribed, messages come
//   away        was online or tried, goes on trying
//   refused     the broker does not want us (reason); gives up
// Commands are sent only while online: nothing waits in a queue to surprise a printer later.
'use strict';

lapsed.createLink = (() => {
    const RETRY_MS = 2000;
    const COMMAND_EXPIRY_S = 20;
    const UNSUPPORTED_PROTOCOL = [1, 132]; // CONNACK of 3.1.1 and of 5
    const DENIALS = { 135: 'the broker does not allow it to this user', // PUBACK
        151: 'the broker has no room for it' };
    const REFUSALS = { 4: 'wrong user or password', 5: 'not authorised',
        134: 'wrong user or password', 135: 'not authorised', 138: 'banned', 140: 'bad method' };

    function randomName() {
        const bytes = crypto.getRandomValues(new Uint8Array(6));
        return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
    }

    return function createLink({ url, user, password }, { onState, onMessage, filters }) {
        const extra = new Set(); // filters that come and go
        let version = 5;
        let client = null;
        let state = 'connecting';
        let closed = false;

        function become(next, reason) {
            if (closed) return;
            state = next;
            onState(next, reason || '');
        }

        // An address that the browser takes for none is refused, too, but never from inside createLink.
        function open() {
            try {
                client = connect();
            } catch (error) {
                setTimeout(become, 0, 'refused', error.message);
                return;
            }
            client.on('connect', onConnect);
            client.on('close', () => {
                if (state !== 'refused') become('away');
            });
            client.on('error', onError);
            client.on('message', (topic, payload) => {
                if (!closed) onMessage(topic, payload);
            });
        }

        function connect() {
            return mqtt.connect(url, {
                clientId: `lapsed-dashboard-${randomName()}`,
                username: user || undefined,
                password: user ? password || '' : undefined,
                protocolVersion: version,
                clean: true,
                keepalive: 30,
                reconnectPeriod: RETRY_MS,
                connectTimeout: 8000,
                resubscribe: false,
                queueQoSZero: false,
                timerVariant: 'native', // the other one needs workers that the page's policy forbids
            });
        }

        // What is subscribed anew brings all retained topics again.
        function onConnect() {
            const opened = client;
            const all = [...filters, ...extra];
            become('online');
            if (all.length) opened.subscribe(all, { qos: 1 }, (error) => {
                if (error && opened.connected)
                    become('refused', 'the broker allows no subscription');
            });
        }

        function onError(error) {
            if (UNSUPPORTED_PROTOCOL.includes(error.code) && version === 5) {
                version = 4;
                client.end(true);
                open();
            } else if (REFUSALS[error.code]) {
                client.end(true);
                become('refused', REFUSALS[error.code]);
            }
        }

        function follow(filter, wanted) {
            if (wanted === extra.has(filter)) return;
            if (wanted) extra.add(filter);
            else extra.delete(filter);
            if (state !== 'online') return;
            if (wanted) client.subscribe(filter, { qos: 0 });
            else client.unsubscribe(filter);
        }

        // false: not online, nothing was sent. done(words): null, or why the broker did not take it.
        function publish(topic, payload, done) {
            if (state !== 'online') return false;
            const properties = version === 5
                ? { messageExpiryInterval: COMMAND_EXPIRY_S, contentType: 'application/json' }
                : undefined;
            client.publish(topic, payload, { qos: 1, retain: false, properties }, (error) =>
                done(error ? DENIALS[error.code] || 'the broker does not take it' : null));
            return true;
        }

        function close() {
            closed = true;
            if (client) client.end(true);
        }

        open();
        return { publish, follow, close };
    };
})();
