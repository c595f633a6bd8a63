// The arguments of b2_rollback, checked here because OpenClaw does not check them on every way to a tool. Pure.
export const ACTIONS = ['list-snapshots', 'status', 'diff', 'push', 'restore'];

const ALLOWED = {
  'list-snapshots': ['limit'],
  status: [],
  diff: ['snapshotId', 'timestamp', 'compareTo'],
  push: [],
  restore: ['snapshotId', 'timestamp', 'paths'],
};
const LIMIT_STANDARD = 20;
const LIMIT_MAX = 200;
const PATHS_MAX = 100;
const PATH_MAX_CHARACTERS = 1024;
const SNAPSHOT_ID = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,199}$/;

export const PARAMETERS = {
  type: 'object',
  additionalProperties: false,
  required: ['action'],
  properties: {
    action: {
      type: 'string',
      enum: ACTIONS,
      description: 'list-snapshots: which backups there are. status: how the backups are, and what a restore came to. diff: what changed since a '
        + 'snapshot. push: back up now. restore: bring a snapshot back.',
    },
    snapshotId: {
      type: 'string',
      description: 'For restore (required) and diff: an id from list-snapshots, its beginning, or "latest".',
    },
    timestamp: { type: 'string', description: 'Old name of snapshotId.' },
    paths: {
      type: 'array',
      items: { type: 'string' },
      description: 'For restore: only these files, relative to the state directory; * within a name, ** across folders, like workspace/**. '
        + 'Left out: everything.',
    },
    compareTo: { type: 'string', description: 'For diff: the newer snapshot. Left out: what is there now.' },
    limit: { type: 'integer', minimum: 1, maximum: LIMIT_MAX, description: `For list-snapshots: how many, newest first. ${LIMIT_STANDARD} when left out.` },
  },
};

// What OpenClaw answers with 400 and the text, and an agent sees as the tool's error.
export class ToolInputError extends Error {
  constructor(message) {
    super(message);
    this.name = 'ToolInputError';
    this.status = 400;
  }
}

function wrong(message) {
  throw new ToolInputError(`b2_rollback: ${message}`);
}

// Models fill what they do not use with null or "".
function isAbsent(value) {
  return value === undefined || value === null || value === '';
}

function snapshotId(name, value) {
  if (isAbsent(value)) return undefined;
  if (typeof value !== 'string') wrong(`${name} must be text, an id from list-snapshots`);
  if (!SNAPSHOT_ID.test(value) || value.includes('..')) wrong(`${name} is not the id of a snapshot; list-snapshots has them`);
  return value;
}

function checkedPath(value) {
  if (typeof value !== 'string' || value === '') wrong('paths must be a list of texts');
  const shown = JSON.stringify(value.slice(0, 80));
  if (value.length > PATH_MAX_CHARACTERS) wrong(`the path ${shown} is too long`);
  if (/[\u0000-\u001f\u007f]/.test(value)) wrong(`the path ${shown} has a control character in it`);
  if (/^[/~\\]|^[A-Za-z]:/.test(value)) wrong(`the path ${shown} must be relative to the state directory, like workspace/MEMORY.md`);
  if (value.split(/[/\\]/).includes('..')) wrong(`the path ${shown} leads out of the state directory`);
  return value;
}

function pathList(value) {
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value)) wrong('paths must be a list, like ["workspace/**"]');
  if (value.length === 0) wrong('paths is empty; leave it out to restore everything');
  if (value.length > PATHS_MAX) wrong(`paths has ${value.length} entries, and at most ${PATHS_MAX} are taken; use patterns`);
  return value.map(checkedPath);
}

function limit(value) {
  if (isAbsent(value)) return LIMIT_STANDARD;
  if (!Number.isInteger(value) || value < 1 || value > LIMIT_MAX) wrong(`limit must be a whole number from 1 to ${LIMIT_MAX}`);
  return value;
}

// {action, snapshotId?, compareTo?, paths?, limit?}; throws ToolInputError with a text that says what to give instead.
export function checkedArguments(given) {
  if (given === null || typeof given !== 'object' || Array.isArray(given)) wrong('the arguments must be an object, like {"action":"status"}');
  const { action } = given;
  if (isAbsent(action)) wrong(`say what to do: action is one of ${ACTIONS.join(', ')}`);
  if (typeof action !== 'string' || !ACTIONS.includes(action))
    wrong(`there is no action ${JSON.stringify(action).slice(0, 80)}; there are ${ACTIONS.join(', ')}`);
  for (const [name, value] of Object.entries(given)) {
    if (name === 'action' || ALLOWED[action].includes(name)) continue;
    const known = Object.hasOwn(PARAMETERS.properties, name);
    if (known && (isAbsent(value) || (Array.isArray(value) && value.length === 0))) continue;
    const takes = ALLOWED[action].length ? `it takes ${ALLOWED[action].join(', ')}` : 'it takes nothing else';
    wrong(`${action} takes no ${JSON.stringify(name).slice(0, 80)}; ${takes}`);
  }
  const id = snapshotId('snapshotId', given.snapshotId);
  const old = snapshotId('timestamp', given.timestamp);
  if (id && old && id !== old) wrong('snapshotId and timestamp name two snapshots; give snapshotId alone');
  const checked = { action, snapshotId: id ?? old };
  if (action === 'restore') {
    if (!checked.snapshotId) wrong('restore needs snapshotId, an id from list-snapshots or "latest"');
    checked.paths = pathList(given.paths);
  }
  if (action === 'diff') checked.compareTo = snapshotId('compareTo', given.compareTo);
  if (action === 'list-snapshots') checked.limit = limit(given.limit);
  return checked;
}
