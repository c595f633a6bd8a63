// b2_rollback: what is asked of the daemon, what is said, and what is refused.
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import plugin from '../../../gateway-plugin/index.js';
import { FakeDaemon, fakeGateway, forgetProcess, refusal, status, TIME } from './fake_daemon.js';

beforeEach(forgetProcess);

const ID = '2026-02-19T12-00-00-000Z-1a2b3c4d';
const SAFETY = 'safety-2026-02-19T13-00-00-000Z/2026-02-19T13-00-00-000Z';

function snapshot(id, more = {}) {
  return { id, kind: 'regular', layout: 'plugin', time: TIME, trigger: 'compaction', files: 461, bytes: 62_000_000, complete: true, host: 'here', ours: true, openclaw: '2026.9.6', writtenBy: 'b2backupd 0.1.0', ...more };
}

const REPORT = { ok: true, snapshot: ID, restored: 3, unchanged: 4, removed: 1, bytes: 100, failed: [], safety: SAFETY, quarantine: '/s/b2backupd/q', notes: [] };
const AROUND = { ...REPORT, text: 'It is back.', doctor: { ran: true, good: false, text: 'it is ill\n' }, gateway: { up: false, detail: 'nobody answers on port 1' }, advice: ['Look at the queues.'] };
const QUEUED = { ok: true, queued: true, job: 12, snapshot: ID, safety: SAFETY, gateway: 'stop', expires: TIME, text: 'In 5 seconds the gateway is stopped, restored and started again.' };
const PUSHED = { ok: true, snapshot: ID, files: 10, changed: 1, added: 2, deleted: 3, bytesUploaded: 1500, requests: 4, seconds: 0.5, complete: true, vanishedAlarm: false, skipped: [], warnings: [] };

async function prepared(t, answers, options = {}) {
  const daemon = await new FakeDaemon({ answers, ...options }).start();
  t.after(() => daemon.close());
  return { daemon, gateway: fakeGateway(plugin, daemon) };
}

function said(result) {
  assert.equal(result.content.length, 1);
  assert.equal(result.content[0].type, 'text');
  return result.content[0].text;
}

test('list-snapshots: newest first, as many as wanted', async (t) => {
  const snapshots = [
    snapshot('2026-02-17T00-00-00-000Z'),
    snapshot(SAFETY, { kind: 'safety', trigger: '' }),
    snapshot('2026-02-18T00-00-00-000Z', { complete: false, filesMissing: 2, trigger: 'schedule' }),
    snapshot(ID, { ours: false, host: 'laptop' }),
  ];
  const { gateway } = await prepared(t, { 'GET /v1/snapshots': { ok: true, snapshots, store: 's3://b', prefix: 'openclaw-backup' } });
  const result = await gateway.call({ action: 'list-snapshots' }, {});
  assert.deepEqual(result.details.snapshots.map(({ id }) => id), snapshots.map(({ id }) => id).reverse());
  assert.equal(result.details.ok, true);
  const lines = said(result).split('\n');
  assert.equal(lines[0], '4 snapshots, newest first:');
  assert.match(lines[1], new RegExp(`^- ${ID}; \\d+ days ago; before a compaction; 461 files, 62 MB; of the machine laptop$`));
  assert.match(lines[2], /on schedule; 461 files, 62 MB; INCOMPLETE: 2 files could not be read$/);
  assert.match(lines[3], /safety snapshot, taken before a restore/);
  const two = await gateway.call({ action: 'list-snapshots', limit: 2 }, {});
  assert.equal(two.details.total, 4);
  assert.deepEqual(two.details.snapshots.map(({ id }) => id), [ID, '2026-02-18T00-00-00-000Z']);
  assert.match(said(two), /^4 snapshots, the newest 2, newest first:/);
});

test('list-snapshots of an empty store', async (t) => {
  const { gateway } = await prepared(t, { 'GET /v1/snapshots': { ok: true, snapshots: [], store: 's3://b', prefix: 'p' } });
  assert.equal(said(await gateway.call({ action: 'list-snapshots' })), 'There is no snapshot in the store yet.');
});

