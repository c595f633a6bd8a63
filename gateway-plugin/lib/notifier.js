// Forwards the gateway's hooks to b2backupd. Nothing here ever rejects or waits for long: whatever the daemon does, the gateway goes on.
// Each kind of trouble is one warning line, and is armed again when it is over.
import { API_VERSION } from './daemon.js';
import { neighbourWarning } from './neighbour.js';
import { processState } from './process_state.js';
import { sameFolder } from './socket.js';

const QUICK_MS = 1_000;
const COMPACTION_MS = 10_000;
const COMPACTION_DEADLINE_MS = 9_000; // the daemon answers by then, so that its answer is still heard

const REAL_STOP = 'gateway stopping';

export class Notifier {
  constructor(daemon, logger, config) {
    this.daemon = daemon;
    this.logger = logger;
    this.config = config;
  }

  async gatewayStart(event) {
    processState().gateway = true;
    const neighbour = neighbourWarning(this.config);
    if (neighbour) this.warn('neighbour', neighbour);
    if (await this.notify('gateway_start', { port: number(event?.port) })) await this.handshake();
  }

  // Commands run this hook too when they end; only a process in which a gateway was started has one to stop.
  async gatewayStop(event) {
    const reason = text(event?.reason) ?? '';
    if (reason === REAL_STOP || processState().gateway) await this.notify('gateway_stop', { reason });
  }

  async beforeCompaction(event, context) {
    const data = compactionData(event, context);
    const answer = await this.notify('before_compaction', data, { deadlineMs: COMPACTION_DEADLINE_MS, totalMs: COMPACTION_MS });
    if (!answer) return;
    if (answer.captured) return this.over('capture');
    this.warn('capture', `b2backupd has no snapshot from before this compaction: ${text(answer.reason) ?? 'it did not say why'}`);
  }

  async afterCompaction(event, context) {
    await this.notify('after_compaction', compactionData(event, context));
  }

  // The answer, or null with a warning.
  async notify(event, data, { deadlineMs, totalMs = QUICK_MS } = {}) {
    try {
      const body = { event, data: present(data), ...(deadlineMs ? { deadlineMs } : {}) };
      const answer = await this.daemon.post('/v1/notify', body, { totalMs });
      this.over('daemon', 'b2backupd answers again');
      return answer;
    } catch (error) {
      this.warn('daemon', `b2backupd was not told of ${event}: ${error.message}. Backups of this gateway may be missing until it answers`);
      return null;
    }
  }

  // Do both sides speak of the same thing? Told once; the notices go on, since each is checked by the daemon.
  async handshake() {
    try {
      const status = await this.daemon.get('/v1/status', { totalMs: QUICK_MS });
      if (status.api !== API_VERSION) {
        this.warn('version', `${status.version} speaks version ${status.api} of its API, and this plugin version ${API_VERSION}: `
          + 'update the older of the two');
      }
      const mine = this.daemon.stateDir();
      if (!sameFolder(status.stateDir, mine)) {
        this.warn('stateDir', `the b2backupd that answers backs up ${status.stateDir}, and this gateway's state is in ${mine}: `
          + 'look at "socket" in the settings of this plugin');
      }
    } catch (error) {
      this.warn('daemon', `b2backupd does not say how it is: ${error.message}`);
    }
  }

  warn(kind, message) {
    const { troubles } = processState();
    if (troubles.has(kind)) return;
    troubles.add(kind);
    this.logger.warn(`b2-backup: ${message}`);
  }

  over(kind, message) {
    if (processState().troubles.delete(kind) && message) this.logger.info(`b2-backup: ${message}`);
  }
}

// Numbers and names only: never the messages themselves.
function compactionData(event, context) {
  return {
    agentId: text(context?.agentId),
    sessionKey: text(context?.sessionKey),
    sessionId: text(context?.sessionId),
    messageCount: number(event?.messageCount),
    tokenCount: number(event?.tokenCount),
    compactedCount: number(event?.compactedCount),
  };
}

function text(value) {
  return typeof value === 'string' ? value.slice(0, 500) : undefined;
}

function number(value) {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

function present(data) {
  return Object.fromEntries(Object.entries(data).filter(([, value]) => value !== undefined));
}
