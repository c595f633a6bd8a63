// Who may change something: the owner of the agent, and only where OpenClaw vouches for it. A missing field proves nothing.
export const NOT_THE_OWNER = 'b2_rollback: only the owner of this agent may restore or push, and nothing shows that this request comes from the '
  + 'owner. Nothing was done. The owner can ask in a chat of their own, or on the machine: daemonctl restore SNAPSHOT, daemonctl push.';

// Where OpenClaw does not say who asks, asking again in another chat may be of no use.
const OWNER_UNKNOWN = 'b2_rollback: only the owner of this agent may restore or push, and OpenClaw does not tell the plugin here who asks (releases up to '
  + '2026.2 never do). Nothing was done. On the machine it works: daemonctl restore SNAPSHOT, daemonctl push.';

// OpenClaw answers it with 403 and the text; an agent sees the text as the tool's error.
export class ToolAuthorizationError extends Error {
  constructor(message) {
    super(message);
    this.name = 'ToolAuthorizationError';
    this.status = 403;
  }
}

export function requireOwner(context) {
  if (context?.senderIsOwner === true) return;
  throw new ToolAuthorizationError(context?.senderIsOwner !== undefined ? NOT_THE_OWNER : OWNER_UNKNOWN);
}
