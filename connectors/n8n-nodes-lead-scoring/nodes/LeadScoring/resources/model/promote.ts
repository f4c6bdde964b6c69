import type { SingleOperation } from '../../request/operation';
import { modelLocator, options } from '../fields';

export const promote: SingleOperation = {
	kind: 'single',
	value: 'promote',
	name: 'Promote',
	action: 'Promote a model',
	description: 'Let a version of the model score from now on; open leads are scored anew in the background',
	fields: [modelLocator, options()],
	request: (parameters) => ({
		method: 'POST',
		path: `/v1/models/${encodeURIComponent(parameters.id('modelVersion', 'Model Version'))}/promote`,
		idempotencyKey: parameters.idempotencyKey('promote'),
	}),
	output: (answer) => answer,
};
