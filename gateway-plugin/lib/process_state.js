// What this plugin knows once in a process. OpenClaw loads the module several times (for each registration, and anew after a reload), so a
// variable of a module would be known to one of the copies only.
const KEY = Symbol.for('b2backupd.gateway-plugin');

// gateway: a gateway was started in this process. troubles: what a warning line was already written about.
export function processState() {
  globalThis[KEY] ??= { gateway: false, troubles: new Set() };
  return globalThis[KEY];
}
