import type { IDataObject, INodeProperties } from 'n8n-workflow';
import type { Parameters } from '../request/parameters';
import { DEFAULT_RETRIES } from '../request/retry';
import { invalid } from '../request/parameters';

/** Shows fields for one operation only. */
export function showFor(resource: string, operation: string, fields: INodeProperties[]): INodeProperties[] {
	return fields.map((field) => ({
		...field,
		displayOptions: { show: { ...field.displayOptions?.show, resource: [resource], operation: [operation] } },
	}));
}

export const leadLocator: INodeProperties = {
	displayName: 'Lead',
	name: 'leadId',
	type: 'resourceLocator',
	default: { mode: 'id', value: '' },
	required: true,
	description: 'The lead, by the ID it has in your CRM',
	modes: [
		{
			displayName: 'By ID',
			name: 'id',
			type: 'string',
			placeholder: 'e.g. crm-42',
			validation: [{ type: 'regex', properties: { regex: '^[\\s\\S]{1,200}$', errorMessage: 'An ID has 1 to 200 characters' } }],
		},
		{
			displayName: 'From List',
			name: 'list',
			type: 'list',
			typeOptions: { searchListMethod: 'searchLeads', searchable: true },
		},
	],
};

export const modelLocator: INodeProperties = {
	displayName: 'Model Version',
	name: 'modelVersion',
	type: 'resourceLocator',
	default: { mode: 'list', value: '' },
	required: true,
	modes: [
		{
			displayName: 'From List',
			name: 'list',
			type: 'list',
			typeOptions: { searchListMethod: 'searchModels', searchable: true },
		},
		{
			displayName: 'By Version',
			name: 'version',
			type: 'string',
			placeholder: 'e.g. 3',
			validation: [{ type: 'regex', properties: { regex: '^\\d+$', errorMessage: 'A version is a whole number' } }],
		},
	],
};

export const simplify: INodeProperties = {
	displayName: 'Simplify',
	name: 'simplify',
	type: 'boolean',
	default: true,
	description: 'Whether to return a simplified version of the response instead of the raw data',
};

export const returnAll: INodeProperties = {
	displayName: 'Return All',
	name: 'returnAll',
	type: 'boolean',
	default: false,
	description: 'Whether to return all results or only up to a given limit',
};

export const limit: INodeProperties = {
	displayName: 'Limit',
	name: 'limit',
	type: 'number',
	typeOptions: { minValue: 1 },
	default: 50,
	description: 'Max number of results to return',
};

export const paging: INodeProperties[] = [returnAll, { ...limit, displayOptions: { show: { returnAll: [false] } } }];

const requestOptions: INodeProperties[] = [
	{
		displayName: 'Retries',
		name: 'retries',
		type: 'number',
		typeOptions: { minValue: 0, maxValue: 5 },
		default: DEFAULT_RETRIES,
		description: 'How often to come again when the sidecar says it is busy (429) or its database does not answer (503), after the time it asks for, 30 seconds at most',
	},
	{
		displayName: 'Timeout',
		name: 'timeout',
		type: 'number',
		typeOptions: { minValue: 1, maxValue: 600 },
		default: 60,
		description: 'How many seconds to wait for an answer',
	},
];

/** The collection Options: what every operation has, and what this one has besides. */
export function options(own: INodeProperties[] = []): INodeProperties {
	return {
		displayName: 'Options',
		name: 'options',
		type: 'collection',
		placeholder: 'Add option',
		default: {},
		options: [...own, ...requestOptions].sort((a, b) => a.displayName.localeCompare(b.displayName, 'en')),
	};
}

/** Names and values of the lead, typed field by field or given as JSON. */
export function attributeFields(): INodeProperties[] {
	return [
		{
			displayName: 'Attributes',
			name: 'attributesMode',
			type: 'options',
			options: [
				{ name: 'None', value: 'none' },
				{ name: 'Using Fields Below', value: 'fields' },
				{ name: 'Using JSON', value: 'json' },
			],
			default: 'none',
			description: 'How to give what is known of the lead. It is merged into what is stored; with none, what is stored counts.',
		},
		{
			displayName: 'Attributes to Set',
			name: 'attributes',
			type: 'fixedCollection',
			typeOptions: { multipleValues: true },
			placeholder: 'Add attribute',
			default: {},
			displayOptions: { show: { attributesMode: ['fields'] } },
			options: [
				{
					displayName: 'Attribute',
					name: 'attribute',
					values: [
						{ displayName: 'Name', name: 'name', type: 'string', default: '', placeholder: 'e.g. email_open_rate' },
						{ displayName: 'Value', name: 'value', type: 'string', default: '', description: 'Numbers may be given as text. An empty value removes the attribute.' },
					],
				},
			],
		},
		{
			displayName: 'Attributes (JSON)',
			name: 'attributesJson',
			type: 'json',
			default: '{}',
			displayOptions: { show: { attributesMode: ['json'] } },
			description: 'An object of names and values; null removes an attribute',
		},
	];
}

/** What the fields of attributeFields hold; undefined for none. */
export function readAttributes(parameters: Parameters): IDataObject | undefined {
	switch (parameters.value('attributesMode', 'none')) {
		case 'fields': {
			const { attribute = [] } = parameters.value('attributes', {}) as { attribute?: Array<{ name: string; value: unknown }> };
			const named = attribute.filter((one) => one.name !== '');
			return Object.fromEntries(named.map((one) => [one.name, one.value === '' ? null : one.value])) as IDataObject;
		}
		case 'json':
			return asObject(parameters.json('attributesJson', 'Attributes'), 'Attributes');
		default:
			return undefined;
	}
}

export function asObject(value: unknown, label: string): IDataObject | undefined {
	if (value === undefined) return undefined;
	if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as IDataObject;
	throw invalid(`${label} is not an object`, `Give ${label} as an object, such as {"name": "value"}.`);
}

export function asArray(value: unknown, label: string): IDataObject[] | undefined {
	if (value === undefined) return undefined;
	if (Array.isArray(value)) return value as IDataObject[];
	throw invalid(`${label} is not a list`, `Give ${label} as a list, such as [{"type": "page_view"}].`);
}
