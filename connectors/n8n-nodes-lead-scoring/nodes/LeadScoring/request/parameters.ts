import type { IDataObject, IExecuteFunctions } from 'n8n-workflow';
import { FailedRequest } from './failedRequest';

/** The parameters of one item, checked as far as the sidecar cannot say better what is wrong. */
export class Parameters {
	constructor(
		private readonly context: IExecuteFunctions,
		readonly itemIndex: number,
	) {}

	/** The item's own data. */
	get data(): IDataObject {
		return this.context.getInputData()[this.itemIndex].json;
	}

	value(name: string, fallback?: unknown): unknown {
		return this.context.getNodeParameter(name, this.itemIndex, fallback);
	}

	/** Text without blanks around it; empty when there is none. */
	text(name: string): string {
		return toText(this.value(name, ''));
	}

	flag(name: string): boolean {
		return this.value(name, false) === true;
	}

	/** An id that goes into an address or names the thing: never empty. extract: from a resource locator. */
	id(name: string, label: string): string {
		const id = toText(this.context.getNodeParameter(name, this.itemIndex, '', { extractValue: true }));
		if (id === '') throw invalid(`${label} is empty`, 'Choose one, or give an expression that has a value for this item.');
		return id;
	}

	/** A moment as ISO text; undefined when the field is empty. */
	moment(name: string): string | undefined {
		return toMoment(this.value(name, ''));
	}

	/** JSON typed by hand, or an object or array that an expression gave; undefined when the field is empty. */
	json(name: string, label: string): unknown {
		return readJson(this.value(name, ''), label);
	}

	/** A collection such as Options, without members that were left empty. */
	collection(name: string): IDataObject {
		const given = this.value(name, {}) as IDataObject;
		return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== '' && value !== null && value !== undefined));
	}

	/** The same for as long as this execution's item lasts, however often n8n tries again. */
	idempotencyKey(operation: string): string {
		const runIndex = String(this.context.getWorkflowDataProxy(this.itemIndex).$runIndex ?? 0);
		return `n8n-${this.context.getExecutionId()}-${this.context.getNode().id}-${operation}-${runIndex}-${this.itemIndex}`;
	}
}

export function toText(value: unknown): string {
	return typeof value === 'string' ? value.trim() : typeof value === 'number' ? String(value) : '';
}

/** n8n hands out Luxon's DateTime, JavaScript's Date or text. */
export function toMoment(value: unknown): string | undefined {
	if (value instanceof Date) return value.toISOString();
	if (typeof value === 'object' && value !== null && 'toISO' in value) return (value as { toISO(): string }).toISO();
	return toText(value) || undefined;
}

export function readJson(value: unknown, label: string): unknown {
	if (typeof value !== 'string') return value ?? undefined;
	if (value.trim() === '') return undefined;
	let reason: string;
	try {
		return JSON.parse(value);
	} catch (error) {
		reason = (error as Error).message;
	}
	throw invalid(`${label} is not valid JSON: ${reason}`, 'Mend the JSON, or give an expression that returns an object.');
}

export function invalid(message: string, description: string): FailedRequest {
	return new FailedRequest({ message, description, status: null, type: 'invalid-parameter', errors: [] });
}
