// What the gateway's hooks become at the daemon, and what a daemon that is absent, slow or odd costs: one line.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import { beforeEach, test } from 'node:test';
import { promisify } from 'node:util';

import plugin from '../../../gateway-plugin/index.js';
import { FakeDaemon, fakeGateway, forgetProcess, refusal, status } from './fake_daemon.js';

beforeEach(forgetProcess);

async function started(t, options) {
  const daemon = await new FakeDaemon(options).start();
  t.after(() => daemon.close());
  return daemon;
}

async function elapsed(work) {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

test('each hook is forwarded with numbers and names, and never with the messages', async (t) => {
  const daemon = await started(t);
  const { hooks, lines } = fakeGateway(plugin, daemon);
  const context = { agentId: 'main', sessionKey: 'agent:main:a', sessionId: 's1', workspaceDir: '/w' };
  await hooks.gateway_start({ port: 18789 }, {});
  await hooks.before_compaction({ messageCount: 12, tokenCount: 345, messages: [{ role: 'user', content: 'secret' }] }, context);
  await hooks.after_compaction({ messageCount: 2, tokenCount: undefined, compactedCount: 10, sessionFile: '/f' }, context);
  await hooks.gateway_stop({ reason: 'gateway stopping' }, {});
  const names = { agentId: 'main', sessionKey: 'agent:main:a', sessionId: 's1' };
  assert.deepEqual(daemon.asked.map(({ body }) => body), [
    { event: 'gateway_start', data: { port: 18789 } },
    { event: 'before_compaction', data: { ...names, messageCount: 12, tokenCount: 345 }, deadlineMs: 9000 },
    { event: 'after_compaction', data: { ...names, messageCount: 2, compactedCount: 10 } },
    { event: 'gateway_stop', data: { reason: 'gateway stopping' } },
  ]);
  assert.deepEqual(lines, []);
});

test('hooks without any field are forwarded too', async (t) => {
  const daemon = await started(t);
  const { hooks } = fakeGateway(plugin, daemon);
  await hooks.gateway_start(undefined, undefined);
  await hooks.before_compaction({}, undefined);
  await hooks.gateway_stop(undefined, undefined);
  assert.deepEqual(daemon.asked.map(({ body }) => body.data), [{}, {}, { reason: '' }]);
});

test('registering does nothing: no connection, no line, no file', async (t) => {
  const daemon = await started(t);
  for (const registrationMode of ['full', 'discovery', 'tool-discovery', undefined]) {
    const gateway = fakeGateway(plugin, { ...daemon, stateDir: daemon.stateDir, registrationMode });
    assert.ok(gateway.tool, String(registrationMode));
    assert.ok(gateway.hooks.before_compaction, 'a turn takes its hooks from a discovery load as well');
    assert.deepEqual(gateway.lines, []);
  }
  for (const registrationMode of ['cli-metadata', 'setup-only', 'setup-runtime'])
    assert.deepEqual(fakeGateway(plugin, { stateDir: daemon.stateDir, registrationMode }).hooks, {}, registrationMode);
  assert.deepEqual(daemon.requests, []);
});

test('a command that ends is no gateway that stops', async (t) => {
  const daemon = await started(t);
  const { hooks } = fakeGateway(plugin, daemon);
  await hooks.gateway_stop({ reason: 'cli message action complete' }, {});
  assert.deepEqual(daemon.asked, []);
  await hooks.gateway_start({ port: 1 }, {});
  const again = fakeGateway(plugin, daemon); // the copy that a reload makes knows that a gateway runs here
  await again.hooks.gateway_stop({ reason: 'gateway restarting' }, {});
  assert.deepEqual(daemon.asked.map(({ body }) => body.event), ['gateway_start', 'gateway_stop']);
});

test('a daemon that is absent costs one line in a whole outage, and the next outage one more', async (t) => {
  const daemon = new FakeDaemon();
  t.after(() => daemon.close());
  const gateway = fakeGateway(plugin, daemon);
  const all = async () => {
    await gateway.hooks.gateway_start({ port: 1 }, {});
    await gateway.hooks.before_compaction({}, {});
    await gateway.hooks.after_compaction({}, {});
    await gateway.hooks.gateway_stop({ reason: 'plugin replacement' }, {});
  };
  assert.ok(await elapsed(all) < 500);
  await all();
  assert.equal(gateway.warnings().length, 1, gateway.lines.join('\n'));
  assert.match(gateway.warnings()[0], /was not told of gateway_start: there is no socket .*daemon\.sock/);
  await daemon.start();
  await all();
  assert.deepEqual(gateway.lines.slice(1), ['info: b2-backup: b2backupd answers again']);
  await daemon.stop();
  await all();
  assert.equal(gateway.warnings().length, 2);
});

test('a socket that a killed daemon left costs one line', async (t) => {
  const daemon = new FakeDaemon();
  t.after(() => daemon.close());
  const { stderr } = await promisify(execFile)(process.execPath, ['-e', `require('net').createServer().listen(${JSON.stringify(daemon.socket)}, () => process.kill(process.pid, 'SIGKILL'))`])
    .catch((error) => error);
  assert.equal(stderr, '');
  assert.ok(fs.existsSync(daemon.socket));
  const gateway = fakeGateway(plugin, daemon);
  await gateway.hooks.before_compaction({}, {});
  assert.match(gateway.warnings().join(), /nobody answers/);
});

test('a daemon that never answers holds a stop for one second, and a compaction for ten', async (t) => {
  const daemon = await started(t, { answers: { 'POST /v1/notify': 'silence', 'GET /v1/status': 'silence' } });
  const gateway = fakeGateway(plugin, daemon);
  const stop = await elapsed(() => gateway.hooks.gateway_stop({ reason: 'gateway stopping' }, {}));
  assert.ok(stop >= 900 && stop < 1500, `${stop} ms`);
  const start = await elapsed(() => gateway.hooks.gateway_start({ port: 1 }, {}));
  assert.ok(start < 1500, `${start} ms`);
  const compaction = await elapsed(() => gateway.hooks.before_compaction({}, {}));
  assert.ok(compaction >= 9500 && compaction < 11_000, `${compaction} ms`);
  assert.equal(gateway.warnings().length, 1);
  assert.match(gateway.warnings()[0], /no answer within 1 s/);
});

test('the bounds do not keep a process alive', async (t) => {
  const daemon = await started(t);
  const script = `
    import plugin from ${JSON.stringify(new URL('../../../gateway-plugin/index.js', import.meta.url).href)};
    const hooks = {};
    plugin.register({ pluginConfig: {}, config: {}, logger: { warn: console.log, info: console.log }, registerTool() {}, on: (name, hook) => { hooks[name] = hook; },
      runtime: { state: { resolveStateDir: () => ${JSON.stringify(daemon.stateDir)} } } });
    await hooks.before_compaction({}, {});
    console.log('told');`;
  const ms = await elapsed(async () => {
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]);
    assert.equal(stdout, 'told\n');
  });
  assert.ok(ms < 4000, `${ms} ms, of which nothing may be the ten seconds of a compaction`);
});

