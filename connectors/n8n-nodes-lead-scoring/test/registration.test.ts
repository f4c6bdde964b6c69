import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { IDataObject, IHookFunctions, IHttpRequestOptions } from 'n8n-workflow';
import { isRegistered, register } from '../nodes/LeadScoringTrigger/registration';

const SHOWN = 'http://localhost:5678/webhook/7d0f/lead-scoring';

/** A hook's context whose sidecar keeps webhooks. */
function fakeHooks(n8nUrl?: string): { context: IHookFunctions; webhooks: IDataObject[] } {
	const webhooks: IDataObject[] = [];
	const staticData: IDataObject = {};
	const context = {
		getNodeWebhookUrl: () => SHOWN,
		getNodeParameter: (name: string, fallback?: unknown) => (name === 'events' ? ['grade.changed'] : fallback),
		getWorkflowStaticData: () => staticData,
		getWorkflow: () => ({ name: 'test' }),
		getNode: () => ({ id: 'node-1', name: 'Lead Scoring Trigger', type: 'leadScoringTrigger', typeVersion: 1, position: [0, 0], parameters: {} }),
		getCredentials: async () => ({ url: 'http://sidecar:5080', apiKey: 'key', n8nUrl }),
		helpers: {
			httpRequestWithAuthentication: async (_credential: string, request: IHttpRequestOptions) => {
				if (request.method === 'POST') webhooks.push({ webhook_id: 'wh-1', enabled: true, ...(request.body as IDataObject) });
				return { statusCode: 200, headers: {}, body: request.method === 'POST' ? { webhook: webhooks[0], secret: 'whsec_x' } : { webhooks } };
			},
		},
	};
	return { context: context as unknown as IHookFunctions, webhooks };
}

for (const [what, given, registered] of [
	['nothing', undefined, SHOWN],
	['an empty field', ' ', SHOWN],
	['an address', 'http://n8n:5678', 'http://n8n:5678/webhook/7d0f/lead-scoring'],
	['an address with a slash', 'http://n8n:5678/', 'http://n8n:5678/webhook/7d0f/lead-scoring'],
] as const) {
	test(`${what} as n8n URL registers ${registered}, and knows it again`, async () => {
		const { context, webhooks } = fakeHooks(given);
		await register(context);
		assert.deepEqual(webhooks.map((one) => one.url), [registered]);
		assert.equal(await isRegistered(context), true);
	});
}

for (const given of ['n8n', 'n8n:5678', 'http://'])
	test(`${given} as n8n URL says what to write`, async () => {
		await assert.rejects(register(fakeHooks(given).context), /n8n URL for the sidecar is not an address/);
	});
