// Just enough of JSON Schema to hold requests and answers against docs/openapi.json: a list of what does not fit.
import fs from 'node:fs';

const file = new URL('../../../docs/openapi.json', import.meta.url);
const { schemas } = JSON.parse(fs.readFileSync(file, 'utf8')).components;

// What only a daemon with the restore around a gateway (docs/gateway.md) knows. Taken on trust where the file does not have it.
export const COORDINATED = ['gateway', 'expiresSeconds', 'wait', 'delaySeconds', 'withSecrets'];
for (const name of COORDINATED) schemas.RestoreRequest.properties[name] ??= {};
schemas.RestoreQueued ??= { type: 'object', required: ['ok', 'queued', 'job', 'snapshot', 'safety', 'gateway', 'expires', 'text'] };
schemas.Status.properties.restore ??= {};

function kindOf(value) {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return typeof value;
}

function hasType(value, type) {
  return type === 'integer' ? Number.isInteger(value) : kindOf(value) === type;
}

export function problems(value, schema, where = 'body') {
  if (schema.$ref) return problems(value, schemas[schema.$ref.split('/').at(-1)], where);
  if (schema.oneOf) {
    return schema.oneOf.filter((one) => problems(value, one, where).length === 0).length === 1 ? [] : [`${where} fits not exactly one of its forms`];
  }
  const found = [];
  if (schema.type && ![schema.type].flat().some((type) => hasType(value, type))) return [`${where} is no ${schema.type}`];
  if ('const' in schema && value !== schema.const) found.push(`${where} is not ${schema.const}`);
  if (schema.enum && !schema.enum.includes(value)) found.push(`${where} is none of ${schema.enum}`);
  if (typeof value === 'string' && value.length < (schema.minLength ?? 0)) found.push(`${where} is too short`);
  if (typeof value === 'number' && value < (schema.minimum ?? -Infinity)) found.push(`${where} is too small`);
  if (kindOf(value) === 'array') value.forEach((item, i) => found.push(...(schema.items ? problems(item, schema.items, `${where}[${i}]`) : [])));
  if (kindOf(value) === 'object') {
    for (const name of schema.required ?? []) if (!(name in value)) found.push(`${where} has no ${name}`);
    for (const [name, member] of Object.entries(value)) {
      const known = schema.properties?.[name];
      if (known) found.push(...problems(member, known, `${where}.${name}`));
      else if (schema.additionalProperties === false) found.push(`${where} has an unknown ${name}`);
    }
  }
  return found;
}

export function schemaOf(name) {
  if (!schemas[name]) throw new Error(`docs/openapi.json has no schema ${name}`);
  return schemas[name];
}
