import assert from 'node:assert/strict';
import { test } from 'node:test';
import { batches, MAX_BYTES, MAX_ITEMS } from '../nodes/LeadScoring/request/batch';

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);

test('a thousand small items are one batch, one more makes two, and none is lost', () => {
	assert.deepEqual(batches(numbers(1_000), () => 100).map((b) => b.length), [1_000]);
	const cut = batches(numbers(1_001), () => 100);
	assert.deepEqual(cut.map((b) => b.length), [1_000, 1]);
	assert.deepEqual(cut.flat(), numbers(1_001));
});

test('large items are cut by their bytes', () => {
	assert.deepEqual(batches(numbers(5), () => 40, 10, 100).map((b) => b.length), [2, 2, 1]);
});

test('an item that is too large alone goes alone', () => {
	assert.deepEqual(batches([10, 500, 10], (size) => size, 10, 100), [[10], [500], [10]]);
});

test('nothing makes no batch', () => assert.deepEqual(batches([], () => 1), []));

test('limits are within what the sidecar takes', () => {
	assert.equal(MAX_ITEMS, 1_000);
	assert.ok(MAX_BYTES < 10_000_000);
});
