import type { IDataObject } from 'n8n-workflow';
import type { BatchOperation } from '../../request/operation';
import type { Parameters } from '../../request/parameters';
import { invalid, readJson, toText } from '../../request/parameters';
import { asArray, options, simplify } from '../fields';
import { scored, scoringOptions, scoringSettings } from './score';

export const scoreMany: BatchOperation = {
	kind: 'batch',
	value: 'scoreMany',
	name: 'Score Many',
	action: 'Score many leads',
	description: 'Score all incoming items, such as the rows of a table, up to 1,000 per call',
	fields: [
		{
			displayName: 'Lead ID Field',
			name: 'idField',
			type: 'string',
			default: 'lead_id',
			required: true,
			description: 'Name of the field of the incoming items that holds the ID of the lead',
			hint: 'The name of the field, not its value',
		},
		{
			displayName: 'Attributes',
			name: 'itemAttributes',
			type: 'options',
			options: [
				{ name: 'All Other Fields', value: 'all', description: 'Every other field of the item is an attribute of the lead' },
				{ name: 'None: Score What Is Stored', value: 'none', description: 'The items only say which leads' },
				{ name: 'Selected Fields', value: 'selected', description: 'Only the fields named below' },
			],
			default: 'all',
			description: 'Which fields of the items are known of the lead. They are merged into what is stored.',
		},
		{
			displayName: 'Fields',
			name: 'attributeNames',
			type: 'string',
			default: '',
			required: true,
			placeholder: 'e.g. email_open_rate, website_sessions',
			displayOptions: { show: { itemAttributes: ['selected'] } },
			description: 'Names of the fields, with commas between them',
		},
		simplify,
		options([
			...scoringOptions,
			{
				displayName: 'Events Field',
				name: 'eventsField',
				type: 'string',
				default: '',
				description: 'Name of a field of the items that holds a list of events of the lead',
			},
		]),
	],
	path: '/v1/score/batch',
	list: 'items',
	item: (parameters) => {
		const { data } = parameters;
		const idField = parameters.text('idField');
		const eventsField = toText(parameters.collection('options').eventsField);
		const leadId = toText(data[idField]);
		if (leadId === '') throw invalid(`The item has no ${idField}`, 'Lead ID Field names the field of the incoming items that holds the ID.');
		const events = eventsField ? asArray(readJson(data[eventsField], eventsField), eventsField) : undefined;
		return {
			lead_id: leadId,
			lead: attributes(parameters, data, [idField, eventsField]),
			events: events?.length ? events.map((event) => ({ lead_id: leadId, ...event })) : undefined,
			...scoringSettings(parameters),
		};
	},
	output: ({ result }, parameters) => scored(result as IDataObject, parameters),
};

function attributes(parameters: Parameters, data: IDataObject, without: string[]): IDataObject | undefined {
	switch (parameters.value('itemAttributes', 'all')) {
		case 'none':
			return undefined;
		case 'selected': {
			const names = parameters.text('attributeNames').split(',').map((name) => name.trim());
			return Object.fromEntries(names.filter((name) => name in data).map((name) => [name, data[name]]));
		}
		default:
			return Object.fromEntries(Object.entries(data).filter(([name]) => !without.includes(name)));
	}
}
