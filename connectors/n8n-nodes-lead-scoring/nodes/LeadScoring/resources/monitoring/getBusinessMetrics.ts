import type { SingleOperation } from '../../request/operation';
import { simpleBusiness } from '../answers';
import { options, simplify } from '../fields';

export const getBusinessMetrics: SingleOperation = {
	kind: 'single',
	value: 'getBusinessMetrics',
	name: 'Get Business Metrics',
	action: 'Get business metrics',
	description: 'Retrieve conversion, revenue and false positives by grade, and what calling by score is worth',
	fields: [
		{
			displayName: 'Days',
			name: 'days',
			type: 'number',
			typeOptions: { minValue: 1 },
			default: 90,
			description: 'How many days of decisions to look at',
		},
		simplify,
		options([
			{
				displayName: 'Capacity',
				name: 'capacity',
				type: 'number',
				typeOptions: { minValue: 0.01, maxValue: 1, numberPrecision: 2 },
				default: 0.2,
				description: 'Share of the leads that the team can call',
			},
		]),
	],
	request: (parameters) => ({
		method: 'GET',
		path: '/v1/monitoring/business',
		qs: { days: parameters.value('days', 90) as number, capacity: parameters.collection('options').capacity },
	}),
	output: (business, parameters) => (parameters.flag('simplify') ? simpleBusiness(business) : business),
};
