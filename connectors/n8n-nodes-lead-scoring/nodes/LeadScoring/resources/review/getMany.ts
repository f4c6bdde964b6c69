import type { ListOperation } from '../../request/operation';
import { pick } from '../answers';
import { options, paging, simplify } from '../fields';

export const getMany: ListOperation = {
	kind: 'list',
	value: 'getAll',
	name: 'Get Many',
	action: 'Get many reviews',
	description: 'Retrieve scores for a person to look at: a random share, and all of low confidence; the oldest first',
	fields: [
		...paging,
		{
			displayName: 'Status',
			name: 'status',
			type: 'options',
			options: [
				{ name: 'Done', value: 'done' },
				{ name: 'Open', value: 'open' },
			],
			default: 'open',
		},
		simplify,
		options(),
	],
	rows: 'reviews',
	request: (parameters) => ({ method: 'GET', path: '/v1/reviews', qs: { status: parameters.text('status') } }),
	output: (review, parameters) =>
		parameters.flag('simplify')
			? pick(review, 'review_id', 'lead_id', 'score', 'grade', 'confidence', 'is_random', 'is_low_confidence', 'scored_at', 'verdict', 'by')
			: review,
};
