/** One fault in a request: JSON pointer into the body (or ?name for a query parameter), and what to send instead. */
export interface FieldError {
	pointer: string;
	detail: string;
}

/** A failure in terms a person at the editor can act on. */
export interface Failure {
	message: string;
	description: string;
	/** HTTP status; null when there was no answer. */
	status: number | null;
	/** Last part of the problem's type, such as validation; or no-answer, not-the-sidecar. */
	type: string;
	errors: FieldError[];
}

// What to do in n8n, by the type of the problem: the sidecar cannot know what its caller is.
const HINTS: Record<string, string> = {
	unauthorized: 'Open the credential of this node and paste a key that is valid; "keys create" makes one.',
	forbidden: 'Use a credential whose key has that scope: "write" for leads, events, outcomes and feedback; "admin" for models, training and triggers.',
	'organization-mismatch': 'Empty the field Organization of the credential, or use a key of that organization.',
	'unknown-route': 'Check the URL in the credential: it ends before /v1. If it is right, the sidecar is older than this node.',
	'body-too-large': 'Split the data of this item, or raise LEADSCORING__API__MAXBODYBYTES in the sidecar.',
	'too-much-at-once': 'The sidecar is busy. Process fewer items at a time, or raise Retries under Options.',
	'storage-unavailable': "The sidecar's database does not answer. Nothing was stored; run the workflow again later.",
	internal: "The sidecar's log says more under this trace.",
	'not-the-sidecar': 'Check the URL in the credential, and what stands between n8n and the sidecar.',
	'no-answer':
		'Check that the sidecar runs and that the URL in the credential is reachable from n8n. In Docker 127.0.0.1 is n8n itself: use the name of the service, such as http://sidecar:5080.',
	'too-slow': 'The sidecar did not answer in time. Raise Timeout under Options, or process fewer items at a time.',
};

const isObject = (value: unknown): value is Record<string, unknown> =>
	typeof value === 'object' && value !== null && !Array.isArray(value);

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

const readErrors = (value: unknown): FieldError[] =>
	Array.isArray(value)
		? value.filter(isObject).map((one) => ({ pointer: text(one.pointer), detail: text(one.detail) }))
		: [];

/** What an answer of 400 and above says (RFC 9457). */
export function readProblem(status: number, body: unknown): Failure {
	if (!isObject(body) || !text(body.type).startsWith('/problems/')) {
		return {
			message: `The address answered with ${status}, but not as the lead-scoring sidecar does.`,
			description: HINTS['not-the-sidecar'],
			status,
			type: 'not-the-sidecar',
			errors: [],
		};
	}
	const type = text(body.type).slice('/problems/'.length);
	return failure(status, type, text(body.title), text(body.detail), readErrors(body.errors));
}

/** What is wrong with one item of a batch; its pointers start with the item's place in the request. */
export function readItemErrors(errors: unknown, pointer: string): Failure {
	const faults = readErrors(errors).map((one) => ({
		...one,
		pointer: one.pointer.startsWith(pointer) ? one.pointer.slice(pointer.length) : one.pointer,
	}));
	return failure(400, 'validation', 'The item was rejected', faults[0]?.detail ?? '', faults);
}

/** No HTTP answer at all. code: as Node.js names it, such as ECONNREFUSED. */
export function readNoAnswer(code: string, reason: string): Failure {
	const isTimeout = /^(ECONNABORTED|ETIMEDOUT|ESOCKETTIMEDOUT)$/.test(code) || /timeout/i.test(reason);
	const type = isTimeout ? 'too-slow' : 'no-answer';
	return {
		message: isTimeout ? 'The lead-scoring sidecar did not answer in time.' : 'The lead-scoring sidecar does not answer.',
		description: [code || reason, HINTS[type]].filter(Boolean).join('. '),
		status: null,
		type,
		errors: [],
	};
}

/** Puts the number of the item in front, counted from 0 as n8n does. */
export function atItem(one: Failure, itemIndex: number): Failure {
	return { ...one, message: `Item ${itemIndex}: ${one.message}` };
}

function failure(status: number, type: string, title: string, detail: string, errors: FieldError[]): Failure {
	const faults = errors.filter((one) => one.pointer !== '' || one.detail !== detail);
	const where = faults.map((one) => `${one.pointer || 'request'}: ${one.detail}`);
	return {
		message: [title, detail].filter(Boolean).join(': '),
		description: [...where, HINTS[type] ?? ''].filter(Boolean).join('\n'),
		status,
		type,
		errors,
	};
}
