import type { IDataObject } from 'n8n-workflow';

/** The named members that are there, in this order. */
export function pick(from: IDataObject, ...names: string[]): IDataObject {
	return Object.fromEntries(names.filter((name) => from[name] !== undefined && from[name] !== null).map((name) => [name, from[name]]));
}

const list = (value: unknown): IDataObject[] => (Array.isArray(value) ? (value as IDataObject[]) : []);

/** A score as most workflows and agents want it: what to branch on, what to do, and, when asked for, why. */
export function simpleScore(score: IDataObject): IDataObject {
	const recommendations = (score.recommendations ?? {}) as IDataObject;
	const factors = score.factors as IDataObject | undefined;
	return {
		...pick(score, 'lead_id', 'score', 'grade', 'conversion_probability', 'confidence', 'needs_review'),
		...pick(recommendations, 'next_best_action', 'optimal_contact_time', 'channel_preference'),
		...pick(score, 'scored_by'),
		...(factors ? { reasons_for: list(factors.positive).map(reason), reasons_against: list(factors.negative).map(reason) } : {}),
	};
}

const reason = (factor: IDataObject): string => String(factor.text ?? `${factor.label}: ${factor.points}`);

/** A row of the score ledger. */
export function simpleChange(row: IDataObject): IDataObject {
	return pick(row, 'lead_id', 'scored_at', 'score', 'grade', 'cause', 'change', 'confidence', 'model_version', 'scored_by', 'exclusion');
}

export function simpleLead(lead: IDataObject): IDataObject {
	return pick(lead, 'lead_id', 'score', 'grade', 'conversion_probability', 'confidence', 'scored_at', 'updated_at', 'is_stale', 'is_open', 'attributes');
}

export function simpleModel(model: IDataObject): IDataObject {
	const test = (model.test ?? {}) as IDataObject;
	return {
		...pick(model, 'version', 'is_champion', 'aliases', 'origin', 'created_at', 'profile', 'train_rows', 'test_rows'),
		...pick(test, 'roc_auc', 'log_loss', 'grade_a_precision'),
	};
}

export function simpleDrift(drift: IDataObject): IDataObject {
	return {
		...pick(drift, 'status', 'note'),
		alarms: list(drift.alarms).map((alarm) => pick(alarm, 'kind', 'feature', 'value', 'threshold', 'detail', 'what_to_do', 'opened_at', 'closed_at')),
		windows: list(drift.windows).map((window) => pick(window, 'days', 'from', 'to', 'leads', 'smallest_change_found')),
	};
}

export function simpleBusiness(business: IDataObject): IDataObject {
	const queue = business.queue as IDataObject | undefined;
	return {
		...pick(business, 'from', 'decisions'),
		grades: list(business.grades).map((grade) => ({
			...pick(grade, 'name', 'leads'),
			...share('conversion', grade.conversion),
			...share('false_positives', grade.false_positives),
			...pick(grade, 'revenue'),
		})),
		...(queue ? { queue: { ...pick(queue, 'capacity'), ...share('found_by_score', queue.by_score), ...share('found_first_come', queue.first_come) } } : {}),
		hours_to_first_contact_of_a: ((business.time_to_first_contact_of_a as IDataObject | undefined)?.hours as IDataObject | undefined)?.value ?? null,
		...share('feedback_accuracy', business.feedback_accuracy),
	};
}

function share(name: string, value: unknown): IDataObject {
	const known = (value as IDataObject | null | undefined)?.value;
	return known === undefined || known === null ? {} : { [name]: known as number };
}
