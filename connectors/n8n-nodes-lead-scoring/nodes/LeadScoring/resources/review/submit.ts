import type { SingleOperation } from '../../request/operation';
import { options } from '../fields';

export const submit: SingleOperation = {
	kind: 'single',
	value: 'submit',
	name: 'Submit',
	action: 'Submit a review',
	description: 'Say what a person thinks of a score; again takes the place of what was said before',
	fields: [
		{ displayName: 'Review ID', name: 'reviewId', type: 'string', default: '', required: true, description: 'As Get Many returns it' },
		{
			displayName: 'Verdict',
			name: 'verdict',
			type: 'options',
			options: [
				{ name: 'Agree', value: 'agree' },
				{ name: 'Too High', value: 'too_high' },
				{ name: 'Too Low', value: 'too_low' },
			],
			default: 'agree',
			description: 'What the person thinks of the score',
		},
		{ displayName: 'By', name: 'by', type: 'string', default: '', required: true, description: 'Who looked', placeholder: 'e.g. nina@example.com' },
		{ displayName: 'Comment', name: 'comment', type: 'string', default: '', description: 'Up to 500 characters' },
		options(),
	],
	request: (parameters) => ({
		method: 'POST',
		path: `/v1/reviews/${encodeURIComponent(parameters.id('reviewId', 'Review ID'))}`,
		body: { verdict: parameters.text('verdict'), by: parameters.text('by'), comment: parameters.text('comment') || undefined },
	}),
	output: (review) => review,
};
