// The package as OpenClaw installs it, and its settings against the seed's.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import plugin from '../../../gateway-plugin/index.js';

const folder = fileURLToPath(new URL('../../../gateway-plugin/', import.meta.url));
const manifest = JSON.parse(fs.readFileSync(`${folder}openclaw.plugin.json`, 'utf8'));
const description = JSON.parse(fs.readFileSync(`${folder}package.json`, 'utf8'));

test('manifest, package and entry agree', () => {
  assert.equal(manifest.id, plugin.id);
  assert.equal(manifest.version, description.version);
  assert.deepEqual(manifest.contracts.tools, ['b2_rollback']);
  assert.equal(manifest.activation.onStartup, true);
  assert.equal(description.type, 'module');
  assert.deepEqual(description.openclaw.extensions, ['./index.js']);
  assert.equal(description.dependencies, undefined);
  assert.equal(description.scripts, undefined, 'nothing runs when it is installed');
});

test('the version is that of the programs', () => {
  const cmake = fs.readFileSync(new URL('../../../CMakeLists.txt', import.meta.url), 'utf8');
  assert.equal(description.version, /project\(b2backupd VERSION ([\d.]+)/.exec(cmake)[1]);
});

test('the settings are those that b2backupd takes from openclaw.json, and every secret is declared', () => {
  const keys = ['keyId', 'applicationKey', 'bucket', 'region', 'endpoint', 'prefix', 'schedule', 'encrypt', 'keepSnapshots', 'keepSafetySnapshots', 'socket'];
  assert.deepEqual(Object.keys(manifest.configSchema.properties), keys);
  assert.equal(manifest.configSchema.additionalProperties, true, 'else a key that is only mistyped keeps the gateway from starting');
  assert.equal(manifest.configSchema.required, undefined, 'b2backupd may have it all in a file of its own');
  const secrets = manifest.configContracts.secretInputs.paths.map(({ path }) => path);
  assert.deepEqual(secrets, keys.filter((key) => manifest.uiHints[key].sensitive));
  assert.deepEqual(Object.keys(manifest.uiHints), keys);
});

test('what is packed is what runs', { skip: !npm() && 'npm is not here' }, () => {
  const [{ files }] = JSON.parse(execFileSync(npm(), ['pack', '--dry-run', '--json', '--offline'], { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
  const packed = files.map(({ path }) => path).sort();
  const modules = fs.readdirSync(`${folder}lib`).map((name) => `lib/${name}`);
  assert.deepEqual(packed, ['README.md', 'index.js', 'openclaw.plugin.json', 'package.json', ...modules].sort());
  for (const name of ['index.js', ...modules]) {
    for (const [, imported] of fs.readFileSync(folder + name, 'utf8').matchAll(/ from '([^']+)'/g))
      assert.match(imported, /^node:|^\.\.?\//, `${name} needs ${imported}, and there is nobody who would install it`);
  }
});

function npm() {
  return process.env.PATH.split(':').map((place) => `${place}/npm`).find((name) => fs.existsSync(name));
}
