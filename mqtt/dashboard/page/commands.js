// SPDX-License-Identifier: MIT
// commands: what the buttons ask of the agents, and what became of it. Every command has an id of
// ours; its acknowledgements carry it: accepted, then the final one. Silence is said, too.
'use strict';

lapsed.createCommands = (() => {
    const { text } = lapsed;
    const ACCEPT_MS = 8000;
    const FINAL_MS = 60000;

    // What is asked before it is done.
    const QUESTIONS = {
        abort: { title: 'Abort this session?', yes: 'Abort',
            text: 'It ends at once, without a last frame and without a video. Its frames are kept.' },
        standby: { title: 'Discard this session?', yes: 'Discard',
            text: 'The session ends and its frames are deleted. There will be no video.' },
        finish: { title: 'Finish this session?', yes: 'Finish',
            text: 'One last frame, then the video is made. What prints goes on without frames.' },
        restart: { title: 'Finish and begin anew?', yes: 'Restart',
            text: 'The video of this session is made, and a new session begins.' },
    };

    // One picture of the proof that a snapshot answers with.
    function describeFrame(proof) {
        const { frame, camera, age_ms: age } = text.object(proof);
        const name = text.number(frame) === null ? 'picture taken' : `frame ${frame}`;
        return [name, text.string(camera), text.number(age) === null ? null : `${age} ms old`]
            .filter(Boolean).join(', ');
    }

    function describeResult(result) {
        const { frames, age_ms: age, job, state } = text.object(result);
        if (text.array(frames).length) return frames.map(describeFrame).join('; ');
        if (text.number(age) !== null) return describeFrame(result);
        if (text.string(job)) return `the video is being made (job ${job})`;
        return text.string(state) ? `the unit is now ${state}` : 'done';
    }

    function describeError(ack) {
        const kind = text.string(ack.error);
        return text.string(ack.message) || (kind && text.words(kind)) || `error ${ack.code}`;
    }

    // Asks with a dialog; resolves to true or false.
    function confirmed(question) {
        const dialog = document.getElementById('confirm');
        for (const part of ['title', 'text', 'yes'])
            document.getElementById(`confirm-${part}`).textContent = question[part];
        dialog.returnValue = 'no';
        dialog.showModal();
        return new Promise((resolve) => {
            dialog.onclose = () => resolve(dialog.returnValue === 'yes');
        });
    }

    // publish(topic, payload, done) as of link; onAnswer(key): an answer of this key changed.
    return function createCommands(prefix, publish, onAnswer) {
        const session = Math.floor(Math.random() * 2 ** 40).toString(36);
        const waiting = new Map(); // id → command
        const working = new Map(); // agent/job → the command that began it
        const answers = new Map(); // key → {id of the command, tone, text}
        let count = 0;

        function say(command, tone, words) {
            answers.set(command.key, { id: command.id, tone, text: `${command.label}: ${words}` });
            onAnswer(command.key);
        }

        function expect(command, ms, words) {
            clearTimeout(command.timer);
            command.timer = setTimeout(() => {
                waiting.delete(command.id);
                say(command, 'bad', words);
            }, ms);
        }

        function end(command, tone, words) {
            clearTimeout(command.timer);
            waiting.delete(command.id);
            say(command, tone, words);
        }

        function send(command, topic, payload) {
            command.id = `dash-${session}-${++count}`;
            waiting.set(command.id, command);
            expect(command, ACCEPT_MS, `no answer from ${command.agent}`);
            say(command, 'busy', 'asked …');
            const sent = publish(`${prefix}/v1/${command.agent}/${topic}`,
                JSON.stringify({ id: command.id, ...payload }), (refusal) => {
                    if (refusal) end(command, 'bad', refusal);
                });
            if (!sent) end(command, 'bad', 'not sent, the broker is away');
        }

        // target: {agent, kind: 'unit' or 'camera', id}. careful: a session would be lost.
        async function ask(target, verb, careful) {
            if (careful && QUESTIONS[verb] && !(await confirmed(QUESTIONS[verb]))) return;
            send({ key: keyOf(target), agent: target.agent,
                label: text.capital(text.words(verb)) },
            `${target.kind}/${target.id}/cmd/${verb}`, {});
        }

        function set(target, setting, label, value) {
            send({ key: keyOf(target), agent: target.agent, label },
                `${target.kind}/${target.id}/set/${setting}`, { value });
        }

        function onAck(ack) {
            const command = waiting.get(ack.id);
            if (!command || command.agent !== ack.agent) return;
            if (ack.phase !== 'final') {
                expect(command, FINAL_MS, 'accepted, but no result came');
                say(command, 'busy', 'accepted …');
            } else if (ack.ok === true) {
                const job = text.string(text.object(ack.result).job);
                if (job) working.set(`${command.agent}/${job}`, command);
                end(command, 'good', describeResult(ack.result));
            } else {
                end(command, 'bad', describeError(ack));
            }
        }

        // The video that a command asked for is there, or failed.
        function onEvent(agentId, event) {
            const key = `${agentId}/${text.string(event.job)}`;
            const command = working.get(key);
            if (!command || answers.get(command.key).id !== command.id) return;
            if (text.error(event.error)) say(command, 'bad', text.error(event.error));
            else if (text.string(event.file)) say(command, 'good', `ready: ${event.file}`);
        }

        function keyOf(target) {
            return `${target.agent}/${target.kind}/${target.id}`;
        }

        return { ask, set, onAck, onEvent, answerOf: (target) => answers.get(keyOf(target)) };
    };
})();