test('status: in order, and in trouble', async (t) => {
  const { daemon, gateway } = await prepared(t, {});
  const fine = await gateway.call({ action: 'status' }, {});
  assert.match(said(fine), /^Backups are in order\.\nLast good backup: \d+ days ago \(2026-02-19T12-00-00-000Z-1a2b3c4d\)\./);
  assert.equal(fine.details.daemon.health, 'ok');
  assert.equal('status' in fine.details, false, 'OpenClaw judges a call by that name');
  daemon.answers['GET /v1/status'] = status({
    health: 'failing', lastError: { time: TIME, error: 'the key is wrong' }, storeReachable: false, notAnsweringSince: TIME, warnings: ['1', '2', '3', '4', '5', '6', '7'],
    restore: { job: 3, snapshot: ID, state: 'done', gateway: 'stop', expires: TIME, safety: SAFETY, text: 'It is back.', waits: false, report: AROUND },
  });
  const text = said(await gateway.call({ action: 'status' }, {}));
  assert.match(text, new RegExp(`^Restore of ${ID}: done\\. It is back\\.\nRestored 3 files`), 'the restore stands first');
  assert.match(text, /The gateway is NOT up again: nobody answers on port 1\nopenclaw doctor: it is ill\nLook at the queues\.\n/);
  assert.match(text, /The last backup FAILED/);
  assert.match(text, /the key is wrong/);
  assert.match(text, /NOT reachable.*\nThe store has not answered since 2026-02-19T12:00:00Z/);
  assert.match(text, /… and 2 more/);
});

test('diff: since the newest, since one, between two', async (t) => {
  const changes = [{ path: 'workspace/a.md', change: 'changed' }, { path: 'workspace/b.md', change: 'added' }, { path: 'c', change: 'deleted' }, { path: 'd\n+ e', change: 'metadata' }];
  const { daemon, gateway } = await prepared(t, { 'POST /v1/diff': () => ({ ok: true, changes, notes: ['a note'] }) });
  const result = await gateway.call({ action: 'diff' }, {});
  assert.equal(said(result), '4 differences since the newest snapshot: 1 added, 1 deleted, 1 changed, 1 with other modes or times.\n~ workspace/a.md\n+ workspace/b.md\n- c\nm d\ufffd+ e\na note');
  assert.deepEqual(result.details.changes, changes);
  await gateway.call({ action: 'diff', timestamp: ID }, {});
  await gateway.call({ action: 'diff', snapshotId: ID, compareTo: 'latest' }, {});
  assert.deepEqual(daemon.asked.map(({ body }) => body), [{ first: 'latest' }, { first: ID }, { first: ID, second: 'latest' }]);
  changes.length = 0;
  assert.equal(said(await gateway.call({ action: 'diff', snapshotId: ID }, {})), `Nothing changed since ${ID}.\na note`);
});

test('push: done, nothing new, incomplete', async (t) => {
  let report = PUSHED;
  const { gateway } = await prepared(t, { 'POST /v1/push': () => report });
  assert.equal(said(await gateway.call({ action: 'push' })), `Backed up: ${ID}, 10 files; 2 added, 1 changed, 3 deleted, 1.5 KB sent.`);
  report = { ...PUSHED, snapshot: null, unchanged: true };
  assert.match(said(await gateway.call({ action: 'push' })), /^Nothing has changed/);
  report = { ...PUSHED, complete: false, skipped: [{ path: 'x', reason: 'no permission' }] };
  assert.match(said(await gateway.call({ action: 'push' })), /INCOMPLETE: 1 file could not be read:\n- x: no permission/);
});

test('restore of everything: queued around the gateway', async (t) => {
  const { daemon, gateway } = await prepared(t, { 'POST /v1/restore': QUEUED });
  for (const name of ['snapshotId', 'timestamp']) {
    const result = await gateway.call({ action: 'restore', [name]: ID });
    assert.deepEqual(daemon.asked.at(-1), {
      route: 'POST /v1/restore', body: { snapshot: ID, yes: true, gateway: 'stop', wait: false, delaySeconds: 5 },
    });
    assert.match(said(result), /^In 5 seconds the gateway is stopped.*\nSafety snapshot of what is there now: safety-/);
    assert.equal(result.details.restore.job, 12);
  }
});

