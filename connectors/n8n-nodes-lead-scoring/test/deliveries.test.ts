import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Seen } from '../nodes/LeadScoringTrigger/deliveries';
import { remember } from '../nodes/LeadScoringTrigger/deliveries';

const HOUR = 3_600_000;

test('the second time a delivery is known', () => {
	const first = remember({}, 'evt_1', 0);
	assert.equal(first.isKnown, false);
	assert.equal(remember(first.seen, 'evt_1', HOUR).isKnown, true);
	assert.equal(remember(first.seen, 'evt_2', HOUR).isKnown, false);
});

test('after two days it is forgotten', () => {
	const { seen } = remember({}, 'evt_1', 0);
	assert.equal(remember(seen, 'evt_1', 47 * HOUR).isKnown, true);
	assert.equal(remember(seen, 'evt_1', 48 * HOUR).isKnown, false);
});

test('the newest 500 are kept', () => {
	let seen: Seen = {};
	for (let i = 0; i < 501; i++) seen = remember(seen, `evt_${i}`, i).seen;
	assert.equal(Object.keys(seen).length, 500);
	assert.equal(remember(seen, 'evt_0', 501).isKnown, false);
	assert.equal(remember(seen, 'evt_1', 501).isKnown, true);
});
