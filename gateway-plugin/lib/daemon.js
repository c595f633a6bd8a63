// One request after another to b2backupd: HTTP with JSON over its local socket, each on a connection of its own.
//
// Every call is bounded: connectMs to connect, totalMs until the answer is there. The timers do not keep a process alive.
import http from 'node:http';

import { DaemonError } from './daemon_error.js';
import { findSocket } from './socket.js';

export const API_VERSION = 1;
const CONNECT_MS = 200;
const ANSWER_MAX_BYTES = 17 * 1024 * 1024; // the daemon's own bound is 16 MiB

export class Daemon {
  // stateDir: a function, since it can be asked for only when the runtime is there.
  constructor({ socket, stateDir }) {
    this.configured = typeof socket === 'string' && socket !== '' ? socket : null;
    this.stateDir = stateDir;
  }

  socket() {
    return findSocket({ configured: this.configured, stateDir: this.configured ? '' : this.stateDir() });
  }

  get(path, options) {
    return this.call('GET', path, null, options);
  }

  post(path, body, options) {
    return this.call('POST', path, body, options);
  }

  // The answer's object. Rejects with DaemonError only.
  async call(method, path, body, { connectMs = CONNECT_MS, totalMs = 10_000, signal } = {}) {
    let socketPath;
    try {
      socketPath = this.socket();
    } catch (error) {
      throw error instanceof DaemonError ? error : new DaemonError('absent', `its socket cannot be found: ${error.message}`);
    }
    const { status, text } = await exchange({ socketPath, method, path, body, connectMs, totalMs, signal });
    return answerOf(status, text);
  }
}

function answerOf(status, text) {
  let answer;
  try {
    answer = JSON.parse(text);
  } catch {
    throw new DaemonError('odd', `it answered ${status} without JSON`);
  }
  if (answer === null || typeof answer !== 'object') throw new DaemonError('odd', `it answered ${status} with no object`);
  if (status === 200 && answer.ok === true) return answer;
  const { code, error, subject, message, advice, retryable } = answer;
  throw new DaemonError('refused', typeof error === 'string' ? error : `it answered ${status}`, {
    status, code, subject, reason: message, advice, retryable: retryable === true,
  });
}

// A gateway that was busy for longer has its timers called before it looks at what has arrived meanwhile: it looks first, then it judges.
function deadline(milliseconds, passed) {
  let look;
  const timer = setTimeout(() => {
    look = setImmediate(passed);
  }, milliseconds).unref();
  return {
    cancel() {
      clearTimeout(timer);
      clearImmediate(look);
    },
  };
}

function exchange({ socketPath, method, path, body, connectMs, totalMs, signal }) {
  return new Promise((resolve, reject) => {
    const payload = body === null ? null : Buffer.from(JSON.stringify(body));
    const headers = { Host: 'localhost', Connection: 'close', Accept: 'application/json' };
    if (payload) Object.assign(headers, { 'Content-Type': 'application/json', 'Content-Length': payload.length });
    const request = http.request({ socketPath, method, path, headers, agent: false });

    const finish = (settle, value) => {
      connecting.cancel();
      whole.cancel();
      signal?.removeEventListener('abort', ended);
      settle(value);
      request.destroy();
    };
    const fail = (kind, message) => finish(reject, new DaemonError(kind, message));
    const ended = () => fail('ended', 'the caller gave up');
    const connecting = deadline(connectMs, () => fail('absent', `it took no connection within ${connectMs} ms`));
    const whole = deadline(totalMs, () => fail('slow', `no answer within ${totalMs / 1000} s`));
    if (signal?.aborted) return ended();
    signal?.addEventListener('abort', ended, { once: true });

    request.on('socket', (socket) => socket.once('connect', () => connecting.cancel()));
    request.on('error', (error) => {
      const gone = ['ECONNREFUSED', 'ENOENT', 'ECONNRESET', 'EPIPE'].includes(error.code);
      fail('absent', gone ? `nobody answers at ${socketPath}` : `no talking to ${socketPath}: ${error.code ?? error.message}`);
    });
    request.on('response', (response) => {
      const parts = [];
      let bytes = 0;
      response.on('data', (part) => {
        parts.push(part);
        bytes += part.length;
        if (bytes > ANSWER_MAX_BYTES) fail('odd', 'its answer is too long');
      });
      response.on('error', () => fail('absent', 'the connection broke in the middle of the answer'));
      response.on('aborted', () => fail('absent', 'the connection broke in the middle of the answer'));
      response.on('end', () => finish(resolve, { status: response.statusCode, text: Buffer.concat(parts).toString('utf8') }));
    });
    request.end(payload);
  });
}
