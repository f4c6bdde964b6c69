import type { BatchOperation } from '../../request/operation';
import { toMoment } from '../../request/parameters';
import { pick } from '../answers';
import { leadLocator, options } from '../fields';

export const send: BatchOperation = {
	kind: 'batch',
	value: 'send',
	name: 'Send',
	action: 'Send feedback on a lead',
	description: 'Record what sales say of a lead: worth the call or not, and why',
	fields: [
		leadLocator,
		{
			displayName: 'Verdict',
			name: 'verdict',
			type: 'options',
			options: [
				{ name: 'Bad', value: 'bad', description: 'Not worth the call' },
				{ name: 'Good', value: 'good', description: 'Worth the call' },
			],
			default: 'good',
		},
		{ displayName: 'Reason', name: 'reason', type: 'string', default: '', description: 'Why, up to 500 characters' },
		{ displayName: 'By', name: 'by', type: 'string', default: '', description: 'Who says so', placeholder: 'e.g. nina@example.com' },
		options([
			{
				displayName: 'Feedback ID',
				name: 'id',
				type: 'string',
				default: '',
				description: 'The same ID is the same feedback, however often it arrives. Empty: made from lead, verdict, person and moment.',
			},
			{ displayName: 'Given At', name: 'given_at', type: 'dateTime', default: '', description: 'Counts against the score that stood then. Empty: now.' },
		]),
	],
	path: '/v1/feedback',
	list: 'feedback',
	item: (parameters) => {
		const { id, given_at } = parameters.collection('options');
		return {
			lead_id: parameters.id('leadId', 'Lead'),
			verdict: parameters.text('verdict'),
			reason: parameters.text('reason') || undefined,
			by: parameters.text('by') || undefined,
			id,
			given_at: toMoment(given_at),
		};
	},
	output: (result, parameters) => ({ lead_id: parameters.id('leadId', 'Lead'), ...pick(result, 'id', 'status') }),
};
