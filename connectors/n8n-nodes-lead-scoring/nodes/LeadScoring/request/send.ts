import type {
	IDataObject,
	IExecuteFunctions,
	IHookFunctions,
	IHttpRequestMethods,
	IHttpRequestOptions,
	ILoadOptionsFunctions,
	IN8nHttpFullResponse,
} from 'n8n-workflow';
import { sleep } from 'n8n-workflow';
import { FailedRequest } from './failedRequest';
import { readNoAnswer, readProblem } from './problem';
import { RETRY_STATUSES, waitMs } from './retry';

export const CREDENTIAL = 'leadScoringApi';

/** A call to the sidecar. path: with /v1, its parts already encoded. */
export interface ApiRequest {
	method: IHttpRequestMethods;
	path: string;
	qs?: IDataObject;
	body?: IDataObject;
	/** Makes a second try of something that must happen once harmless. */
	idempotencyKey?: string;
}

export interface SendOptions {
	/** Longest wait for one answer, ms. */
	timeout?: number;
	/** Further tries after 429 and 503. */
	retries?: number;
}

type Context = IExecuteFunctions | ILoadOptionsFunctions | IHookFunctions;

const DEFAULT_TIMEOUT_MS = 60_000;

/** The body of a good answer. Throws FailedRequest for everything else. */
export async function send(context: Context, request: ApiRequest, options: SendOptions = {}): Promise<IDataObject> {
	const { url } = await context.getCredentials<{ url: string }>(CREDENTIAL);
	const http: IHttpRequestOptions = {
		method: request.method,
		url: url.trim().replace(/\/+$/, '') + request.path,
		qs: request.qs,
		body: request.body,
		headers: request.idempotencyKey ? { 'Idempotency-Key': request.idempotencyKey } : undefined,
		json: true,
		returnFullResponse: true,
		ignoreHttpStatusErrors: true,
		timeout: options.timeout ?? DEFAULT_TIMEOUT_MS,
	};
	for (let attempt = 1; ; attempt++) {
		const answer = await exchange(context, http);
		if (answer.statusCode < 400) return body(answer);
		if (!RETRY_STATUSES.includes(answer.statusCode) || attempt > (options.retries ?? 0))
			throw new FailedRequest(readProblem(answer.statusCode, answer.body));
		await sleep(waitMs(answer.headers['retry-after'], attempt, Date.now()));
	}
}

async function exchange(context: Context, http: IHttpRequestOptions): Promise<IN8nHttpFullResponse> {
	let code = '';
	let reason = '';
	try {
		return (await context.helpers.httpRequestWithAuthentication.call(context, CREDENTIAL, http)) as IN8nHttpFullResponse;
	} catch (error) {
		const cause = error as { code?: string; message?: string; cause?: { code?: string } };
		code = cause.code ?? cause.cause?.code ?? '';
		reason = cause.message ?? '';
	}
	throw new FailedRequest(readNoAnswer(code, reason));
}

function body(answer: IN8nHttpFullResponse): IDataObject {
	if (answer.statusCode === 204) return {};
	if (typeof answer.body === 'object' && answer.body !== null && !Array.isArray(answer.body)) return answer.body as IDataObject;
	throw new FailedRequest(readProblem(answer.statusCode, answer.body));
}
