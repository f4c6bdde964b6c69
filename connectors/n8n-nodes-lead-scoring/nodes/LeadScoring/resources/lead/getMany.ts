import type { ListOperation } from '../../request/operation';
import { toMoment } from '../../request/parameters';
import { simpleLead } from '../answers';
import { options, paging, simplify } from '../fields';

export const getMany: ListOperation = {
	kind: 'list',
	value: 'getAll',
	name: 'Get Many',
	action: 'Get many leads',
	description: 'Retrieve a list of leads, by grade, the best or the newest first',
	fields: [
		...paging,
		{
			displayName: 'Order',
			name: 'order',
			type: 'options',
			options: [
				{ name: 'Best Score First', value: '-score', description: 'Leads that have a score only' },
				{ name: 'Lead ID', value: 'lead_id' },
				{ name: 'Newest Change First', value: '-updated_at' },
				{ name: 'Oldest Change First', value: 'updated_at' },
			],
			default: '-score',
		},
		{
			displayName: 'Filters',
			name: 'filters',
			type: 'collection',
			placeholder: 'Add filter',
			default: {},
			options: [
				{ displayName: 'Changed Since', name: 'updated_since', type: 'dateTime', default: '', description: 'Only leads changed at or after this moment' },
				{
					displayName: 'Changed Since Scored',
					name: 'is_stale',
					type: 'boolean',
					default: true,
					description: 'Whether to return only leads that have changed since they were scored, or only those that have not',
				},
				{
					displayName: 'Grade',
					name: 'grade',
					type: 'options',
					options: [
						{ name: 'A', value: 'A' },
						{ name: 'B', value: 'B' },
						{ name: 'C', value: 'C' },
						{ name: 'D', value: 'D' },
					],
					default: 'A',
				},
				{ displayName: 'Open', name: 'is_open', type: 'boolean', default: true, description: 'Whether to return only leads without an outcome, or only those with one' },
			],
		},
		simplify,
		options(),
	],
	rows: 'leads',
	request: (parameters) => {
		const filters = parameters.collection('filters');
		return { method: 'GET', path: '/v1/leads', qs: { ...filters, updated_since: toMoment(filters.updated_since), order: parameters.text('order') } };
	},
	output: (lead, parameters) => (parameters.flag('simplify') ? simpleLead(lead) : lead),
};
