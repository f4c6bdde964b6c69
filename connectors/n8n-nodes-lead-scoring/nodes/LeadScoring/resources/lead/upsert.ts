import type { BatchOperation } from '../../request/operation';
import { toMoment } from '../../request/parameters';
import { pick } from '../answers';
import { attributeFields, options, readAttributes } from '../fields';

export const upsert: BatchOperation = {
	kind: 'batch',
	value: 'upsert',
	name: 'Create or Update',
	action: 'Create or update a lead',
	description: 'Create a new record, or update the current one if it already exists (upsert)',
	fields: [
		{
			displayName: 'Lead ID',
			name: 'leadId',
			type: 'string',
			default: '',
			required: true,
			placeholder: 'e.g. crm-42',
			description: 'The ID that the lead has in your CRM, 1 to 200 characters',
		},
		...attributeFields(),
		options([
			{
				displayName: 'Created At',
				name: 'created_at',
				type: 'dateTime',
				default: '',
				description: 'When the lead came into the pipeline. Empty: the moment it is first stored.',
			},
		]),
	],
	path: '/v1/leads/batch',
	list: 'leads',
	item: (parameters) => ({
		lead_id: parameters.id('leadId', 'Lead ID'),
		attributes: readAttributes(parameters) ?? {},
		created_at: toMoment(parameters.collection('options').created_at),
	}),
	output: (result) => pick(result, 'lead_id', 'status'),
};
