// The OpenClaw plugin of b2backupd. It forwards what the gateway is about to do, and offers the tool b2_rollback.
//
// register() only registers: OpenClaw calls it several times in a process, in commands too, and takes the hooks and tools of a turn
// from whichever of these registrations it likes. What must be known once in a process stands in lib/process_state.js.
import { approvalFor } from './lib/approval.js';
import { Daemon } from './lib/daemon.js';
import { Notifier } from './lib/notifier.js';
import { rollbackTool } from './lib/tool.js';
import { TOOL_NAME } from './lib/tool_name.js';

// Loads that only collect metadata: there is no runtime then, and nothing of ours to collect.
const METADATA_ONLY = new Set(['cli-metadata', 'setup-only', 'setup-runtime']);

export default {
  id: 'b2-backup',
  name: 'Backup with b2backupd',
  description: 'Tells b2backupd about compactions and stops, and offers the tool b2_rollback',

  register(api) {
    if (METADATA_ONLY.has(api.registrationMode)) return;
    const daemon = new Daemon({
      socket: api.pluginConfig?.socket,
      stateDir: () => api.runtime.state.resolveStateDir(process.env),
    });
    const notifier = new Notifier(daemon, api.logger, api.config);
    api.on('gateway_start', (event) => notifier.gatewayStart(event));
    api.on('gateway_stop', (event) => notifier.gatewayStop(event));
    api.on('before_compaction', (event, context) => notifier.beforeCompaction(event, context));
    api.on('after_compaction', (event, context) => notifier.afterCompaction(event, context));
    api.on('before_tool_call', (event, context) => approvalFor(event, context), { matcher: [TOOL_NAME] });
    api.registerTool((context) => rollbackTool(daemon, context), { name: TOOL_NAME });
  },
};
