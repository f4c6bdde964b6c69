import { createHmac, timingSafeEqual } from 'node:crypto';

/** The headers of Standard Webhooks. */
export const ID_HEADER = 'webhook-id';
export const TIMESTAMP_HEADER = 'webhook-timestamp';
export const SIGNATURE_HEADER = 'webhook-signature';

export interface SignedRequest {
	headers: Record<string, unknown>;
	/** The bytes as they came in, before any parsing; undefined when n8n did not keep them. */
	body: Buffer | undefined;
}

/**
 * Why a request is not to be believed; undefined when it is the sidecar's own.
 * Signatures are HMAC-SHA256 over id.timestamp.body; while a secret is being changed there are two, and one that fits is enough.
 */
export function refusal(request: SignedRequest, secret: string | undefined, toleranceSeconds: number, nowSeconds: number): string | undefined {
	const [id, timestamp, signatures] = [ID_HEADER, TIMESTAMP_HEADER, SIGNATURE_HEADER].map((name) => header(request.headers[name]));
	if (!secret) return 'no secret is known: deactivate and activate the workflow, so that the trigger registers again';
	if (!id || !timestamp || !signatures) return 'the request is not signed';
	if (!request.body) return 'the body as it came in is not there';
	if (!/^\d{1,15}$/.test(timestamp) || Math.abs(nowSeconds - Number(timestamp)) > toleranceSeconds) return 'the timestamp is too old, or the clocks differ';
	const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice('whsec_'.length), 'base64') : Buffer.from(secret);
	const mac = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(request.body).digest('base64');
	const expected = Buffer.from(`v1,${mac}`);
	const fits = signatures.split(' ').map((one) => Buffer.from(one)).some((one) => one.length === expected.length && timingSafeEqual(one, expected));
	return fits ? undefined : 'the signature does not fit';
}

function header(value: unknown): string {
	return typeof value === 'string' ? value : '';
}
