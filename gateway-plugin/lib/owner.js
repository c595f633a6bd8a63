// Who may change something: the owner of the agent, and only where OpenClaw vouches for it. A missing field proves nothing.
export const NOT_THE_OWNER = 'b2_rollback: only the owner of this agent may restore or push, and nothing shows that this request comes from the '
  + 'owner. Nothing was done. The owner can ask in a chat of their own, or on the machine: daemonctl restore SNAPSHOT, daemonctl push.';

// OpenClaw answers it with 403 and the text; an agent sees the text as the tool's error.
export class ToolAuthorizationError extends Error {
  constructor(message) {
    super(message);
    this.name = 'ToolAuthorizationError';
    this.status = 403;
  }
}

export function requireOwner(context) {
  if (context?.senderIsOwner !== true) throw new ToolAuthorizationError(NOT_THE_OWNER);
}
