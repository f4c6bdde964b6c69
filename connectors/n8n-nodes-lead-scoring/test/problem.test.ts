import assert from 'node:assert/strict';
import { test } from 'node:test';
import { atItem, readItemErrors, readNoAnswer, readProblem } from '../nodes/LeadScoring/request/problem';

test('a problem becomes its title and detail, with where and what to do', () => {
	const failure = readProblem(400, {
		type: '/problems/validation',
		title: 'The request is not valid',
		status: 400,
		detail: '2 faults; see errors.',
		errors: [
			{ pointer: '/verdict', detail: 'verdict must be good or bad.' },
			{ pointer: '?limit', detail: 'limit is 1 to 200.' },
		],
	});

	assert.equal(failure.message, 'The request is not valid: 2 faults; see errors.');
	assert.equal(failure.description, '/verdict: verdict must be good or bad.\n?limit: limit is 1 to 200.');
	assert.equal(failure.type, 'validation');
	assert.equal(failure.status, 400);
});

test('a refused key says what to do in n8n', () => {
	const body = { type: '/problems/forbidden', title: 'The API key does not allow this', detail: 'This needs a key with scope admin; this one has write.' };
	const failure = readProblem(403, body);

	assert.match(failure.message, /needs a key with scope admin/);
	assert.match(failure.description, /credential whose key has that scope/);
});

for (const [what, body] of [
	['a page of a proxy', '<html>Bad gateway</html>'],
	['JSON of another service', { error: 'nope' }],
	['nothing', undefined],
] as const) {
	test(`${what} is not taken for the sidecar`, () => {
		const failure = readProblem(502, body);

		assert.equal(failure.type, 'not-the-sidecar');
		assert.match(failure.message, /502/);
		assert.match(failure.description, /URL in the credential/);
	});
}

test('pointers of an item of a batch start at the item', () => {
	const failure = readItemErrors(
		[
			{ pointer: '/items/3/lead_id', detail: 'lead_id is required.' },
			{ pointer: '/items/3/events/0/type', detail: 'type is required.' },
		],
		'/items/3',
	);

	assert.equal(failure.message, 'The item was rejected: lead_id is required.');
	assert.deepEqual(failure.errors.map((one) => one.pointer), ['/lead_id', '/events/0/type']);
	assert.match(failure.description, /^\/lead_id: lead_id is required\.\n\/events\/0\/type: type is required\.$/);
});

test('no answer names the cause and the way out', () => {
	const refused = readNoAnswer('ECONNREFUSED', 'connect ECONNREFUSED 127.0.0.1:5080');
	assert.equal(refused.type, 'no-answer');
	assert.match(refused.description, /^ECONNREFUSED\. Check that the sidecar runs/);

	const slow = readNoAnswer('ECONNABORTED', 'timeout of 1000ms exceeded');
	assert.equal(slow.type, 'too-slow');
	assert.match(slow.description, /Timeout under Options/);
});

test('the number of the item stands in front', () => {
	assert.match(atItem(readNoAnswer('ECONNREFUSED', ''), 17).message, /^Item 17: /);
});