test('a daemon that refuses, or is none, is one line and no failure', async (t) => {
  for (const answer of [refusal(403, 'permission', 'you are not the owner'), 'this is no JSON', '[]']) {
    forgetProcess();
    const daemon = await started(t, { answers: { 'POST /v1/notify': answer } });
    const gateway = fakeGateway(plugin, daemon);
    await gateway.hooks.before_compaction({}, {});
    await gateway.hooks.gateway_stop({ reason: 'gateway stopping' }, {});
    assert.equal(gateway.warnings().length, 1, gateway.lines.join('\n'));
  }
});

test('a connection that breaks in the middle of an answer is one line', async (t) => {
  const daemon = new FakeDaemon();
  const server = net.createServer((socket) => socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"ok":'))).listen(daemon.socket);
  t.after(() => Promise.all([daemon.close(), new Promise((resolve) => server.close(resolve))]));
  const gateway = fakeGateway(plugin, daemon);
  await gateway.hooks.before_compaction({}, {});
  assert.match(gateway.warnings().join(), /broke in the middle|nobody answers/);
});

test('a capture that did not come about is said, once until one does', async (t) => {
  let captured = false;
  const answer = () => (captured ? { ok: true, captured: true, snapshot: null, unchanged: true, complete: true, seconds: 0 } : { ok: true, captured: false, reason: 'the queue is full' });
  const daemon = await started(t, { answers: { 'POST /v1/notify': answer } });
  const gateway = fakeGateway(plugin, daemon);
  for (captured of [false, false, true, false]) await gateway.hooks.before_compaction({}, {});
  assert.equal(gateway.warnings().length, 2);
  assert.match(gateway.warnings()[0], /no snapshot from before this compaction: the queue is full/);
});

test('another API version, and a daemon of another state directory, are said once', async (t) => {
  const daemon = new FakeDaemon();
  daemon.answers['GET /v1/status'] = () => JSON.stringify(status({ api: 2, version: 'b2backupd 9.0.0', stateDir: '/home/other/.openclaw' }));
  await daemon.start();
  t.after(() => daemon.close());
  const gateway = fakeGateway(plugin, daemon);
  await gateway.hooks.gateway_start({ port: 1 }, {});
  await gateway.hooks.gateway_start({ port: 1 }, {});
  assert.equal(gateway.warnings().length, 2);
  assert.match(gateway.warnings()[0], /b2backupd 9\.0\.0 speaks version 2 of its API, and this plugin version 1/);
  assert.match(gateway.warnings()[1], /backs up \/home\/other\/\.openclaw, and this gateway's state is in/);
});

test('a state directory by another name is the same one', async (t) => {
  const daemon = await started(t);
  const link = `${daemon.stateDir}-link`;
  fs.symlinkSync(daemon.stateDir, link);
  t.after(() => fs.unlinkSync(link));
  const gateway = fakeGateway(plugin, { stateDir: link });
  await gateway.hooks.gateway_start({ port: 1 }, {});
  assert.deepEqual(gateway.lines, []);
  assert.equal(daemon.asked.length, 1);
});

test('the original plugin beside it is said once', async (t) => {
  const daemon = await started(t);
  const beside = (entries, more = {}) => ({ plugins: { entries, ...more } });
  const theirs = { bucket: 'b', keyId: 'k' };
  const quiet = [
    beside({}), {}, undefined,
    beside({ 'openclaw-b2-backup': { enabled: false, config: theirs } }),
    beside({ 'openclaw-b2-backup': { config: theirs } }, { enabled: false }),
    beside({ 'openclaw-b2-backup': { config: theirs } }, { deny: ['openclaw-b2-backup'] }),
    beside({ 'openclaw-b2-backup': { config: theirs } }, { allow: ['b2-backup'] }),
    beside({ 'openclaw-b2-backup': { config: theirs }, 'b2-backup': { config: { bucket: 'another' } } }),
    beside({ 'openclaw-b2-backup': { config: theirs }, 'b2-backup': { config: { bucket: 'b', prefix: 'mine' } } }),
  ];
  for (const config of quiet) {
    const gateway = fakeGateway(plugin, { stateDir: daemon.stateDir, config });
    await gateway.hooks.gateway_start({ port: 1 }, {});
    assert.deepEqual(gateway.lines, [], JSON.stringify(config));
  }
  const loud = [
    beside({ 'openclaw-b2-backup': { config: theirs }, 'b2-backup': {} }),
    beside({ 'openclaw-b2-backup': { enabled: true, config: { ...theirs, prefix: 'openclaw-backup/' } }, 'b2-backup': { config: { bucket: 'b' } } }),
  ];
  for (const config of loud) {
    forgetProcess();
    const gateway = fakeGateway(plugin, { stateDir: daemon.stateDir, config });
    await gateway.hooks.gateway_start({ port: 1 }, {});
    await gateway.hooks.gateway_start({ port: 1 }, {});
    assert.equal(gateway.warnings().length, 1, JSON.stringify(config));
    assert.match(gateway.warnings()[0], /openclaw plugins disable openclaw-b2-backup/);
  }
});
