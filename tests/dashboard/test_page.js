// SPDX-License-Identifier: MIT
// The page alone: agents that exist only as topics, hostile ones among them, on screens of all
// sizes.
'use strict';

const { test, before, beforeEach, after } = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { newRig } = require('./rig');
const fake = require('./fake_agent');

const PHONE = { viewport: { width: 320, height: 640 }, hasTouch: true, isMobile: true };
const AXE = fs.readFileSync(path.join(process.env.TEST_MODULES, 'axe-core/axe.min.js'), 'utf8');
let rig;

before(async () => { rig = await newRig(); });
after(() => rig.close());
beforeEach(async () => {
    await rig.clear();
    rig.topics.clear();
});

async function assertFits(page) {
    const [content, screen] = await page.evaluate(() => [document.documentElement.scrollWidth,
        document.documentElement.clientWidth]);
    assert.ok(content <= screen, `the page is ${content} px wide on a screen of ${screen}`);
}

async function assertAccessible(page) {
    await page.evaluate(AXE);
    const found = await page.evaluate(async () => {
        const { violations } = await axe.run(document, { rules: { region: { enabled: false } } });
        return violations.map((rule) => `${rule.id}: ${rule.nodes.map((node) => node.html +
            node.failureSummary).join('\n')}`);
    });
    assert.deepStrictEqual(found, []);
}

