import type { IDataObject, IExecuteFunctions, IHttpRequestOptions } from 'n8n-workflow';

export interface Answer {
	statusCode: number;
	body?: unknown;
	headers?: Record<string, string>;
}

interface Setup {
	items?: IDataObject[];
	/** Values of fields, for all items or by the number of the item. */
	parameters: Record<string, unknown> | ((itemIndex: number) => Record<string, unknown>);
	answer: (request: IHttpRequestOptions, call: number) => Answer;
	continueOnFail?: boolean;
}

/** What the node needs of n8n, and what it sent. */
export function fakeContext(setup: Setup): { context: IExecuteFunctions; sent: IHttpRequestOptions[] } {
	const items = (setup.items ?? [{}]).map((json) => ({ json }));
	const sent: IHttpRequestOptions[] = [];
	const context = {
		getInputData: () => items,
		continueOnFail: () => setup.continueOnFail === true,
		getNode: () => ({ id: 'node-1', name: 'Lead Scoring', type: 'leadScoring', typeVersion: 1, position: [0, 0], parameters: {} }),
		getExecutionId: () => '17',
		getWorkflowDataProxy: () => ({ $runIndex: 0 }),
		getCredentials: async () => ({ url: 'http://sidecar:5080/', apiKey: 'key' }),
		getNodeParameter: (name: string, itemIndex: number, fallback?: unknown, options?: { extractValue?: boolean }) => {
			const all = typeof setup.parameters === 'function' ? setup.parameters(itemIndex) : setup.parameters;
			const value = all[name] ?? fallback;
			return options?.extractValue && typeof value === 'object' && value !== null ? (value as { value: unknown }).value : value;
		},
		helpers: {
			httpRequestWithAuthentication: async (_credential: string, request: IHttpRequestOptions) => {
				sent.push(request);
				return { headers: {}, ...setup.answer(request, sent.length) };
			},
		},
	};
	return { context: context as unknown as IExecuteFunctions, sent };
}
