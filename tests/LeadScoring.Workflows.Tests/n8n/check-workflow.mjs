// Compares workflow files with the node descriptions of a running n8n, with n8n's own helpers, and prints one line per
// complaint. It finds what import and publish let through in silence: unknown parameters and options, option values
// that do not exist, credential types a node does not take, a typeVersion that is not the newest.
// usage: node check-workflow.mjs N8N_FOLDER WORKFLOW.json...    (server and owner: DATA/n8n.env)
import { createRequire } from 'node:module';
import fs from 'node:fs';
import path from 'node:path';

const [folder, ...files] = process.argv.slice(2);
const { N8N_BASE_URL: base, N8N_OWNER_EMAIL: emailOrLdapLoginId, N8N_OWNER_PASSWORD: password } = process.env;
const { NodeHelpers } = createRequire(path.join(folder, 'node_modules/n8n/package.json'))('n8n-workflow');

const login = await fetch(`${base}/rest/login`, {
  method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ emailOrLdapLoginId, password }),
});
const cookie = login.headers.getSetCookie().map((c) => c.split(';')[0]).join('; ');
const types = await (await fetch(`${base}/types/nodes.json`, { headers: { cookie } })).json();
const descriptions = new Map(); // type -> version -> description
for (const type of types)
  for (const version of [].concat(type.version)) {
    if (!descriptions.has(type.name)) descriptions.set(type.name, new Map());
    descriptions.get(type.name).set(version, type);
  }

const isObject = (value) => value !== null && typeof value === 'object' && !Array.isArray(value);
const leaves = (value, at = '') =>
  isObject(value) && Object.keys(value).length ? Object.entries(value).flatMap(([k, v]) => leaves(v, at ? `${at}.${k}` : k)) : [at];

// Option values, and members of collections, which n8n's own check does not look at.
function* wrongValues(properties, values, shown, at = '') {
  for (const [name, value] of Object.entries(values ?? {})) {
    const candidates = properties.filter((p) => p.name === name && shown(p));
    const property = candidates.find((p) => p.type !== 'notice') ?? candidates[0];
    if (!property) { if (at) yield `unknown: ${at}${name}`; continue; }
    if (typeof value === 'string' && value.startsWith('=')) continue;
    const choices = (property.options ?? []).filter((o) => 'value' in o).map((o) => o.value);
    const loaded = property.typeOptions?.loadOptionsMethod || property.typeOptions?.loadOptions || property.allowArbitraryValues;
    if (['options', 'multiOptions'].includes(property.type) && choices.length && !loaded)
      for (const one of [].concat(value)) if (!choices.includes(one)) yield `${at}${name}: ${JSON.stringify(one)} is none of ${JSON.stringify(choices)}`;
    if (property.type === 'collection')
      for (const one of [].concat(value)) yield* wrongValues(property.options ?? [], one, () => true, `${at}${name}.`);
    if (property.type === 'fixedCollection')
      for (const [group, members] of Object.entries(value ?? {})) {
        const known = (property.options ?? []).find((o) => o.name === group);
        if (!known) { yield `unknown: ${at}${name}.${group}`; continue; }
        for (const one of [].concat(members)) yield* wrongValues(known.values ?? [], one, () => true, `${at}${name}.${group}.`);
      }
  }
}

function* complaints(node) {
  const versions = descriptions.get(node.type);
  if (!versions) return yield `unknown node type ${node.type}`;
  const newest = Math.max(...versions.keys());
  if (node.typeVersion !== newest) yield `${node.type} is version ${node.typeVersion}, the newest is ${newest}`;
  const description = versions.get(node.typeVersion);
  if (!description) return;
  const { properties } = description;
  const full = NodeHelpers.getNodeParameters(properties, node.parameters, true, false, node, description) ?? {};
  const kept = leaves(full);
  for (const leaf of leaves(node.parameters))
    if (leaf && !kept.some((k) => k === leaf || k.startsWith(`${leaf}.`) || leaf.startsWith(`${k}.`))) yield `unknown parameter ${leaf}`;
  const issues = NodeHelpers.getNodeParametersIssues(properties, node, description);
  for (const [name, texts] of Object.entries(issues?.parameters ?? {})) yield `${name}: ${texts.join('; ')}`;
  yield* wrongValues(properties, node.parameters, (p) => NodeHelpers.displayParameter(full, p, node, description));
  const { genericAuthType, nodeCredentialType } = node.parameters;
  for (const type of Object.keys(node.credentials ?? {}))
    if (![genericAuthType, nodeCredentialType].includes(type) && !(description.credentials ?? []).some((c) => c.name === type))
      yield `takes no credential of type ${type}`;
}

for (const file of files)
  for (const node of JSON.parse(fs.readFileSync(file, 'utf8')).nodes)
    for (const complaint of complaints(node)) console.log(`${path.basename(file)}: ${node.name}: ${complaint}`);
