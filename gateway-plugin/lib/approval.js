// Asks the owner before a restore that an agent wants to do, by OpenClaw's own approvals (before_tool_call, requireApproval).
import { checkedArguments } from './arguments.js';
import { NOT_THE_OWNER } from './owner.js';
import { TOOL_NAME } from './tool_name.js';

const WAIT_MS = 5 * 60_000;
const DESCRIPTION_MAX = 512;

// POST /tools/invoke has nobody whom it could ask: who holds the gateway's token asks for the restore in person, not an agent. An agent's calls
// belong to a run. (Clients on the gateway's socket that use tools.invoke can confirm, so they are asked.)
function isOperatorsOwnCall(event, context) {
  const inRun = event.runId !== undefined || context?.runId !== undefined || context?.requester !== undefined;
  return !inRun && typeof event.toolCallId === 'string' && event.toolCallId.startsWith('http-');
}

function describe({ snapshotId, paths }) {
  const what = paths ? `Only: ${paths.join(', ')}. ` : '';
  const source = snapshotId === 'latest' ? 'the newest snapshot' : `the snapshot ${snapshotId}`;
  const how = paths
    ? 'Replaces these files with those of the snapshot. When databases are among them, the gateway is stopped for it and started again.'
    : 'The whole agent goes back to that time: sessions, memory, schedules, configuration. The gateway is stopped for it and started again.';
  const shortened = what.length > 220 ? `${what.slice(0, 219)}… ` : what;
  return `Restores ${source}. ${shortened}${how} A safety snapshot of what is there now is taken first.`.slice(0, DESCRIPTION_MAX);
}

// What the hook returns: nothing, a refusal, or the request for an approval. Arguments that the tool will refuse are not asked about.
export function approvalFor(event, context) {
  if (event?.toolName !== TOOL_NAME || event.params?.action !== 'restore') return undefined;
  if (isOperatorsOwnCall(event, context)) return undefined;
  if (context?.requester?.senderIsOwner === false) return { block: true, blockReason: NOT_THE_OWNER };
  let wanted;
  try {
    wanted = checkedArguments(event.params);
  } catch {
    return undefined;
  }
  return {
    requireApproval: {
      title: wanted.paths ? 'Restore files from a backup' : 'Roll this agent back to a backup',
      description: describe(wanted),
      severity: 'critical',
      allowedDecisions: ['allow-once', 'deny'],
      timeoutMs: WAIT_MS,
    },
  };
}
