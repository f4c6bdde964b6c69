import type { SingleOperation } from '../../request/operation';
import { readJson } from '../../request/parameters';
import { asObject, options } from '../fields';

export const startTraining: SingleOperation = {
	kind: 'single',
	value: 'startTraining',
	name: 'Start Training',
	action: 'Start a training of the model',
	description: 'Queue a training on all outcomes; Get Training Status tells how far it is',
	fields: [
		{
			displayName: 'Promote',
			name: 'promote',
			type: 'options',
			options: [
				{ name: 'Always', value: 'always', description: 'The new model scores, however it did' },
				{ name: 'If It Passes the Gates', value: 'auto', description: 'The new model scores if it is not worse than the current one' },
				{ name: 'Never', value: 'never', description: 'The new model waits for Promote' },
			],
			default: 'auto',
			description: 'What becomes of the new model',
		},
		options([
			{
				displayName: 'Evaluation (JSON)',
				name: 'evaluation',
				type: 'json',
				default: '{}',
				description: 'How the training is judged, such as {"learning_curve": false}; nothing here changes the model',
			},
			{
				displayName: 'Settings (JSON)',
				name: 'settings',
				type: 'json',
				default: '{}',
				description: 'What differs from the defaults of training, such as {"seed": 7}',
			},
		]),
	],
	request: (parameters) => {
		const given = parameters.collection('options');
		const settings = asObject(readJson(given.settings, 'Settings'), 'Settings');
		const evaluation = asObject(readJson(given.evaluation, 'Evaluation'), 'Evaluation');
		return {
			method: 'POST',
			path: '/v1/training-runs',
			body: { promote: parameters.text('promote'), settings, evaluation },
			idempotencyKey: parameters.idempotencyKey('train'),
		};
	},
	output: (run) => run,
};