test('restore of plain files: at once, and without the gateway', async (t) => {
  const { daemon, gateway } = await prepared(t, { 'POST /v1/restore': REPORT }, { old: true });
  const result = await gateway.call({ action: 'restore', snapshotId: 'latest', paths: ['workspace/**'] });
  assert.deepEqual(daemon.asked, [{ route: 'POST /v1/restore', body: { snapshot: 'latest', paths: ['workspace/**'], yes: true } }]);
  assert.match(said(result), /^Restored 3 files from .*; 4 were as they should be already, 1 that the snapshot does not hold were moved aside\.\nWhat was there before/);
  assert.equal(result.details.report.restored, 3);
});

test('what the advice says of the way back is not said twice', async (t) => {
  const advice = ['To undo it, with what was there before: daemonctl restore safety-1', 'What was set aside is in /q'];
  const { gateway } = await prepared(t, { 'POST /v1/restore': { ...REPORT, advice } });
  const text = said(await gateway.call({ action: 'restore', snapshotId: 'latest', paths: ['workspace/**'] }));
  assert.ok(text.endsWith(advice.join('\n')), text);
  assert.doesNotMatch(text, /What was there before is in/);
  assert.doesNotMatch(text, /What was moved aside is in/);
});

test('restore of paths with a database among them: refused live, then queued around the gateway', async (t) => {
  const answer = (body) => (body.gateway ? QUEUED : refusal(409, 'refused', 'it would replace databases that are in use'));
  const { daemon, gateway } = await prepared(t, { 'POST /v1/restore': answer });
  const result = await gateway.call({ action: 'restore', snapshotId: ID, paths: ['agents/**'] });
  assert.equal(daemon.asked.length, 2);
  assert.deepEqual(daemon.asked[1].body, { snapshot: ID, paths: ['agents/**'], yes: true, gateway: 'stop', wait: false, delaySeconds: 5 });
  assert.equal(result.details.restore.queued, true);
});

test('restore with files that could not be brought back says which', async (t) => {
  const { gateway } = await prepared(t, { 'POST /v1/restore': { ...REPORT, failed: [{ path: 'workspace/a', error: 'no space' }] } });
  assert.match(said(await gateway.call({ action: 'restore', snapshotId: ID, paths: ['workspace/a'] })), /NOT restored: 1 file:\n- workspace\/a: no space/);
});

test('a daemon without the coordinated restore is called too old', async (t) => {
  const { gateway } = await prepared(t, {}, { old: true });
  const result = await gateway.call({ action: 'restore', snapshotId: ID });
  assert.equal(result.details.ok, false);
  assert.equal(result.details.code, 'too-old');
  assert.match(said(result), /too old to restore databases around a running gateway\. Nothing was changed\..*daemonctl restore 2026-02-19/s);
});

test('a daemon with another API version is not asked to restore', async (t) => {
  const { daemon, gateway } = await prepared(t, { 'GET /v1/status': () => JSON.stringify(status({ api: 2, version: 'b2backupd 9.0.0' })) });
  const result = await gateway.call({ action: 'restore', snapshotId: ID });
  assert.equal(result.details.code, 'version');
  assert.deepEqual(daemon.asked, []);
});

test('only the owner restores and pushes, and only when OpenClaw says so', async (t) => {
  const { daemon, gateway } = await prepared(t, {});
  for (const context of [undefined, {}, { senderIsOwner: false }, { senderIsOwner: 'true' }, { senderIsOwner: 1 }]) {
    for (const wanted of [{ action: 'restore', snapshotId: ID }, { action: 'restore', snapshotId: ID, paths: ['workspace/a'] }, { action: 'push' }]) {
      await assert.rejects(gateway.tool(context).execute('c', wanted), { name: 'ToolAuthorizationError', status: 403, message: /only the owner.*Nothing was done.*daemonctl restore/s });
    }
  }
  for (const [context, said] of [[{}, /does not tell the plugin here who asks/], [{ senderIsOwner: false }, /nothing shows that this request comes from the owner/]])
    await assert.rejects(gateway.tool(context).execute('c', { action: 'push' }), { message: said });
  assert.deepEqual(daemon.requests, []);
});

