import type { IDataObject, IWebhookFunctions, IWebhookResponseData } from 'n8n-workflow';
import type { Seen } from './deliveries';
import { remember } from './deliveries';
import type { Remembered } from './registration';
import { refusal } from './signature';

interface TriggerOptions {
	deduplicate?: boolean;
	timestampTolerance?: number;
	verifySignature?: boolean;
}

const DEFAULT_TOLERANCE_SECONDS = 300;

/**
 * Deliveries of each trigger, as long as this process lives. Not in the workflow's static data: n8n 2.41 loses what a
 * webhook that starts an execution writes there, and it would be a write for every event.
 */
const recent = new Map<string, Seen>();

/** One delivery: believed only when it is signed, and started only once. */
export async function receive(context: IWebhookFunctions): Promise<IWebhookResponseData> {
	const options = context.getNodeParameter('options', {}) as TriggerOptions;
	const { secret } = context.getWorkflowStaticData('node') as Remembered;
	const request = context.getRequestObject();
	if (!request.rawBody) await request.readRawBody();
	const nowMs = Date.now();
	if (options.verifySignature ?? true) {
		const signed = { headers: context.getHeaderData(), body: request.rawBody };
		const reason = refusal(signed, secret, options.timestampTolerance ?? DEFAULT_TOLERANCE_SECONDS, nowMs / 1_000);
		if (reason) return refuse(context, reason);
	}
	const event = context.getBodyData();
	const isTest = event.type === 'webhook.test' && context.getMode() !== 'manual';
	// The sidecar's own test is acknowledged; nothing has happened that a workflow should act on.
	if (isTest || ((options.deduplicate ?? true) && isKnown(context, event.id, nowMs))) return { webhookResponse: { received: true } };
	return { webhookResponse: { received: true }, workflowData: [[{ json: output(context, event) }]] };
}

function isKnown(context: IWebhookFunctions, eventId: unknown, nowMs: number): boolean {
	if (typeof eventId !== 'string') return false;
	const trigger = `${context.getWorkflow().id}:${context.getNode().id}`;
	const { isKnown: known, seen } = remember(recent.get(trigger) ?? {}, eventId, nowMs);
	recent.set(trigger, seen);
	return known;
}

function output(context: IWebhookFunctions, event: IDataObject): IDataObject {
	if (context.getNodeParameter('simplify', true) !== true) return event;
	return { event_id: event.id, event: event.type, occurred_at: event.occurred_at, ...(event.data as IDataObject) };
}

function refuse(context: IWebhookFunctions, reason: string): IWebhookResponseData {
	context.logger.warn(`Lead Scoring Trigger refused a request: ${reason}.`);
	// The caller learns nothing but that it was refused.
	context.getResponseObject().status(401).json({ title: 'The request was refused', status: 401 });
	return { noWebhookResponse: true };
}
