import type { BatchOperation } from '../../request/operation';
import { toMoment } from '../../request/parameters';
import { pick } from '../answers';
import { leadLocator, options } from '../fields';

export const record: BatchOperation = {
	kind: 'batch',
	value: 'record',
	name: 'Record',
	action: 'Record the outcome of a lead',
	description: 'Record what became of a lead: the model learns from it. Safe to repeat; it can be reversed.',
	fields: [
		leadLocator,
		{ displayName: 'Converted', name: 'converted', type: 'boolean', default: true, description: 'Whether the lead converted' },
		{
			displayName: 'Occurred At',
			name: 'occurredAt',
			type: 'dateTime',
			default: '',
			description: 'When that became known. Empty: now.',
		},
		options([
			{
				displayName: 'Decision Moment',
				name: 'as_of',
				type: 'dateTime',
				default: '',
				description: 'When it was decided how to work on the lead: training sees the lead as it was then. Not after Occurred At.',
			},
			{
				displayName: 'Final',
				name: 'final',
				type: 'boolean',
				default: true,
				description: 'Whether a lead that did not convert is lost for good. Otherwise it counts once the horizon of the profile has passed.',
			},
			{ displayName: 'Revenue', name: 'revenue', type: 'number', default: 0, description: 'What the conversion brought in' },
			{ displayName: 'Reversed', name: 'reversed', type: 'boolean', default: true, description: "Whether to take this lead's outcome of this source back" },
			{ displayName: 'Source', name: 'source', type: 'string', default: '', placeholder: 'e.g. hubspot', description: 'Who says so. One outcome stands per lead and source.' },
			{ displayName: 'Stage', name: 'stage', type: 'string', default: '', placeholder: 'e.g. closed_won' },
		]),
	],
	path: '/v1/outcomes',
	list: 'outcomes',
	item: (parameters) => {
		const { as_of, final, revenue, reversed, source, stage } = parameters.collection('options');
		const what = { lead_id: parameters.id('leadId', 'Lead'), source, reversed };
		if (reversed === true) return what;
		const occurredAt = parameters.moment('occurredAt') ?? new Date().toISOString();
		return { ...what, converted: parameters.flag('converted'), occurred_at: occurredAt, as_of: toMoment(as_of), final, revenue, stage };
	},
	output: (result) => pick(result, 'lead_id', 'status'),
};
