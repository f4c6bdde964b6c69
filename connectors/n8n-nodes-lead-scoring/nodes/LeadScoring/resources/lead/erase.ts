import type { SingleOperation } from '../../request/operation';
import { leadLocator, options } from '../fields';

export const erase: SingleOperation = {
	kind: 'single',
	value: 'delete',
	name: 'Erase',
	action: 'Erase a lead',
	description: 'Erase a person: the lead and everything known about it, for good. The output is a signed receipt.',
	fields: [
		leadLocator,
		options([
			{
				displayName: 'Keep',
				name: 'keep',
				type: 'options',
				options: [
					{ name: 'Anonymous Figures', value: 'anonymous', description: 'What learning and business figures need, without the person and under a random ID' },
					{ name: 'Nothing', value: '' },
				],
				default: '',
				description: 'What stays of the lead',
			},
		]),
	],
	request: (parameters) => ({ method: 'DELETE', path: `/v1/leads/${encodeURIComponent(parameters.id('leadId', 'Lead'))}`, qs: { keep: parameters.collection('options').keep } }),
	// The signed receipt is what proves the erasure: keep it.
	output: (answer, parameters) => ({ lead_id: parameters.id('leadId', 'Lead'), deleted: true, ...answer }),
};
