import type { BatchOperation } from '../../request/operation';
import { readJson } from '../../request/parameters';
import { pick } from '../answers';
import { asObject, leadLocator, options } from '../fields';

export const track: BatchOperation = {
	kind: 'batch',
	value: 'track',
	name: 'Track',
	action: 'Track an event of a lead',
	description: 'Record what a lead did, such as a page view or a call; safe to repeat with an event ID',
	fields: [
		leadLocator,
		{
			displayName: 'Type',
			name: 'type',
			type: 'string',
			default: '',
			required: true,
			placeholder: 'e.g. page_view',
			description: 'Lower snake case, at most 64 characters. The profile says which types count.',
		},
		{
			displayName: 'Source',
			name: 'source',
			type: 'options',
			options: [
				{ name: 'CRM', value: 'crm' },
				{ name: 'Email', value: 'email' },
				{ name: 'Phone', value: 'phone' },
				{ name: 'Website', value: 'website' },
			],
			default: 'website',
		},
		{
			displayName: 'Occurred At',
			name: 'occurredAt',
			type: 'dateTime',
			default: '',
			description: 'When it happened. Empty: now.',
		},
		options([
			{
				displayName: 'Event ID',
				name: 'event_id',
				type: 'string',
				default: '',
				description: 'The same ID is the same event, however often it arrives. Empty: made from the content.',
			},
			{ displayName: 'Properties (JSON)', name: 'properties', type: 'json', default: '{}', description: 'At most 50 texts, numbers or truth values' },
		]),
	],
	path: '/v1/events',
	list: 'events',
	item: (parameters) => {
		const { event_id, properties } = parameters.collection('options');
		return {
			lead_id: parameters.id('leadId', 'Lead'),
			type: parameters.text('type'),
			source: parameters.text('source'),
			occurred_at: parameters.moment('occurredAt') ?? new Date().toISOString(),
			event_id,
			properties: asObject(readJson(properties, 'Properties'), 'Properties'),
		};
	},
	output: (result, parameters) => ({ lead_id: parameters.id('leadId', 'Lead'), ...pick(result, 'event_id', 'status') }),
};
