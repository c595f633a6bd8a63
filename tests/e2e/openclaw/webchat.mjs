// One turn as the web chat does it, through OpenClaw's own client: sends a message, answers the approvals that come, and waits for the end.
//
//   node webchat.mjs CLIENT_MODULE '{"url","token","scopes","session","message","decision"}'
//
// Prints {"approvals":[what was asked],"text":"what the agent said"}.
import { randomUUID } from 'node:crypto';

const [module, given] = process.argv.slice(2);
const { url, token, scopes, session, message, decision } = JSON.parse(given);
const { GatewayClient } = await import(module);

const approvals = [];
const ready = Promise.withResolvers();
const end = Promise.withResolvers();
let run;

async function heard({ event, payload }) {
  if (event === 'plugin.approval.requested') {
    approvals.push(payload.request);
    await client.request('plugin.approval.resolve', { id: payload.id, decision });
  }
  if (event === 'chat' && payload.runId === run && ['final', 'error', 'aborted'].includes(payload.state)) {
    const parts = payload.message?.content ?? [];
    end.resolve(parts.map(({ text }) => text ?? '').join('\n') || `${payload.state}: ${payload.errorMessage ?? ''}`);
  }
}

const client = new GatewayClient({
  url, token, scopes, role: 'operator', clientName: 'gateway-client', clientDisplayName: 'a test', mode: 'backend', caps: ['approvals'],
  onHelloOk: () => ready.resolve(),
  onConnectError: (error) => ready.reject(error),
  onClose: (code, reason) => ready.reject(new Error(`closed: ${code} ${reason}`)),
  onEvent: (frame) => heard(frame).catch((error) => end.reject(error)),
});
client.start();
await ready.promise;
run = randomUUID(); // the run has the name of the request
await client.request('chat.send', { sessionKey: `agent:main:${session}`, message, idempotencyKey: run });
const text = await end.promise;
console.log(JSON.stringify({ approvals, text }));
process.exit(0);
