import type { IDataObject, INodeProperties } from 'n8n-workflow';
import type { BatchOperation } from '../../request/operation';
import type { Parameters } from '../../request/parameters';
import { simpleScore } from '../answers';
import { asArray, attributeFields, leadLocator, options, readAttributes, simplify } from '../fields';

export const scoringOptions: INodeProperties[] = [
	{
		displayName: 'Include Factors',
		name: 'include_factors',
		type: 'boolean',
		default: false,
		description: 'Whether to say why: what speaks for the lead and what against it, in points that add up to the score',
	},
	{
		displayName: 'Save',
		name: 'save',
		type: 'boolean',
		default: true,
		description: 'Whether to store the attributes and events that come along. Off: they count for this score alone.',
	},
	{
		displayName: 'Scoring Type',
		name: 'scoring_type',
		type: 'options',
		options: [
			{ name: 'Full', value: 'full', description: 'Fresh features, all members of the model' },
			{ name: 'Quick', value: 'quick', description: 'The stored score while it is fresh, else the primary model alone' },
			{ name: 'Update', value: 'update', description: 'All members over everything known by now; the stored score is renewed' },
		],
		default: 'full',
	},
];

/** What both ways of scoring send besides the lead itself. */
export function scoringSettings(parameters: Parameters): IDataObject {
	const { include_factors, save, scoring_type } = parameters.collection('options');
	return { include_factors, save, scoring_type };
}

export const scored = (result: IDataObject, parameters: Parameters): IDataObject =>
	parameters.flag('simplify') ? simpleScore(result) : result;

export const score: BatchOperation = {
	kind: 'batch',
	value: 'score',
	name: 'Score',
	action: 'Score a lead',
	description: 'Score one lead per item, with what comes along or with what is stored',
	fields: [
		leadLocator,
		...attributeFields(),
		{
			displayName: 'Events (JSON)',
			name: 'events',
			type: 'json',
			default: '[]',
			description: 'What the lead did, so that one call is enough: a list of objects with type, source, occurred_at and, better, event_id',
		},
		simplify,
		options(scoringOptions),
	],
	path: '/v1/score/batch',
	list: 'items',
	item: (parameters) => {
		const events = asArray(parameters.json('events', 'Events'), 'Events');
		const leadId = parameters.id('leadId', 'Lead');
		return {
			lead_id: leadId,
			lead: readAttributes(parameters),
			events: events?.length ? events.map((event) => ({ lead_id: leadId, ...event })) : undefined,
			...scoringSettings(parameters),
		};
	},
	output: ({ result }, parameters) => scored(result as IDataObject, parameters),
};
