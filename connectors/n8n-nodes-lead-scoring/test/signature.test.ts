import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { refusal } from '../nodes/LeadScoringTrigger/signature';

// The example that the sidecar's documentation gives, and that its own tests check: read from there, so that both stay the same.
const document = fs.readFileSync(path.resolve('../../sidecar/docs/webhooks.md'), 'utf8');
const documented = (name: string): string => {
	const row = document.split('\n').find((line) => line.startsWith(`| \`${name}\` | \``));
	assert.ok(row, `webhooks.md has no row ${name}`);
	return row.slice(`| \`${name}\` | \``.length, row.lastIndexOf('` |'));
};

const SECRET = documented('secret');
const NOW = Number(documented('webhook-timestamp'));
const BODY = Buffer.from(documented('body'));
const HEADERS = Object.fromEntries(['webhook-id', 'webhook-timestamp', 'webhook-signature'].map((name) => [name, documented(name)]));

const verdict = (changes: Record<string, unknown> = {}, body: Buffer | undefined = BODY, secret: string | undefined = SECRET, now = NOW) =>
	refusal({ headers: { ...HEADERS, ...changes }, body }, secret, 300, now);

test('the documented example is believed, within the tolerance', () => {
	assert.equal(verdict(), undefined);
	assert.equal(verdict({}, BODY, SECRET, NOW + 300), undefined);
	assert.equal(verdict({}, BODY, SECRET, NOW - 300), undefined);
});

test('of two signatures one that fits is enough, wherever it stands', () => {
	assert.equal(verdict({ 'webhook-signature': `v1,AAAA ${HEADERS['webhook-signature']}` }), undefined);
	assert.equal(verdict({ 'webhook-signature': `${HEADERS['webhook-signature']} v1,AAAA` }), undefined);
});

test('a secret that is a text is taken as it is', () => {
	const secret = 'a text of more than thirty-two bytes, as people make them';
	const mac = createHmac('sha256', secret).update(`${HEADERS['webhook-id']}.${NOW}.`).update(BODY).digest('base64');
	assert.equal(verdict({ 'webhook-signature': `v1,${mac}` }, BODY, secret), undefined);
});

for (const [what, refused] of [
	['another secret', verdict({}, BODY, `whsec_${Buffer.from('another key that is also 32 bytes').toString('base64')}`)],
	['another body', verdict({}, Buffer.concat([BODY, Buffer.from(' ')]))],
	['another id', verdict({ 'webhook-id': 'evt_other' })],
	['another timestamp', verdict({ 'webhook-timestamp': String(NOW + 1) })],
	['a cut signature', verdict({ 'webhook-signature': HEADERS['webhook-signature'].slice(0, -1) })],
	['an unknown version', verdict({ 'webhook-signature': HEADERS['webhook-signature'].replace('v1', 'v2') })],
	['no signature', verdict({ 'webhook-signature': undefined })],
	['an empty signature', verdict({ 'webhook-signature': '' })],
	['no timestamp', verdict({ 'webhook-timestamp': undefined })],
	['a timestamp that is none', verdict({ 'webhook-timestamp': 'NaN' })],
	['no id', verdict({ 'webhook-id': undefined })],
	['two headers of one name', verdict({ 'webhook-id': [HEADERS['webhook-id'], 'evt_other'] })],
	['too old', verdict({}, BODY, SECRET, NOW + 301)],
	['from the future', verdict({}, BODY, SECRET, NOW - 301)],
] as const) {
	test(`${what} is refused`, () => assert.ok(refused));
}

test('without the raw body or a secret nothing is believed', () => {
	assert.match(refusal({ headers: HEADERS, body: undefined }, SECRET, 300, NOW) ?? '', /body/);
	assert.match(refusal({ headers: HEADERS, body: BODY }, undefined, 300, NOW) ?? '', /secret/);
	assert.match(refusal({ headers: HEADERS, body: BODY }, '', 300, NOW) ?? '', /secret/);
});
