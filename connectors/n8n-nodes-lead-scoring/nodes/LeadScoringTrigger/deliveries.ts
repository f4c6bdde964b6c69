/** How long the sidecar may send an event again: as long as its deliveries can live, in ms. */
const KEEP_MS = 48 * 60 * 60 * 1_000;

/** So many are remembered: the newest. */
const KEEP_MOST = 500;

/** Deliveries that started an execution: event id and when, in ms. */
export type Seen = Record<string, number>;

/** Whether the event was seen before, and what to remember from now on. */
export function remember(seen: Seen, eventId: string, nowMs: number): { isKnown: boolean; seen: Seen } {
	const kept = Object.entries(seen).filter(([, atMs]) => nowMs - atMs < KEEP_MS);
	if (kept.some(([id]) => id === eventId)) return { isKnown: true, seen: Object.fromEntries(kept) };
	kept.push([eventId, nowMs]);
	kept.sort((a, b) => a[1] - b[1]);
	return { isKnown: false, seen: Object.fromEntries(kept.slice(-KEEP_MOST)) };
}
