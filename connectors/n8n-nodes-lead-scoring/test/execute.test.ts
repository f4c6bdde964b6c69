import assert from 'node:assert/strict';
import type { IDataObject, IHttpRequestOptions, NodeApiError } from 'n8n-workflow';
import { test } from 'node:test';
import { execute } from '../nodes/LeadScoring/request/execute';
import { findOperation } from '../nodes/LeadScoring/resources';
import type { Answer } from './fakes';
import { fakeContext } from './fakes';

const operation = (resource: string, name: string) => {
	const found = findOperation(resource, name);
	assert.ok(found);
	return found;
};
const leads = (count: number) => Array.from({ length: count }, (_, i) => ({ lead_id: `lead-${i}`, visits: i }));
const sentItems = (request: IHttpRequestOptions) => (request.body as { items: IDataObject[] }).items;

/** Scores every lead but those named. */
const scorer =
	(...rejected: string[]) =>
	(request: IHttpRequestOptions): Answer => ({
		statusCode: 200,
		body: {
			results: sentItems(request).map((item, index) =>
				rejected.includes(String(item.lead_id))
					? { index, errors: [{ pointer: `/items/${index}/lead`, detail: 'It is too much.' }] }
					: { index, lead_id: item.lead_id, result: { lead_id: item.lead_id, score: 70.1, grade: 'B' } },
			),
		},
	});

test('1,000 items are one call, in their order and paired', async () => {
	const { context, sent } = fakeContext({ items: leads(1_000), parameters: { idField: 'lead_id', simplify: true }, answer: scorer() });

	const [out] = await execute(context, operation('lead', 'scoreMany'));

	assert.equal(sent.length, 1);
	assert.equal(sent[0].url, 'http://sidecar:5080/v1/score/batch');
	assert.deepEqual(sentItems(sent[0])[7], { lead_id: 'lead-7', lead: { visits: 7 }, events: undefined, include_factors: undefined, save: undefined, scoring_type: undefined });
	assert.deepEqual(out.map((item) => item.json.lead_id), leads(1_000).map((lead) => lead.lead_id));
	assert.deepEqual(out.map((item) => item.pairedItem), leads(1_000).map((_, item) => ({ item })));
});

test('an item that fails does not lose the others', async () => {
	const items = [...leads(3), { name: 'without an id' }, ...leads(6).slice(4)];
	const { context, sent } = fakeContext({ items, parameters: { idField: 'lead_id' }, answer: scorer('lead-1'), continueOnFail: true });

	const [out] = await execute(context, operation('lead', 'scoreMany'));

	assert.equal(sent.length, 1);
	assert.deepEqual(out.map((item) => item.json.lead_id ?? item.json.error), [
		'lead-0',
		'Item 1: The item was rejected: It is too much.',
		'lead-2',
		'Item 3: The item has no lead_id',
		'lead-4',
		'lead-5',
	]);
	assert.deepEqual(out[1].json.details, {
		item: 1,
		status: 400,
		type: 'validation',
		description: '/lead: It is too much.',
		errors: [{ pointer: '/lead', detail: 'It is too much.' }],
	});
	assert.deepEqual(out.map((item) => item.pairedItem), items.map((_, item) => ({ item })));
});

test('without continue, the error names the first item and what became of the others', async () => {
	const { context } = fakeContext({ items: leads(4), parameters: { idField: 'lead_id' }, answer: scorer('lead-2', 'lead-3') });

	await assert.rejects(execute(context, operation('lead', 'scoreMany')), (error: NodeApiError) => {
		assert.equal(error.message, 'Item 2: The item was rejected: It is too much.');
		assert.match(error.description ?? '', /\/lead: It is too much\.\n2 of 4 items failed; the others were processed\./);
		assert.equal(error.context.itemIndex, 2);
		return true;
	});
});

test('a batch that fails as a whole fails its items and no others', async () => {
	const { context, sent } = fakeContext({
		items: leads(1_001),
		parameters: { idField: 'lead_id', options: { retries: 0 } },
		continueOnFail: true,
		answer: (request, call) => (call === 1 ? scorer()(request) : { statusCode: 500, body: { type: '/problems/internal', title: 'Something went wrong here', detail: 'Report trace 1.' } }),
	});

	const [out] = await execute(context, operation('lead', 'scoreMany'));

	assert.equal(sent.length, 2);
	assert.equal(out.filter((item) => item.json.lead_id).length, 1_000);
	assert.equal(out[1_000].json.error, 'Item 1000: Something went wrong here: Report trace 1.');
});