test('an empty broker is told in words', async () => {
    const page = await rig.openPage();
    await page.locator('#empty-title', { hasText: 'No agent here yet' }).waitFor();
    assert.match(await page.textContent('#empty-text'), /timelapse\/v1\//);
    assert.deepStrictEqual(page.complaints, []);
    await page.context().close();
});

test('hostile names and texts are shown as text and run nothing', async () => {
    const evil = '<img src=x onerror="window.hurt=1"><script>window.hurt=1</script>';
    await fake.agent(rig, 'pi01', { hostname: evil, error: evil, unit: {
        session: { job: evil, frames: evil, video_s: {} }, state: evil,
        printer: { progress: '"><b>', layer: [] }, cameras: [{ id: evil }, null, 7],
        settings: { '<b>x</b>': 1, trigger: 'no list', fps: null } } });
    await rig.retain('pi01/unit/mk4/video', { url: 'javascript:window.hurt=1', file: evil });
    await rig.retain('pi01/printer/mk4/status', { temperatures: { [evil]: evil, bed: 3 }, job: [] });
    await rig.retain('pi01/jobs', [{ id: evil, kind: evil, state: {}, error: { message: evil } }, 5]);
    await rig.retain('pi01/unit/evil<b>/status', { state: 'standby' });
    await rig.retain('pi01/unit/broken/status', '{"state":');
    await rig.retain('pi01/image/front/last', 'no JPEG');
    const page = await rig.openPage();
    await page.locator('[data-unit="mk4"] .video code', { hasText: '<script>' }).waitFor();
    await rig.client.publishAsync('timelapse/v1/pi01/event',
        JSON.stringify({ event_type: evil, error: evil, ts: evil }));
    await page.locator('#events li', { hasText: 'onerror' }).waitFor();
    assert.strictEqual(await page.evaluate(() => window.hurt), undefined);
    assert.strictEqual(await page.locator('main script, main b, main img:not([hidden])').count(), 0);
    assert.ok(await page.isHidden('[data-unit="mk4"] .video a'));
    assert.strictEqual(await page.locator('.unit').count(), 2);
    assert.deepStrictEqual(page.complaints, []);
    await assertFits(page);
    await page.context().close();
});

test('values of the wrong kind anywhere break nothing', async () => {
    const nasty = [{ toString: 1, valueOf: 1 }, [[]], 'x', 'constructor', '__proto__', -1, 1e308, true, null];
    const documents = new Map();
    await fake.agent(rig, 'pi01', {});
    await rig.retain('pi01/unit/mk4/video', { file: 'a.mp4', url: null, duration_s: 3, frames: 4,
        ready_ms_after_end: 5, bytes: 6 });
    await rig.retain('pi01/jobs', [{ id: 'j1', kind: 'preview', unit: 'mk4', state: 'running',
        progress: 3, eta_s: 4, error: { code: 1, message: 'm', since: 'x' } }]);
    await rig.retain('pi01/image/front/last/meta', { ts: new Date(), frame: 1, layer: 2, width: 3,
        height: 4 });
    await rig.until(() => rig.topics.has('timelapse/v1/pi01/image/front/last/meta'));
    for (const [topic, payload] of rig.topics)
        if (payload[0] === 0x7b || payload[0] === 0x5b) documents.set(topic, JSON.parse(payload));
    const page = await rig.openPage({ everyMessage: true });
    await page.locator('[data-unit="mk4"] .video').waitFor();
    for (const value of nasty) {
        for (const [topic, document] of documents)
            for (const variant of fake.variants(document, value))
                rig.client.publish(topic, JSON.stringify(variant), { qos: 1 });
        for (const key of ['event_type', 'ts', 'frame', 'error', 'job', 'file', 'duration_s'])
            rig.client.publish('timelapse/v1/pi01/event',
                JSON.stringify({ event_type: 'frame', [key]: value }), { qos: 1 });
        await fake.unit(rig, 'pi01', { state: 'waiting' });
        await page.locator('.unit[data-state="waiting"]').waitFor();
        await fake.unit(rig, 'pi01', { state: 'capturing' });
        await page.locator('.unit[data-state="capturing"]').waitFor();
    }
    assert.deepStrictEqual(page.complaints, []);
    await page.context().close();
});

test('a phone of 320 px shows all without scrolling sideways, with buttons for fingers', async () => {
    await fake.agent(rig, 'pi01', { unit: { session: {
        job: `0:/gcodes/${'a_very_long_name_without_a_space'.repeat(4)}.gcode` },
    error: { code: -5, message: '/a/long/path'.repeat(20), since: null } } });
    const page = await rig.openPage(PHONE);
    await page.locator('[data-unit="mk4"] img').waitFor();
    await page.click('.settings summary');
    await assertFits(page);
    const small = await page.evaluate(() => [...document.querySelectorAll('button, summary')]
        .filter((node) => node.checkVisibility() && node.getBoundingClientRect().height < 44)
        .map((node) => node.textContent));
    assert.deepStrictEqual(small, []);
    await page.context().close();
});

for (const colorScheme of ['light', 'dark']) {
    test(`people of all kinds can use it in ${colorScheme} colours`, async () => {
        await fake.agent(rig, 'pi01', { unit: { state: 'paused',
            error: { code: -5, message: 'no space left', since: null } } });
        await fake.agent(rig, 'pi02', { unit: { state: 'standby', session: null } });
        const page = await rig.openPage({ colorScheme });
        await page.locator('[data-agent="pi01"] .unit img').waitFor();
        for (const summary of await page.locator('.settings summary').all()) await summary.click();
        await assertAccessible(page);
        await page.click('#connection');
        await assertAccessible(page);
        await page.context().close();
    });
}

test('twenty agents are folded, and pictures come when one is unfolded', async () => {
    await Promise.all(Array.from({ length: 20 }, (none, i) =>
        fake.agent(rig, `pi${10 + i}`, { online: i % 5 > 0 })));
    const page = await rig.openPage(PHONE);
    await page.locator('#fleet-summary', { hasText: '20 agents · 16 online' }).waitFor();
    assert.strictEqual(await page.locator('.unit').count(), 0);
    await page.click('[data-agent="pi12"] .fold');
    await page.locator('[data-agent="pi12"] .unit img').waitFor();
    assert.strictEqual(await page.locator('.unit').count(), 1);
    await assertFits(page);
    await page.context().close();
});

test('of many pictures only the shown one is kept in memory', async () => {
    await fake.agent(rig, 'pi01', {});
    const page = await rig.openPage();
    await page.evaluate(() => {
        window.urls = new Set();
        const { createObjectURL, revokeObjectURL } = URL;
        URL.createObjectURL = (blob) => {
            const url = createObjectURL.call(URL, blob);
            window.urls.add(url);
            window.made = (window.made || 0) + 1;
            return url;
        };
        URL.revokeObjectURL = (url) => {
            window.urls.delete(url);
            revokeObjectURL.call(URL, url);
        };
    });
    await page.locator('.unit img').waitFor();
    for (let i = 1; i <= 5; i++) {
        await rig.retain('pi01/image/front/last', fake.jpeg(i));
        await page.waitForFunction((count) => window.made >= count, i);
    }
    assert.ok(await page.evaluate(() => window.urls.size) <= 1);
    await page.context().close();
});

test('an overtaken status is passed over, a cleared topic vanishes', async () => {
    await fake.agent(rig, 'pi01', { unit: { boot: 'b', seq: 10, state: 'paused' } });
    const page = await rig.openPage();
    await page.locator('.unit[data-state="paused"]').waitFor();
    await fake.unit(rig, 'pi01', { boot: 'b', seq: 9, state: 'capturing' });
    await fake.unit(rig, 'pi01', { boot: 'b', seq: 11, state: 'building' });
    await page.locator('.unit[data-state="building"]').waitFor();
    await fake.unit(rig, 'pi01', { boot: 'c', seq: 1, state: 'standby', session: null });
    await page.locator('.unit[data-state="standby"]').waitFor();
    await rig.clear();
    await page.locator('#empty-title', { hasText: 'No agent here yet' }).waitFor();
    assert.strictEqual(await page.locator('.agent').count(), 0);
    await page.context().close();
});

test('an agent that does not answer is said to be silent', async () => {
    await fake.agent(rig, 'pi01', {});
    const page = await rig.openPage();
    await page.clock.install();
    await page.click('[data-verb="snapshot"]');
    await page.locator('.answer[data-tone="busy"]').waitFor();
    await page.clock.runFor(10000);
    await page.locator('.answer[data-tone="bad"]', { hasText: 'no answer from pi01' }).waitFor();
    await page.context().close();
});
