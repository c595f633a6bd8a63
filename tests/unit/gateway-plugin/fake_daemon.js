// A strict stand-in for b2backupd on a socket of its own: requests must fit docs/openapi.json, and so must the answers that a test gives it.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';

import { COORDINATED, problems, schemaOf } from './schema.js';

const ROUTES = {
  'GET /v1/status': { answer: 'Status' },
  'GET /v1/snapshots': { answer: 'Snapshots' },
  'POST /v1/notify': { request: 'NotifyRequest' },
  'POST /v1/diff': { request: 'DiffRequest', answer: 'Differences' },
  'POST /v1/push': { request: 'PushRequest', answer: 'PushReport' },
  'POST /v1/restore': { request: 'RestoreRequest', answer: ['RestoreReport', 'RestoreQueued'] },
};

export const TIME = '2026-02-19T12:00:00Z';

export function status(more = {}) {
  return {
    ok: true, version: 'b2backupd 0.1.0', api: 1, pid: 4242, started: TIME, stateDir: '/nowhere', profile: '', host: 'here', instance: 'i-1', store: 's3://bucket/openclaw-backup',
    storeReachable: true, notAnsweringSince: null, health: 'ok', lastGood: { snapshot: '2026-02-19T12-00-00-000Z-1a2b3c4d', time: TIME, ageSeconds: 60 }, lastError: null,
    schedule: { text: 'daily', timezone: 'UTC', next: TIME }, stale: false, staleAfterSeconds: null, jobs: [], queue: [], queueBytes: 0, queueLimitBytes: 1000,
    nextUploadSeconds: null, changes: { paths: [], count: 0, more: false, since: null }, watch: {
      state: 'healthy', reason: '', advice: '',
      push: { on: true, why: "the packed layout's default", quietSeconds: 20, intervalSeconds: 300 },
    },
    lastCheck: null, lastLook: null, checkOverdue: null,
    gateway: { running: 'running', detail: '', said: '' }, bucket: null, prunePaused: false, deletesRefusedSince: null, keyReminder: null, recoveryCode: null, warnings: [],
    restore: null, lastRestore: null, ...more,
  };
}

export function refusal(httpStatus, code, error, more = {}) {
  return { httpStatus, answer: { ok: false, code, error, ...more } };
}

function answerSchema({ answer }) {
  return Array.isArray(answer) ? { oneOf: answer.map(schemaOf) } : schemaOf(answer);
}

function requestSchema(route, old) {
  const schema = schemaOf(route.request);
  if (!old || route.request !== 'RestoreRequest') return schema;
  return { ...schema, properties: Object.fromEntries(Object.entries(schema.properties).filter(([name]) => !COORDINATED.includes(name))) };
}

export class FakeDaemon {
  // `answers`: route → an object, or a function of the body that gives one, refusal(…), or "silence". old: without the coordinated restore.
  constructor({ answers = {}, old = false } = {}) {
    this.answers = { 'GET /v1/status': () => status({ stateDir: this.stateDir }), 'POST /v1/notify': ({ event }) => this.notified(event), ...answers };
    this.old = old;
    this.requests = [];
    this.mistakes = [];
    this.stateDir = fs.mkdtempSync(path.join(os.tmpdir(), 'b2b-plugin-'));
    this.socket = path.join(this.stateDir, 'b2backupd', 'daemon.sock');
    fs.mkdirSync(path.dirname(this.socket), { mode: 0o700 });
  }

  notified(event) {
    return event === 'before_compaction' ? { ok: true, captured: true, snapshot: 'x', unchanged: false, complete: true, seconds: 0.1 } : { ok: true, accepted: true };
  }

  // What it was asked, without the status that accompanies much.
  get asked() {
    return this.requests.filter(({ route }) => route !== 'GET /v1/status');
  }

  async start(socket = this.socket) {
    this.server = http.createServer((request, response) => this.serve(request, response));
    await new Promise((resolve) => this.server.listen(socket, resolve));
    return this;
  }

  async stop() {
    if (!this.server) return;
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    await closed;
    this.server = null;
  }

  // Ends the test: nothing that was sent or answered may have been wrong.
  async close() {
    await this.stop();
    fs.rmSync(this.stateDir, { recursive: true, force: true });
    assert.deepEqual(this.mistakes, []);
  }

  serve(request, response) {
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => {
      const send = (code, answer) => {
        response.writeHead(code, { 'Content-Type': 'application/json' });
        response.end(typeof answer === 'string' ? answer : JSON.stringify(answer));
      };
      const name = `${request.method} ${request.url}`;
      const route = ROUTES[name];
      const text = Buffer.concat(parts).toString('utf8');
      const body = text === '' ? {} : JSON.parse(text);
      this.requests.push({ route: name, body });
      if (!request.headers.host) this.mistakes.push(`${name} came without a Host`);
      if (!route) {
        this.mistakes.push(`there is no route ${name}`);
        return send(404, { ok: false, code: 'not-found', error: 'there is no such address' });
      }
      const wrong = route.request ? problems(body, requestSchema(route, this.old)) : [];
      if (wrong.length > 0) {
        if (!this.old) this.mistakes.push(...wrong);
        const unknown = /unknown (\w+)/.exec(wrong[0])?.[1];
        return send(400, { ok: false, code: 'usage', error: `restore: there is no parameter '${unknown}'`, subject: unknown });
      }
      const given = this.answers[name];
      const answer = typeof given === 'function' ? given(body) : given;
      if (answer === 'silence') return undefined;
      if (typeof answer === 'string') return send(200, answer);
      if (answer.httpStatus) {
        this.mistakes.push(...problems(answer.answer, schemaOf('Error'), `answer of ${name}`));
        return send(answer.httpStatus, answer.answer);
      }
      if (route.answer) this.mistakes.push(...problems(answer, answerSchema(route), `answer of ${name}`));
      return send(200, answer);
    });
  }
}

// A stand-in for OpenClaw: what the plugin registered, and what it logged.
export function fakeGateway(plugin, { stateDir, pluginConfig = {}, config = {}, registrationMode = 'full' }) {
  const lines = [];
  const gateway = { lines, hooks: {}, options: {}, tool: null };
  const logger = Object.fromEntries(['debug', 'info', 'warn', 'error'].map((level) => [level, (text) => lines.push(`${level}: ${text}`)]));
  plugin.register({
    id: 'b2-backup', pluginConfig, config, registrationMode, logger,
    runtime: { state: { resolveStateDir: () => stateDir } },
    on(name, handler, options) {
      gateway.hooks[name] = handler;
      gateway.options[name] = options;
    },
    registerTool(factory, { name }) {
      assert.equal(name, 'b2_rollback');
      gateway.tool = (context) => factory(context);
    },
  });
  gateway.warnings = () => lines.filter((line) => line.startsWith('warn') || line.startsWith('error'));
  gateway.call = (args, context = { senderIsOwner: true }, signal) => gateway.tool(context).execute('call-1', args, signal);
  return gateway;
}

export function forgetProcess() {
  delete globalThis[Symbol.for('b2backupd.gateway-plugin')];
}