test('429 and 503 are tried again as often as is said, other failures are not', async () => {
	const busy: Answer = { statusCode: 429, headers: { 'retry-after': '0' }, body: { type: '/problems/too-much-at-once', title: 'More comes in than can be taken at the moment' } };
	const twice = fakeContext({ items: leads(1), parameters: { idField: 'lead_id' }, answer: (request, call) => (call < 3 ? busy : scorer()(request)) });
	assert.equal((await execute(twice.context, operation('lead', 'scoreMany')))[0].length, 1);
	assert.equal(twice.sent.length, 3);

	const always = fakeContext({ items: leads(1), parameters: { idField: 'lead_id', options: { retries: 2 } }, answer: () => ({ ...busy, statusCode: 503 }) });
	await assert.rejects(execute(always.context, operation('lead', 'scoreMany')), /More comes in/);
	assert.equal(always.sent.length, 3);

	const broken = fakeContext({ items: leads(1), parameters: { idField: 'lead_id' }, answer: () => ({ statusCode: 500 }) });
	await assert.rejects(execute(broken.context, operation('lead', 'scoreMany')));
	assert.equal(broken.sent.length, 1);
});

test('a list is read page by page as far as the limit', async () => {
	const page = (request: IHttpRequestOptions): Answer => {
		const { cursor, limit } = request.qs as { cursor?: string; limit: number };
		const from = Number(cursor ?? 0);
		return { statusCode: 200, body: { leads: leads(450).slice(from, from + limit), next_cursor: from + limit < 450 ? String(from + limit) : undefined } };
	};
	const some = fakeContext({ parameters: { limit: 250, returnAll: false, order: 'lead_id' }, answer: page });
	assert.equal((await execute(some.context, operation('lead', 'getAll')))[0].length, 250);
	assert.deepEqual(some.sent.map((request) => request.qs?.limit), [200, 50]);

	const all = fakeContext({ parameters: { returnAll: true, order: 'lead_id' }, answer: page });
	assert.equal((await execute(all.context, operation('lead', 'getAll')))[0].length, 450);
	assert.equal(all.sent.length, 3);
});

test('one call an item stops at the first that fails, unless it is to go on', async () => {
	const setup = {
		items: leads(3),
		parameters: (itemIndex: number) => ({ leadId: { value: `lead-${itemIndex}` } }),
		answer: (_: IHttpRequestOptions, call: number): Answer =>
			call === 2 ? { statusCode: 404, body: { type: '/problems/not-found', title: 'There is no such thing', detail: 'There is no such lead.' } } : { statusCode: 204 },
	};
	const stops = fakeContext(setup);
	await assert.rejects(execute(stops.context, operation('lead', 'delete')), /Item 1: There is no such thing: There is no such lead\./);
	assert.equal(stops.sent.length, 2);

	const goesOn = fakeContext({ ...setup, continueOnFail: true });
	const [out] = await execute(goesOn.context, operation('lead', 'delete'));
	assert.deepEqual(out.map((item) => item.json.deleted ?? item.json.error), [true, 'Item 1: There is no such thing: There is no such lead.', true]);
});

test('what is to be kept of an erased lead is asked for only when chosen', async () => {
	for (const [options, keep] of [[{}, undefined], [{ keep: '' }, undefined], [{ keep: 'anonymous' }, 'anonymous']] as const) {
		const { context, sent } = fakeContext({ parameters: { leadId: { value: 'a' }, options }, answer: () => ({ statusCode: 200, body: { receipt: {} } }) });
		await execute(context, operation('lead', 'delete'));
		assert.equal(sent[0].qs?.keep, keep);
	}
});

test('what must happen once carries a key that another try repeats', async () => {
	const { context, sent } = fakeContext({ parameters: {}, answer: () => ({ statusCode: 200, body: { champion: 1 } }) });
	await execute(context, operation('model', 'rollBack'));
	await execute(context, operation('model', 'rollBack'));

	assert.equal(sent[0].headers?.['Idempotency-Key'], 'n8n-17-node-1-roll-back-0-0');
	assert.equal(sent[1].headers?.['Idempotency-Key'], sent[0].headers?.['Idempotency-Key']);
});
