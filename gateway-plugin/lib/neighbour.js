// The original OpenClaw B2 plugin, when it is configured beside this one: both would write to one place in the bucket, and both offer a
// tool of the same name.
const ORIGINAL = 'openclaw-b2-backup';
const OURS = 'b2-backup';
const STANDARD_PREFIX = 'openclaw-backup';

function prefixOf(config) {
  const prefix = typeof config?.prefix === 'string' ? config.prefix : '';
  return prefix.replace(/^\/+|\/+$/g, '') || STANDARD_PREFIX;
}

// A warning, or null. `config` is OpenClaw's whole configuration.
export function neighbourWarning(config) {
  const plugins = config?.plugins;
  const entry = plugins?.entries?.[ORIGINAL];
  if (!entry || entry.enabled === false || plugins.enabled === false) return null;
  if (plugins.deny?.includes(ORIGINAL)) return null;
  if (plugins.allow?.length && !plugins.allow.includes(ORIGINAL)) return null;
  const ours = plugins.entries[OURS]?.config;
  const theirs = entry.config;
  // Where our bucket stands in b2backupd's own configuration, it is not known here: the same is assumed.
  if (ours?.bucket && theirs?.bucket && ours.bucket !== theirs.bucket) return null;
  if (prefixOf(ours) !== prefixOf(theirs)) return null;
  return `the plugin ${ORIGINAL} is enabled too and writes to the same folder (${prefixOf(theirs)}) of the bucket. Its snapshots are incomplete by `
    + 'themselves, it prunes by its own count, and its tool has the name b2_rollback as well. b2backupd reads its snapshots, so it can go: '
    + `openclaw plugins disable ${ORIGINAL}`;
}