test('authority that ended in the meantime stops a restore', async (t) => {
  const { daemon, gateway } = await prepared(t, {});
  const context = { senderIsOwner: true, assertInvocationCurrent() { throw new Error('the turn is over'); } };
  await assert.rejects(gateway.call({ action: 'restore', snapshotId: ID }, context), /the turn is over/);
  await assert.rejects(gateway.call({ action: 'push' }, context), /the turn is over/);
  assert.deepEqual(daemon.asked, []);
});

test('arguments that cannot be right are refused with what to give instead', async (t) => {
  const { daemon, gateway } = await prepared(t, {});
  const cases = [
    [undefined, /arguments must be an object/], [null, /must be an object/], [[], /must be an object/], ['restore', /must be an object/],
    [{}, /action is one of list-snapshots, status, diff, push, restore/], [{ action: '' }, /action is one of/], [{ action: null }, /action is one of/],
    [{ action: 'delete' }, /there is no action "delete"; there are list-snapshots/], [{ action: 7 }, /there is no action 7/],
    [{ action: 'status', snapshotId: ID }, /status takes no "snapshotId"; it takes nothing else/],
    [{ action: 'push', force: true }, /push takes no "force"/],
    [{ action: 'restore', snapshot: ID }, /restore takes no "snapshot"; it takes snapshotId, timestamp, paths/],
    [{ action: 'restore' }, /restore needs snapshotId/], [{ action: 'restore', snapshotId: '' }, /needs snapshotId/],
    [{ action: 'restore', snapshotId: 5 }, /snapshotId must be text/], [{ action: 'restore', snapshotId: ['latest'] }, /snapshotId must be text/],
    [{ action: 'restore', snapshotId: '../x' }, /not the id of a snapshot/], [{ action: 'restore', snapshotId: 'a/../b' }, /not the id/],
    [{ action: 'restore', snapshotId: 'a b' }, /not the id/], [{ action: 'restore', snapshotId: 'a'.repeat(300) }, /not the id/],
    [{ action: 'restore', snapshotId: ID, timestamp: 'latest' }, /name two snapshots/],
    [{ action: 'restore', snapshotId: ID, paths: 'workspace' }, /paths must be a list/],
    [{ action: 'restore', snapshotId: ID, paths: [] }, /paths is empty; leave it out to restore everything/],
    [{ action: 'restore', snapshotId: ID, paths: '' }, /paths must be a list/],
    [{ action: 'restore', snapshotId: ID, paths: [''] }, /list of texts/], [{ action: 'restore', snapshotId: ID, paths: [3] }, /list of texts/],
    [{ action: 'restore', snapshotId: ID, paths: ['/etc/passwd'] }, /must be relative/], [{ action: 'restore', snapshotId: ID, paths: ['~/x'] }, /must be relative/],
    [{ action: 'restore', snapshotId: ID, paths: ['C:\\x'] }, /must be relative/],
    [{ action: 'restore', snapshotId: ID, paths: ['workspace/../../x'] }, /leads out of the state directory/],
    [{ action: 'restore', snapshotId: ID, paths: ['a\u0000b'] }, /control character/], [{ action: 'restore', snapshotId: ID, paths: ['x'.repeat(2000)] }, /too long/],
    [{ action: 'restore', snapshotId: ID, paths: Array(101).fill('a') }, /at most 100/],
    [{ action: 'list-snapshots', limit: 0 }, /limit must be a whole number from 1 to 200/], [{ action: 'list-snapshots', limit: 1.5 }, /whole number/],
    [{ action: 'list-snapshots', limit: '5' }, /whole number/], [{ action: 'diff', compareTo: 9 }, /compareTo must be text/],
    [{ action: 'diff', paths: ['a'] }, /diff takes no "paths"/],
  ];
  for (const [given, message] of cases)
    await assert.rejects(gateway.call(given), { name: 'ToolInputError', status: 400, message }, JSON.stringify(given));
  assert.deepEqual(daemon.requests, []);
});

