// The daemon's answers as short text, for a person and for a model. Pure: time comes in.
const TRIGGERS = {
  schedule: 'on schedule', change: 'after changes', compaction: 'before a compaction', 'gateway-stop': 'after a stop of the gateway', manual: 'asked for',
};
const UNITS = ['B', 'KB', 'MB', 'GB', 'TB'];
const PATHS_SHOWN = 30;
const FAILED_SHOWN = 10;
const DOCTOR_CHARACTERS = 400;

export function bytes(count) {
  let value = count;
  let unit = 0;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)} ${UNITS[unit]}`;
}

export function ago(time, now) {
  const minutes = Math.round((now - Date.parse(time)) / 60_000);
  if (!Number.isFinite(minutes)) return String(time);
  if (minutes < 1) return 'just now';
  if (minutes < 60) return `${minutes} min ago`;
  if (minutes < 48 * 60) return `${Math.round(minutes / 60)} h ago`;
  return `${Math.round(minutes / (24 * 60))} days ago`;
}

function counted(count, one, many = `${one}s`) {
  return `${count} ${count === 1 ? one : many}`;
}

// Names of files come from outside, and one with a line break would look like two.
function shownPath(path) {
  return path.replace(/[\u0000-\u001f\u007f]/g, '\ufffd');
}

function listed(lines, shown) {
  const more = lines.length - shown;
  return more > 0 ? [...lines.slice(0, shown), `… and ${more} more`] : lines;
}

function snapshotLine(snapshot, now) {
  const parts = [snapshot.id, ago(snapshot.time, now)];
  if (snapshot.kind === 'safety') parts.push('safety snapshot, taken before a restore');
  else if (snapshot.trigger) parts.push(TRIGGERS[snapshot.trigger] ?? snapshot.trigger);
  parts.push(`${counted(snapshot.files, 'file')}, ${bytes(snapshot.bytes)}`);
  if (!snapshot.complete) parts.push(snapshot.filesMissing ? `INCOMPLETE: ${counted(snapshot.filesMissing, 'file')} could not be read` : 'INCOMPLETE');
  if (snapshot.problem) parts.push(snapshot.problem);
  if (!snapshot.ours && snapshot.host) parts.push(`of the machine ${snapshot.host}`);
  return `- ${parts.join('; ')}`;
}

// `snapshots` are the newest, newest first, of `total`.
export function snapshotsText(snapshots, total, now) {
  if (total === 0) return 'There is no snapshot in the store yet.';
  const shown = snapshots.length < total ? `, the newest ${snapshots.length}` : '';
  return [`${counted(total, 'snapshot')}${shown}, newest first:`, ...snapshots.map((snapshot) => snapshotLine(snapshot, now))].join('\n');
}

function reportLines(report) {
  const lines = [`Restored ${counted(report.restored, 'file')} from ${report.snapshot}; ${report.unchanged} were as they should be already`
    + `${report.removed ? `, ${report.removed} that the snapshot does not hold were moved aside` : ''}.`];
  if (report.failed?.length) {
    lines.push(`NOT restored: ${counted(report.failed.length, 'file')}:`);
    lines.push(...listed(report.failed.map(({ path, error }) => `- ${shownPath(path)}: ${error}`), FAILED_SHOWN));
  }
  const told = report.advice?.length > 0;  // both are part of the advice
  if (report.safety && !told) lines.push(`What was there before is in the safety snapshot ${report.safety}.`);
  if (report.quarantine && !told) lines.push(`What was moved aside is in ${report.quarantine}.`);
  lines.push(...(report.notes ?? []));
  return lines;
}

export function restoredText(report) {
  return [...reportLines(report), ...(report.advice ?? [])].join('\n');
}

export function queuedText(answer) {
  const lines = [answer.text || `The restore of ${answer.snapshot} is queued.`];
  if (answer.safety) lines.push(`Safety snapshot of what is there now: ${answer.safety}.`);
  lines.push('This chat is away while the gateway is; afterwards the action status says how it went.');
  return lines.join('\n');
}

function restoreLines(restore) {
  if (!restore) return [];
  const lines = [`Restore of ${restore.snapshot}: ${restore.state}. ${restore.text ?? ''}`.trim()];
  const { report } = restore;
  if (report?.snapshot) lines.push(...reportLines(report));
  if (report?.gateway?.up === false) lines.push(`The gateway is NOT up again: ${report.gateway.detail}`);
  if (report?.doctor?.good === false) lines.push(`openclaw doctor: ${report.doctor.text.trim().slice(-DOCTOR_CHARACTERS)}`);
  lines.push(...(report?.advice ?? []));
  return lines;
}

const HEALTH = {
  ok: 'Backups are in order.',
  degraded: 'Backups go on, with something to look at.',
  failing: 'The last backup FAILED.',
  stale: 'The last good backup is TOO OLD.',
  never: 'Nothing was backed up yet.',
};

export function statusText(status, now) {
  const lines = [...restoreLines(status.restore), HEALTH[status.health] ?? `Health: ${status.health}.`];
  if (status.lastGood) lines.push(`Last good backup: ${ago(status.lastGood.time, now)}${status.lastGood.snapshot ? ` (${status.lastGood.snapshot})` : ''}.`);
  if (status.lastError) lines.push(`Last error, ${ago(status.lastError.time, now)}: ${status.lastError.error}`);
  if (status.queue?.length) lines.push(`${counted(status.queue.length, 'snapshot')} captured on this machine and not yet in the store (${bytes(status.queueBytes)}).`);
  for (const job of status.jobs ?? []) lines.push(`Now: ${job.what}, ${job.phase}.`);
  if (status.schedule) lines.push(`Schedule: ${status.schedule.text}${status.schedule.next ? `, next at ${status.schedule.next}` : ''}.`);
  if (status.store) lines.push(`Store: ${status.store}${status.storeReachable === false ? ', which was NOT reachable at the last attempt' : ''}.`);
  if (status.notAnsweringSince) lines.push(`The store has not answered since ${status.notAnsweringSince}.`);
  lines.push(...listed((status.warnings ?? []).map((warning) => `Warning: ${warning}`), 5));
  return lines.join('\n');
}

const CHANGES = { added: '+', deleted: '-', changed: '~', metadata: 'm' };

export function diffText(answer, first, second) {
  const what = second ? `from ${first} to ${second}` : `since ${first}`;
  if (answer.changes.length === 0) return [`Nothing changed ${what}.`, ...answer.notes].join('\n');
  const count = (kind) => answer.changes.filter(({ change }) => change === kind).length;
  const counts = [['added', count('added')], ['deleted', count('deleted')], ['changed', count('changed')], ['with other modes or times', count('metadata')]]
    .filter(([, number]) => number > 0).map(([name, number]) => `${number} ${name}`);
  return [`${counted(answer.changes.length, 'difference')} ${what}: ${counts.join(', ')}.`,
    ...listed(answer.changes.map(({ path, change }) => `${CHANGES[change] ?? '?'} ${shownPath(path)}`), PATHS_SHOWN), ...answer.notes].join('\n');
}

export function pushText(report) {
  if (report.snapshot === null) return 'Nothing has changed since the last backup, so there is no new snapshot.';
  const lines = [`Backed up: ${report.snapshot}, ${counted(report.files, 'file')}; ${report.added} added, ${report.changed} changed, `
    + `${report.deleted} deleted, ${bytes(report.bytesUploaded)} sent.`];
  if (!report.complete) {
    lines.push(`INCOMPLETE: ${counted(report.skipped.length, 'file')} could not be read:`);
    lines.push(...listed(report.skipped.map(({ path, reason }) => `- ${shownPath(path)}: ${reason}`), FAILED_SHOWN));
  }
  lines.push(...(report.warnings ?? []));
  return lines.join('\n');
}
