/** Statuses that say: nothing was done, come again. */
export const RETRY_STATUSES = [429, 503];

export const DEFAULT_RETRIES = 3;

/** Longest single wait: an execution must not sleep for as long as a header says. */
export const MAX_WAIT_MS = 30_000;

/**
 * How long to wait before the next try, in ms.
 * retryAfter: the header, in seconds or as a date; attempt: tries made so far, from 1. Without the header: 1, 2, 4, ... s.
 */
export function waitMs(retryAfter: unknown, attempt: number, nowMs: number): number {
	const asked = readRetryAfter(retryAfter, nowMs) ?? 1_000 * 2 ** (attempt - 1);
	return Math.min(Math.max(asked, 0), MAX_WAIT_MS);
}

function readRetryAfter(value: unknown, nowMs: number): number | undefined {
	if (typeof value !== 'string' || value.trim() === '') return undefined;
	const seconds = Number(value);
	if (Number.isFinite(seconds)) return seconds * 1_000;
	const at = Date.parse(value);
	return Number.isNaN(at) ? undefined : at - nowMs;
}
