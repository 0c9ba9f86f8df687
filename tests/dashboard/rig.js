// SPDX-License-Identifier: MIT
// rig: a real mosquitto that serves the page and speaks WebSocket, the simulated printer with its
// camera, the real lapsed, and a Chromium without a window. All in one temporary directory, on
// loopback ports of its own. The programs are named by the environment (CMakeLists.txt).
'use strict';

const { execFileSync, spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const mqtt = require(path.join(process.env.MQTT_MODULES, 'mqtt'));
const { chromium } = require(path.join(process.env.TEST_MODULES, 'playwright-core'));

const AGENT = 'pi01';
const DEADLINE_MS = 60000;
const BROWSER_FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync',
    '--disable-dev-shm-usage'];

async function freePort() {
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address();
    server.close();
    await once(server, 'close');
    return port;
}

// A child whose output goes to dir/<name>.log.
function start(dir, name, program, args) {
    const log = fs.openSync(path.join(dir, `${name}.log`), 'a');
    const child = spawn(program, args, { stdio: ['ignore', log, log] });
    fs.closeSync(log);
    return child;
}

async function stop(child, signal) {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
}

class Rig {
    constructor(dir, ports) {
        this.dir = dir;
        this.ports = ports;
        this.page = `http://127.0.0.1:${ports.web}/`;
        this.topics = new Map(); // what is said: topic → last payload
        this.waiting = new Set();
    }

    // lines: of mosquitto.conf, "%dir" the rig's directory; users: {name: password} in
    // %dir/passwords.
    startBroker(lines = 'allow_anonymous true', users = {}) {
        const passwords = path.join(this.dir, 'passwords');
        fs.writeFileSync(passwords, '', { mode: 0o600 });
        for (const [user, password] of Object.entries(users))
            execFileSync('mosquitto_passwd', ['-b', passwords, user, password], { stdio: 'pipe' });
        const conf = path.join(this.dir, 'mosquitto.conf');
        const user = process.getuid() === 0 ? 'user root\n' : '';
        fs.writeFileSync(conf, `${user}persistence false\n${lines.replaceAll('%dir', this.dir)}\n` +
            `listener ${this.ports.mqtt} 127.0.0.1\nlistener ${this.ports.web} 127.0.0.1\n` +
            `protocol websockets\nhttp_dir ${process.env.PAGE}\n`);
        this.broker = start(this.dir, 'mosquitto', process.env.MOSQUITTO, ['-c', conf]);
    }

    stopBroker() {
        return stop(this.broker, 'SIGKILL');
    }

    // Hears everything, and speaks for agents that are not there.
    async listen(login = {}) {
        this.client = mqtt.connect(`mqtt://127.0.0.1:${this.ports.mqtt}`,
            { reconnectPeriod: 50, ...login });
        this.client.on('error', () => {});
        this.client.on('message', (topic, payload) => {
            this.topics.set(topic, payload);
            for (const check of this.waiting) check();
        });
        // Not events.once(): a broker that does not listen yet is an 'error' first.
        await new Promise((resolve) => { this.client.once('connect', resolve); });
        await this.client.subscribeAsync('#');
    }

    said(topic) {
        const payload = this.topics.get(`timelapse/v1/${AGENT}/${topic}`);
        return payload === undefined ? '' : payload.toString();
    }

    saidJson(topic) {
        return JSON.parse(this.said(topic) || 'null');
    }

    // Resolves when the condition holds; looked at with every message.
    until(condition) {
        return new Promise((resolve, reject) => {
            const deadline = setTimeout(() =>
                reject(new Error(`a minute passed without: ${condition}`)), DEADLINE_MS);
            const check = () => {
                if (!condition()) return;
                clearTimeout(deadline);
                this.waiting.delete(check);
                resolve();
            };
            this.waiting.add(check);
            check();
        });
    }

    retain(topic, value) {
        const payload = typeof value === 'object' && !Buffer.isBuffer(value)
            ? JSON.stringify(value) : value;
        return this.client.publishAsync(`timelapse/v1/${topic}`, payload, { retain: true, qos: 1 });
    }

    // Nothing is retained any more.
    async clear() {
        await Promise.all([...this.topics.keys()].map((topic) =>
            this.client.publishAsync(topic, '', { retain: true, qos: 1 })));
        await this.until(() => [...this.topics.values()].every((payload) => payload.length === 0));
    }

