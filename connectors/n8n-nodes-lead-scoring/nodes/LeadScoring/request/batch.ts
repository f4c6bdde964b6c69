/** What the sidecar takes in one call. */
export const MAX_ITEMS = 1_000;

/** Below the sidecar's own limit of 10 MB, with room for what surrounds the items. */
export const MAX_BYTES = 8_000_000;

/** Cuts values into runs that fit into one call each. A value that is too large alone gets a call of its own. */
export function batches<T>(values: T[], bytesOf: (value: T) => number, maxItems = MAX_ITEMS, maxBytes = MAX_BYTES): T[][] {
	const cut: T[][] = [];
	let bytes = Infinity;
	for (const value of values) {
		const size = bytesOf(value);
		const current = cut[cut.length - 1];
		if (current === undefined || current.length >= maxItems || bytes + size > maxBytes) {
			cut.push([value]);
			bytes = size;
		} else {
			current.push(value);
			bytes += size;
		}
	}
	return cut;
}
