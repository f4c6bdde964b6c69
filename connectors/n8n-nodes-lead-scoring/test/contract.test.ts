import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import type { IDataObject } from 'n8n-workflow';
import { test } from 'node:test';
import { LeadScoring } from '../nodes/LeadScoring/LeadScoring.node';
import { execute } from '../nodes/LeadScoring/request/execute';
import { findOperation, resources } from '../nodes/LeadScoring/resources';
import { fakeContext } from './fakes';

interface OpenApi {
	paths: Record<string, Record<string, { parameters?: Array<{ name: string; in: string }> }>>;
}
const api = JSON.parse(fs.readFileSync(path.resolve('../../sidecar/openapi.json'), 'utf8')) as OpenApi;

/** One value for each field that any operation has, so that every part of a request is filled. */
const PARAMETERS: Record<string, unknown> = {
	leadId: { mode: 'id', value: 'a/b c' },
	modelVersion: { mode: 'version', value: '3' },
	reviewId: 'r 1',
	runId: 'run 1',
	idField: 'lead_id',
	type: 'page_view',
	source: 'website',
	converted: true,
	verdict: 'good',
	by: 'nina',
	order: '-score',
	status: 'open',
	promote: 'never',
	filters: { grade: 'A', is_open: true, is_stale: false, updated_since: '2026-01-01' },
	lead: '{"visits": 3}',
	options: { capacity: 0.2, settings: '{"seed": 7}', keep: 'anonymous' },
};

const find = (method: string, address: string) =>
	Object.entries(api.paths).find(([template, methods]) => {
		const pattern = new RegExp(`^${template.replace(/\{[^}]*\}/g, '[^/]+')}$`);
		return pattern.test(address) && method.toLowerCase() in methods;
	});

for (const resource of resources)
	for (const { value } of resource.operations)
		test(`${resource.value}: ${value} calls what the sidecar has`, async () => {
			const operation = findOperation(resource.value, value);
			assert.ok(operation);
			const body = { results: [{}], leads: [], reviews: [], models: [], scores: [] } as unknown as IDataObject;
			const { context, sent } = fakeContext({ items: [{ lead_id: 'x' }], parameters: PARAMETERS, answer: () => ({ statusCode: 200, body }) });

			await execute(context, operation);

			const address = new URL(sent[0].url).pathname;
			const found = find(sent[0].method as string, address);
			assert.ok(found, `${sent[0].method} ${address} is not in openapi.json`);
			const known = found[1][(sent[0].method as string).toLowerCase()].parameters?.filter((one) => one.in === 'query').map((one) => one.name) ?? [];
			const used = Object.entries(sent[0].qs ?? {}).filter(([, given]) => given !== undefined).map(([name]) => name);
			assert.deepEqual(used.filter((name) => !known.includes(name)), []);
		});

test('the panel offers every resource, in one order', () => {
	const choice = new LeadScoring().description.properties.find((property) => property.name === 'resource');
	assert.deepEqual(choice?.options?.map((option) => ('value' in option ? option.value : '')), resources.map((resource) => resource.value));
});

test('names of operations are unique and in order', () => {
	for (const resource of resources) {
		const names = resource.operations.map((operation) => operation.name);
		assert.deepEqual(names, [...new Set(names)].sort((a, b) => a.localeCompare(b, 'en')));
	}
});