    async startSim(args = []) {
        this.ports.sim = await freePort();
        this.simProcess = start(this.dir, 'sim', process.env.LAPSED_SIM,
            ['--listen', `127.0.0.1:${this.ports.sim}`, '--camera-fps', '10', ...args]);
    }

    sim(command) {
        return fetch(`http://127.0.0.1:${this.ports.sim}${command}`);
    }

    writeConf(unit) {
        const sim = `http://127.0.0.1:${this.ports.sim}`;
        fs.writeFileSync(path.join(this.dir, 'lapsed.conf'), `
agent = { id = "${AGENT}"; data_dir = "${this.dir}/data"; reserve_mb = 1.0; };
mqtt = { host = "127.0.0.1"; port = ${this.ports.mqtt}; };
printers = ( { id = "mk4"; kind = "duet"; url = "${sim}"; } );
cameras = ( { id = "front"; kind = "mjpeg"; url = "${sim}/stream"; } );
units = ( { id = "mk4"; printer = "mk4"; cameras = [ "front" ]; trigger = "layer"; fps = 5.0; ${unit} } );
`, { mode: 0o600 });
    }

    async startAgent() {
        this.topics.delete(`timelapse/v1/${AGENT}/availability`);
        this.agent = start(this.dir, 'lapsed', process.env.LAPSED,
            ['--config', path.join(this.dir, 'lapsed.conf')]);
        await this.until(() => this.said('availability') === 'online');
    }

    stopAgent(signal = 'SIGKILL') {
        return stop(this.agent, signal);
    }

    async startBrowser() {
        if (!fs.existsSync(process.env.CHROMIUM))
            throw new Error('Chromium is missing: run sh conf/install-packages.sh test');
        this.browser = await chromium.launch({ executablePath: process.env.CHROMIUM,
            args: BROWSER_FLAGS });
    }

    // A page of its own, with what it complained about in page.complaints.
    // everyMessage: each message is drawn by itself, not once a frame of the screen.
    async openPage({ query = '', everyMessage = false, ...options } = {}) {
        const context = await this.browser.newContext({ viewport: { width: 1280, height: 900 },
            ...options });
        const page = await context.newPage();
        if (everyMessage)
            await page.addInitScript(() => { window.requestAnimationFrame = (draw) => draw(); });
        page.setDefaultTimeout(DEADLINE_MS);
        page.complaints = [];
        page.on('console', (message) => {
            if (['error', 'warning'].includes(message.type())) page.complaints.push(message.text());
        });
        page.on('pageerror', (error) => page.complaints.push(error.stack));
        await page.goto(this.page + (query && `index.html?${query}`));
        return page;
    }

    showLogs() {
        for (const name of fs.readdirSync(this.dir).filter((file) => file.endsWith('.log')))
            console.error(`--- ${name}\n${fs.readFileSync(path.join(this.dir, name)).subarray(-3000)}`);
    }

    async close() {
        if (this.browser) await this.browser.close();
        if (this.client) await this.client.endAsync(true);
        for (const child of [this.agent, this.simProcess, this.broker]) await stop(child, 'SIGKILL');
        fs.rmSync(this.dir, { recursive: true, force: true });
    }
}

// options: {broker, users: as of startBroker, the rig itself is the first user; acl: arguments of
// lapsectl acl for %dir/acl; sim: its arguments (none: no agent, either); unit: settings of the unit}
async function newRig(options = {}) {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'lapsed-dashboard-'));
    const rig = new Rig(dir, { mqtt: await freePort(), web: await freePort() });
    try {
        await startRig(rig, options);
        return rig;
    } catch (error) {
        rig.showLogs();
        await rig.close();
        throw error;
    }
}

async function startRig(rig, options) {
    if (options.acl) fs.writeFileSync(path.join(rig.dir, 'acl'),
        execFileSync(process.env.LAPSECTL, ['acl', ...options.acl]));
    rig.startBroker(options.broker, options.users);
    const [username] = Object.keys(options.users || {});
    await rig.listen(username ? { username, password: options.users[username] } : {});
    await rig.startBrowser();
    if (options.sim) {
        await rig.startSim(options.sim);
        rig.writeConf(options.unit || '');
        await rig.startAgent();
    }
}

module.exports = { newRig, AGENT };
