import type { IDataObject, IExecuteFunctions, INodeExecutionData, JsonObject } from 'n8n-workflow';
import { NodeApiError } from 'n8n-workflow';
import { batches } from './batch';
import { FailedRequest } from './failedRequest';
import type { BatchOperation, ListOperation, Operation } from './operation';
import { Parameters } from './parameters';
import type { Failure } from './problem';
import { atItem, readItemErrors } from './problem';
import { DEFAULT_RETRIES } from './retry';
import type { SendOptions } from './send';
import { send } from './send';

/** The sidecar's largest page. */
const PAGE = 200;

/** What became of each item, by its place. */
type Outcomes = Array<IDataObject[] | Failure>;

const isFailure = (outcome: IDataObject[] | Failure): outcome is Failure => !Array.isArray(outcome);

/** Runs an operation over all items and pairs what comes out with what came in. */
export async function execute(context: IExecuteFunctions, operation: Operation): Promise<INodeExecutionData[][]> {
	const items = context.getInputData();
	const parameters = items.map((_, itemIndex) => new Parameters(context, itemIndex));
	const outcomes = operation.kind === 'batch' ? await inBatches(context, operation, parameters) : await oneByOne(context, operation, parameters);
	if (!context.continueOnFail()) throwFirst(context, operation, outcomes);
	return [
		outcomes.flatMap((outcome, itemIndex) =>
			(isFailure(outcome) ? failedItem(outcome, itemIndex) : outcome).map((json) => ({ json, pairedItem: { item: itemIndex } })),
		),
	];
}

async function oneByOne(context: IExecuteFunctions, operation: Exclude<Operation, BatchOperation>, parameters: Parameters[]): Promise<Outcomes> {
	const outcomes: Outcomes = [];
	for (const one of parameters) {
		const outcome = await attempt(async () => {
			if (operation.kind === 'list') return await listed(context, operation, one);
			const answer = await send(context, operation.request(one), sendOptions(one));
			return [operation.output(answer, one)].flat();
		});
		outcomes.push(outcome);
		// n8n stops here: what comes after must not be done.
		if (isFailure(outcome) && !context.continueOnFail()) break;
	}
	return outcomes;
}

async function listed(context: IExecuteFunctions, operation: ListOperation, parameters: Parameters): Promise<IDataObject[]> {
	const request = operation.request(parameters);
	const wanted = parameters.flag('returnAll') ? Infinity : (parameters.value('limit', 50) as number);
	const rows: IDataObject[] = [];
	let cursor: string | undefined;
	do {
		const qs = { ...request.qs, limit: Math.min(PAGE, wanted - rows.length), cursor };
		const page = await send(context, { ...request, qs }, sendOptions(parameters));
		rows.push(...((page[operation.rows] ?? []) as IDataObject[]));
		cursor = page.next_cursor as string | undefined;
	} while (cursor && rows.length < wanted);
	return rows.slice(0, wanted).map((row) => operation.output(row, parameters));
}

async function inBatches(context: IExecuteFunctions, operation: BatchOperation, parameters: Parameters[]): Promise<Outcomes> {
	const outcomes: Outcomes = new Array(parameters.length);
	const ready: Array<{ parameters: Parameters; item: IDataObject; bytes: number }> = [];
	for (const one of parameters) {
		const read = await attempt(async () => [operation.item(one)]);
		if (isFailure(read)) outcomes[one.itemIndex] = read;
		else ready.push({ parameters: one, item: read[0], bytes: Buffer.byteLength(JSON.stringify(read[0])) });
	}
	for (const batch of batches(ready, (entry) => entry.bytes)) {
		const answer = await attempt(async () => {
			const body = { [operation.list]: batch.map((entry) => entry.item) };
			const { results } = await send(context, { method: 'POST', path: operation.path, body }, sendOptions(batch[0].parameters));
			return results as IDataObject[];
		});
		for (const [index, entry] of batch.entries())
			outcomes[entry.parameters.itemIndex] = isFailure(answer) ? answer : result(operation, answer[index], index, entry.parameters);
	}
	return outcomes;
}

function result(operation: BatchOperation, answered: IDataObject, index: number, parameters: Parameters): IDataObject[] | Failure {
	const hasErrors = Array.isArray(answered.errors) && answered.errors.length > 0;
	return hasErrors ? readItemErrors(answered.errors, `/${operation.list}/${index}`) : [operation.output(answered, parameters)];
}

async function attempt(work: () => Promise<IDataObject[]>): Promise<IDataObject[] | Failure> {
	try {
		return await work();
	} catch (error) {
		if (error instanceof FailedRequest) return error.failure;
		// Not the sidecar's doing: an expression that fails, say. n8n's own words are the best there are.
		const { message, description } = error as { message: string; description?: string };
		return { message, description: description ?? '', status: null, type: 'node', errors: [] };
	}
}

function sendOptions(parameters: Parameters): SendOptions {
	const { timeout, retries } = parameters.collection('options') as { timeout?: number; retries?: number };
	return { timeout: timeout === undefined ? undefined : timeout * 1_000, retries: retries ?? DEFAULT_RETRIES };
}

function failedItem(failure: Failure, itemIndex: number): IDataObject[] {
	const { message, description, status, type, errors } = atItem(failure, itemIndex);
	// Nothing but error and details: by that n8n knows what belongs on the error output.
	return [{ error: message, details: { item: itemIndex, status, type, description, errors: errors.map((one) => ({ ...one })) } }];
}

function throwFirst(context: IExecuteFunctions, operation: Operation, outcomes: Outcomes): void {
	const itemIndex = outcomes.findIndex(isFailure);
	if (itemIndex < 0) return;
	const failure = atItem(outcomes[itemIndex] as Failure, itemIndex);
	const others = outcomes.length > 1 ? othersThan(operation, outcomes) : '';
	throw new NodeApiError(context.getNode(), { message: failure.message } as JsonObject, {
		message: failure.message,
		description: [failure.description, others].filter(Boolean).join('\n'),
		httpCode: failure.status === null ? undefined : String(failure.status),
		itemIndex,
	});
}

function othersThan(operation: Operation, outcomes: Outcomes): string {
	if (operation.kind !== 'batch') return 'The items before it were processed, those after it were not.';
	const failed = outcomes.filter(isFailure).length;
	if (failed === outcomes.length) return `All ${failed} items failed.`;
	return `${failed} of ${outcomes.length} items failed; the others were processed. To get their results, set On Error to continue in the settings of this node.`;
}
