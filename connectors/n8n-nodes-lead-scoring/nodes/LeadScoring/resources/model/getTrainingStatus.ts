import type { SingleOperation } from '../../request/operation';
import { options } from '../fields';

export const getTrainingStatus: SingleOperation = {
	kind: 'single',
	value: 'getTrainingStatus',
	name: 'Get Training Status',
	action: 'Get the status of a training',
	description: 'Retrieve progress and result of a training: queued, running, succeeded, failed or cancelled',
	fields: [
		{
			displayName: 'Training Run ID',
			name: 'runId',
			type: 'string',
			default: '',
			required: true,
			description: 'The run_id that Start Training returned',
		},
		options(),
	],
	request: (parameters) => ({ method: 'GET', path: `/v1/training-runs/${encodeURIComponent(parameters.id('runId', 'Training Run ID'))}` }),
	output: (run) => run,
};
