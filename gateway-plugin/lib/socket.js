// Where b2backupd listens, and whether it is ours to talk to. docs/control-api.md of b2backupd has the rules.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { DaemonError } from './daemon_error.js';

const ENDPOINT_MAX_BYTES = 4096;

function isPipe(name) {
  return process.platform === 'win32' && name.startsWith('\\\\.\\pipe\\');
}

// The file beside the socket's place that names another one, or null.
function readEndpoint(file) {
  let text;
  try {
    if (fs.statSync(file).size > ENDPOINT_MAX_BYTES) return null;
    text = fs.readFileSync(file, 'utf8');
  } catch {
    return null;
  }
  const name = text.replace(/\r?\n$/, '');
  return path.isAbsolute(name) && !/[\0\r\n]/.test(name) ? name : null;
}

function checkOwner(name, uid) {
  let status;
  try {
    status = fs.lstatSync(name);
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') throw new DaemonError('absent', `there is no socket ${name}`);
    throw new DaemonError('absent', `its socket ${name} cannot be looked at: ${error.code ?? error.message}`);
  }
  if (!status.isSocket()) throw new DaemonError('foreign', `${name} is not a socket`);
  if (uid !== undefined && status.uid !== uid && status.uid !== 0)
    throw new DaemonError('foreign', `the socket ${name} belongs to another user (uid ${status.uid}), so nothing was sent to it`);
}

// The path to connect to. Throws DaemonError: absent, or foreign when somebody else's program may listen there.
export function findSocket({ configured, stateDir, uid = process.getuid?.() }) {
  let name;
  if (configured) {
    name = configured.startsWith('~/') ? path.join(os.homedir(), configured.slice(2)) : configured;
  } else {
    name = path.join(stateDir, 'b2backupd', 'daemon.sock');
    if (!fs.existsSync(name)) name = readEndpoint(path.join(stateDir, 'b2backupd', 'endpoint')) ?? name;
  }
  if (!isPipe(name)) checkOwner(name, uid);
  return name;
}

// The same folder, also by way of symbolic links.
export function sameFolder(one, other) {
  const real = (name) => {
    try {
      return fs.realpathSync(name);
    } catch {
      return path.resolve(String(name));
    }
  };
  return real(one) === real(other);
}
