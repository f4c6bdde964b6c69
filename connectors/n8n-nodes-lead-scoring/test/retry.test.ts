import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_WAIT_MS, waitMs } from '../nodes/LeadScoring/request/retry';

const NOW = Date.parse('2026-11-27T13:00:00Z');

test('the header in seconds', () => assert.equal(waitMs('5', 1, NOW), 5_000));

test('the header as a date', () => assert.equal(waitMs('Fri, 27 Nov 2026 13:00:09 GMT', 1, NOW), 9_000));

test('a date that has passed: at once', () => assert.equal(waitMs('Fri, 27 Nov 2026 12:00:00 GMT', 1, NOW), 0));

test('a long wait is cut', () => assert.equal(waitMs('86400', 1, NOW), MAX_WAIT_MS));

test('without a header, or with nonsense in it: 1, 2, 4 s', () => {
	assert.deepEqual([1, 2, 3].map((attempt) => waitMs(undefined, attempt, NOW)), [1_000, 2_000, 4_000]);
	assert.equal(waitMs('soon', 2, NOW), 2_000);
	assert.equal(waitMs('', 1, NOW), 1_000);
});
