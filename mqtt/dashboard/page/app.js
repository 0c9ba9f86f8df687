// SPDX-License-Identifier: MIT
// app: puts the page together: one link, one store, the views. Everything is drawn from the store,
// at most once a frame of the screen; a clock redraws the "12 s ago".
'use strict';

(() => {
    const { setText, setLine, setHidden, setData, syncViews } = lapsed.dom;
    const { text } = lapsed;
    const OPEN_WHEN_FEW = 3; // so many agents are unfolded by themselves
    const FORGET_MS = 90000; // what the broker did not say again after a new connection
    const byId = (id) => document.getElementById(id);

    let settings = lapsed.connection.load();
    let link = null;
    let pictureLink = null; // mosquitto 2.0 sends 40 kB/s to a browser: no answer waits behind a JPEG
    let store = null;
    let commands = null;
    let linkState = 'idle';
    let linkReason = '';
    let lostAt = null;
    let forgetTimer = null;
    let drawing = false;
    const folds = new Map(); // agent → open, as the person wished
    const views = new Map();
    const problems = lapsed.createProblems(byId('problems'), byId('problem-list'));
    const events = lapsed.createEvents(byId('log'), byId('events'));

    // --- drawing ---

    function redraw() {
        if (drawing) return;
        drawing = true;
        requestAnimationFrame(() => {
            drawing = false;
            draw();
        });
    }

    function isOpen(id) {
        return folds.has(id) ? folds.get(id) : store.agents.size <= OPEN_WHEN_FEW;
    }

    function draw() {
        const agents = [...store.agents.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
        const problemCount = problems.update(agents);
        document.title = `${problemCount ? `(${problemCount}) ` : ''}lapsed`;
        drawConnection();
        drawFleet(agents, problemCount);
        drawEmpty(agents);
        drawAgents(agents);
        events.update(store.events);
    }

    function drawConnection() {
        const host = URL.canParse(settings.url) ? new URL(settings.url).host : settings.url;
        const words = { idle: 'Not connected', connecting: 'Connecting …',
            online: 'Connected', away: 'Broker away', refused: 'Refused' };
        setData(document.body, 'link', linkState);
        setText(byId('connection-text'), words[linkState]);
        setText(byId('connection-host'), linkState === 'idle' ? '' : host);
        setLine(byId('banner'), bannerText(host));
    }

    function bannerText(host) {
        if (linkState === 'refused') return `The broker at ${host} refused: ${linkReason}.`;
        if (linkState !== 'away') return '';
        const since = lostAt ? `What you see is from ${text.time(lostAt)}. ` : '';
        return `No connection to the broker at ${host}. ${since}Trying again …`;
    }

    function drawFleet(agents, problemCount) {
        const online = agents.filter((agent) => agent.online).length;
        const states = agents.filter((agent) => agent.online).flatMap((agent) =>
            [...agent.units.values()].map((unit) => text.object(unit.status).state || unit.state));
        const capturing = states.filter((state) => state === 'capturing').length;
        const words = [text.count(agents.length, 'agent', 'agents'), `${online} online`,
            capturing ? `${capturing} capturing` : null,
            problemCount ? text.count(problemCount, 'problem', 'problems') : null];
        const toggle = byId('fleet-toggle');
        setText(byId('fleet-summary'), agents.length ? words.filter(Boolean).join(' · ') : '');
        setHidden(toggle, agents.length < 2);
        setText(toggle, agents.some((agent) => isOpen(agent.id)) ? 'Fold all' : 'Unfold all');
    }

    function drawEmpty(agents) {
        const words = {
            idle: ['Which broker?', 'Enter its WebSocket address under Connection.'],
            connecting: ['Connecting …', settings.url],
            online: ['No agent here yet', `Nothing is said below ${settings.prefix}/v1/. ` +
                'Start lapsed with this broker and it shows up by itself.'],
            away: ['The broker is away', 'The page goes on trying; agents show up when it is back.'],
            refused: ['The broker refused', 'Check user and password under Connection.'],
        };
        setHidden(byId('empty'), agents.length > 0);
        setText(byId('empty-title'), words[linkState][0]);
        setText(byId('empty-text'), words[linkState][1]);
    }

    function createAgentView(id) {
        return lapsed.createAgent(id, commands, (open) => {
            folds.set(id, open);
            redraw();
        });
    }

    function drawAgents(agents) {
        const nowMs = Date.now();
        syncViews(byId('agents'), views, agents.map((agent) => agent.id), createAgentView);
        for (const agent of agents) {
            const open = isOpen(agent.id);
            pictureLink.follow(store.pictureFilter(agent.id), open);
            views.get(agent.id).update(agent, { open, nowMs, heard: store.isHeard(agent),
                linked: linkState === 'online' });
        }
    }

    // --- the link ---

    function onState(state, reason) {
        if (state === 'online' && linkState !== 'online') {
            store.beginEpoch();
            forgetTimer = setTimeout(store.forgetUnheard, FORGET_MS);
        } else {
            clearTimeout(forgetTimer);
        }
        if (linkState === 'online' && state !== 'online') lostAt = new Date();
        linkState = state;
        linkReason = reason;
        if (state === 'refused') openSettings(`The broker refused: ${reason}.`);
        redraw();
    }

    function connect(chosen) {
        if (link) link.close();
        if (pictureLink) pictureLink.close();
        settings = chosen;
        linkState = 'connecting';
        lostAt = null;
        syncViews(byId('agents'), views, [], null);
        commands = lapsed.createCommands(settings.prefix,
            (...message) => link.publish(...message), redraw);
        store = lapsed.createStore(settings.prefix, { onChange: redraw,
            onEvent: commands.onEvent, onAck: commands.onAck });
        pictureLink = lapsed.createLink(settings, { onState() {}, onMessage: store.apply,
            filters: [] });
        link = lapsed.createLink(settings, { onState, onMessage: store.apply,
            filters: store.filters() });
        redraw();
    }

    function openSettings(note) {
        lapsed.connection.open(settings, note, connect);
    }

    byId('connection').addEventListener('click', () => openSettings(''));
    byId('fleet-toggle').addEventListener('click', () => {
        const open = ![...store.agents.keys()].some(isOpen);
        for (const id of store.agents.keys()) folds.set(id, open);
        redraw();
    });
    setInterval(redraw, 1000);
    connect(settings);
    if (!settings.url) openSettings('');
})();
