import type { IDataObject } from 'n8n-workflow';
import type { SingleOperation } from '../../request/operation';
import { simpleScore } from '../answers';
import { asArray, asObject, leadLocator, options, simplify } from '../fields';

export const whatIf: SingleOperation = {
	kind: 'single',
	value: 'whatIf',
	name: 'What-If',
	action: 'Score a lead with changed facts',
	description: 'Score the lead as it is and as it would be with changed facts; nothing is stored',
	fields: [
		leadLocator,
		{
			displayName: 'Changed Attributes (JSON)',
			name: 'lead',
			type: 'json',
			default: '{}',
			description: 'Attributes as they would be; null for unknown',
		},
		{
			displayName: 'Changed Features (JSON)',
			name: 'features',
			type: 'json',
			default: '{}',
			description: 'Values of features as they would be, whatever attributes and events say; null for unknown',
		},
		{
			displayName: 'Further Events (JSON)',
			name: 'events',
			type: 'json',
			default: '[]',
			description: 'A list of events that would have happened',
		},
		simplify,
		options(),
	],
	request: (parameters) => {
		const leadId = parameters.id('leadId', 'Lead');
		const events = asArray(parameters.json('events', 'Further Events'), 'Further Events') ?? [];
		const lead = asObject(parameters.json('lead', 'Changed Attributes'), 'Changed Attributes') ?? {};
		const features = asObject(parameters.json('features', 'Changed Features'), 'Changed Features') ?? {};
		return {
			method: 'POST',
			path: `/v1/leads/${encodeURIComponent(leadId)}/what-if`,
			body: {
				lead: Object.keys(lead).length > 0 ? lead : undefined,
				features: Object.keys(features).length > 0 ? features : undefined,
				events: events.length > 0 ? events.map((event) => ({ lead_id: leadId, ...event })) : undefined,
			},
		};
	},
	output: (answer, parameters) =>
		parameters.flag('simplify')
			? { ...answer, now: simpleScore(answer.now as IDataObject), what_if: simpleScore(answer.what_if as IDataObject) }
			: answer,
};