test('what a model leaves empty counts as left out, except an empty list of paths in a restore', async (t) => {
  const { daemon, gateway } = await prepared(t, { 'POST /v1/restore': QUEUED });
  await gateway.call({ action: 'status', snapshotId: '', timestamp: null, paths: [], compareTo: null, limit: null }, {});
  await gateway.call({ action: 'restore', snapshotId: ID, timestamp: '', paths: null });
  assert.equal('paths' in daemon.asked[0].body, false);
});

test('whatever the daemon does is an answer with details.ok false', async (t) => {
  const daemon = new FakeDaemon({ answers: { 'GET /v1/snapshots': refusal(502, 'unreachable', 'the store does not answer', { retryable: true }) } });
  t.after(() => daemon.close());
  const gateway = fakeGateway(plugin, daemon);
  const absent = await gateway.call({ action: 'list-snapshots' }, {});
  assert.deepEqual([absent.details.ok, absent.details.code], [false, 'absent']);
  assert.match(said(absent), /^b2backupd does not run, so nothing was done: .*systemctl --user status b2backupd$/);
  await daemon.start();
  const refused = await gateway.call({ action: 'list-snapshots' }, {});
  assert.deepEqual(refused.details, { ok: false, action: 'list-snapshots', code: 'unreachable', error: 'the store does not answer' });
  daemon.answers['GET /v1/snapshots'] = 'no JSON at all';
  assert.equal((await gateway.call({ action: 'list-snapshots' }, {})).details.code, 'odd');
  daemon.answers['GET /v1/snapshots'] = 'silence';
  const giveUp = new AbortController();
  const pending = gateway.call({ action: 'list-snapshots' }, {}, giveUp.signal);
  giveUp.abort();
  assert.equal((await pending).details.code, 'ended');
});

test('a restore asks the owner first, unless it is the operator at /tools/invoke', (t) => {
  const { hooks, options } = fakeGateway(plugin, { stateDir: '/nowhere' });
  assert.deepEqual(options.before_tool_call, { matcher: ['b2_rollback'] });
  const ask = (params, context = {}, more = {}) => hooks.before_tool_call({ toolName: 'b2_rollback', params, toolCallId: 'call_1', ...more }, context);
  const whole = { action: 'restore', snapshotId: ID };
  const owner = { runId: 'r', requester: { senderIsOwner: true } };
  const { requireApproval } = ask(whole, owner, { runId: 'r' });
  assert.match(requireApproval.description, new RegExp(`^Restores the snapshot ${ID}\\. The whole agent goes back to that time`));
  assert.deepEqual(requireApproval.allowedDecisions, ['allow-once', 'deny']);
  assert.ok(requireApproval.title.length <= 80);
  assert.equal(requireApproval.severity, 'critical');
  const long = ask({ ...whole, paths: Array(100).fill('workspace/some/long/path.md') }, owner).requireApproval;
  assert.ok(long.description.length <= 512 && long.description.endsWith('A safety snapshot of what is there now is taken first.'));
  assert.ok(ask(whole, {}).requireApproval, 'nothing known: asked');
  assert.ok(ask(whole, {}, { toolCallId: 'rpc-direct-operator-1' }).requireApproval, 'clients that can confirm are asked');
  assert.ok(ask(whole, {}, { toolCallId: 'http-1', runId: 'r' }).requireApproval, 'an agent may choose its call ids');
  assert.ok(ask(whole, owner, { toolCallId: 'http-1' }).requireApproval);
  assert.equal(ask(whole, {}, { toolCallId: 'http-direct-operator-1' }), undefined);
  assert.equal(ask(whole, { requester: { senderIsOwner: false } }).block, true);
  for (const params of [{ action: 'status' }, { action: 'push' }, { action: 'restore' }, { ...whole, paths: ['/etc'] }, {}, undefined])
    assert.equal(ask(params, owner), undefined, JSON.stringify(params));
  assert.equal(hooks.before_tool_call({ toolName: 'exec', params: whole }, owner), undefined);
});
