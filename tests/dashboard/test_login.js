// SPDX-License-Identifier: MIT
// The page and a broker with passwords: who may come in, and what the browser remembers.
'use strict';

const { test, before, after } = require('node:test');
const assert = require('node:assert');
const { once } = require('node:events');
const path = require('node:path');
const fake = require('./fake_agent');
const { newRig } = require('./rig');

const USER = 'viewer';
const PASSWORD = 'right & proper';
const LOCKED = 'allow_anonymous false\npassword_file %dir/passwords';
let rig;

before(async () => {
    rig = await newRig({ broker: LOCKED, users: { [USER]: PASSWORD } });
    await fake.agent(rig, 'pi01', {});
});
after(() => rig.close());

// A broker that knows only MQTT 3.1.1: what CONNECT of each version gets.
async function startOldBroker() {
    const { WebSocketServer } = require(path.join(process.env.MQTT_MODULES, 'ws'));
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0,
        handleProtocols: () => 'mqtt' });
    server.on('connection', (socket) => socket.on('message', (packet) => {
        const isConnect = packet[0] >> 4 === 1;
        const isSubscribe = packet[0] >> 4 === 8;
        const version = packet.indexOf('MQTT') + 4;
        if (isConnect && packet[version] === 4) socket.send(Buffer.from([0x20, 2, 0, 0]));
        else if (isConnect) socket.send(Buffer.from([0x20, 2, 0, 1]));
        else if (isSubscribe) server.emit('subscribed');
    }));
    await once(server, 'listening');
    return server;
}

const stored = (page) => page.evaluate(() => localStorage.length);

async function logIn(page, password, remember) {
    await page.fill('#set-user', USER);
    await page.fill('#set-password', password);
    await page.setChecked('#set-remember', remember);
    await page.click('#settings button.primary');
}

test('without a user the broker refuses, and the page asks for one', async () => {
    const page = await rig.openPage();
    await page.locator('#settings-note', { hasText: 'The broker refused: not authorised' }).waitFor();
    await logIn(page, 'wrong', false);
    await page.locator('#settings-note', { hasText: 'refused' }).waitFor();
    await logIn(page, PASSWORD, false);
    await page.locator('.unit').waitFor();
    assert.strictEqual(await stored(page), 0);
    await page.reload();
    await page.locator('#settings-note', { hasText: 'refused' }).waitFor();
    await page.context().close();
});

test('only when wished the browser remembers', async () => {
    const page = await rig.openPage();
    await page.locator('#settings-note', { hasText: 'refused' }).waitFor();
    await logIn(page, PASSWORD, true);
    await page.locator('.unit').waitFor();
    await page.reload();
    await page.locator('.unit').waitFor();
    await page.click('#connection');
    await logIn(page, PASSWORD, false);
    await page.locator('.unit').waitFor();
    assert.strictEqual(await stored(page), 0);
    await page.context().close();
});

test('user and password may stand in the address; the password is taken out of it', async () => {
    const query = new URLSearchParams({ user: USER, password: PASSWORD, prefix: 'timelapse' });
    const page = await rig.openPage({ query: String(query) });
    await page.locator('.unit').waitFor();
    assert.doesNotMatch(page.url(), /password/);
    assert.match(page.url(), /user=viewer/);
    assert.strictEqual(await stored(page), 0);
    await page.context().close();
});

test('a broker that knows only MQTT 3.1.1 is spoken to in that', async () => {
    const server = await startOldBroker();
    const subscribed = once(server, 'subscribed');
    const page = await rig.openPage({ query: `url=ws://127.0.0.1:${server.address().port}/mqtt` });
    await subscribed;
    await page.locator('body[data-link="online"]').waitFor();
    await page.context().close();
    server.close();
});

test('an address that is none is refused in words', async () => {
    const page = await rig.openPage({ query: 'url=nowhere' });
    await page.locator('#settings-note', { hasText: 'refused' }).waitFor();
    await page.context().close();
});

test('with the rules of lapsectl acl a viewer sees all and commands nothing, an operator does',
    async (context) => {
        const users = { pi01: 'a', viewer: 'b', operator: 'c' };
        const locked = await newRig({ broker: `${LOCKED}\nacl_file %dir/acl`, users,
            acl: ['--agents', 'pi01', '--operators', 'operator', '--viewers', 'viewer'] });
        context.after(() => locked.close());
        const open = async (user) => {
            const page = await locked.openPage({ query: `user=${user}&password=${users[user]}` });
            await page.locator('.unit[data-state="capturing"] img').waitFor();
            await page.click('[data-verb="snapshot"]');
            return page;
        };
        await fake.agent(locked, 'pi01', {});
        const viewer = await open('viewer');
        await viewer.locator('.answer', { hasText: 'the broker does not allow it' }).waitFor();
        assert.strictEqual(locked.said('unit/mk4/cmd/snapshot'), '');
        const operator = await open('operator');
        await locked.until(() => locked.said('unit/mk4/cmd/snapshot') !== '');
        const { id } = locked.saidJson('unit/mk4/cmd/snapshot');
        await locked.client.publishAsync('timelapse/v1/pi01/ack', JSON.stringify({ v: 1, id,
            agent: 'pi01', phase: 'final', ok: true, result: { frames: [{ frame: 7 }] } }));
        await operator.locator('.answer', { hasText: 'frame 7' }).waitFor();
    });
