// The agent's tool b2_rollback: what it is asked goes to b2backupd, what comes back becomes a short text (for a person and a model) and
// `details` (for programs). Arguments that cannot be right throw ToolInputError, strangers ToolAuthorizationError; whatever the daemon
// says, or its silence, is an answer with details.ok false.
import { checkedArguments, PARAMETERS } from './arguments.js';
import { API_VERSION } from './daemon.js';
import { requireOwner } from './owner.js';
import { TOOL_NAME } from './tool_name.js';
import { diffText, pushText, queuedText, restoredText, snapshotsText, statusText } from './words.js';

const ASK_MS = 60_000;
const WORK_MS = 120_000; // jobs take as long as they take: the daemon goes on when nobody listens any more
const RESTORE_DELAY_SECONDS = 5; // so that the answer is in the chat before the gateway goes
const CHANGES_IN_DETAILS = 500;

const DESCRIPTION = 'Backups of this agent (configuration, memory, sessions, schedules) by b2backupd: list snapshots, say how the backups are, show '
  + 'what changed, back up now, or restore. A restore takes the agent back in time: use it only when the owner asked for it, say which snapshot, and '
  + 'prefer "paths" when only some files are wanted. Only the owner may restore and push.';

function said(action, text, data) {
  return { content: [{ type: 'text', text }], details: { ok: true, action, ...data } };
}

function failed(action, error) {
  const texts = {
    absent: `b2backupd does not run, so nothing was done: ${error.message}. On the machine: systemctl --user status b2backupd`,
    foreign: `Nothing was done: ${error.message}.`,
    slow: `b2backupd took the order and has not answered: ${error.message}. What was asked for goes on there; the action status says how far it is.`,
    ended: 'Given up before b2backupd answered. What was asked for may go on there; the action status says how far it is.',
    odd: `Something else than b2backupd seems to listen at its socket: ${error.message}.`,
  };
  const text = texts[error.kind] ?? error.message;
  return { content: [{ type: 'text', text }], details: { ok: false, action, code: error.code ?? error.kind, error: text } };
}

// An older daemon refuses what it does not know, by name, before it does anything.
function isTooOld(error) {
  return error.kind === 'refused' && error.code === 'usage' && /\b(gateway|wait|delaySeconds)\b/.test(`${error.subject ?? ''} ${error.message}`);
}

class Rollback {
  constructor(daemon, context, signal) {
    this.daemon = daemon;
    this.context = context;
    this.signal = signal;
  }

  get(path) {
    return this.daemon.get(path, { totalMs: ASK_MS, signal: this.signal });
  }

  // What changes something: the authority of this call is looked at once more, where the release has that.
  change(path, body) {
    this.context?.assertInvocationCurrent?.();
    return this.daemon.post(path, body, { totalMs: WORK_MS, signal: this.signal });
  }

  async listSnapshots({ limit }) {
    const { snapshots, store, prefix } = await this.get('/v1/snapshots');
    const newest = snapshots.slice(-limit).reverse();
    return said('list-snapshots', snapshotsText(newest, snapshots.length, Date.now()), { total: snapshots.length, snapshots: newest, store, prefix });
  }

  async status() {
    const status = await this.get('/v1/status');
    return said('status', statusText(status, Date.now()), { daemon: status });
  }

  async diff({ snapshotId = 'latest', compareTo }) {
    const body = { first: snapshotId, ...(compareTo ? { second: compareTo } : {}) };
    const answer = await this.daemon.post('/v1/diff', body, { totalMs: WORK_MS, signal: this.signal });
    const first = snapshotId === 'latest' ? 'the newest snapshot' : snapshotId;
    return said('diff', diffText(answer, first, compareTo), {
      total: answer.changes.length, changes: answer.changes.slice(0, CHANGES_IN_DETAILS), notes: answer.notes,
    });
  }

  async push() {
    requireOwner(this.context);
    const report = await this.change('/v1/push', {});
    return said('push', pushText(report), { report });
  }

  async restore({ snapshotId, paths }) {
    requireOwner(this.context);
    const status = await this.get('/v1/status');
    if (status.api !== API_VERSION) {
      const error = `${status.version} speaks version ${status.api} of its API and this plugin version ${API_VERSION}, so nothing was done. Update the older of the two.`;
      return { content: [{ type: 'text', text: error }], details: { ok: false, action: 'restore', code: 'version', error } };
    }
    const wanted = { snapshot: snapshotId, ...(paths ? { paths } : {}), yes: true };
    if (paths) {
      try {
        const report = await this.change('/v1/restore', wanted);
        return said('restore', restoredText(report), { report });
      } catch (error) {
        // Refused, and nothing changed: databases are among them, and the gateway runs.
        if (error.kind !== 'refused' || error.code !== 'refused') throw error;
      }
    }
    try {
      const answer = await this.change('/v1/restore', { ...wanted, gateway: 'stop', wait: false, delaySeconds: RESTORE_DELAY_SECONDS });
      return said('restore', queuedText(answer), { restore: answer });
    } catch (error) {
      if (!isTooOld(error)) throw error;
      const text = `This daemon (${status.version}) is too old to restore databases around a running gateway. Nothing was changed. Update b2backupd; `
        + `or stop the gateway and run, on the machine: daemonctl restore ${snapshotId}`;
      return { content: [{ type: 'text', text }], details: { ok: false, action: 'restore', code: 'too-old', error: text } };
    }
  }
}

const METHODS = { 'list-snapshots': 'listSnapshots', status: 'status', diff: 'diff', push: 'push', restore: 'restore' };

// The tool for one turn; `context` is what OpenClaw vouches for in it.
export function rollbackTool(daemon, context) {
  return {
    name: TOOL_NAME,
    label: 'Backups',
    description: DESCRIPTION,
    parameters: PARAMETERS,
    async execute(_toolCallId, given, signal) {
      const wanted = checkedArguments(given);
      try {
        return await new Rollback(daemon, context, signal)[METHODS[wanted.action]](wanted);
      } catch (error) {
        if (error?.name !== 'DaemonError') throw error;
        return failed(wanted.action, error);
      }
    },
  };
}
