import type { IDataObject, IHookFunctions, JsonObject } from 'n8n-workflow';
import { NodeApiError, NodeOperationError } from 'n8n-workflow';
import { FailedRequest } from '../LeadScoring/request/failedRequest';
import type { ApiRequest } from '../LeadScoring/request/send';
import { CREDENTIAL, send } from '../LeadScoring/request/send';

/** What the trigger remembers between activation and deactivation. */
export interface Remembered extends IDataObject {
	webhookId?: string;
	secret?: string;
}

/** What the sidecar is to send, as the panel says. */
interface Wanted {
	url: string;
	events: string[];
	grades: string[];
}

const RETRIES = 2;

/** Whether the sidecar has this very webhook and its secret is known here. Leftovers on the same address are removed. */
export async function isRegistered(context: IHookFunctions): Promise<boolean> {
	const wanted = await readWanted(context);
	const remembered = context.getWorkflowStaticData('node') as Remembered;
	const { webhooks } = await call(context, { method: 'GET', path: '/v1/webhooks' });
	let isThere = false;
	for (const webhook of (webhooks as IDataObject[]).filter((one) => one.url === wanted.url)) {
		if (webhook.webhook_id === remembered.webhookId && remembered.secret && isAsWanted(webhook, wanted)) isThere = true;
		else await remove(context, String(webhook.webhook_id));
	}
	return isThere;
}

export async function register(context: IHookFunctions): Promise<boolean> {
	const { url, events, grades } = await readWanted(context);
	const answer = await call(context, {
		method: 'POST',
		path: '/v1/webhooks',
		body: { url, events, grades: grades.length > 0 ? grades : undefined, description: describe(context) },
	});
	const remembered = context.getWorkflowStaticData('node') as Remembered;
	remembered.webhookId = String((answer.webhook as IDataObject).webhook_id);
	remembered.secret = String(answer.secret);
	return true;
}

export async function unregister(context: IHookFunctions): Promise<boolean> {
	const remembered = context.getWorkflowStaticData('node') as Remembered;
	if (remembered.webhookId) await remove(context, remembered.webhookId);
	delete remembered.webhookId;
	delete remembered.secret;
	return true;
}

async function readWanted(context: IHookFunctions): Promise<Wanted> {
	const { n8nUrl } = await context.getCredentials<{ n8nUrl?: string }>(CREDENTIAL);
	return {
		url: asReached(context.getNodeWebhookUrl('default') as string, n8nUrl, context),
		events: context.getNodeParameter('events') as string[],
		grades: (context.getNodeParameter('options', {}) as { grades?: string[] }).grades ?? [],
	};
}

/** The webhook's path on the address at which the sidecar reaches n8n. */
function asReached(url: string, n8nUrl: string | undefined, context: IHookFunctions): string {
	const reached = n8nUrl?.trim();
	if (!reached) return url;
	if (!/^https?:\/\/[^/]/i.test(reached))
		throw new NodeOperationError(context.getNode(), `The credential's n8n URL for the sidecar is not an address: ${reached}`, {
			description: 'Write it like http://n8n:5678, or leave it empty.',
		});
	return new URL(new URL(url).pathname, reached).toString();
}

function isAsWanted(webhook: IDataObject, wanted: Wanted): boolean {
	const same = (a: unknown, b: string[]) => JSON.stringify([...((a as string[] | undefined) ?? [])].sort()) === JSON.stringify([...b].sort());
	return webhook.enabled === true && same(webhook.events, wanted.events) && same(webhook.grades, wanted.grades);
}

function describe(context: IHookFunctions): string {
	return `n8n: ${context.getWorkflow().name ?? 'workflow'}, ${context.getNode().name}`.slice(0, 500);
}

async function remove(context: IHookFunctions, webhookId: string): Promise<void> {
	await call(context, { method: 'DELETE', path: `/v1/webhooks/${encodeURIComponent(webhookId)}` }, 404);
}

/** ignoredStatus: what is already so is no failure. */
async function call(context: IHookFunctions, request: ApiRequest, ignoredStatus?: number): Promise<IDataObject> {
	try {
		return await send(context, request, { retries: RETRIES });
	} catch (error) {
		if (!(error instanceof FailedRequest)) throw new NodeApiError(context.getNode(), error as JsonObject);
		const { message, description, status } = error.failure;
		if (status !== null && status === ignoredStatus) return {};
		throw new NodeApiError(context.getNode(), { message }, { message, description, httpCode: status === null ? undefined : String(status) });
	}
}
