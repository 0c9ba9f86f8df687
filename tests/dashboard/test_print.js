// SPDX-License-Identifier: MIT
// The page and a real print: broker, lapsed, the simulated printer, Chromium, and real clicks.
'use strict';

const { test, before, after } = require('node:test');
const assert = require('node:assert');
const { newRig, AGENT } = require('./rig');

const UNIT = '[data-unit="mk4"]';
let rig;
let page;
let passed = false;

const frames = () => rig.saidJson('unit/mk4/status')?.session?.frames ?? 0;
const answer = (tone, words) => page.locator(`${UNIT} .answer[data-tone="${tone}"]`,
    { hasText: words }).waitFor();
const state = (name) => page.locator(`${UNIT}[data-state="${name}"]`).waitFor();
const click = (verb) => page.click(`${UNIT} [data-verb="${verb}"]`);

// Resolves when the page shows a number of frames that fits.
const framesShown = (least) => page.waitForFunction(([unit, wanted]) => {
    const facts = [...document.querySelectorAll(`${unit} .facts > div`)];
    const fact = facts.find((each) => each.querySelector('dt').textContent === 'Frames');
    return fact && Number(fact.querySelector('dd').textContent) >= wanted;
}, [UNIT, least]);

before(async () => {
    rig = await newRig({ sim: ['--layers', '400', '--layer-ms', '800'] });
    page = await rig.openPage();
});

after(async () => {
    if (!passed) rig.showLogs();
    await rig.close();
});

test('the running print is shown: job, progress, layer, frames, video so far', async () => {
    await state('capturing');
    await framesShown(2);
    assert.strictEqual(await page.textContent(`${UNIT} .job`), 'benchy');
    assert.match(await page.textContent(`${UNIT} .progress-text`), /% · layer \d+ of 400/);
    assert.match(await page.textContent(`${UNIT} .facts`), /Video so far0:0\d\.\d/);
    assert.match(await page.textContent('[data-printer="mk4"]'), /printing.*bed.*tool0/s);
    assert.match(await page.textContent(`[data-agent="${AGENT}"] .fold`), /online/);
});

test('the picture of the camera is shown and changes with the print', async () => {
    const img = page.locator(`${UNIT} img`);
    await img.waitFor();
    const first = await img.getAttribute('src');
    await page.waitForFunction(([unit, before]) => {
        const now = document.querySelector(`${unit} img`);
        return now.src !== before && now.complete && now.naturalWidth > 0;
    }, [UNIT, first]);
});

test('the button Snapshot takes a frame and shows its proof', async () => {
    await click('pause');
    await state('paused');
    assert.strictEqual(await page.evaluate(() => document.activeElement.dataset.verb), 'resume');
    await answer('good', 'Pause: the unit is now paused');
    const before = frames();
    await click('snapshot');
    await answer('good', /Snapshot: frame \d+, front, -?\d+ ms old/);
    await framesShown(before + 1);
});

test('the button Resume goes on taking frames', async () => {
    const before = frames();
    await click('resume');
    await state('capturing');
    await answer('good', 'Resume: the unit is now capturing');
    await framesShown(before + 2);
});

test('a setting is changed, and a wrong value is refused in words', async () => {
    await page.click(`${UNIT} .settings summary`);
    const fps = page.locator(`${UNIT} [data-setting="fps"] input`);
    await fps.fill('12');
    await fps.press('Enter');
    await answer('good', 'Frames per second: done');
    await rig.until(() => rig.saidJson('unit/mk4/status').settings.fps === 12);
    await fps.fill('-3');
    await fps.press('Enter');
    await answer('bad', /Frames per second: .*fps/);
    await page.click(`${UNIT} .job`);
    await page.waitForFunction((unit) => document.querySelector(
        `${unit} [data-setting="fps"] input`).value === '12', UNIT);
});

test('the button Preview makes a video while the capture goes on', async () => {
    await click('preview');
    await answer('good', /Preview: ready: .*\.mp4/);
    await page.locator('#events [data-event="preview_ready"]').waitFor();
    await state('capturing');
});

test('another page that comes later shows the same from retained topics alone', async () => {
    const later = await rig.openPage();
    await later.locator(`${UNIT}[data-state="capturing"] img`).waitFor();
    await later.locator('.facts dt', { hasText: 'Frames' }).waitFor();
    assert.deepStrictEqual(later.complaints, []);
    await later.context().close();
});

test('Abort asks first, and Cancel does nothing', async () => {
    await click('abort');
    await page.click('#confirm button[value="no"]');
    await page.locator('#confirm').waitFor({ state: 'hidden' });
    assert.strictEqual(rig.saidJson('unit/mk4/status').state, 'capturing');
});

test('Finish asks, and then the finished video appears', async () => {
    await click('finish');
    await page.click('#confirm-yes');
    await page.locator(`${UNIT} .video code`, { hasText: /\.mp4$/ }).waitFor();
    assert.match(await page.textContent(`${UNIT} .video`), /\d+ frames/);
    await page.locator('#events [data-event="session_finished"]').waitFor();
});

test('a refused command is answered in the words of the agent', async () => {
    await state('waiting');
    const buttons = `${UNIT} [data-verb="finish"]`;
    await page.evaluate((selector) => { document.querySelector(selector).hidden = false; }, buttons);
    await page.evaluate((selector) => document.querySelector(selector).click(), buttons);
    await answer('bad', 'Finish: the unit waits for a print');
});

test('nothing of all this made the browser complain', () => {
    assert.deepStrictEqual(page.complaints, []);
});

test('the broker goes away and comes back: the page says so and recovers', async () => {
    await rig.stopBroker();
    await page.locator('body[data-link="away"]').waitFor();
    assert.match(await page.textContent('#banner'), /No connection to the broker.*What you see is/);
    assert.ok(await page.isDisabled(`${UNIT} [data-verb="snapshot"]`));
    rig.startBroker();
    await page.locator('body[data-link="online"]').waitFor();
    await page.locator(`[data-agent="${AGENT}"][data-standing="online"]`).waitFor();
    await page.locator('#banner').waitFor({ state: 'hidden' });
    await page.locator(`${UNIT} img`).waitFor();
});

test('a killed agent is shown offline and comes back online', async () => {
    const agent = `[data-agent="${AGENT}"]`;
    await rig.stopAgent();
    await page.locator(`${agent}[data-standing="offline"]`).waitFor();
    assert.match(await page.textContent('#problem-list'), /pi01.*offline/);
    assert.ok(await page.isDisabled(`${UNIT} [data-verb="snapshot"]`));
    await rig.startAgent();
    await page.locator(`${agent}[data-standing="online"]`).waitFor();
    await page.locator(`${UNIT} [data-verb="snapshot"]:enabled`).waitFor();
    passed = true;
});
