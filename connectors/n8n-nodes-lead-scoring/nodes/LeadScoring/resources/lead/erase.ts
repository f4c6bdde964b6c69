import type { SingleOperation } from '../../request/operation';
import { leadLocator, options } from '../fields';

export const erase: SingleOperation = {
	kind: 'single',
	value: 'delete',
	name: 'Erase',
	action: 'Erase a lead',
	description: 'Erase a lead and everything known about it, for good',
	fields: [leadLocator, options()],
	request: (parameters) => ({ method: 'DELETE', path: `/v1/leads/${encodeURIComponent(parameters.id('leadId', 'Lead'))}` }),
	output: (_, parameters) => ({ lead_id: parameters.id('leadId', 'Lead'), deleted: true }),
};
