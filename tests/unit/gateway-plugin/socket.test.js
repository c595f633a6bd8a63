// Where the daemon is looked for, and what is not talked to.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { beforeEach, test } from 'node:test';

import plugin from '../../../gateway-plugin/index.js';
import { Daemon } from '../../../gateway-plugin/lib/daemon.js';
import { findSocket } from '../../../gateway-plugin/lib/socket.js';
import { FakeDaemon, fakeGateway, forgetProcess } from './fake_daemon.js';

beforeEach(forgetProcess);

function folder(t) {
  const name = fs.mkdtempSync(path.join(os.tmpdir(), 'b2b-socket-'));
  t.after(() => fs.rmSync(name, { recursive: true, force: true }));
  fs.mkdirSync(path.join(name, 'b2backupd'));
  return name;
}

async function listen(t, name) {
  const server = net.createServer().listen(name);
  await new Promise((resolve) => server.once('listening', resolve));
  t.after(() => server.close());
  return name;
}

test('the socket in the state directory', async (t) => {
  const stateDir = folder(t);
  const name = await listen(t, path.join(stateDir, 'b2backupd', 'daemon.sock'));
  assert.equal(findSocket({ stateDir }), name);
});

test('the file endpoint names another place', async (t) => {
  const stateDir = folder(t);
  const name = await listen(t, path.join(folder(t), 'short.sock'));
  fs.writeFileSync(path.join(stateDir, 'b2backupd', 'endpoint'), `${name}\n`);
  assert.equal(findSocket({ stateDir }), name);
});

test('an endpoint that is no absolute path counts as none', (t) => {
  const stateDir = folder(t);
  for (const text of ['', 'relative.sock\n', '/a\n/b\n', 'x'.repeat(5000)]) {
    fs.writeFileSync(path.join(stateDir, 'b2backupd', 'endpoint'), text);
    assert.throws(() => findSocket({ stateDir }), { kind: 'absent', message: /daemon\.sock/ });
  }
});

test('the setting comes first', async (t) => {
  const daemon = new FakeDaemon();
  const place = path.join(folder(t), 'mine.sock');
  await daemon.start(place);
  t.after(() => daemon.close());
  const gateway = fakeGateway(plugin, { stateDir: daemon.stateDir, pluginConfig: { socket: place } });
  await gateway.hooks.gateway_start({ port: 1 }, {});
  assert.equal(daemon.asked.length, 1);
  assert.deepEqual(gateway.lines, []);
});

test('a socket of another user, and what is no socket, get nothing', async (t) => {
  const stateDir = folder(t);
  const name = await listen(t, path.join(stateDir, 'b2backupd', 'daemon.sock'));
  const mine = fs.lstatSync(name).uid;
  if (mine !== 0) assert.throws(() => findSocket({ stateDir, uid: mine + 1 }), { kind: 'foreign', message: /belongs to another user/ });
  assert.equal(findSocket({ stateDir, uid: mine }), name);
  const file = path.join(folder(t), 'file');
  fs.writeFileSync(file, '');
  assert.throws(() => findSocket({ configured: file, stateDir }), { kind: 'foreign', message: /is not a socket/ });
  const link = path.join(folder(t), 'link');
  fs.symlinkSync(name, link);
  assert.throws(() => findSocket({ configured: link, stateDir }), { kind: 'foreign', message: /is not a socket/ });
});

test('a socket of root is talked to, one of a third user is not', async (t) => {
  const stateDir = folder(t);
  const name = await listen(t, path.join(stateDir, 'b2backupd', 'daemon.sock'));
  if (process.getuid() !== 0) return t.skip('only root can give a socket away');
  assert.equal(findSocket({ stateDir, uid: 1000 }), name);
  fs.chownSync(name, 1234, 1234);
  assert.throws(() => findSocket({ stateDir, uid: 1000 }), { kind: 'foreign', message: /uid 1234/ });
  const gateway = fakeGateway(plugin, { stateDir });
  await gateway.hooks.gateway_start({ port: 1 }, {});
  assert.match(gateway.warnings().join(), /belongs to another user \(uid 1234\), so nothing was sent/);
});

test('a gateway that was busy meanwhile is not told that nobody answers', async (t) => {
  const fake = new FakeDaemon();
  await fake.start();
  t.after(() => fake.close());
  const daemon = new Daemon({ socket: fake.socket });
  const asked = daemon.get('/v1/status', { connectMs: 20 });
  await new Promise((resolve) => process.nextTick(resolve)); // it is on its way
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100); // and this process does something else
  assert.equal((await asked).ok, true);
});
