import type { SingleOperation } from '../../request/operation';
import { simpleLead } from '../answers';
import { leadLocator, options, simplify } from '../fields';

export const get: SingleOperation = {
	kind: 'single',
	value: 'get',
	name: 'Get',
	action: 'Get a lead',
	description: 'Retrieve a lead: attributes, latest score and grade, and a summary of its activity',
	fields: [leadLocator, simplify, options()],
	request: (parameters) => ({ method: 'GET', path: `/v1/leads/${encodeURIComponent(parameters.id('leadId', 'Lead'))}` }),
	output: (lead, parameters) => (parameters.flag('simplify') ? simpleLead(lead) : lead),
};
